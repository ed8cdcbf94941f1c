package invariants

import (
	"maps"
	"slices"

	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/journal"
	"github.com/payquake/payquake/payment"
)

func noRefundBeyondCapture() Invariant {
	return Invariant{
		ID: "no-refund-beyond-capture",
		Says: "Refunds of a payment, and the refunds the merchant has confirmed or booked for it, never exceed its capture; no money " +
			"goes back unasked for goods that left, except for a duplicate; one refund request moves its amount once.",
		Clauses: []Clause{
			{Name: "provider-within-capture", Says: "the provider's refunds of a payment do not exceed its capture", Shown: true},
			{Name: "books-within-capture", Says: "the merchant's refunds of a payment do not exceed its capture", Shown: true, Books: true},
			{Name: "confirmed-within-capture", Says: "what the shopper was promised back does not exceed the capture", Orders: true},
			{Name: "only-what-was-asked", Says: "what goes back of the payment that is kept for an order is what was asked for, once", Orders: true},
		},
		check: checkNoRefundBeyondCapture,
	}
}

func checkNoRefundBeyondCapture(t *Trial) Judgement {
	var judgement Judgement
	any := len(t.providerRefunds()) > 0
	for _, capture := range t.Captures() {
		if more(capture.Returned, capture.Amount) {
			judgement.breach("provider-within-capture", minus(capture.Returned, capture.Amount),
				append(t.refundWitness(capture.Reference), capture.Record),
				"%s of a capture of %s went back", capture.Returned, capture.Amount)
		}
	}
	for _, order := range t.Orders() {
		any = any || len(order.Refunds) > 0
		checkBookedRefunds(t, order, &judgement)
		checkPromises(t, order, &judgement)
		checkOnlyAsked(t, order, &judgement)
	}
	if !any {
		judgement.NotApplicable = "nothing was refunded"
	}
	return judgement
}

func checkBookedRefunds(t *Trial, order Order, judgement *Judgement) {
	sums := map[string]payment.Money{}
	witness := map[string][]journal.Ref{}
	for _, record := range order.Refunds {
		if payment.RefundState(record.Entry.State) == payment.RefundRefused {
			continue
		}
		id := record.Entry.PaymentID
		sums[id] = plus(sums[id], record.Entry.Amount)
		witness[id] = append(witness[id], record.Ref())
	}
	for _, record := range order.Payments {
		capture, found := order.captureOf(record.Entry.MerchantReference)
		if sum := sums[record.Entry.PaymentID]; found && more(sum, capture.Amount) {
			breach := breachOf("books-within-capture", minus(sum, capture.Amount), append(witness[record.Entry.PaymentID], capture.Record),
				"the merchant's books refund %s of a capture of %s", sum, capture.Amount)
			var lie *journal.Record
			if !more(sum, record.Entry.Amount) { // no more than it was told was taken
				lie = t.saidCaptured(order, capture.Reference)
			}
			judgement.accuse(lie, breach)
		}
	}
}

// checkPromises: what was asked back and not refused is promised. What is promised
// under one request id is promised once.
func checkPromises(t *Trial, order Order, judgement *Judgement) {
	kept, found := order.mainCapture()
	if !found {
		return
	}
	promised := map[string]journal.Record{}
	var sum payment.Money
	for _, record := range t.Operations {
		operation := record.Operation
		if operation.Name != faults.StepRefund || operation.Phase != journal.Done || operation.OrderID != order.ID || operation.Outcome != journal.OK {
			continue
		}
		if _, again := promised[operation.Key]; !again {
			sum = plus(sum, operation.Amount)
		}
		promised[operation.Key] = record
	}
	if !more(sum, kept.Amount) {
		return
	}
	witness := []journal.Ref{kept.Record}
	for _, key := range slices.Sorted(maps.Keys(promised)) {
		witness = append(witness, promised[key].Ref())
	}
	judgement.breach("confirmed-within-capture", minus(sum, kept.Amount), witness, "the shopper was promised %s back of a capture of %s", sum, kept.Amount)
}

// checkOnlyAsked: of the capture that pays for the order, no more may go back
// than was asked for. Captures beside it are duplicates, late or of a wrong
// amount, and go back unasked.
func checkOnlyAsked(t *Trial, order Order, judgement *Judgement) {
	if _, paid := order.EverPaid(); !paid {
		return
	}
	kept, found := order.mainCapture()
	if !found {
		return
	}
	var asked payment.Money
	for _, amount := range t.asked(order.ID) {
		asked = plus(asked, amount)
	}
	if more(kept.Returned, asked) {
		judgement.accuse(t.refundedInItsName(kept, asked), breachOf("only-what-was-asked", minus(kept.Returned, asked),
			append(t.refundWitness(kept.Reference), kept.Record), "%s was asked back, and %s went back", asked, kept.Returned))
	}
}

// mainCapture is the capture that pays for the order: the one of the right
// amount of which the least went back.
func (o Order) mainCapture() (Capture, bool) {
	var main Capture
	found := false
	for _, capture := range o.Captures {
		if same(capture.Amount, o.Total) && (!found || more(main.Returned, capture.Returned)) {
			main, found = capture, true
		}
	}
	return main, found
}

func (t *Trial) refundWitness(reference payment.MerchantReference) []journal.Ref {
	var witness []journal.Ref
	for _, record := range t.Postings {
		kind := record.Posting.Kind
		if record.Posting.MerchantReference == reference && (kind == journal.RefundPosting || kind == journal.ReversePosting) {
			witness = append(witness, record.Ref())
		}
	}
	return witness
}
