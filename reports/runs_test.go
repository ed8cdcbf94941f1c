package reports_test

import (
	"fmt"

	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/invariants"
	"github.com/payquake/payquake/journal"
	"github.com/payquake/payquake/payment"
	"github.com/payquake/payquake/scenarios"
)

// The runs that the golden files are written from.

func planOf(scenario string, trials ...scenarios.Trial) scenarios.Plan {
	plan := scenarios.Plan{Scenario: scenario, Seed: 42, Batches: []scenarios.Batch{{ID: "b1", InFlight: 8, Trials: trials}}}
	for _, trial := range trials {
		known := false
		for _, part := range plan.Parts {
			known = known || part.Scenario == trial.Scenario
		}
		if !known {
			plan.Parts = append(plan.Parts, scenarios.Part{Scenario: trial.Scenario})
		}
	}
	return plan
}

func trialOf(id, scenario, shopper string, minor int64, pins ...faults.Pin) scenarios.Trial {
	for i := range pins {
		pins[i].ID, pins[i].Trial = fmt.Sprintf("%s.%d", id, i+1), faults.Trial(id)
		if pins[i].At != nil {
			pins[i].At.Trial = pins[i].Trial
		}
	}
	return scenarios.Trial{ID: faults.Trial(id), Scenario: scenario, Shopper: shopper, Provider: "wechatpay", Method: payment.MethodCode,
		Total: payment.Fen(minor), Pins: pins}
}

func pinAt(fault, address string) faults.Pin {
	at, err := faults.ParseAddress(address)
	if err != nil {
		panic(err)
	}
	return faults.Pin{Fault: fault, At: &at, Required: true, Limit: faults.Duration(faults.DefaultLimit)}
}

func heldRun() *invariants.Evidence {
	plan := planOf("shop-basics", trialOf("t0001", "shop-basics", "pay", 1999), trialOf("t0002", "shop-basics", "pay", 29))
	plan.Parts[0].Expect = []scenarios.Expectation{{What: scenarios.Captures, AtLeast: 2}}
	t := newTape(plan)
	t.paid("t0001")
	t.paid("t0002")
	t.close()
	return t.e
}

// violatedRun is a suite of two scenarios with one of everything that the
// pictures can show.
func violatedRun() *invariants.Evidence {
	plan := planOf("storm",
		trialOf("t0001", "answers", "pay", 1000, pinAt("lost-request", "wechatpay->merchant notify-payment#* request")),
		trialOf("t0002", "answers", "pay", 2550),
		trialOf("t0003", "answers", "two-wallets", 1500),
		trialOf("t0004", "lies", "pay", 8800, pinAt("amount", "wechatpay->merchant notify-payment#1 request"),
			pinAt("forged-notification", "wechatpay->merchant notify-payment#1 request"), pinAt("duplicate", "wechatpay->merchant notify-payment#1 request")),
		trialOf("t0005", "lies", "pay", 6410, pinAt("merchant-crash", "wechatpay->merchant notify-payment#1 request"),
			pinAt("lost-answer", "merchant->wechatpay create#1 answer")))
	t := newTape(plan)
	t.e.Header.MerchantBug = "notification-lost"
	lostPayment(t, "t0001")
	t.paid("t0002")
	twoWallets(t, "t0003")
	liedTo(t, "t0004")
	crashed(t, "t0005")
	lostPayment(t, "t0001~1")
	t.close()
	return t.e
}

