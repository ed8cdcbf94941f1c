package invariants

import (
	"slices"
	"time"

	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/journal"
	"github.com/payquake/payquake/payment"
	"github.com/payquake/payquake/scenarios"
)

// Trial is the evidence of one trial: its records, and the three books that
// they tell of.
type Trial struct {
	ID       faults.Trial
	Planned  scenarios.Trial
	Rerun    bool // run again, alone
	Disturbs bool // a process went down in its batch
	TraceID  string

	Operations    []journal.Record
	Messages      []journal.Record
	PinRecords    []journal.Record
	Postings      []journal.Record
	ProviderBook  []journal.Record // entries of providers
	MerchantBook  []journal.Record // entries of the merchant, at rest
	Spans         []journal.Span
	Healed        time.Time // when its own faults were out of force; zero if never
	Rested        bool
	Collected     bool   // the merchant's books were read at rest
	BoundPassed   string // why it did not come to rest
	Contradiction string // why its messages cannot be told from another trial's
	KeptBack      []journal.Record

	evidence *Evidence
	position int // in the plan
	views    *views
}

func (t *Trial) add(record journal.Record) {
	if t.TraceID == "" {
		t.TraceID = record.TraceID
	}
	switch {
	case record.Stage != nil:
		t.addStage(record)
	case record.Operation != nil:
		t.Operations = append(t.Operations, record)
	case record.Message != nil:
		t.Messages = append(t.Messages, record)
	case record.Pin != nil:
		t.PinRecords = append(t.PinRecords, record)
	case record.Posting != nil:
		t.Postings = append(t.Postings, record)
	case record.Entry != nil && record.Entry.Owner == "merchant":
		t.MerchantBook = append(t.MerchantBook, record)
	case record.Entry != nil:
		t.ProviderBook = append(t.ProviderBook, record)
	}
}

func (t *Trial) addStage(record journal.Record) {
	switch record.Stage.Name {
	case journal.Healed:
		t.Healed = record.At
	case journal.Rested:
		t.Rested = true
	case journal.Collected:
		t.Collected = true
	case journal.BoundPassed:
		t.BoundPassed = record.Stage.Detail
		if t.BoundPassed == "" {
			t.BoundPassed = "rest was not reached in time"
		}
	case journal.Contradiction:
		t.Contradiction = record.Stage.Detail
	case journal.KeptBack, journal.LetGo:
		t.KeptBack = append(t.KeptBack, record)
	}
}

// Undisturbed is from when on nothing was in the way of the trial: its own
// faults were out of force, and no process was down that another trial of its
// batch had stopped. It is zero if that never came.
func (t *Trial) Undisturbed() time.Time {
	if up := t.evidence.upAgain[t.evidence.planned[t.ID].batch]; !t.Healed.IsZero() && up.After(t.Healed) {
		return up
	}
	return t.Healed
}

// Total is what the trial's shopper was to pay: as planned, or, where the shopper
// was not payquake's, what the merchant first asked for.
func (t *Trial) Total() payment.Money {
	if !t.evidence.Header.Capabilities.Watched {
		return t.Planned.Total
	}
	for _, record := range t.Messages {
		if record.Message.Operation == faults.Create && record.Message.Leg == faults.RequestLeg {
			return record.Message.Sent.Amount
		}
	}
	return payment.Money{}
}

// Records are all records of the trial in the order of their time.
func (t *Trial) Records() []journal.Record {
	all := slices.Concat(t.Operations, t.Messages, t.PinRecords, t.Postings, t.ProviderBook, t.MerchantBook, t.KeptBack)
	slices.SortStableFunc(all, func(a, b journal.Record) int { return a.At.Compare(b.At) })
	return all
}

// Capture is money that a provider took from the trial's wallet.
type Capture struct {
	Reference payment.MerchantReference
	Theirs    payment.ProviderReference
	Order     string // the order it was made for, as far as anybody knows
	Amount    payment.Money
	At        time.Time
	Record    journal.Ref
	// Returned went back or is on its way back, by refund or reversal.
	Returned payment.Money
}

// Kept is what the merchant keeps of the capture.
func (c Capture) Kept() payment.Money { return minus(c.Amount, c.Returned) }

// Order is an order as its shopper and its merchant know it.
type Order struct {
	ID     string
	Total  payment.Money // that the shopper confirmed
	Placed journal.Ref
	begun  time.Time // when it was placed
	// The merchant's books at rest; State is "" if they do not mention it.
	State    payment.OrderState
	Refunded payment.Money
	Entry    journal.Ref
	Moves    []Move
	Released []Release
	Payments []journal.Record // entries
	Refunds  []journal.Record
	Handed   []journal.Record
	Credits  []journal.Record // captures that became the shopper's balance
	Captures []Capture
}

// Move is a state of an order's history, by the merchant's own books.
type Move struct {
	State  payment.OrderState
	At     time.Time
	Record journal.Ref
}

// Release is one telling of the fulfilment service to send the goods.
type Release struct {
	Key    string
	At     time.Time
	Record journal.Ref
}

// EverPaid returns the first moment at which the merchant treated the order as
// paid, by its books.
func (o Order) EverPaid() (Move, bool) {
	for _, move := range o.Moves {
		if move.State == payment.OrderPaid || move.State == payment.OrderRefunded {
			return move, true
		}
	}
	if o.State == payment.OrderPaid || o.State == payment.OrderRefunded {
		return Move{State: o.State, Record: o.Entry}, true
	}
	return Move{}, false
}

// views are the books in the shape that checks read.
type views struct {
	orders    []Order
	strangers []Capture // captures for which no order is known at all
}

// Orders are the trial's orders with everything known of each.
func (t *Trial) Orders() []Order { return t.look().orders }

// Captures are all captures of the trial, of known orders and of none.
func (t *Trial) Captures() []Capture {
	seen := t.look()
	all := slices.Clone(seen.strangers)
	for _, order := range seen.orders {
		all = append(all, order.Captures...)
	}
	return all
}

func minus(a, b payment.Money) payment.Money {
	difference, err := a.Sub(b)
	if err != nil { // of another currency: nothing of it was subtracted
		return a
	}
	return difference
}

func plus(a, b payment.Money) payment.Money {
	sum, err := a.Add(b)
	if err != nil {
		return a
	}
	return sum
}

func more(a, b payment.Money) bool {
	order, err := a.Compare(b)
	return err != nil || order > 0
}

func same(a, b payment.Money) bool {
	order, err := a.Compare(b)
	return err == nil && order == 0
}
