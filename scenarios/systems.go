package scenarios

import (
	"slices"

	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/payment"
)

// Systems are the systems that exist, as data: scenarios may name no other
// provider, method, link or operation.
type Systems struct {
	Providers []Provider
	Links     []Link
}

// Provider is a payment provider and the ways to pay that it offers.
type Provider struct {
	Name    payment.ProviderName
	Methods []payment.Method
}

// Link is a link between two roles and the operations that cross it.
type Link struct {
	Name       faults.Link
	Operations []faults.Operation
}

// DefaultSystems are a merchant with a fulfilment service and WeChat Pay.
// Operations that belong to no trial, such as certificate downloads, are left
// out: nothing can be pinned to them.
func DefaultSystems() Systems {
	return Systems{
		Providers: []Provider{{Name: "wechatpay", Methods: []payment.Method{payment.MethodCode, payment.MethodInApp,
			payment.MethodApp, payment.MethodWeb, payment.MethodBarcode}}},
		Links: []Link{
			{"shopper->merchant", []faults.Operation{faults.Place, faults.Start, faults.ReadOrder, faults.AskRefund}},
			{"merchant->wechatpay", []faults.Operation{faults.Create, faults.PayCode, faults.Query, faults.Close,
				faults.Reverse, faults.Refund, faults.RefundQuery}},
			{"wechatpay->merchant", []faults.Operation{faults.NotifyPayment, faults.NotifyRefund}},
			{"merchant->fulfilment", []faults.Operation{faults.ReleaseGoods}},
		},
	}
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

// link finds a link by name.
func (s Systems) link(name faults.Link) (Link, bool) {
	for _, link := range s.Links {
		if link.Name == name {
			return link, true
		}
	}
	return Link{}, false
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

func (s Systems) providerNames() []string {
	var names []string
	for _, provider := range s.Providers {
		names = append(names, string(provider.Name))
	}
	return names
}

func (s Systems) linkNames() []string {
	var names []string
	for _, link := range s.Links {
		names = append(names, string(link.Name))
	}
	return names
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
