package invariants_test

import (
	"os"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/invariants"
	"github.com/payquake/payquake/journal"
	"github.com/payquake/payquake/payment"
	"github.com/payquake/payquake/scenarios"
)

func writeFile(t testing.TB, path string, text []byte) {
	t.Helper()
	require.NoError(t, os.WriteFile(path, text, 0o644))
}

// breaking is a story that breaks one clause of one invariant.
type breaking struct {
	invariant, clause string
	story             string // in a few words
	run               *story
	money             payment.Money
	// also are the clauses that such a run cannot help breaking too.
	also []string
}

// brokenMoney are the stories about money that came, went or was believed in.
func brokenMoney() []breaking {
	return []breaking{
		{"no-lost-payment", "booked-or-returned", "paid just before the order was closed, and nobody noticed",
			run().placed("o1", 1000).created("p1", 1000).captured("p1", 1000).books("p1", payment.Closed, 0).marks(payment.OrderClosed).ends(),
			payment.Fen(1000), nil},
		{"no-lost-payment", "booked-or-returned", "a part went back, the rest is nowhere",
			run().placed("o1", 1000).captured("p1", 1000).refunded("r1", "p1", 400).booksRefund("r1", "p1", payment.RefundDone, 400).
				marks(payment.OrderClosed).ends(), payment.Fen(600), nil},
		{"no-lost-payment", "known-order", "paid by barcode for an order that the merchant has lost",
			run().placedUntold("o1", 1000).captured("p1", 1000).forgets().ends(), payment.Fen(1000), nil},
		{"no-double-charge", "one-capture-kept", "two codes paid, both kept",
			run().placed("o1", 1000).captured("p1", 1000).captured("p2", 1000).books("p1", payment.Captured, 1000).
				books("p2", payment.Captured, 1000).marks(payment.OrderPaid).released("k1").ends(), payment.Fen(1000), nil},
		{"no-double-charge", "one-capture-kept", "two codes paid, half of one given back",
			run().placed("o1", 1000).captured("p1", 1000).captured("p2", 1000).books("p1", payment.Captured, 1000).
				books("p2", payment.Captured, 1000).marks(payment.OrderPaid).released("k1").
				refunded("r1", "p2", 500).booksRefund("r1", "p2", payment.RefundDone, 500).ends(), payment.Fen(500), nil},
		{"no-double-charge", "one-capture-kept", "two codes paid, half of one credited",
			run().placed("o1", 1000).captured("p1", 1000).captured("p2", 1000).books("p1", payment.Captured, 1000).
				books("p2", payment.Captured, 1000).marks(payment.OrderPaid).released("k1").credits("p2", 500).balance(500).ends(),
			payment.Fen(500), nil},
		{"no-lost-payment", "booked-or-returned", "paid too late, and a part of it credited",
			run().placed("o1", 1000).captured("p1", 1000).marks(payment.OrderClosed).credits("p1", 999).balance(999).ends(), payment.Fen(1), nil},
		{"merchant-balances-add-up", "equals-its-entries", "credited twice on one entry",
			duplicateCredited().credits("p2", 1000).balance(2000).ends(), payment.Fen(1000), nil},
		{"merchant-balances-add-up", "credit-was-captured", "credited and given back",
			duplicateCredited().credits("p2", 1000).balance(1000).refunded("r1", "p2", 400).
				booksRefund("r1", "p2", payment.RefundDone, 400).ends(), payment.Fen(400), nil},
		{"no-phantom-payment", "captured-by-then", "the browser's return was believed, the money came later",
			run().placed("o1", 1000).books("p1", payment.Captured, 1000).marks(payment.OrderPaid).later(time.Second).
				captured("p1", 1000).released("k1").ends(), payment.Fen(1000), nil},
		{"no-phantom-payment", "released-after-capture", "the goods left before the money came",
			run().placed("o1", 1000).released("k1").later(time.Second).captured("p1", 1000).books("p1", payment.Captured, 1000).
				marks(payment.OrderPaid).ends(), payment.Fen(1000), nil},
		{"no-wrong-amount", "capture-equals-total", "one fen too little was taken for paid",
			run().placed("o1", 1000).captured("p1", 999).books("p1", payment.Captured, 999).marks(payment.OrderPaid).released("k1").ends(),
			payment.Fen(1), nil},
		{"no-wrong-amount", "booked-equals-capture", "fen booked as yuan",
			run().placed("o1", 1000).captured("p1", 1000).books("p1", payment.Captured, 10).marks(payment.OrderPaid).released("k1").ends(),
			payment.Fen(990), nil},
		{"money-is-conserved", "two-sides", "a posting of less than nothing",
			paidRun().posts(journal.FundingPosting, "outside", "wallet:t1", journal.Posting{Amount: payment.Fen(-5)}).ends(), payment.Fen(-5), nil},
		{"money-is-conserved", "no-overdraft", "a wallet gives more than it has",
			run().placed("o1", 200_000).captured("p1", 200_000).books("p1", payment.Captured, 200_000).marks(payment.OrderPaid).
				released("k1").ends(), payment.Fen(200_000), nil},
		{"money-is-conserved", "captured-once", "one reference, two captures",
			run().placed("o1", 1000).captured("p1", 1000).captured("p1", 1000).books("p1", payment.Captured, 1000).
				marks(payment.OrderPaid).released("k1").ends(), payment.Fen(1000), []string{"no-double-charge/one-capture-kept"}},
	}
}

