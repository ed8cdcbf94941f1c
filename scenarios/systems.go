package scenarios

import (
	"slices"
	"strings"

	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/payment"
)

// Systems are the systems that exist, as data: scenarios may name no other
// provider, method, link or operation.
type Systems struct {
	Providers []Provider
	Links     []Link
	// Streams are links of bytes that are not known as messages.
	Streams []faults.Link
	// Stranger: the merchant's habits are not known, such as whether it closes what
	// it gives up; what it sends by itself may come, and is required of no pin.
	Stranger bool
	// Watched: the merchant's shoppers are other people's. A trial is a payment that
	// they begin; payquake's part is to pay it, or not.
	Watched bool
	// Unstoppable: the merchant is not payquake's to stop and start.
	Unstoppable bool
	// Goods are all that the merchant sells; none means that it takes any price.
	Goods []Good
}

// Provider is a payment provider: the ways to pay that it offers, and what
// differs between providers so that a fault is legal, or a message certain,
// with one and not with another.
type Provider struct {
	Name    payment.ProviderName
	Methods []payment.Method
	// Quiet methods begin on the shopper's device, with what the merchant
	// signed: no call to the provider begins them.
	Quiet []payment.Method
	// Unsigned methods are begun by a call whose answer bears no signature: it
	// only sends the shopper on.
	Unsigned []payment.Method
	// Lacks are the calls that the provider does not have.
	Lacks []faults.Operation
	// Combines: several shops' orders can be paid by one payment.
	Combines bool
	// NotifiesBarcodes: a payment by barcode is notified like any other, not
	// only answered. ConfirmsBarcodes: what its answer says must be asked for
	// once more. ConfirmsNotifications: so must what a notification says.
	NotifiesBarcodes, ConfirmsBarcodes, ConfirmsNotifications bool
	// LateRefunds: a refund is accepted first, and its money moves later.
	// RefusesBusyClose: a close may be refused because the shopper is paying.
	// Promotes: the provider pays coupons. Finishes: it has a second word for paid.
	LateRefunds, RefusesBusyClose, Promotes, Finishes bool
	// TellsFailures are the ways to pay of which a failed payment may be notified.
	TellsFailures []payment.Method
	// UnknownOutcome are the error codes that leave open whether a call was
	// acted on.
	UnknownOutcome []string
	// Signatures are the ways in which the provider's own signatures can be
	// spoiled, RequestSignatures those of its merchants' calls.
	Signatures, RequestSignatures []faults.SignatureChange
	// Rotates: merchants know the provider by certificates, which it changes.
	Rotates bool
	// Foreign is what tells a message for somebody else from one for the merchant.
	Foreign []faults.AccountChange
}

// Link is a link between two roles and the operations that cross it.
type Link struct {
	Name       faults.Link
	Operations []faults.Operation
	// Bodiless are the messages that have no body, or need not have one.
	Bodiless []Half
}

// Half is one half of every exchange of an operation.
type Half struct {
	Operation faults.Operation
	Leg       faults.Leg
}

// DefaultSystems are a merchant with a fulfilment service, and the three
// providers. Operations that belong to no trial, such as certificate
// downloads, are left out: nothing can be pinned to them.
func DefaultSystems() Systems {
	systems := Systems{Streams: []faults.Link{"merchant->database"}, Links: []Link{
		{Name: "shopper->merchant", Operations: []faults.Operation{faults.Place, faults.Start, faults.ReadOrder, faults.AskRefund,
			faults.CancelOrder, faults.ChangeOrder, faults.ReturnPage}, Bodiless: []Half{{faults.ReadOrder, faults.RequestLeg},
			{faults.ReturnPage, faults.RequestLeg}, {faults.CancelOrder, faults.RequestLeg}}},
	}}
	for _, provider := range []Provider{weChatPay(), alipay(), unionPay()} {
		calls := []faults.Operation{faults.Create, faults.PayCode, faults.Query, faults.Close, faults.Reverse, faults.Refund, faults.RefundQuery}
		calls = slices.DeleteFunc(calls, func(o faults.Operation) bool { return slices.Contains(provider.Lacks, o) })
		systems.Providers = append(systems.Providers, provider)
		out := Link{Name: faults.LinkBetween("merchant", string(provider.Name)), Operations: calls}
		if provider.Name == "wechatpay" { // its queries are GETs, and a close is answered by its status alone
			out.Bodiless = []Half{{faults.Query, faults.RequestLeg}, {faults.RefundQuery, faults.RequestLeg}, {faults.Close, faults.AnswerLeg}}
		}
		systems.Links = append(systems.Links, out, Link{Name: faults.LinkBetween(string(provider.Name), "merchant"),
			Operations: []faults.Operation{faults.NotifyPayment, faults.NotifyRefund},
			Bodiless:   []Half{{faults.NotifyPayment, faults.AnswerLeg}, {faults.NotifyRefund, faults.AnswerLeg}}})
	}
	systems.Links = append(systems.Links, Link{Name: "merchant->fulfilment", Operations: []faults.Operation{faults.ReleaseGoods},
		Bodiless: []Half{{faults.ReleaseGoods, faults.AnswerLeg}}})
	return systems
}

