package scenarios

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/internal/document"
	"github.com/payquake/payquake/payment"
)

// checkPlace refuses a fault where it may not be pinned: on a link, operation
// or leg that does not exist or that its definition does not allow, and where
// it would be a lie that nobody asked for.
func checkPlace(l *document.Notes, path string, systems Systems, line FaultLine) {
	definition, known := faults.Lookup(line.Fault)
	switch {
	case !known:
		if line.Fault != "" || l.Source == nil {
			l.Unknown(path+".fault", "fault", line.Fault, faultNames())
		}
	case definition.Kind == faults.AsJourney:
		l.Addf(path+".fault", "%s is a shopper; it stands under shoppers:", line.Fault)
	case definition.Kind == faults.OnPayment:
		checkPayment(l, path, systems, line)
	case line.At != nil:
		if checkAddress(l, path+".at", systems, *line.At) {
			checkFit(l, path, systems, definition, line)
		}
	case l.Source == nil:
		l.Addf(path, "%s needs an address", line.Fault)
	}
}

// checkPayment refuses a behaviour of a provider that does not exist.
func checkPayment(l *document.Notes, path string, systems Systems, line FaultLine) {
	if line.Payment == nil {
		if l.Source == nil {
			l.Addf(path, "%s needs a payment", line.Fault)
		}
		return
	}
	if _, known := systems.provider(payment.ProviderName(line.Payment.Provider)); !known && line.Payment.Provider != anyProvider {
		l.Unknown(path+".payment", "provider", line.Payment.Provider, append([]string{anyProvider}, systems.providerNames()...))
	}
	if line.Lie {
		l.Addf(path+".lie", "%s is no lie: the provider says the same on every channel", line.Fault)
	}
}

// checkAddress reports whether the address exists.
func checkAddress(l *document.Notes, path string, systems Systems, at faults.Address) bool {
	link, known := systems.link(at.Link)
	if !known {
		l.Unknown(path, "link", string(at.Link), systems.linkNames())
		return false
	}
	if !slices.Contains(link.Operations, at.Operation) {
		words := make([]string, len(link.Operations))
		for i, operation := range link.Operations {
			words[i] = string(operation)
		}
		l.Unknown(path, "operation of "+string(at.Link), string(at.Operation), words)
		return false
	}
	return true
}

// checkFit refuses an address that exists but is not for this fault.
func checkFit(l *document.Notes, path string, systems Systems, d faults.Definition, line FaultLine) {
	at := path + ".at"
	if len(d.Operations) > 0 && !slices.Contains(d.Operations, line.At.Operation) {
		l.Addf(at, "%s is for %s, not for %s", d.Name, document.Joined(d.Operations), line.At.Operation)
		return
	}
	if len(d.Legs) > 0 && !slices.Contains(d.Legs, line.At.Leg) {
		l.Addf(at, "%s is for the %s, not the %s; for example %s", d.Name, document.Joined(d.Legs), line.At.Leg, d.Example)
		return
	}
	if d.Kind == faults.OnProcess && !line.At.One() {
		l.Addf(at, "%s is for one message, not for every one (#*) or a range: a process stops once", d.Name)
		return
	}
	if systems.Stranger && multiplies(d.New()) {
		l.Addf(at, "%s is for the reference merchant: what several instances of yours share is for you to say; put them behind one address", d.Name)
		return
	}
	settings := line.Settings
	if len(settings) == 0 {
		settings = []json.RawMessage{nil}
	}
	for _, one := range settings {
		fault, err := faults.Decode(d.Name, one)
		if err != nil {
			if l.Source == nil {
				l.Add(path, err.Error())
			}
			return
		}
		if problem, part := unfitAnywhere(systems, fault, *line.At); problem != "" {
			l.Put(at, part, document.Problem{Message: d.Name + ": " + problem})
			return
		}
		if !checkLie(l, path, fault, line) {
			return
		}
		if held, is := fault.(*faults.HoldBack); is && held.Until != "" {
			if until, err := faults.ParseAddress(held.Until); err == nil && !checkAddress(l, path+".until", systems, until) {
				return
			}
		}
	}
}

// classified are faults whose class depends on where they are pinned.
type classified interface {
	ClassOn(faults.Operation, faults.Leg) faults.Class
}

// checkLie reports whether the fault's class at its place is what was asked for.
func checkLie(l *document.Notes, path string, fault faults.Fault, line FaultLine) bool {
	classed, is := fault.(classified)
	isLie := is && classed.ClassOn(line.At.Operation, line.At.Leg) == faults.Lie
	switch {
	case isLie && !line.Lie:
		l.Addf(path+".at", "%s is a lie here: a validly signed message that its sender's book contradicts; ask for it with lie: true", line.Fault)
	case line.Lie && !isLie:
		l.Addf(path+".lie", "%s is no lie here; leave lie: out", line.Fault)
	default:
		return true
	}
	return false
}

// unfitAnywhere is unfitFor of an address that may stand for any provider: it
// is unfit only if it is so with all of them.
func unfitAnywhere(systems Systems, fault faults.Fault, at faults.Address) (problem, part string) {
	if !namesAny(at.Link) {
		return unfitFor(systems, fault, at)
	}
	for _, provider := range systems.Providers {
		there := at
		there.Link = linkOf(at.Link, provider.Name)
		found, blamed := unfitFor(systems, fault, there)
		if found == "" {
			return "", ""
		}
		problem, part = found, strings.ReplaceAll(blamed, string(provider.Name), anyProvider)
	}
	return problem, part
}

