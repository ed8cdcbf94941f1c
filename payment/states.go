package payment

// OrderState is what the merchant believes of an order. The zero value is not
// a state: nothing is known.
type OrderState string

// The states of an order. A paid order that was refunded in part stays paid;
// the refunded amount is kept beside the state.
const (
	OrderOpen     OrderState = "open"     // placed; may still be paid
	OrderPaid     OrderState = "paid"     // its total was captured and booked
	OrderRefunded OrderState = "refunded" // all that was paid went back
	OrderClosed   OrderState = "closed"   // ended unpaid
)

func orderMoves() map[OrderState][]OrderState {
	return map[OrderState][]OrderState{
		"":        {OrderOpen},
		OrderOpen: {OrderPaid, OrderClosed},
		OrderPaid: {OrderRefunded},
	}
}

// MayBecome reports whether the move is legal. Staying is always legal; the
// first state of an order is open.
func (s OrderState) MayBecome(next OrderState) bool { return legal(orderMoves(), s, next) }

// Terminal reports whether nothing is left to do unless someone asks.
func (s OrderState) Terminal() bool {
	return s == OrderPaid || s == OrderRefunded || s == OrderClosed
}

// State is what is known of one payment: the one intent to collect for an
// order. The zero value is not a state.
type State string

// The states of a payment.
const (
	Pending    State = "pending"     // asked for or about to be; the outcome is not known
	Captured   State = "captured"    // the money was taken
	Declined   State = "declined"    // refused for good; no money moved
	Closed     State = "closed"      // ended unpaid; cannot be paid any more
	Returned   State = "returned"    // the whole capture went back
	HandedOver State = "handed-over" // listed for people with reference, amount and reason
)

func paymentMoves() map[State][]State {
	return map[State][]State{
		"":       {Pending},
		Pending:  {Captured, Declined, Closed, HandedOver},
		Captured: {Returned, HandedOver},
		// Money can arrive for a payment the merchant gave up (a late success).
		Closed:   {Captured},
		Declined: {Captured},
	}
}

// MayBecome reports whether the move is legal. Staying is always legal.
func (s State) MayBecome(next State) bool { return legal(paymentMoves(), s, next) }

// Terminal reports whether nothing is left to do unless someone asks.
func (s State) Terminal() bool { return s != "" && s != Pending }

// RefundState is what is known of one refund. The zero value is not a state.
type RefundState string

// The states of a refund.
const (
	RefundRequested  RefundState = "requested"   // durable at the merchant; the provider may not know it
	RefundProcessing RefundState = "processing"  // accepted by the provider, money not yet back
	RefundDone       RefundState = "done"        // the money is back
	RefundRefused    RefundState = "refused"     // the provider surely did not and will not do it
	RefundHandedOver RefundState = "handed-over" // listed for people
)

func refundMoves() map[RefundState][]RefundState {
	return map[RefundState][]RefundState{
		"":               {RefundRequested},
		RefundRequested:  {RefundProcessing, RefundDone, RefundRefused, RefundHandedOver},
		RefundProcessing: {RefundDone, RefundRefused, RefundHandedOver},
		// The money of a refund that people were given, or that seemed refused, may be
		// found to have gone back.
		RefundHandedOver: {RefundDone},
		RefundRefused:    {RefundDone},
	}
}

// MayBecome reports whether the move is legal. Staying is always legal.
func (s RefundState) MayBecome(next RefundState) bool { return legal(refundMoves(), s, next) }

// Terminal reports whether nothing is left to do unless someone asks.
func (s RefundState) Terminal() bool {
	return s == RefundDone || s == RefundRefused || s == RefundHandedOver
}

func legal[S ~string](moves map[S][]S, from, to S) bool {
	if from == to {
		return from != ""
	}
	for _, next := range moves[from] {
		if next == to {
			return true
		}
	}
	return false
}