func weChatPay() Provider {
	return Provider{Name: "wechatpay", Combines: true, LateRefunds: true, RefusesBusyClose: true, Promotes: true,
		Methods:        []payment.Method{payment.MethodCode, payment.MethodInApp, payment.MethodApp, payment.MethodWeb, payment.MethodBarcode},
		UnknownOutcome: []string{"SYSTEM_ERROR", "BANK_ERROR"},
		Signatures:     faults.BadSignatures(),
		RequestSignatures: []faults.SignatureChange{faults.SignatureMissing, faults.SignatureBroken, faults.SignatureWrongKey,
			faults.SignatureWrongSerial, faults.SignatureExpiredTimestamp},
		Foreign: []faults.AccountChange{faults.OtherAccount, faults.OtherApp},
	}
}

func alipay() Provider {
	return Provider{Name: "alipay", NotifiesBarcodes: true, ConfirmsBarcodes: true, Promotes: true, Finishes: true,
		TellsFailures:     []payment.Method{payment.MethodApp},
		Methods:           []payment.Method{payment.MethodCode, payment.MethodInApp, payment.MethodApp, payment.MethodWeb, payment.MethodBarcode},
		Quiet:             []payment.Method{payment.MethodApp, payment.MethodWeb},
		UnknownOutcome:    []string{"20000", "ACQ.SYSTEM_ERROR"},
		Signatures:        []faults.SignatureChange{faults.SignatureMissing, faults.SignatureBroken, faults.SignatureWrongKey},
		RequestSignatures: []faults.SignatureChange{faults.SignatureMissing, faults.SignatureBroken, faults.SignatureWrongKey},
		Foreign:           []faults.AccountChange{faults.OtherAccount, faults.OtherApp, faults.TestMode},
	}
}

func unionPay() Provider {
	return Provider{Name: "unionpay", Rotates: true, NotifiesBarcodes: true, ConfirmsBarcodes: true, ConfirmsNotifications: true, LateRefunds: true,
		TellsFailures:  []payment.Method{payment.MethodBarcode},
		Methods:        []payment.Method{payment.MethodCode, payment.MethodApp, payment.MethodWeb, payment.MethodBarcode},
		Unsigned:       []payment.Method{payment.MethodWeb},
		Lacks:          []faults.Operation{faults.Close}, // an unpaid payment ends by its time alone
		UnknownOutcome: []string{"03", "04", "05", "06"},
		Signatures: []faults.SignatureChange{faults.SignatureMissing, faults.SignatureBroken, faults.SignatureWrongKey,
			faults.SignatureWrongSerial, faults.SignatureExpiredTimestamp},
		RequestSignatures: []faults.SignatureChange{faults.SignatureMissing, faults.SignatureBroken, faults.SignatureWrongKey,
			faults.SignatureWrongSerial},
		Foreign: []faults.AccountChange{faults.OtherAccount, faults.TestMode},
	}
}

// anyProvider is the role that stands for the provider of each trial, so that
// one line of a scenario means the same with all of them.
const anyProvider = "provider"

// namesAny reports whether a link leads to or from whichever provider a trial
// has.
func namesAny(link faults.Link) bool { return link.To() == anyProvider || link.From() == anyProvider }

// linkOf is a link with the provider's name for the role that stands for any.
func linkOf(link faults.Link, provider payment.ProviderName) faults.Link {
	from, to := link.From(), link.To()
	if from == anyProvider {
		from = string(provider)
	}
	if to == anyProvider {
		to = string(provider)
	}
	return faults.LinkBetween(from, to)
}

