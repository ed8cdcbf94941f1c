package reports

import (
	"fmt"
	"slices"
	"strings"

	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/invariants"
	"github.com/payquake/payquake/journal"
	"github.com/payquake/payquake/payment"
)

// affected is one order (or a payment without one) that a finding touches,
// with what there is to do about it.
type affected struct {
	Finding    string
	Invariant  string
	Trial      faults.Trial
	Order      string
	References []string
	Provider   payment.ProviderName
	Money      payment.Money
	Reason     string
	Witness    []journal.Ref
}

// impact lists what is affected, for every trial of every finding, in the
// order of the findings.
func (s *survey) impact() []affected {
	var all []affected
	for _, finding := range s.verdict.Findings {
		for _, id := range finding.Trials {
			trial, known := s.evidence.Find(id)
			if !known {
				continue
			}
			for _, said := range s.opinions[id] {
				if said.invariant != finding.Invariant {
					continue
				}
				for _, breach := range said.judgement.Breaches {
					all = append(all, affect(finding, trial, breach))
				}
			}
		}
	}
	return all
}

// affect finds the order and the references of a breach in its witness: the
// records say them, the breach's sentence is only for people.
func affect(finding invariants.Finding, trial *invariants.Trial, breach invariants.Breach) affected {
	a := affected{Finding: finding.ID, Invariant: finding.Invariant, Trial: trial.ID, Provider: trial.Planned.Provider,
		Money: breach.Money, Reason: breach.Reason, Witness: breach.Witness}
	for _, record := range trial.Records() {
		if !slices.Contains(breach.Witness, record.Ref()) {
			continue
		}
		a.take(record)
	}
	if a.Order == "" {
		a.Order = orderOf(trial, a.References)
	}
	return a
}

// take reads order and references from one record of the witness.
func (a *affected) take(record journal.Record) {
	name := func(order string, references ...string) {
		if a.Order == "" {
			a.Order = order
		}
		for _, reference := range references {
			if reference != "" && !slices.Contains(a.References, reference) {
				a.References = append(a.References, reference)
			}
		}
	}
	switch {
	case record.Posting != nil:
		a.Provider = record.Posting.Ledger
		name("", string(record.Posting.MerchantReference), string(record.Posting.RefundReference))
	case record.Entry != nil:
		name(record.Entry.OrderID, string(record.Entry.MerchantReference), string(record.Entry.RefundReference))
	case record.Message != nil:
		name(record.Message.Sent.OrderID, string(record.Message.Sent.MerchantReference), string(record.Message.Sent.RefundReference))
	case record.Operation != nil:
		name(record.Operation.OrderID)
	}
}

// orderOf finds the order for which a capture with one of the references was
// made; else the only one there is.
func orderOf(trial *invariants.Trial, references []string) string {
	orders := trial.Orders()
	for _, order := range orders {
		for _, capture := range order.Captures {
			if slices.Contains(references, string(capture.Reference)) {
				return order.ID
			}
		}
	}
	if len(orders) == 1 {
		return orders[0].ID
	}
	return ""
}

// todo says what people would have to do about an affected order, in
// Markdown. Every sentence begins by asking the provider or names its
// reference: what the merchant believes is what is in doubt.
func (a affected) todo() string {
	var references []string
	for _, reference := range a.References {
		references = append(references, code(reference))
	}
	reference := strings.Join(references, ", ")
	if reference == "" {
		reference = "the payments of trial " + code(string(a.Trial))
	}
	order := "the order"
	if a.Order != "" {
		order = "order " + code(a.Order)
	}
	return fmt.Sprintf(remedy(a.Invariant), order, reference, a.Money, markdown(string(a.Provider)))
}

// remedy is what mends a breach of an invariant: %[1]s is the order, %[2]s the
// references, %[3]s the money, %[4]s the provider.
func remedy(invariant string) string {
	switch invariant {
	case "no-lost-payment":
		return "Query %[2]s at %[4]s. Book %[3]s on %[1]s and hand over the goods, or refund it in full."
	case "no-double-charge":
		return "Keep one capture of %[1]s and refund the rest, %[3]s, of %[2]s at %[4]s."
	case "no-phantom-payment":
		return "Query %[2]s at %[4]s. If it was not captured, hold the goods of %[1]s and take the booking of %[3]s back."
	case "no-wrong-amount":
		return "Compare %[1]s with %[2]s at %[4]s: the difference is %[3]s. Refund the capture or hand it over; do not book it as the total."
	case "no-refund-beyond-capture":
		return "%[3]s went out too much for %[1]s under %[2]s. Stop further refunds, book the loss, and hand it over to people."
	case "no-lost-refund":
		return "Query the refund of %[2]s at %[4]s. Ask for it again under the same refund number, or book what %[4]s did (%[3]s) on %[1]s."
	case "no-double-fulfilment":
		return "Call one shipment of %[1]s back (%[3]s); the payment %[2]s stays as it is."
	case "no-lost-fulfilment":
		return "Hand over the goods of %[1]s, or refund %[3]s of %[2]s at %[4]s."
	case "no-state-regression":
		return "Query %[2]s at %[4]s and set %[1]s to what was captured (%[3]s); undo what was done since it was called unpaid."
	case "no-forged-message-accepted":
		return "Query %[2]s at %[4]s. Set %[1]s to what the provider's book says, hold its goods, and review what else accepted messages without checking their signature."
	case "no-unkept-acknowledgement", "every-valid-notification-is-acknowledged":
		return "Query %[2]s at %[4]s and book the result (%[3]s) on %[1]s: the notification will not bring it any more."
	case "every-payment-reaches-terminal-state":
		return "Query %[2]s at %[4]s; then book, close or hand over %[1]s (%[3]s)."
	case "every-willing-shopper-can-pay":
		return "Query and close %[2]s at %[4]s, so that the shopper can pay %[1]s or its replacement."
	default:
		return "Hand %[1]s over to people with %[2]s, %[3]s and the reason above."
	}
}