// brokenRefunds are the stories about money that goes back.
func brokenRefunds() []breaking {
	return []breaking{
		{"no-refund-beyond-capture", "provider-within-capture", "two refunds at once, one of them believed to be refused",
			paidRun().asksRefund("q1", 700).asksRefund("q2", 700).refunded("r1", "p1", 700).refunded("r2", "p1", 700).
				booksRefund("r1", "p1", payment.RefundDone, 700).booksRefund("r2", "p1", payment.RefundRefused, 700).ends(),
			payment.Fen(400), []string{"no-refund-beyond-capture/confirmed-within-capture"}},
		{"no-refund-beyond-capture", "books-within-capture", "the merchant promises more than it took",
			paidRun().asksRefund("q1", 700).asksRefund("q2", 700).refunded("r1", "p1", 700).
				booksRefund("r1", "p1", payment.RefundDone, 700).booksRefund("r2", "p1", payment.RefundRequested, 700).ends(),
			payment.Fen(400), []string{"no-refund-beyond-capture/confirmed-within-capture"}},
		{"no-refund-beyond-capture", "confirmed-within-capture", "two promises, of which the provider keeps one",
			paidRun().asksRefund("q1", 700).asksRefund("q2", 600).refunded("r1", "p1", 700).
				booksRefund("r1", "p1", payment.RefundDone, 700).booksRefund("r2", "p1", payment.RefundRefused, 600).ends(),
			payment.Fen(300), nil},
		{"no-refund-beyond-capture", "only-what-was-asked", "one request, two refund numbers",
			paidRun().asksRefund("q1", 400).asksRefund("q1", 400).refunded("r1", "p1", 400).refunded("r2", "p1", 400).
				booksRefund("r1", "p1", payment.RefundDone, 400).booksRefund("r2", "p1", payment.RefundDone, 400).ends(), payment.Fen(400), nil},
		{"no-lost-refund", "done-is-done", "accepted is not done",
			paidRun().asksRefund("q1", 400).refunding("r1", "p1", 400).booksRefund("r1", "p1", payment.RefundDone, 400).ends(),
			payment.Fen(400), nil},
		{"no-lost-refund", "done-is-done", "another amount than the books say",
			paidRun().asksRefund("q1", 400).refunded("r1", "p1", 300).booksRefund("r1", "p1", payment.RefundDone, 400).ends(),
			payment.Fen(400), nil},
		{"no-lost-refund", "refunded-is-refunded", "any refund is taken for a full one",
			paidRun().asksRefund("q1", 400).refunded("r1", "p1", 400).booksRefund("r1", "p1", payment.RefundDone, 400).
				marks(payment.OrderRefunded).ends(), payment.Fen(600), nil},
		{"no-lost-refund", "refunded-is-refunded", "the order says more went back than did",
			paidRun().with(func(s *story) { s.believe[0].Refunded = payment.Fen(400) }).ends(), payment.Fen(400), nil},
		{"no-lost-refund", "moved-is-booked", "the answer was lost, and the refund forgotten",
			paidRun().asksRefund("q1", 400).refunded("r1", "p1", 400).ends(), payment.Fen(400), nil},
	}
}

