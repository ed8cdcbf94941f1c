package invariants_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/invariants"
	"github.com/payquake/payquake/journal"
	"github.com/payquake/payquake/payment"
)

// answered is the answer to a query: what the provider sent, and what the
// merchant was given instead.
func answered(sent, seen journal.Facts) journal.Message {
	sent.Operation, seen.Operation = faults.Query, faults.Query
	return journal.Message{ID: "q" + string(seen.MerchantReference) + seen.State, Link: "merchant->wechatpay", Operation: faults.Query, Nth: 1,
		Leg: faults.AnswerLeg, Status: 200, Fate: journal.Passed, Sent: sent, Seen: &seen}
}

// said is what is stated about a payment, validly signed.
func said(ref payment.MerchantReference, state payment.State, minor int64) journal.Facts {
	return journal.Facts{MerchantReference: ref, State: string(state), Amount: payment.Fen(minor), Signature: journal.SignatureValid, Account: "1900000109"}
}

// TestMisled: who believes a validly signed lie that every demanded check agrees
// with is misled, and not accused; who believes what the message itself shows to
// be wrong, or asks less than the documents demand, is.
func TestMisled(t *testing.T) {
	unpaid, lie := said("p1", payment.Pending, 1000), said("p1", payment.Captured, 1000)
	phantom := func(told ...journal.Message) *story {
		s := run().placed("o1", 1000).created("p1", 1000)
		for _, message := range told {
			if asked := message; message.Leg == faults.AnswerLeg {
				asked.Leg, asked.Status, asked.Seen, asked.Sent = faults.RequestLeg, 0, nil, journal.Facts{Operation: faults.Query, Signature: journal.SignatureValid}
				s = s.message(asked)
			}
			s = s.message(message)
		}
		return s.books("p1", payment.Captured, 1000).marks(payment.OrderPaid).released("k1").ends()
	}
	notice := func(link faults.Link) journal.Message {
		told := answered(unpaid, lie)
		told.Link, told.Operation, told.Leg, told.Status = link, faults.NotifyPayment, faults.RequestLeg, 0
		return told
	}
	handled := func(truth bool) *story { // a question's answer comes while the lie is being handled
		s := run().placed("o1", 1000).created("p1", 1000).message(notice("wechatpay->merchant"))
		if truth {
			s = s.message(journal.Message{ID: "asked before", Link: "merchant->wechatpay", Operation: faults.Query, Nth: 1, Leg: faults.AnswerLeg, Status: 200,
				Fate: journal.Passed, Sent: unpaid})
		}
		s = s.books("p1", payment.Captured, 1000).marks(payment.OrderPaid)
		told := notice("wechatpay->merchant")
		told.Leg, told.Status, told.Seen, told.Sent = faults.AnswerLeg, 200, nil, journal.Facts{}
		return s.later(time.Second).message(told).released("k1").ends()
	}
	unsigned := lie
	unsigned.Signature = journal.SignatureInvalid
	crossed := answered(said("p2", payment.Captured, 1000), lie)
	crossed.Link, crossed.Operation, crossed.Leg, crossed.Status = "wechatpay->merchant", faults.NotifyPayment, faults.RequestLeg, 0
	crossedAnswer := answered(said("p2", payment.Pending, 1000), lie)
	// Told of one fen too much, or too little, the merchant gave back what it was told.
	returning := func(told int64, ends func(*story) *story) *story {
		return ends(run().placed("o1", 1000).created("p1", 1000).captured("p1", 1000).
			message(answered(said("p1", payment.Captured, 1000), said("p1", payment.Captured, told)))).marks(payment.OrderClosed).ends()
	}
	tooMuch := func(s *story) *story {
		return s.books("p1", payment.HandedOver, 1001).booksRefund("r1", "p1", payment.RefundHandedOver, 1001)
	}
	tooLittle := func(s *story) *story {
		return s.refunded("r1", "p1", 999).books("p1", payment.Returned, 999).booksRefund("r1", "p1", payment.RefundDone, 999)
	}
	crediting := func(minor int64) func(*story) *story {
		return func(s *story) *story {
			return s.books("p1", payment.Captured, minor).credits("p1", minor).balance(minor)
		}
	}
	inItsName := journal.Message{ID: "r", Link: "merchant->wechatpay", Operation: faults.Refund, Nth: 1, Leg: faults.RequestLeg, Fate: journal.Passed,
		Sent: journal.Facts{Operation: faults.Refund, MerchantReference: "p1", RefundReference: "r1", Refunded: payment.Fen(400), Signature: journal.SignatureValid}}
	inItsName.Seen = &journal.Facts{Operation: faults.Refund, MerchantReference: "p1", RefundReference: "r1", Refunded: payment.Fen(401), Signature: journal.SignatureValid}
	elsewhere := lie
	elsewhere.Account = "somebody-else"
	truth := journal.Message{ID: "truth", Link: "merchant->wechatpay", Operation: faults.Query, Nth: 2, Leg: faults.AnswerLeg, Status: 200,
		Fate: journal.Passed, Sent: unpaid}
	refund := said("p1", "", 0)
	refund.RefundReference, refund.State, refund.Refunded = "r1", string(payment.RefundProcessing), payment.Fen(400)
	done := refund
	done.State = string(payment.RefundDone)
	refundLie := answered(refund, done)
	refundLie.Operation = faults.RefundQuery

	for name, c := range map[string]struct {
		invariant string
		run       *story
		misled    bool
	}{
		"a query lied":                                        {"no-phantom-payment", phantom(answered(unpaid, lie)), true},
		"a notification lied, and is enough":                  {"no-phantom-payment", phantom(notice("wechatpay->merchant")), true},
		"a notification lied, and must be asked":              {"no-phantom-payment", phantom(notice("unionpay->merchant")), false},
		"the truth came after the lie":                        {"no-phantom-payment", phantom(answered(unpaid, lie), truth), false},
		"the lie came after the truth":                        {"no-phantom-payment", phantom(truth, answered(unpaid, lie)), true},
		"the lie names another amount":                        {"no-phantom-payment", phantom(answered(unpaid, said("p1", payment.Captured, 999))), false},
		"the lie names another payment":                       {"no-phantom-payment", phantom(answered(unpaid, said("p2", payment.Captured, 1000))), false},
		"a notification lied, while an answer was on its way": {"no-phantom-payment", handled(true), true},
		"a notification was about another":                    {"no-phantom-payment", phantom(crossed), true},
		"an answer is about another":                          {"no-phantom-payment", phantom(crossedAnswer), false},
		"too much was said, and given back":                   {"no-refund-beyond-capture", returning(1001, tooMuch), true},
		"too much was said, and lost":                         {"no-lost-payment", returning(1001, tooMuch), true},
		"too much was said, and credited":                     {"merchant-balances-add-up", returning(1001, crediting(1001)), true},
		"too little was said, and credited":                   {"no-lost-payment", returning(999, crediting(999)), true},
		"credited as booked, not as captured":                 {"no-wrong-amount", returning(999, crediting(999)), true},
		"more than was said was credited":                     {"merchant-balances-add-up", returning(1000, crediting(1001)), false},
		"too much was given back":                             {"no-refund-beyond-capture", returning(1000, tooMuch), false},
		"more than was said was given back":                   {"no-refund-beyond-capture", returning(1001, func(s *story) *story { return tooMuch(s).booksRefund("r2", "p1", payment.RefundRequested, 1) }), false},
		"too little was said, and given back":                 {"no-wrong-amount", returning(999, tooLittle), true},
		"too little was given back":                           {"no-wrong-amount", returning(1000, tooLittle), false},
		"another amount than was said is booked":              {"no-wrong-amount", returning(998, tooLittle), false},
		"the message shows a wrong amount": {"no-wrong-amount", returning(999, func(s *story) *story {
			return s.books("p1", payment.Captured, 999).marks(payment.OrderPaid)
		}), false},
		"more was asked back in its name": {"no-refund-beyond-capture", paidRun().asksRefund("q1", 400).message(inItsName).
			refunded("r1", "p1", 401).booksRefund("r1", "p1", payment.RefundHandedOver, 400).ends(), true},
		"it asked twice itself": {"no-refund-beyond-capture", paidRun().asksRefund("q1", 400).message(inItsName).
			refunded("r1", "p1", 401).refunded("r2", "p1", 400).booksRefund("r1", "p1", payment.RefundHandedOver, 400).booksRefund("r2", "p1", payment.RefundDone, 400).ends(), false},
		"the lie is not signed":          {"no-phantom-payment", phantom(answered(unpaid, unsigned)), false},
		"the lie is for another account": {"no-phantom-payment", phantom(answered(unpaid, elsewhere)), false},
		"nobody lied":                    {"no-phantom-payment", phantom(truth), false},
		"the capture is of less than it is told to be": {"no-wrong-amount", run().placed("o1", 1000).created("p1", 1000).captured("p1", 999).
			message(answered(said("p1", payment.Captured, 999), lie)).books("p1", payment.Captured, 999).marks(payment.OrderPaid).released("k1").ends(), true},
		"a refund was called done": {"no-lost-refund", paidRun().message(refundLie).booksRefund("r1", "p1", payment.RefundDone, 400).ends(), true},
		"a refund is called done":  {"no-lost-refund", paidRun().booksRefund("r1", "p1", payment.RefundDone, 400).ends(), false},
	} {
		t.Run(name, func(t *testing.T) {
			judgement := c.run.judged(t, c.invariant)
			if !c.misled {
				require.Equal(t, invariants.Violated, judgement.Outcome())
				require.Empty(t, judgement.Misled)
				return
			}
			require.Equal(t, invariants.Held, judgement.Outcome(), judgement.Breaches)
			require.NotEmpty(t, judgement.Misled)
			require.Contains(t, judgement.Misled[0].Reason, "validly signed")
			require.Positive(t, judgement.Misled[0].Money.Minor)
		})
	}
	verdict := invariants.Judge(phantom(answered(unpaid, lie)).evidence())
	require.Empty(t, verdict.Findings)
	require.Equal(t, invariants.Held, verdict.Outcome)
	require.NotEmpty(t, verdict.Misled)
	// What the merchant is told after it booked misleads nobody.
	late := run().placed("o1", 1000).created("p1", 1000).books("p1", payment.Captured, 1000).marks(payment.OrderPaid).later(time.Second).
		message(answered(unpaid, lie)).ends()
	require.Equal(t, invariants.Violated, late.judged(t, "no-phantom-payment").Outcome())
}

