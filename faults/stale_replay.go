package faults

// StaleReplay repeats an earlier true message of the same payment. On the answer
// leg the caller is given the answer to its earlier call of this kind; on the
// request leg the callee is sent the earlier request once more, after this one. A
// notification's earlier one may be of another kind: a payment's after a refund's.
type StaleReplay struct{}

func staleReplay() Definition {
	return Definition{Name: "stale-replay", Kind: OnMessage, Class: Legal,
		Operations: []Operation{Create, PayCode, Query, Close, Reverse, Refund, RefundQuery, NotifyPayment, NotifyRefund},
		Experience: "A true message that was overtaken comes again: what it says was so, and is not any more.",
		Example:    "{fault: stale-replay, at: merchant->provider query#2 answer}",
		New:        func() Fault { return &StaleReplay{} }}
}

// Check implements Fault.
func (*StaleReplay) Check() error { return nil }

// Bite implements MessageFault.
func (*StaleReplay) Bite(effect *Effect) { effect.Stale = true }