// lostPayment: the money was taken, every notification was lost, and the
// merchant closed the order.
func lostPayment(t *tape, id faults.Trial) {
	order, reference := "O-"+string(id), "R-"+string(id)
	t.in(id).place(order)
	t.start(order, reference)
	t.capture(reference)
	pin := string(id) + ".1"
	for range 2 {
		t.message("wechatpay->merchant", faults.NotifyPayment, faults.RequestLeg, journal.Facts{MerchantReference: payment.MerchantReference(reference),
			Amount: t.trial.Total, State: "captured", Signature: journal.SignatureValid}, func(m *journal.Message) {
			m.Fate, m.Pins = journal.Lost, []string{pin}
		})
		t.pin(journal.Pin{ID: pin, Fault: "lost-request", Phase: journal.PinFired})
	}
	t.pin(journal.Pin{ID: pin, Fault: "lost-request", Phase: journal.PinEnded, Fate: faults.Fired})
	t.book("wechatpay", journal.Entry{Kind: journal.DeliveryEntry, State: "given-up", MerchantReference: payment.MerchantReference(reference), Reason: "delivery 2: no answer"})
	t.ask(journal.Operation{Name: faults.StepAwaitPaid, OrderID: order, Reason: "the page never said paid"})
	t.rest(order, reference, "closed", "closed")
}

// twoWallets: two captures, one of which the merchant gave back by itself.
func twoWallets(t *tape, id faults.Trial) {
	order := "O-" + string(id)
	t.in(id).place(order)
	t.start(order, "R1")
	t.start(order, "R2")
	t.capture("R1")
	t.capture("R2")
	t.notify("R1", nil)
	t.notify("R2", nil)
	t.exchange("merchant->wechatpay", faults.Refund, journal.Facts{MerchantReference: "R2", RefundReference: "F2", Amount: t.trial.Total},
		journal.Facts{MerchantReference: "R2", RefundReference: "F2", State: "processing"})
	t.post(journal.RefundPosting, "R2", "F2", t.trial.Total)
	t.book("wechatpay", journal.Entry{Kind: journal.RefundEntry, State: "done", MerchantReference: "R2", RefundReference: "F2", Amount: t.trial.Total})
	t.book("wechatpay", journal.Entry{Kind: journal.PaymentEntry, State: "returned", MerchantReference: "R2", Amount: t.trial.Total})
	t.release(order)
	t.rest(order, "R1", "paid", "captured")
	t.book("merchant", journal.Entry{Kind: journal.PaymentEntry, State: "returned", OrderID: order, MerchantReference: "R2", Amount: t.trial.Total})
	t.book("merchant", journal.Entry{Kind: journal.RefundEntry, State: "done", OrderID: order, MerchantReference: "R2", RefundReference: "F2",
		RequestID: "automatic-second", Amount: t.trial.Total, Reason: "second"})
	t.book("merchant", journal.Entry{Kind: journal.ReleaseEntry, OrderID: order, Key: "release-" + order})
}

// liedTo: a notification says a hundredth of the amount, is delivered twice,
// and a forged one follows; the merchant books what it was told.
func liedTo(t *tape, id faults.Trial) {
	order, reference := "O-"+string(id), "R-"+string(id)
	t.in(id).place(order)
	t.start(order, reference)
	t.capture(reference)
	for n := range 2 {
		t.notify(reference, func(m *journal.Message) {
			seen := m.Sent
			seen.Amount, seen.Signature = payment.Fen(88), journal.SignatureInvalid
			m.Seen, m.Copy, m.Pins = &seen, n, []string{string(id) + ".1", string(id) + ".3"}
		})
	}
	for i, name := range []string{"amount", "forged-notification", "duplicate"} {
		t.pin(journal.Pin{ID: fmt.Sprintf("%s.%d", id, i+1), Fault: name, Phase: journal.PinFired})
	}
	t.notify(reference, func(m *journal.Message) {
		m.Fate, m.Pins, m.Sent.Signature = journal.Forged, []string{string(id) + ".2"}, journal.SignatureMissing
	})
	t.release(order)
	t.rest(order, "", "paid", "")
	t.book("merchant", journal.Entry{Kind: journal.PaymentEntry, State: "captured", OrderID: order, MerchantReference: payment.MerchantReference(reference), Amount: payment.Fen(88)})
}