// brokenDeeds are the stories about what the merchant did, said or believed.
func brokenDeeds() []breaking {
	phantom := []string{"no-phantom-payment/captured-by-then", "no-phantom-payment/released-after-capture"}
	return []breaking{
		{"no-double-fulfilment", "once", "the notification came twice, the goods left twice", paidRun().released("k2").ends(), payment.Fen(1000), nil},
		{"no-double-fulfilment", "not-after-refund", "the goods left for an order already refunded",
			run().placed("o1", 1000).captured("p1", 1000).books("p1", payment.Returned, 1000).marks(payment.OrderPaid).asksRefund("q1", 1000).
				refunded("r1", "p1", 1000).booksRefund("r1", "p1", payment.RefundDone, 1000).marks(payment.OrderRefunded).
				later(time.Second).released("k1").ends(), payment.Fen(1000), nil},
		{"no-lost-fulfilment", "released", "paid, and the goods never left",
			run().placed("o1", 1000).captured("p1", 1000).books("p1", payment.Captured, 1000).marks(payment.OrderPaid).ends(), payment.Fen(1000), nil},
		{"no-state-regression", "history", "a stale answer closed the paid order for a while",
			paidRun().marks(payment.OrderClosed).marks(payment.OrderPaid).ends(), payment.Fen(1000), nil},
		{"no-state-regression", "page", "the page said paid and then open", paidRun().reads(payment.OrderOpen).ends(), payment.Money{}, nil},
		{"no-forged-message-accepted", "payment", "a forgery for an order that was never paid",
			run().placed("o1", 1000).forged(paidFacts("p1", 1000)).books("p1", payment.Captured, 1000).marks(payment.OrderPaid).
				released("k1").ends(), payment.Fen(1000), phantom},
		{"no-forged-message-accepted", "payment", "a forgery that came true later",
			run().placed("o1", 1000).forged(paidFacts("p1", 1000)).books("p1", payment.Captured, 1000).marks(payment.OrderPaid).
				later(time.Second).captured("p1", 1000).released("k1").ends(), payment.Fen(1000), phantom[:1]},
		{"no-forged-message-accepted", "refund", "a forged word that a refund was done",
			paidRun().asksRefund("q1", 400).refunding("r1", "p1", 400).
				forged(journal.Facts{Operation: faults.NotifyRefund, MerchantReference: "p1", RefundReference: "r1", State: string(payment.RefundDone)}).
				booksRefund("r1", "p1", payment.RefundDone, 400).ends(), payment.Fen(400), []string{"no-lost-refund/done-is-done"}},
		{"no-unkept-acknowledgement", "kept", "acknowledged, killed, forgotten until told again",
			run().placed("o1", 1000).captured("p1", 1000).notified("p1", 1000, 200).stage(journal.KeptBack, "").reads(payment.OrderOpen).
				stage(journal.LetGo, "").books("p1", payment.Captured, 1000).marks(payment.OrderPaid).released("k1").ends(), payment.Fen(1000), nil},
		{"every-valid-notification-is-acknowledged", "first-after-healing", "refused after everything healed",
			run().placed("o1", 1000).captured("p1", 1000).healed().notified("p1", 1000, 500).books("p1", payment.Captured, 1000).
				marks(payment.OrderPaid).released("k1").ends(), payment.Fen(1000), nil},
		{"every-valid-notification-is-acknowledged", "first-after-healing", "not even answered after everything healed",
			run().placed("o1", 1000).captured("p1", 1000).healed().notified("p1", 1000, 0).books("p1", payment.Captured, 1000).
				marks(payment.OrderPaid).released("k1").ends(), payment.Fen(1000), nil},
		{"every-payment-reaches-terminal-state", "rest", "open for ever",
			run().placed("o1", 1000).created("p1", 1000).books("p1", payment.Pending, 0).exceeds("the merchant's books are not final"),
			payment.Fen(1000), nil},
		{"every-payment-reaches-terminal-state", "agree", "called closed, and can still be paid",
			run().placed("o1", 1000).created("p1", 1000).books("p1", payment.Closed, 0).marks(payment.OrderClosed).ends(), payment.Fen(1000), nil},
		{"every-willing-shopper-can-pay", "canary", "healed, and still nobody can pay",
			run().placed("o1", 1000).marks(payment.OrderClosed).
				asks(journal.Operation{Name: journal.Canary, Outcome: journal.Failed, Amount: payment.Fen(1000), Reason: "no code was shown"}).ends(),
			payment.Fen(1000), nil},
		{"every-payment-is-traced", "one-root", "a span that belongs nowhere",
			paidRun().with(func(s *story) { s.span("another", "", "job") }).ends(), payment.Fen(1000), nil},
		{"every-payment-is-traced", "every-hop", "an exchange without its span",
			paidRun().with(func(s *story) { s.spans = s.spans[:len(s.spans)-1] }).ends(), payment.Fen(1000), nil},
		{"every-payment-is-traced", "connected", "a parent that nobody has seen",
			paidRun().with(func(s *story) { s.span("child", "nobody", "job") }).ends(), payment.Fen(1000), nil},
	}
}

