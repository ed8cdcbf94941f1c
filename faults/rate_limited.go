package faults

// RateLimited answers in the provider's own form that the caller asks too
// often. The provider did not act. A range of messages is limited as long as it
// lasts: at: merchant->provider query#1-3.
type RateLimited struct{}

func rateLimited() Definition {
	return Definition{Name: "rate-limited", Kind: OnMessage, Class: Legal, Legs: []Leg{RequestLeg},
		Operations: []Operation{Create, PayCode, Query, Close, Reverse, Refund, RefundQuery},
		Experience: "The provider answers that the merchant asks too often, and did not act; a range of calls is refused until it asks again later.",
		Example:    "{fault: rate-limited, at: merchant->provider query#1-3}",
		New:        func() Fault { return &RateLimited{} }}
}

// Check implements Fault.
func (*RateLimited) Check() error { return nil }

// Bite implements MessageFault.
func (*RateLimited) Bite(effect *Effect) { effect.Respond = &Response{TooMany: true} }
