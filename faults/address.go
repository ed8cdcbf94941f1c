// Package faults says what can go wrong, as data: where a fault belongs
// (Address, Pin), what it does to a message (Effect), to a provider's conduct
// (Conduct), to a process (Interruption) or to a shopper's way (Journey), and
// the catalogue of all of them, one file each, noop first.
//
// Nothing here acts. The proxy carries out effects, providers follow conducts,
// the harness interrupts processes and the driver walks journeys. Nothing here
// draws either: settings that leave something to chance are resolved when the
// plan is made, through Drawer.
package faults

import (
	"fmt"
	"strconv"
	"strings"
)

// Trial names one trial of a plan: one shopper, one basket, and the faults
// pinned to it.
type Trial string

// RunTrial owns the messages that belong to no payment, such as certificate
// downloads.
const RunTrial Trial = "run"

// Link is a directed network edge between two roles, written
// "merchant->wechatpay".
type Link string

// LinkBetween is the link on which from calls to.
func LinkBetween(from, to string) Link { return Link(from + "->" + to) }

// From is the calling role, and To the called one.
func (l Link) From() string { from, _, _ := strings.Cut(string(l), "->"); return from }

// To is the called role.
func (l Link) To() string { _, to, _ := strings.Cut(string(l), "->"); return to }

// Valid reports whether the link names two roles.
func (l Link) Valid() bool { return l.From() != "" && l.To() != "" }

// Operation is what a message asks for, in one vocabulary for all providers.
type Operation string

// The operations of the providers' links.
const (
	Create        Operation = "create"         // begin a payment that the shopper confirms
	PayCode       Operation = "pay-code"       // capture from the barcode the shopper shows
	Query         Operation = "query"          // ask for a payment's state
	Close         Operation = "close"          // end an unpaid payment
	Reverse       Operation = "reverse"        // undo a payment whose result is unknown
	Refund        Operation = "refund"         // give money back after capture
	RefundQuery   Operation = "refund-query"   // ask for a refund's state
	NotifyPayment Operation = "notify-payment" // the provider says that a payment changed
	NotifyRefund  Operation = "notify-refund"  // the provider says that a refund changed
	Certificates  Operation = "certificates"   // fetch the provider's certificates
	Other         Operation = "other"          // anything the dialect has no word for
)

// The operations of shopper->merchant and merchant->fulfilment.
const (
	Place        Operation = "place"         // place an order
	Start        Operation = "start"         // start paying it
	ReadOrder    Operation = "read"          // look at it
	AskRefund    Operation = "ask-refund"    // ask for money back
	CancelOrder  Operation = "cancel-order"  // want the order no more
	ChangeOrder  Operation = "change-order"  // want something else instead
	ReturnPage   Operation = "return-page"   // come back from the provider's page
	ReleaseGoods Operation = "release-goods" // tell the fulfilment service to send the goods
)

// Leg is the half of an exchange: the request before the callee acts, or the
// answer after it acted.
type Leg string

// The legs.
const (
	RequestLeg Leg = "request"
	AnswerLeg  Leg = "answer"
)

// Address says which message a fault belongs to: the nth one of an operation
// that a trial sends over a link, counted from 1 over all its references, in
// one leg. Nth 0 means every one. With a Last it means each from Nth to Last.
type Address struct {
	Trial     Trial     `json:"trial"`
	Link      Link      `json:"link"`
	Operation Operation `json:"operation"`
	Nth       int       `json:"nth"`
	Last      int       `json:"last,omitempty"`
	Leg       Leg       `json:"leg"`
}

// longestRange bounds how many messages an address may mean without meaning
// every one.
const longestRange = 100

// One reports whether the address means a single message.
func (a Address) One() bool { return a.Nth > 0 && a.Last == 0 }

// Each are the addresses of single messages that a range means; an address that
// is no range is itself.
func (a Address) Each() []Address {
	if a.Last == 0 {
		return []Address{a}
	}
	var all []Address
	for nth := a.Nth; nth <= a.Last; nth++ {
		one := a
		one.Nth, one.Last = nth, 0
		all = append(all, one)
	}
	return all
}

// String writes the address as users read and type it:
// "t0007 merchant->wechatpay create#1 answer".
func (a Address) String() string {
	nth := "*"
	if a.Nth > 0 {
		nth = strconv.Itoa(a.Nth)
	}
	if a.Last > 0 {
		nth += "-" + strconv.Itoa(a.Last)
	}
	text := fmt.Sprintf("%s %s#%s %s", a.Link, a.Operation, nth, a.Leg)
	if a.Trial != "" {
		return string(a.Trial) + " " + text
	}
	return text
}

// ParseAddress reads what String writes, without the trial: the link, the
// operation with an optional #nth (default 1, * for every one, 2-4 for a range),
// and the leg (default request).
func ParseAddress(text string) (Address, error) {
	fields := strings.Fields(text)
	if len(fields) < 2 || len(fields) > 3 {
		return Address{}, fmt.Errorf("address %q: want \"caller->callee operation#nth leg\"", text)
	}
	address := Address{Link: Link(fields[0]), Nth: 1, Leg: RequestLeg}
	if !address.Link.Valid() {
		return Address{}, fmt.Errorf("address %q: %q is no link; want caller->callee", text, fields[0])
	}
	operation, nth, counted := strings.Cut(fields[1], "#")
	address.Operation = Operation(operation)
	if operation == "" || strings.Count(fields[0], "->") != 1 {
		return Address{}, fmt.Errorf("address %q: want \"caller->callee operation#nth leg\"", text)
	}
	if counted {
		var err error
		if address.Nth, address.Last, err = parseCount(nth); err != nil {
			return Address{}, fmt.Errorf("address %q: %w", text, err)
		}
	}
	if len(fields) == 3 {
		address.Leg = Leg(fields[2])
	}
	if address.Leg != RequestLeg && address.Leg != AnswerLeg {
		return Address{}, fmt.Errorf("address %q: the leg is request or answer, not %q", text, address.Leg)
	}
	return address, nil
}

// parseCount reads what stands behind the # of an address.
func parseCount(text string) (nth, last int, err error) {
	if text == "*" {
		return 0, 0, nil
	}
	from, to, ranged := strings.Cut(text, "-")
	nth, err = strconv.Atoi(from)
	if err == nil && ranged {
		last, err = strconv.Atoi(to)
	}
	switch {
	case err != nil || nth < 1:
		return 0, 0, fmt.Errorf("#%s is no count from 1; * means every one, 2-4 a range", text)
	case ranged && (last <= nth || last-nth >= longestRange):
		return 0, 0, fmt.Errorf("#%s is no range: it ends after it begins, and has at most %d messages", text, longestRange)
	}
	return nth, last, nil
}