func paidFacts(ref payment.MerchantReference, minor int64) journal.Facts {
	return journal.Facts{Operation: faults.NotifyPayment, MerchantReference: ref, Amount: payment.Fen(minor), State: string(payment.Captured)}
}

func broken() []breaking { return slices.Concat(brokenMoney(), brokenRefunds(), brokenDeeds()) }

// TestCatalogue_EachClauseBreaksAlone: each story breaks its clause and no
// other (but those it names), says how much money is at stake, and shows it by
// records that exist.
func TestCatalogue_EachClauseBreaksAlone(t *testing.T) {
	for _, b := range broken() {
		t.Run(b.invariant+"/"+b.clause+"/"+b.story, func(t *testing.T) {
			e := b.run.evidence()
			trial, begun := e.Find("t1")
			require.True(t, begun)
			var broke []string
			for _, invariant := range invariants.Catalogue() {
				for _, breach := range invariant.Check(trial).Breaches {
					broke = append(broke, invariant.ID+"/"+breach.Clause)
					requireWitness(t, e, b, breach)
					if invariant.ID == b.invariant {
						require.Equal(t, b.money, breach.Money, breach.Reason)
					}
				}
			}
			require.ElementsMatch(t, append([]string{b.invariant + "/" + b.clause}, b.also...), broke)
			requireVerdict(t, invariants.Judge(e), b)
		})
	}
}

// requireWitness: every record that a breach names is in the evidence. A
// broken trace is shown by the trace itself, and by the trial's id.
func requireWitness(t *testing.T, e *invariants.Evidence, b breaking, breach invariants.Breach) {
	t.Helper()
	known := map[journal.Ref]bool{}
	for _, record := range b.run.records {
		known[record.Ref()] = true
	}
	for _, ref := range breach.Witness {
		require.True(t, known[ref], "witness %v is no record", ref)
	}
	if b.invariant != "every-payment-is-traced" {
		require.NotEmpty(t, breach.Witness, breach.Reason)
	}
}

