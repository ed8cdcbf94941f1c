package proxy

import (
	"go.opentelemetry.io/otel/trace"

	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/journal"
)

// Forged is the notification that the provider would send about the payment of an
// exchange, as an edit makes it wrong.
func Forged(dialect Dialect, request *Request, answer *Answer, edit faults.Edit) (*Request, error) {
	genuine, err := dialect.Forge(request, answer)
	if err != nil {
		return nil, err
	}
	return dialect.EditRequest(genuine, edit)
}

// SendForged sends the callee a request that no party of the run sent, and
// records it as such. It has no number among its kind, and no pin acts on it.
func (l *Link) SendForged(trial faults.Trial, forged *Request) {
	x := &exchange{Link: l, request: forged, id: newID(), trial: trial, how: journal.ByHeader}
	x.facts = x.Dialect.Request(forged)
	x.startSpan(trace.SpanContext{})
	defer x.span.End()
	upstream, err := l.pool.take()
	if err == nil {
		_, err = upstream.conn.Write(x.onWire(forged))
	}
	if err != nil {
		x.recordRequest(forged, journal.Lost, nil, 0)
		return
	}
	x.recordRequest(forged, journal.Forged, nil, 0)
	answer, err := ReadAnswer(upstream.reader, forged.Method)
	if err != nil {
		l.pool.discard(upstream)
		return
	}
	l.pool.give(upstream)
	message := x.message(faults.AnswerLeg, journal.Forged, nil)
	message.Status, message.Sent = answer.Status, x.Dialect.Answer(forged, answer)
	message.BodyHash, message.BodySize = hashOf(answer.Body), len(answer.Body)
	x.record(message)
}