// crashed: the merchant is killed at its notification and comes back.
func crashed(t *tape, id faults.Trial) {
	order, reference := "O-"+string(id), "R-"+string(id)
	t.in(id).place(order)
	t.message("merchant->wechatpay", faults.Create, faults.RequestLeg, journal.Facts{MerchantReference: payment.MerchantReference(reference), Amount: t.trial.Total}, nil)
	t.message("merchant->wechatpay", faults.Create, faults.AnswerLeg, journal.Facts{State: "pending"}, func(m *journal.Message) {
		m.Fate, m.Pins = journal.Cut, []string{string(id) + ".2"}
	})
	t.pin(journal.Pin{ID: string(id) + ".2", Fault: "lost-answer", Phase: journal.PinFired})
	t.start(order, reference)
	t.capture(reference)
	t.pin(journal.Pin{ID: string(id) + ".1", Fault: "merchant-crash", Phase: journal.PinTriggered})
	t.message("wechatpay->merchant", faults.NotifyPayment, faults.RequestLeg, journal.Facts{MerchantReference: payment.MerchantReference(reference),
		Amount: t.trial.Total, State: "captured"}, func(m *journal.Message) { m.Fate, m.Pins = journal.Lost, []string{string(id) + ".1"} })
	t.pin(journal.Pin{ID: string(id) + ".1", Fault: "merchant-crash", Phase: journal.PinFired})
	t.pin(journal.Pin{ID: string(id) + ".1", Fault: "merchant-crash", Phase: journal.PinHealed, Detail: "runs again"})
	t.notify(reference, nil)
	t.release(order)
	t.rest(order, reference, "paid", "captured")
}

// damagedRun shows nothing wrong and proves nothing either.
func damagedRun() *invariants.Evidence {
	plan := planOf("shop-basics", trialOf("t0001", "shop-basics", "pay", 1999, pinAt("lost-answer", "merchant->wechatpay query#1 answer")),
		trialOf("t0002", "shop-basics", "pay", 29))
	plan.Parts[0].Expect = []scenarios.Expectation{{What: scenarios.FaultFired, Fault: "lost-answer", AtLeast: 1}}
	t := newTape(plan)
	t.paid("t0001")
	t.paid("t0002")
	t.close()
	t.e.Damage = []journal.Damage{{Line: 17, What: "damaged line: its CRC is 01234567, its content's 89abcdef"}}
	return t.e
}

// noisyRun is one whose environment broke: the merchant is not accused.
func noisyRun() *invariants.Evidence {
	plan := planOf("shop-basics", trialOf("t0001", "shop-basics", "pay", 1999), trialOf("t0002", "shop-basics", "pay", 29), trialOf("t0003", "shop-basics", "pay", 31))
	t := newTape(plan)
	t.e.Header.Environment = "docker"
	t.paid("t0001")
	t.in("t0002").place("O-t0002")
	t.trial = scenarios.Trial{}
	t.message("merchant->wechatpay", faults.Certificates, faults.RequestLeg, journal.Facts{}, func(m *journal.Message) { m.Attribution = journal.Unattributed })
	t.stage(journal.Refused, "api.mch.weixin.qq.com")
	t.stage(journal.RunStopped, "the gateway's container is gone: exit status 137")
	t.spans()
	return t.e
}

// hostile is what a merchant might put where a report shows text.
const hostile = "\x1b[31mpaid\x1b[0m\r\n</script><script>alert(1)</script> | **b** [x](http://evil.example) `c` $x @all \u202Edlob <img src=x onerror=alert(1)>"

func hostileRun() *invariants.Evidence {
	t := newTape(planOf("hostile", trialOf("t0001", "hostile", "pay", 1000)))
	t.in("t0001").place(hostile)
	t.start(hostile, hostile)
	t.capture(hostile)
	t.ask(journal.Operation{Name: faults.StepAwaitPaid, OrderID: hostile, State: hostile, Reason: hostile})
	t.rest(hostile, hostile, hostile, hostile)
	t.book("merchant", journal.Entry{Kind: journal.HandedOverEntry, OrderID: hostile, RefundReference: "F" + hostile, Reason: hostile})
	t.close()
	return t.e
}

func runs() map[string]*invariants.Evidence {
	return map[string]*invariants.Evidence{"held": heldRun(), "violated": violatedRun(), "damaged": damagedRun(), "noisy": noisyRun(), "hostile": hostileRun()}
}