// requireVerdict: a broken rule of the merchant's is a violation; one of
// payquake's own accuses payquake and says nothing of the merchant.
func requireVerdict(t *testing.T, v invariants.Verdict, b breaking) {
	t.Helper()
	invariant, _ := invariants.Lookup(b.invariant)
	findings := v.Findings
	if invariant.Ours {
		findings = v.OurFault
		require.NotEqual(t, invariants.Held, v.Outcome)
	} else {
		require.Equal(t, invariants.Violated, v.Outcome)
		require.Empty(t, v.OurFault)
	}
	at := slices.IndexFunc(findings, func(f invariants.Finding) bool { return f.Invariant == b.invariant })
	require.GreaterOrEqual(t, at, 0)
	require.Equal(t, b.clause, findings[at].Clause)
	require.Equal(t, "payquake repro payquake-results/story-1 "+findings[at].ID, findings[at].Repeat)
}

// TestCatalogue_Holes: where records are missing, a breach counts only if what
// is there shows it. Whatever else was found may be a hole in the evidence,
// and accuses neither the merchant nor payquake. Records are missing where a
// journal is damaged, and of trials that were not collected when a run ended.
func TestCatalogue_Holes(t *testing.T) {
	for _, b := range broken() {
		invariant, _ := invariants.Lookup(b.invariant)
		at := slices.IndexFunc(invariant.Clauses, func(c invariants.Clause) bool { return c.Name == b.clause })
		want := invariants.Inconclusive
		if invariant.Clauses[at].Shown {
			want = invariants.Violated
		}
		for missing, hole := range map[string]func(*invariants.Evidence, *invariants.Trial){
			"damaged": func(e *invariants.Evidence, _ *invariants.Trial) {
				e.Damage = []journal.Damage{{Line: 7, What: "damaged line", Hole: true}}
			},
			"stopped": func(_ *invariants.Evidence, trial *invariants.Trial) { trial.Collected = false },
		} {
			e := b.run.evidence()
			trial, _ := e.Find("t1")
			hole(e, trial)
			require.Equal(t, want, invariant.Check(trial).Outcome(), "%s: %s/%s: %s", missing, b.invariant, b.clause, b.story)
			require.NotEqual(t, invariants.Held, invariants.Judge(e).Outcome)
		}
	}
}

// TestCatalogue_WithoutBooks: of a merchant that exports no books, what only books
// could show is no breach, and an invariant that is about nothing else is not
// applicable; all others break as ever.
func TestCatalogue_WithoutBooks(t *testing.T) {
	for _, b := range broken() {
		e := b.run.evidence()
		e.Header.Capabilities.Books = false
		invariant, _ := invariants.Lookup(b.invariant)
		at := slices.IndexFunc(invariant.Clauses, func(c invariants.Clause) bool { return c.Name == b.clause })
		trial, _ := e.Find("t1")
		judgement := invariant.Check(trial)
		named := slices.ContainsFunc(judgement.Breaches, func(breach invariants.Breach) bool { return breach.Clause == b.clause })
		if invariant.Clauses[at].Books {
			require.False(t, named, "%s/%s: %s", b.invariant, b.clause, b.story)
		}
		if !slices.ContainsFunc(invariant.Clauses, func(c invariants.Clause) bool { return !c.Books }) {
			require.Equal(t, invariants.NotApplicable, judgement.Outcome(), b.invariant)
		}
	}
}

