package proxy

import (
	"context"
	"errors"
	"time"

	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/journal"
)

// part is what one pin does to a message.
type part struct {
	*armed
	effect       faults.Effect
	interruption *faults.Interruption
}

// legActions is what the pins of one address do to a message, in the order in
// which faults.Effect lists its fields.
type legActions struct {
	x       *exchange
	leg     faults.Leg
	parts   []part
	barrier string // the name of the barrier to pass, if any
	gate    *armed // its pin
	earlier earlier
	// disturbances are what the request's pins do to streams at the moment.
	disturbances []disturbance
}

// requestOutcome is what became of a request before it was sent: it was lost,
// it was answered by a fault, or it goes on.
type requestOutcome struct {
	request *Request
	answer  *Answer
	lost    bool
}

// answerOutcome is what the caller is given.
type answerOutcome struct {
	answer *Answer
	fate   journal.Fate
	lost   bool
}

// leg finds the pins of one leg of the exchange.
func (x *exchange) leg(leg faults.Leg) *legActions {
	actions := &legActions{x: x, leg: leg}
	for _, due := range x.Register.due(x.address(leg)) {
		p := part{armed: due}
		switch fault := due.fault.(type) {
		case faults.MessageFault:
			fault.Bite(&p.effect)
		case faults.ProcessFault:
			interruption := fault.Interrupt()
			p.interruption = &interruption
		}
		if p.effect.Barrier != nil {
			actions.barrier, actions.gate = barrierName(due.pin, p.effect.Barrier), due
		}
		actions.parts = append(actions.parts, p)
	}
	return actions
}

// pins names the pins that act on the message.
func (a *legActions) pins() []string {
	var ids []string
	for _, p := range a.parts {
		ids = append(ids, p.pin.ID)
	}
	return ids
}

func (a *legActions) fire(p part, detail string) {
	a.x.Register.fire(p.armed, a.x.id, detail)
	a.x.markFault(p.pin)
}

func (a *legActions) actOnRequest(request *Request) requestOutcome {
	a.earlier = a.x.remember(faults.RequestLeg, earlier{request: request})
	request = a.editRequest(request)
	a.waitOut() // what was sent arrives, however long it takes and whoever has hung up
	if a.interruptBefore() {
		a.x.recordRequest(request, journal.Lost, a.pins(), 0)
		resetConn(a.x.caller.conn)
		return requestOutcome{lost: true}
	}
	for _, p := range a.parts {
		switch {
		case p.effect.Respond != nil:
			answer, err := a.x.Dialect.Refuse(request, *p.effect.Respond)
			if err != nil {
				a.x.Register.miss(p.armed, faults.PreEmpted, err.Error())
				continue
			}
			a.x.recordRequest(request, journal.Replaced, a.pins(), 0)
			a.fire(p, "answered in the callee's place")
			a.preEmptOthers(p)
			return requestOutcome{answer: answer}
		case p.effect.Lose != "":
			a.x.recordRequest(request, journal.Lost, a.pins(), 0)
			a.fire(p, string(p.effect.Lose))
			a.preEmptOthers(p)
			a.lose(p, nil)
			return requestOutcome{lost: true}
		case p.effect.Cut != nil:
			part, cut := partOf(a.x.onWire(request), *p.effect.Cut)
			if !cut {
				a.x.Register.miss(p.armed, faults.PreEmpted, nothingToCut)
				continue
			}
			a.x.recordRequest(request, journal.Cut, a.pins(), 0)
			a.fire(p, "cut")
			a.preEmptOthers(p)
			a.sendPart(p, part)
			return requestOutcome{lost: true}
		}
	}
	a.firePlain()
	return requestOutcome{request: request}
}