// provider finds a provider by name.
func (s Systems) provider(name payment.ProviderName) (Provider, bool) {
	for _, provider := range s.Providers {
		if provider.Name == name {
			return provider, true
		}
	}
	return Provider{}, false
}

// link finds a link by name. One that stands for any provider's has the
// operations of all of them.
func (s Systems) link(name faults.Link) (Link, bool) {
	found := Link{Name: name}
	for _, link := range s.Links {
		if link.Name == name {
			return link, true
		}
		for _, provider := range s.Providers {
			if !namesAny(name) || linkOf(name, provider.Name) != link.Name {
				continue
			}
			for _, operation := range link.Operations {
				if !slices.Contains(found.Operations, operation) {
					found.Operations = append(found.Operations, operation)
				}
			}
		}
	}
	return found, len(found.Operations) > 0
}

// normalised are the links as scenarios that mean every provider name them.
func (s Systems) normalised() []Link {
	var links []Link
	for _, name := range []faults.Link{"merchant->" + anyProvider, anyProvider + "->merchant"} {
		if link, known := s.link(name); known {
			links = append(links, link)
		}
	}
	return append(links, slices.DeleteFunc(slices.Clone(s.Links), func(l Link) bool { return s.providerOn(l.Name) != "" })...)
}

// crosses reports whether the operation crosses the link.
func (s Systems) crosses(name faults.Link, operation faults.Operation) bool {
	link, known := s.link(name)
	return known && slices.Contains(link.Operations, operation)
}

// bodiless reports whether the messages of an address have no body.
func (s Systems) bodiless(at faults.Address) bool {
	link, known := s.link(at.Link)
	return known && slices.Contains(link.Bodiless, Half{at.Operation, at.Leg})
}

// providerOn tells which role of a link is a provider, "" if none is.
func (s Systems) providerOn(link faults.Link) payment.ProviderName {
	for _, provider := range s.Providers {
		if link.To() == string(provider.Name) || link.From() == string(provider.Name) {
			return provider.Name
		}
	}
	return ""
}

// after is the provider that comes after one in a list, in turn.
func after(providers []Provider, name payment.ProviderName) payment.ProviderName {
	at := slices.IndexFunc(providers, func(p Provider) bool { return p.Name == name })
	return providers[(at+1)%len(providers)].Name
}

func (s Systems) names() []payment.ProviderName {
	var names []payment.ProviderName
	for _, provider := range s.Providers {
		names = append(names, provider.Name)
	}
	return names
}

func (s Systems) providerNames() []string {
	var names []string
	for _, name := range s.names() {
		names = append(names, string(name))
	}
	return names
}

// linkNames are the links, and those that stand for any provider's.
func (s Systems) linkNames() []string {
	names := []string{"merchant->" + anyProvider, anyProvider + "->merchant"}
	for _, link := range s.Links {
		names = append(names, string(link.Name))
	}
	return names
}

// offered leaves of methods those that some provider offers.
func (s Systems) offered(methods []payment.Method) []payment.Method {
	return slices.DeleteFunc(slices.Clone(methods), func(m payment.Method) bool { return !slices.Contains(s.methodNames(), string(m)) })
}

// methodNames lists every method that some provider offers.
func (s Systems) methodNames() []string {
	var names []string
	for _, provider := range s.Providers {
		for _, method := range provider.Methods {
			if !slices.Contains(names, string(method)) {
				names = append(names, string(method))
			}
		}
	}
	return names
}

// resolved is a line with the trial's own provider in the place of any.
func (l FaultLine) resolved(provider payment.ProviderName) FaultLine {
	if l.At != nil {
		at := *l.At
		at.Link = linkOf(at.Link, provider)
		l.At = &at
	}
	if l.Payment != nil && l.Payment.Provider == anyProvider {
		place := *l.Payment
		place.Provider = string(provider)
		l.Payment = &place
	}
	return l
}

// untilOf is the text of an address with the trial's own provider in the place
// of any.
func untilOf(address string, provider payment.ProviderName) string {
	address = strings.Replace(address, "->"+anyProvider+" ", "->"+string(provider)+" ", 1)
	return strings.Replace(address, anyProvider+"->", string(provider)+"->", 1)
}