// TestCatalogue_EveryClauseHasAStory: a clause that no story breaks proves
// nothing when it holds.
func TestCatalogue_EveryClauseHasAStory(t *testing.T) {
	told := map[string]bool{"every-fault-is-accounted/required": true} // in TestJudge_RequiredPins: it is never violated, only inconclusive
	for _, b := range broken() {
		told[b.invariant+"/"+b.clause] = true
	}
	for _, invariant := range invariants.Catalogue() {
		for _, clause := range invariant.Clauses {
			require.True(t, told[invariant.ID+"/"+clause.Name], "no story breaks %s/%s", invariant.ID, clause.Name)
			delete(told, invariant.ID+"/"+clause.Name)
		}
	}
	require.Empty(t, told, "stories about clauses that are not in the catalogue")
}

// TestCatalogue_GoodRunsHold: each invariant holds in a run in which it had
// something to say, and nothing else is wrong with that run.
func TestCatalogue_GoodRunsHold(t *testing.T) {
	refused := paidRun().forged(paidFacts("p1", 1000)).ends()
	never := run().placed("o1", 1000).created("p1", 1000).forged(paidFacts("p1", 1000)).books("p1", payment.Pending, 0).
		keeps(journal.Entry{Kind: journal.PaymentEntry, State: string(payment.Closed), MerchantReference: "p1"}).marks(payment.OrderClosed).ends()
	kept := run().placed("o1", 1000).captured("p1", 1000).notified("p1", 1000, 200).stage(journal.KeptBack, "").
		books("p1", payment.Captured, 1000).marks(payment.OrderPaid).reads(payment.OrderPaid).stage(journal.LetGo, "").released("k1").ends()
	lost := pin("t1.1", "lost-answer", true)
	for id, runs := range map[string][]*story{
		"no-lost-payment":                          {paidRun().ends(), returnedRun(), handedOverRun(), lateCreditedRun()},
		"no-double-charge":                         {paidRun().ends(), duplicateRun(), duplicateCredited().credits("p2", 1000).balance(1000).ends()},
		"merchant-balances-add-up":                 {duplicateCredited().credits("p2", 1000).balance(1000).ends(), lateCreditedRun()},
		"no-phantom-payment":                       {paidRun().ends()},
		"no-wrong-amount":                          {paidRun().ends()},
		"no-refund-beyond-capture":                 {refundedRun().ends(), duplicateRun()},
		"no-lost-refund":                           {refundedRun().ends()},
		"no-double-fulfilment":                     {paidRun().released("k1").ends()},
		"no-lost-fulfilment":                       {paidRun().ends()},
		"no-state-regression":                      {paidRun().ends()},
		"no-forged-message-accepted":               {refused, never},
		"no-unkept-acknowledgement":                {kept},
		"every-valid-notification-is-acknowledged": {paidRun().ends()},
		"every-payment-reaches-terminal-state":     {paidRun().ends()},
		"every-willing-shopper-can-pay":            {paidRun().ends(), canaryRun()},
		"every-payment-is-traced":                  {paidRun().ends()},
		"money-is-conserved":                       {refundedRun().ends()},
		"every-fault-is-accounted":                 {run(lost).placed("o1", 1000).marks(payment.OrderClosed).fired(lost).ends()},
	} {
		for _, run := range runs {
			require.Equal(t, invariants.Held, run.judged(t, id).Outcome(), "%s: %+v", id, run.judged(t, id))
			v := invariants.Judge(run.evidence())
			require.Equal(t, invariants.Held, v.Outcome, "%s: %v %v", id, v.Reasons, v.Findings)
		}
	}
}

// returnedRun: the money came too late and went back.
func returnedRun() *story {
	return run().placed("o1", 1000).created("p1", 1000).books("p1", payment.Returned, 1000).marks(payment.OrderClosed).
		captured("p1", 1000).refunding("r1", "p1", 1000).booksRefund("r1", "p1", payment.RefundProcessing, 1000).ends()
}

// handedOverRun: the money came too late, and a person was told.
func handedOverRun() *story {
	return run().placed("o1", 1000).created("p1", 1000).books("p1", payment.HandedOver, 1000).marks(payment.OrderClosed).
		captured("p1", 1000).handsOver("p1").ends()
}