func (a *legActions) actOnAnswer(answer *Answer) answerOutcome {
	a.earlier = a.x.remember(faults.AnswerLeg, earlier{answer: answer})
	edited := a.editAnswer(answer)
	alive := a.wait()
	if !alive || a.interruptBefore() {
		a.x.recordAnswer(answer, answerOutcome{answer: edited, fate: journal.Lost}, a)
		resetConn(a.x.caller.conn)
		return answerOutcome{lost: true}
	}
	for _, p := range a.parts {
		switch {
		case p.effect.Respond != nil:
			replaced, err := a.x.Dialect.Refuse(a.x.request, *p.effect.Respond)
			if err != nil {
				a.x.Register.miss(p.armed, faults.PreEmpted, err.Error())
				continue
			}
			a.fire(p, "the callee's answer was replaced")
			a.preEmptOthers(p)
			return answerOutcome{answer: replaced, fate: journal.Replaced}
		case p.effect.Lose != "":
			a.x.recordAnswer(answer, answerOutcome{answer: edited, fate: journal.Lost}, a)
			a.fire(p, string(p.effect.Lose))
			a.preEmptOthers(p)
			a.lose(p, edited)
			return answerOutcome{lost: true}
		case p.effect.Cut != nil:
			part, cut := partOf(edited.Bytes(a.x.request.Method), *p.effect.Cut)
			if !cut {
				a.x.Register.miss(p.armed, faults.PreEmpted, nothingToCut)
				continue
			}
			a.x.recordAnswer(answer, answerOutcome{answer: edited, fate: journal.Cut}, a)
			a.fire(p, "cut")
			a.preEmptOthers(p)
			_, _ = a.x.caller.conn.Write(part)
			a.endCaller(p)
			return answerOutcome{lost: true}
		case p.effect.Stale && a.earlier.answer == nil:
			a.x.Register.miss(p.armed, faults.PreEmpted, nothingEarlier)
		case p.effect.Stale:
			a.fire(p, "an earlier answer was given")
			a.preEmptOthers(p)
			return answerOutcome{answer: a.earlier.answer, fate: journal.Replaced}
		}
	}
	a.firePlain()
	return answerOutcome{answer: edited, fate: journal.Passed}
}

// preEmptOthers notes for the other pins of the message that this one took it.
// What has acted already (an edit, a delay) has fired and stays so.
func (a *legActions) preEmptOthers(winner part) {
	for _, p := range a.parts {
		if p.armed != winner.armed {
			a.x.Register.miss(p.armed, faults.PreEmpted, "pin "+winner.pin.ID+" took its message")
		}
	}
}

// firePlain fires the pins whose whole effect is over, or begins, when the
// message goes on: those that only wait or copy, and those that do nothing.
func (a *legActions) firePlain() {
	for _, p := range a.parts {
		e := p.effect
		changes := e.Edit != nil || e.Damage != nil || e.Respond != nil || e.Lose != "" || e.Cut != nil
		waits := e.Delay > 0 || e.Hold != nil || e.Barrier != nil
		sends := e.Forge != nil || e.Stale || e.Stream != nil
		if p.interruption == nil && !changes && !waits && !sends {
			a.fire(p, "")
		}
	}
}

// editRequest is the request as its pins change it.
func (a *legActions) editRequest(request *Request) *Request {
	a.editBy(func(edit faults.Edit) error {
		edited, err := a.x.Dialect.EditRequest(request, edit)
		if err == nil {
			request = edited
		}
		return err
	})
	if body, spoiled := a.spoil(request.Body); spoiled {
		request = request.Clone()
		request.Body = body
	}
	return request
}

// editAnswer is the answer as its pins change it.
func (a *legActions) editAnswer(answer *Answer) *Answer {
	a.editBy(func(edit faults.Edit) error {
		edited, err := a.x.Dialect.EditAnswer(a.x.request, answer, edit)
		if err == nil {
			answer = edited
		}
		return err
	})
	if body, spoiled := a.spoil(answer.Body); spoiled {
		answer = answer.Clone()
		answer.Body = body
	}
	return answer
}

// editBy has each pin's edit carried out. One that fails leaves the message as it
// was.
func (a *legActions) editBy(carryOut func(faults.Edit) error) {
	for _, p := range a.parts {
		if p.effect.Edit == nil {
			continue
		}
		edit, err := a.edit(p)
		if err == nil {
			err = carryOut(edit)
		}
		if err != nil {
			a.x.Register.miss(p.armed, faults.PreEmpted, err.Error())
			continue
		}
		a.fire(p, "")
	}
}

// errNoOther says that a trial has begun no other payment at the provider.
var errNoOther = errors.New("the trial has no other payment")

// edit is a pin's edit with everything that it says about other messages.
func (a *legActions) edit(p part) (faults.Edit, error) {
	edit := *p.effect.Edit
	if edit.OtherPayment {
		edit.Reference = a.x.Register.otherPayment(a.x.trial, a.x.Link.Link, a.x.facts.MerchantReference)
		if edit.Reference == "" {
			return faults.Edit{}, errNoOther
		}
	}
	return edit, nil
}

// waitOut lets the delays and holds of a request pass.
func (a *legActions) waitOut() { a.waitWhile(context.Background()) }

// wait lets the delays and holds of an answer pass. It reports whether the
// caller is still there; one that hung up meanwhile gets nothing.
func (a *legActions) wait() bool {
	waits := false
	for _, p := range a.parts {
		waits = waits || p.effect.Delay > 0 || p.effect.Hold != nil
	}
	if !waits {
		return true
	}
	ctx, stop := a.x.caller.watch()
	defer stop()
	a.waitWhile(ctx)
	return ctx.Err() == nil
}

