package manifest

import (
	"slices"

	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/payment"
	"github.com/payquake/payquake/scenarios"
)

// Systems are the systems that exist in a run with this merchant, of all that
// payquake plays: its providers with the methods it offers, and the links that it
// has.
func (m Manifest) Systems(all scenarios.Systems) scenarios.Systems {
	all = m.With(all)
	systems := scenarios.Systems{Streams: m.streams(), Stranger: true, Watched: m.Watched(), Unstoppable: !m.Merchant.Stoppable(), Goods: m.Goods}
	for _, link := range all.Links {
		switch {
		case link.Name == "shopper->merchant" && m.Watched(): // nobody can tell whose messages its are
		case link.Name == "shopper->merchant":
			operations := slices.Clone(link.Operations)
			operations = slices.DeleteFunc(operations, func(o faults.Operation) bool { return !m.Driver.Offers(o) })
			systems.Links = append(systems.Links, scenarios.Link{Name: link.Name, Operations: operations, Bodiless: link.Bodiless})
		case m.has(link.Name.From()) || m.has(link.Name.To()) || m.serves(link.Name.To()):
			systems.Links = append(systems.Links, link)
		}
	}
	for _, provider := range all.Providers {
		at := slices.IndexFunc(m.Providers, func(own Provider) bool { return own.Name == provider.Name })
		if at < 0 {
			continue
		}
		provider.Methods, provider.Combines = m.Providers[at].Methods, false
		provider.Rotates = provider.Rotates || (provider.Name == "wechatpay" && m.Providers[at].Mode == "certificate")
		if m.Watched() { // how a payment is begun is for others to choose
			provider.Methods, provider.Quiet, provider.Unsigned = []payment.Method{payment.MethodCode}, nil, nil
		}
		systems.Providers = append(systems.Providers, provider)
	}
	return systems
}

// With are all systems and those services whose messages are known: what scenarios
// for this merchant may name.
func (m Manifest) With(all scenarios.Systems) scenarios.Systems {
	for _, link := range m.streams() {
		if !slices.Contains(all.Streams, link) {
			all.Streams = append(slices.Clone(all.Streams), link)
		}
	}
	for _, service := range m.Services {
		if service.HTTP {
			all.Links = append(slices.Clone(all.Links), scenarios.Link{Name: faults.LinkBetween("merchant", service.Name),
				Operations: []faults.Operation{faults.Other}})
		}
	}
	return all
}

// streams are the links to services that are not known as messages.
func (m Manifest) streams() []faults.Link {
	var links []faults.Link
	for _, service := range m.Services {
		if !service.HTTP {
			links = append(links, faults.LinkBetween("merchant", service.Name))
		}
	}
	return links
}

// serves reports whether a role is one of the merchant's services.
func (m Manifest) serves(role string) bool {
	return slices.ContainsFunc(m.Services, func(s Service) bool { return s.Name == role })
}

// has reports whether the merchant takes payments with a provider.
func (m Manifest) has(role string) bool {
	return slices.ContainsFunc(m.Providers, func(own Provider) bool { return string(own.Name) == role })
}