// duplicateRun: two codes were paid, and one went back unasked.
func duplicateRun() *story {
	return paidRun().captured("p2", 1000).books("p2", payment.Returned, 1000).refunded("r1", "p2", 1000).
		booksRefund("r1", "p2", payment.RefundDone, 1000).ends()
}

// duplicateCredited: two codes were paid, and the second is on its way to the
// shopper's balance.
func duplicateCredited() *story {
	return paidRun().captured("p2", 1000).books("p2", payment.Captured, 1000)
}

// lateCreditedRun: the money came too late and became the shopper's balance.
func lateCreditedRun() *story {
	return run().placed("o1", 1000).created("p1", 1000).books("p1", payment.Captured, 1000).marks(payment.OrderClosed).
		captured("p1", 1000).credits("p1", 1000).balance(1000).ends()
}

// canaryRun: the first order was lost to a fault; after healing its replacement
// was placed and paid.
func canaryRun() *story {
	return run().placed("o1", 1000).marks(payment.OrderClosed).healed().placed("o2", 1000).captured("p2", 1000).
		books("p2", payment.Captured, 1000).marks(payment.OrderPaid).released("k2").
		asks(journal.Operation{Name: journal.Canary, Outcome: journal.OK, Amount: payment.Fen(1000)}).ends()
}

// TestCatalogue_NotApplicable: where the evidence that an invariant needs does
// not exist, it says so instead of holding.
func TestCatalogue_NotApplicable(t *testing.T) {
	idle := run().placed("o1", 1000).marks(payment.OrderClosed).ends()
	goodsless := paidRun().with(func(s *story) { s.header.Capabilities.Fulfilment = false }).ends()
	for id, c := range map[string]struct {
		run *story
		why string
	}{
		"no-lost-payment":                          {idle, "nothing was captured"},
		"no-double-charge":                         {idle, "nothing was captured"},
		"no-phantom-payment":                       {idle, "no order was treated as paid"},
		"no-wrong-amount":                          {idle, "nothing was booked on a capture"},
		"no-refund-beyond-capture":                 {paidRun().ends(), "nothing was refunded"},
		"no-lost-refund":                           {paidRun().ends(), "nothing was refunded"},
		"no-double-fulfilment":                     {goodsless, "the merchant tells no fulfilment service"},
		"no-lost-fulfilment":                       {goodsless, "the merchant tells no fulfilment service"},
		"no-state-regression":                      {idle, "no order was paid"},
		"no-forged-message-accepted":               {paidRun().ends(), "no message without a valid signature reached the merchant"},
		"no-unkept-acknowledgement":                {paidRun().ends(), "no acknowledgement was put to the test"},
		"every-valid-notification-is-acknowledged": {idle, "no unaltered notification was delivered"},
		"every-willing-shopper-can-pay":            {idle, "the shopper did not want to pay"},
		"every-fault-is-accounted":                 {idle, "the trial has no pins"},
		"money-is-conserved":                       {idle.without(func(r journal.Record) bool { return r.Posting != nil }), "nothing was posted"},
		"merchant-balances-add-up":                 {idle, "the merchant keeps no balances"},
		"merchant-books-match-statement":           {idle, "no provider issues statements in this version"},
		"merchant-reports-discrepancies":           {idle, "no provider issues statements in this version"},
		"no-personal-data-in-telemetry":            {idle, "no personal data is planted in this version"},
	} {
		judgement := c.run.judged(t, id)
		require.Equal(t, invariants.NotApplicable, judgement.Outcome(), "%s: %+v", id, judgement)
		require.Equal(t, c.why, judgement.NotApplicable, id)
	}
	require.Equal(t, "nothing was released", idle.judged(t, "no-double-fulfilment").NotApplicable)
	require.Equal(t, "no order is paid at rest", idle.judged(t, "no-lost-fulfilment").NotApplicable)
}