// fitting are those of a line's settings that are legal at its place, each once
// for every time that it stands there. A line without settings has one that is
// empty. What cannot be decoded fits: it is refused elsewhere, in its words.
func fitting(systems Systems, line FaultLine) []json.RawMessage {
	settings := line.Settings
	if len(settings) == 0 {
		settings = []json.RawMessage{nil}
	}
	if line.At == nil {
		return settings
	}
	return slices.DeleteFunc(slices.Clone(settings), func(one json.RawMessage) bool {
		fault, err := faults.Decode(line.Fault, one)
		if err != nil {
			return false
		}
		problem, _ := unfitFor(systems, fault, *line.At)
		return problem != ""
	})
}

// unfitFor says why a fault cannot act at an address, "" if it can, and which
// part of the address is to blame.
func unfitFor(systems Systems, fault faults.Fault, at faults.Address) (problem, part string) {
	if placed, is := fault.(interface {
		CheckPlace(faults.Operation, faults.Leg) error
	}); is {
		if err := placed.CheckPlace(at.Operation, at.Leg); err != nil {
			return err.Error(), string(at.Leg)
		}
	}
	if _, needs := fault.(interface{ NeedsBody() }); needs && systems.bodiless(at) {
		return "the " + string(at.Leg) + " of " + string(at.Operation) + " has no body", string(at.Operation)
	}
	if linked, is := fault.(interface{ CheckLink(provider bool) error }); is {
		if err := linked.CheckLink(systems.providerOn(at.Link) != ""); err != nil {
			return err.Error(), string(at.Link)
		}
	}
	if stream := streamOf(fault); stream != "" && !slices.Contains(systems.Streams, stream) {
		return fmt.Sprintf("there is no link of bytes %s; there is %s", stream, orNone(systems.Streams)), string(at.Link)
	}
	provider, is := systems.provider(systems.providerOn(at.Link))
	switch f := fault.(type) {
	case *faults.ErrorStatus:
		known := provider.UnknownOutcome
		if !is || isNotification(at.Operation) { // a shop, which has no codes of that kind
			known = []string{f.Code}
		}
		if err := f.CheckLeg(at.Leg, known); err != nil {
			return err.Error(), string(at.Leg)
		}
	case *faults.Amount:
		if !carriesAmount(at.Operation, at.Leg) {
			return "the " + string(at.Leg) + " of " + string(at.Operation) + " carries no amount", string(at.Operation)
		}
	case *faults.Signature:
		return unfitSignature(provider, f.How, at)
	case *faults.ForgedNotification:
		if f.How != "" && !slices.Contains(provider.Signatures, f.How) {
			return fmt.Sprintf("%s cannot sign by %s", provider.Name, f.How), string(at.Link)
		}
	case *faults.ForeignMerchant:
		if !slices.Contains(provider.Foreign, f.Whose()) {
			return fmt.Sprintf("%s has no %s that a message could be for", provider.Name, f.Whose()), string(at.Link)
		}
	case *faults.StaleReplay:
		if at.One() && at.Nth == 1 && at.Operation != faults.NotifyRefund {
			return "before the first message there is none to repeat", string(at.Operation)
		}
	case *faults.MerchantCrash:
		if f.When == faults.AfterAcknowledging && (!isNotification(at.Operation) || at.Leg != faults.AnswerLeg) {
			return "after-acknowledging is for the answer to a notification", string(at.Operation)
		}
	case *faults.KeyRotation:
		if !provider.Rotates {
			return fmt.Sprintf("%s is not known to merchants by a certificate that could change", at.Link), string(at.Link)
		}
	case *faults.ProviderDown:
		if !is || string(provider.Name) != at.Link.To() {
			return "it goes down for calls to a provider, on a link that leads there", string(at.Link)
		}
	}
	return "", ""
}

// streamOf is the link of bytes that a fault is done to; "" if it is none.
func streamOf(fault faults.Fault) faults.Link {
	if streams, is := fault.(interface{ OnStream() faults.Link }); is {
		return streams.OnStream()
	}
	return ""
}

func orNone(links []faults.Link) string {
	if len(links) == 0 {
		return "none in this run"
	}
	return document.Joined(links)
}

// unfitSignature says why a message's signature cannot be spoiled so.
func unfitSignature(provider Provider, how faults.SignatureChange, at faults.Address) (problem, part string) {
	if provider.Name == "" || (isNotification(at.Operation) && at.Leg == faults.AnswerLeg) {
		return "this message is not signed", string(at.Operation)
	}
	possible, whose := provider.Signatures, string(provider.Name)
	if at.Link.From() == "merchant" && at.Leg == faults.RequestLeg {
		possible, whose = provider.RequestSignatures, "a merchant of "+whose
	}
	if how != "" && !slices.Contains(possible, how) {
		return fmt.Sprintf("a signature of %s cannot be spoiled by %s; it can by %s", whose, how, document.Joined(possible)), string(at.Leg)
	}
	return "", ""
}

// carriesAmount reports whether a message says how much, so that it can be
// changed there.
func carriesAmount(operation faults.Operation, leg faults.Leg) bool {
	switch operation {
	case faults.Create, faults.NotifyPayment, faults.NotifyRefund:
		return leg == faults.RequestLeg
	case faults.Query, faults.RefundQuery:
		return leg == faults.AnswerLeg
	default:
		return operation == faults.PayCode || operation == faults.Refund
	}
}

// isNotification reports whether a provider calls the merchant by it.
func isNotification(operation faults.Operation) bool {
	return strings.HasPrefix(string(operation), "notify-")
}