// TestAcknowledged_WhatCannotBeChecked: a merchant that asks about a notification and
// hears nothing may refuse it; one that was answered may not.
func TestAcknowledged_WhatCannotBeChecked(t *testing.T) {
	for name, c := range map[string]struct {
		answered bool
		outcome  invariants.Outcome
	}{"no answer came": {false, invariants.Held}, "it was answered": {true, invariants.Violated}} {
		t.Run(name, func(t *testing.T) {
			notice := notification("p1", 1000)
			asked := journal.Message{ID: "q", Link: "merchant->wechatpay", Operation: faults.Query, Nth: 1, Leg: faults.RequestLeg, Fate: journal.Passed,
				Sent: journal.Facts{Operation: faults.Query, MerchantReference: "p1", Signature: journal.SignatureValid}}
			s := run().placed("o1", 1000).created("p1", 1000).captured("p1", 1000).healed().message(notice).message(asked)
			if c.answered {
				asked.Leg, asked.Status, asked.Sent = faults.AnswerLeg, 200, said("p1", payment.Captured, 1000)
				s = s.message(asked)
			}
			notice.Leg, notice.Status = faults.AnswerLeg, 503
			s = s.message(notice).books("p1", payment.Captured, 1000).marks(payment.OrderPaid).released("k1").ends()
			require.Equal(t, c.outcome, s.judged(t, "every-valid-notification-is-acknowledged").Outcome())
		})
	}
}