// without is the story with some records left out, as if never made.
func (s *story) without(unwanted func(journal.Record) bool) *story {
	less := *s
	less.records = slices.DeleteFunc(slices.Clone(s.records), unwanted)
	return &less
}

// TestCatalogue_Inconclusive: what rests on books at rest cannot hold before
// they were read, and nothing holds in a trial whose messages may be another's.
func TestCatalogue_Inconclusive(t *testing.T) {
	cutShort := paidRun().closed()
	mixedUp := paidRun().stage(journal.Contradiction, "p1 was bound to t1, and t2's shopper scanned it").ends()
	for _, invariant := range invariants.Catalogue() {
		for name, run := range map[string]*story{"the trial did not come to its end": cutShort, "cannot be told from another trial's": mixedUp} {
			judgement := run.judged(t, invariant.ID)
			require.NotEqual(t, invariants.Held, judgement.Outcome(), invariant.ID)
			require.NotEqual(t, invariants.Violated, judgement.Outcome(), invariant.ID)
			if judgement.NotApplicable == "" {
				require.Contains(t, judgement.Inconclusive, name, invariant.ID)
			}
		}
	}
	// A breach in a trial whose messages may be another's accuses nobody.
	accused := run().placed("o1", 1000).captured("p1", 1000).stage(journal.Contradiction, "x").marks(payment.OrderClosed).ends()
	require.Equal(t, invariants.Inconclusive, accused.judged(t, "no-lost-payment").Outcome())

	kept := func() *story {
		return run().placed("o1", 1000).captured("p1", 1000).stage(journal.KeptBack, "")
	}
	require.Equal(t, "the acknowledgement's test did not come to its end", kept().ends().judged(t, "no-unkept-acknowledgement").Inconclusive)
	require.Equal(t, "the merchant could not be asked while nothing was told to it again",
		kept().stage(journal.LetGo, "").ends().judged(t, "no-unkept-acknowledgement").Inconclusive)

	undeclared := run().placed("o1", 1000).with(func(s *story) { s.header.LongestTimer = 0 }).exceeds("messages are still exchanged")
	require.Equal(t, "messages are still exchanged, and the merchant declared no longest timer",
		undeclared.judged(t, "every-payment-reaches-terminal-state").Inconclusive)
}

// TestCatalogue_Mitigated: what the merchant makes good by itself is told with
// its money, and is no violation.
func TestCatalogue_Mitigated(t *testing.T) {
	v := invariants.Judge(duplicateRun().evidence())
	require.Equal(t, invariants.Held, v.Outcome)
	require.Len(t, v.Mitigated, 1)
	require.Equal(t, "no-double-charge", v.Mitigated[0].Invariant)
	require.Equal(t, payment.Fen(1000), v.Mitigated[0].Money)

	killed := paidRun().with(func(s *story) { s.plan.Batches[0].Disturbs = true; s.span("child", "killed", "job") }).ends()
	require.Equal(t, invariants.Held, killed.judged(t, "every-payment-is-traced").Outcome(), "what a killed process could not send is incomplete, not wrong")
}

// TestCatalogue_IsSigned: every invariant has an id, a sentence and clauses.
func TestCatalogue_IsSigned(t *testing.T) {
	ids := map[string]bool{}
	checked := 0
	for _, invariant := range invariants.Catalogue() {
		require.False(t, ids[invariant.ID], invariant.ID)
		ids[invariant.ID] = true
		require.Regexp(t, `^[A-Z].*\.$`, invariant.Says)
		if len(invariant.Clauses) > 0 {
			checked++
		}
	}
	require.Equal(t, 18, checked)
	_, found := invariants.Lookup("no-such-thing")
	require.False(t, found)
	require.Equal(t, scenarios.PlanVersion, paidRun().plan.Version)
}
