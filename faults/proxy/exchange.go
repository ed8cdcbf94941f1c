package proxy

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net"
	"os"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/journal"
)

// exchange is one request and its answer on a link.
type exchange struct {
	*Link
	caller  *caller
	request *Request
	id      string
	trial   faults.Trial
	how     journal.Attribution
	nth     int
	facts   journal.Facts // of the request as it was sent
	parent  string        // span id that came with the request
	span    trace.Span
}

// exchange carries one request to the callee and its answer back, with what
// the pins of both addresses do to them. It reports whether the caller's
// connection can be used again.
func (l *Link) exchange(caller *caller, request *Request) (reusable bool) {
	x := &exchange{Link: l, caller: caller, request: request, id: newID()}
	x.identify()
	l.Register.begin(x.trial)
	defer l.Register.end(x.trial)
	defer x.span.End()

	if !x.awaitLeave() {
		x.recordRequest(request, journal.Lost, nil, 0)
		return false
	}
	if x.losesRequest(request) {
		return false
	}
	x.sitOut()
	leg := x.leg(faults.RequestLeg)
	outcome := leg.actOnRequest(request)
	switch {
	case outcome.lost:
		return false
	case outcome.answer != nil:
		return x.answerCaller(outcome.answer)
	}
	leg.disturb()
	answer, err := x.send(outcome.request, leg)
	if felt := leg.calm(); felt && err == nil && answer.Status/100 == 2 && x.facts.Operation == faults.NotifyPayment {
		x.Register.keepBack(x.trial) // acknowledged all the same: it must be known without being told again
	}
	if err != nil {
		leg.after(outcome.request, nil)
		return x.noAnswer(err)
	}
	leg.after(outcome.request, answer)
	return x.answerCaller(answer)
}

// identify finds what the request is, whose it is, and opens its span.
func (x *exchange) identify() {
	named := faults.Trial(x.request.Header.First(TrialHeader))
	x.request.Header.Remove(TrialHeader)
	if !x.CallerNamesTrial {
		named = ""
	}
	x.facts = x.Dialect.Request(x.request)
	remote := remoteSpan(x.request.Header)
	x.trial, x.how = x.Register.attribute(claim{
		link: x.Link.Link, facts: x.facts, traceID: remote.TraceID().String(), named: named,
	})
	x.nth = x.Register.Count(x.trial, x.Link.Link, x.facts.Operation)
	x.startSpan(remote)
}

func (x *exchange) address(leg faults.Leg) faults.Address {
	return faults.Address{Trial: x.trial, Link: x.Link.Link, Operation: x.facts.Operation, Nth: x.nth, Leg: leg}
}

// awaitLeave waits while this kind of message is kept back. It reports whether
// the caller is still there.
func (x *exchange) awaitLeave() bool {
	if !x.Register.isKeptBack(x.trial, x.facts.Operation) {
		return true
	}
	ctx, stop := x.caller.watch()
	defer stop()
	x.Register.awaitLeave(ctx, x.trial)
	return ctx.Err() == nil
}

// answerCaller lets the pins of the answer's address act on it and writes what
// is left. It reports whether the caller's connection can be used again.
func (x *exchange) answerCaller(answer *Answer) (reusable bool) {
	leg := x.leg(faults.AnswerLeg)
	x.sitOut()
	if x.losesAnswer(answer, leg) {
		return false
	}
	outcome := leg.actOnAnswer(answer)
	if outcome.lost {
		leg.after(x.request, answer)
		return false
	}
	if leg.keepsBack(answer) {
		x.Register.keepBack(x.trial)
	}
	shown := x.recordAnswer(answer, outcome, leg)
	err := leg.write(x.caller.conn, outcome.answer.Bytes(x.request.Method))
	if err == nil {
		x.Register.showCode(x.trial, shown)
	}
	x.Register.pass(x.address(faults.AnswerLeg))
	leg.after(x.request, outcome.answer)
	return err == nil && keepsAlive(outcome.answer.Header)
}

// noAnswer tells the caller in the plainest way that the callee did not
// answer: by resetting the connection, as a dying callee's kernel would.
func (x *exchange) noAnswer(err error) bool {
	x.span.RecordError(err)
	resetConn(x.caller.conn)
	return false
}

// errInterrupted ends a watch.
var errInterrupted = os.ErrDeadlineExceeded

func interruptReads(conn net.Conn) { _ = conn.SetReadDeadline(time.Unix(1, 0)) }
func resumeReads(conn net.Conn)    { _ = conn.SetReadDeadline(time.Time{}) }

// onWire is a request as the callee gets it: with the trial for payquake's own
// parties, and as a child of this exchange's span.
func (x *exchange) onWire(request *Request) []byte {
	sent := request.Clone()
	sent.Header.Remove(OperationHeader)
	sent.Header.Remove("Connection") // the caller's connection is not the callee's
	if x.TellCallee && x.trial != "" {
		sent.Header.Set(TrialHeader, string(x.trial))
	}
	if context := x.span.SpanContext(); context.IsValid() {
		sent.Header.Set("traceparent", traceparent(context))
	}
	return sent.Bytes()
}