func (a *legActions) waitWhile(ctx context.Context) {
	for _, p := range a.parts {
		if p.effect.Delay > 0 {
			a.fire(p, p.effect.Delay.String())
			a.x.Register.delay(ctx, a.x.trial, min(p.effect.Delay, p.pin.Limit.Std()))
		}
		if p.effect.Hold == nil {
			continue
		}
		if a.x.Register.holdFor(ctx, a.x.trial, *p.effect.Hold) {
			a.fire(p, "until "+p.effect.Hold.Until.String())
		} else {
			a.x.Register.miss(p.armed, faults.PreEmpted, "nothing passed it while it was held")
		}
	}
}

// interruptBefore stops processes that go down with the message. It reports
// whether one did.
func (a *legActions) interruptBefore() (down bool) {
	for _, p := range a.parts {
		if p.interruption != nil && p.interruption.Moment == faults.BeforeMessage {
			down = a.interrupt(p) || down
		}
	}
	return down
}

func (a *legActions) interrupt(p part) bool {
	if !a.x.Register.interrupt(context.Background(), p.armed, a.x.id) {
		a.x.Register.miss(p.armed, faults.TimeLimit, "the process was not stopped in time")
		return false
	}
	a.fire(p, string(p.interruption.Manner))
	return true
}

// keepsBack reports whether this answer acknowledges something that the
// merchant must now know without being told again.
func (a *legActions) keepsBack(answer *Answer) bool {
	for _, p := range a.parts {
		if p.interruption != nil && p.interruption.KeepBack && answer.Status/100 == 2 {
			return true
		}
	}
	return false
}

// after does what comes when the message has passed: forgeries, and processes
// that stop then.
func (a *legActions) after(request *Request, answer *Answer) {
	for _, p := range a.parts {
		switch {
		case p.effect.Forge != nil && answer != nil:
			a.forge(p, request, answer)
		case p.effect.Stale && a.leg == faults.RequestLeg:
			a.repeatEarlier(p)
		case p.interruption != nil && p.interruption.Moment == faults.AfterMessage:
			if p.interruption.KeepBack && (answer == nil || answer.Status/100 != 2) {
				a.x.Register.miss(p.armed, faults.PreEmpted, "the merchant did not acknowledge")
				continue
			}
			a.x.Register.begin(a.x.trial)
			a.x.serving.Go(func() {
				defer a.x.Register.end(a.x.trial)
				a.interrupt(p)
			})
		}
	}
}

// forge sends what no provider sent. The trial counts as active until it is out.
func (a *legActions) forge(p part, request *Request, answer *Answer) {
	forged, err := Forged(a.x.Dialect, request, answer, p.effect.Forge.Edit)
	if err == nil && a.x.Forge == nil {
		err = errors.New("this link has no notifications")
	}
	if err != nil {
		a.x.Register.miss(p.armed, faults.PreEmpted, err.Error())
		return
	}
	a.x.Register.begin(a.x.trial)
	a.x.serving.Go(func() {
		defer a.x.Register.end(a.x.trial)
		if a.x.Register.delay(context.Background(), a.x.trial, p.effect.Forge.After) {
			a.fire(p, string(p.effect.Forge.Edit.Account)+string(p.effect.Forge.Edit.Signature))
			a.x.Forge(context.Background(), a.x.trial, forged)
		} else {
			a.x.Register.miss(p.armed, faults.TrialEnded, "the trial was healed before")
		}
	})
}

// lose takes the message away in the way asked for. A black hole lasts until
// the caller gives up, the pin's limit passes or the trial is healed.
func (a *legActions) lose(p part, answer *Answer) {
	conn := a.x.caller.conn
	switch p.effect.Lose {
	case faults.LoseByClose:
		conn.Close()
	case faults.LoseByEmptyBody:
		bare := answer.Clone()
		bare.Body = nil
		bare.Header.Set("Connection", "close") // or the caller's next call would meet a dead connection
		_, _ = conn.Write(bare.Bytes(a.x.request.Method))
		conn.Close()
	case faults.LoseByBlackHole:
		ctx, stop := a.x.caller.watch()
		a.x.Register.delay(ctx, a.x.trial, p.pin.Limit.Std())
		stop()
		conn.Close()
	default:
		resetConn(conn)
	}
}

// copies says how often the request is repeated, and how far apart.
func (a *legActions) copies() (count int, spacing time.Duration) {
	for _, p := range a.parts {
		if p.effect.Copies > count {
			count, spacing = p.effect.Copies, p.effect.Spacing
		}
	}
	return count, spacing
}

// meet passes the barrier; the message that completes it fires the pin.
func (a *legActions) meet() {
	full, arrived := a.x.Register.meet(a.x.trial, a.barrier)
	if full {
		a.fire(part{armed: a.gate}, "released together")
	} else {
		a.x.Register.missBarrier(a.gate, arrived)
	}
}