// recordRequest records what became of the request. Seen differs from sent if
// a fault edited it.
func (x *exchange) recordRequest(seen *Request, fate journal.Fate, pins []string, copy int) {
	message := x.message(faults.RequestLeg, fate, pins)
	message.Copy = copy
	message.Target = seen.Method + " " + seen.Scheme + "://" + seen.Header.First("Host") + seen.Target
	message.Sent, message.Parent = x.facts, x.parent
	if seen != x.request {
		facts := x.Dialect.Request(seen)
		message.Seen = &facts
	}
	message.BodyHash, message.BodySize = hashOf(seen.Body), len(seen.Body)
	message.Body = x.Dialect.Body(seen, nil)
	x.record(message)
}

// recordAnswer records what became of an answer, and tells what the caller was
// shown.
func (x *exchange) recordAnswer(sent *Answer, outcome answerOutcome, leg *legActions) (shown journal.Facts) {
	message := x.message(faults.AnswerLeg, outcome.fate, leg.pins())
	message.Status = sent.Status
	message.Sent = x.Dialect.Answer(x.request, sent)
	x.Register.bindAnswer(x.Link.Link, x.trial, message.Sent)
	shown = message.Sent
	seen := sent
	if outcome.answer != nil && outcome.answer != sent {
		shown = x.Dialect.Answer(x.request, outcome.answer)
		message.Seen, message.Status, seen = &shown, outcome.answer.Status, outcome.answer
	}
	message.BodyHash, message.BodySize = hashOf(seen.Body), len(seen.Body)
	message.Body = x.Dialect.Body(x.request, seen)
	x.record(message)
	return shown
}

func (x *exchange) message(leg faults.Leg, fate journal.Fate, pins []string) journal.Message {
	return journal.Message{ID: x.id, Link: x.Link.Link, Operation: x.facts.Operation, Nth: x.nth, Leg: leg,
		Fate: fate, Pins: pins, Attribution: x.how}
}

func (x *exchange) record(message journal.Message) {
	context := x.span.SpanContext()
	trial := x.trial
	x.Register.feed.Add(journal.Record{At: x.Clock.Now(), Trial: trial, TraceID: context.TraceID().String(),
		SpanID: context.SpanID().String(), Message: &message})
}

func hashOf(body []byte) string {
	if len(body) == 0 {
		return ""
	}
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:])
}

// send carries a request to the callee, with its copies, and returns the
// answer to the original.
func (x *exchange) send(request *Request, leg *legActions) (*Answer, error) {
	copies, spacing := leg.copies()
	for n := range copies {
		x.Register.begin(x.trial)
		x.serving.Go(func() {
			defer x.Register.end(x.trial)
			if spacing > 0 {
				x.Register.delay(context.Background(), x.trial, time.Duration(n+1)*spacing)
			}
			x.sendCopy(request, leg, n+1)
		})
	}
	return x.sendOne(request, leg, 0)
}

// sendCopy repeats the request; its answer reaches nobody.
func (x *exchange) sendCopy(request *Request, leg *legActions, number int) {
	answer, err := x.sendOne(request, leg, number)
	if err != nil {
		return // recorded as a request that was lost
	}
	message := x.message(faults.AnswerLeg, journal.Lost, leg.pins())
	message.Copy, message.Status = number, answer.Status
	message.Sent = x.Dialect.Answer(request, answer)
	message.BodyHash, message.BodySize = hashOf(answer.Body), len(answer.Body)
	x.record(message)
}

// sendOne writes a request, through a barrier if there is one, and reads the
// answer.
func (x *exchange) sendOne(request *Request, leg *legActions, number int) (*Answer, error) {
	upstream, err := x.upstreamFor(leg)
	if err != nil {
		x.recordRequest(request, journal.Lost, leg.pins(), number)
		return nil, err
	}
	wire := x.onWire(request)
	if leg.barrier != "" {
		last := len(wire) - 1
		if _, err := upstream.conn.Write(wire[:last]); err != nil {
			x.recordRequest(request, journal.Lost, leg.pins(), number)
			x.pool.discard(upstream)
			return nil, fmt.Errorf("send to the callee: %w", err)
		}
		wire = wire[last:]
		leg.meet()
	}
	if err := leg.write(upstream.conn, wire); err != nil {
		x.recordRequest(request, journal.Lost, leg.pins(), number)
		x.pool.discard(upstream)
		return nil, fmt.Errorf("send to the callee: %w", err)
	}
	x.recordRequest(request, journal.Passed, leg.pins(), number)
	if number == 0 {
		x.Register.pass(x.address(faults.RequestLeg))
	}
	answer, err := ReadAnswer(upstream.reader, request.Method)
	if err != nil {
		x.pool.discard(upstream)
		return nil, fmt.Errorf("read the callee's answer: %w", err)
	}
	if keepsAlive(answer.Header) && leg.barrier == "" {
		x.pool.give(upstream)
	} else {
		x.pool.discard(upstream)
	}
	return answer, nil
}

// upstreamFor gives each message of a barrier a connection of its own.
func (x *exchange) upstreamFor(leg *legActions) (*upstream, error) {
	if leg.barrier != "" {
		return x.pool.dial()
	}
	return x.pool.take()
}
