package faults

import (
	"time"

	"github.com/payquake/payquake/payment"
)

// Effect is what the proxy does to one message. Every fault pinned to the
// message adds its part; the proxy carries the parts out in the order of the
// fields and knows no fault by name. Of several parts that take the message
// away, the first pin's wins. The zero value passes the message on untouched.
type Effect struct {
	Edit   *Edit   // change what the message says, first of all
	Damage *Damage // then spoil the bytes of its body

	Delay time.Duration // wait before passing it on
	Hold  *Hold         // wait for another message of the trial

	Copies  int           // send so many more of it; the caller sees the first answer
	Spacing time.Duration // between copies; 0 sends them at once
	Barrier *Barrier      // release with others in the same instant

	Respond *Response // answer in the callee's place (request leg) or instead of it (answer leg)
	Lose    Loss      // do not pass it on
	Cut     *Cut      // pass on a part of it, then end the connection
	Stale   bool      // give the caller an earlier answer instead, or send an earlier request after it
	Drip    int       // pass it on at so many bytes a second; 0: at once

	Stream *StreamEffect // harm a link of bytes until this message is answered

	Forge *Forgery // send a notification that no provider sent, after this message passed
}

// Loss is a way for a message not to arrive. The zero value loses nothing.
type Loss string

// The ways to lose a message.
const (
	LoseByReset     Loss = "reset"      // the connection is reset
	LoseByBlackHole Loss = "black-hole" // silence until the caller gives up, or the limit
	LoseByClose     Loss = "close"      // the connection is closed in an orderly way
	LoseByEmptyBody Loss = "empty-body" // an answer whose body is missing
)

// Cut lets so many bytes of a message pass, and never all of them. Then the
// connection is reset, or, if it is Orderly, closed after a silence.
type Cut struct {
	After   int
	Body    bool // After counts from the body on; the head passes whole
	Half    bool // and half of the body passes, whatever After says
	Silence time.Duration
	Orderly bool
}

// Damage spoils a message's body and keeps the message whole: its length is
// that of the spoiled body.
type Damage struct {
	Kind DamageKind
	// At is the first byte of the body that is not as it was; 0 is the middle.
	// DamageCharset changes all of it.
	At int
}

// DamageKind is a way to spoil a body.
type DamageKind string

// The ways to spoil a body.
const (
	DamageCut     DamageKind = "cut"     // it ends there
	DamageGarbage DamageKind = "garbage" // from there on it is no text
	DamageCharset DamageKind = "charset" // it is UTF-16, whatever its head says
)

// Hold keeps a message until another message of the same trial has passed, at
// most for the pin's limit. That reorders them.
type Hold struct {
	Until Address       // its trial is the held message's own
	Limit time.Duration // then the message passes all the same, and the pin counts as not fired
}

// Barrier collects Count messages of one group and releases their last bytes
// together. Races need true overlap; sequential duplicates are handled by
// nearly everyone. If not all arrive within Limit, those that did pass, and
// the pin counts as not fired (k of N).
type Barrier struct {
	Group string
	Count int
	Limit time.Duration
}

// Response replaces an answer: an HTTP status and the provider's error code,
// put into the provider's own form, signed where it signs errors. What is unset
// is the provider's own way to say that it does not know the outcome.
type Response struct {
	Status int
	Code   string
	// TooMany says, in the provider's own words, that the caller asks too often.
	// Status and Code are then its own.
	TooMany bool
}

// Edit changes what a message says.
type Edit struct {
	Amount AmountChange
	// OtherPayment asks the proxy to find another payment of the message's trial
	// at the same provider, and to put its reference into Reference.
	OtherPayment bool
	// Reference, if set, takes the place of the merchant reference that the
	// message is about.
	Reference payment.MerchantReference
	State     StateChange
	Field     *FieldEdit
	Account   AccountChange
	Signature SignatureChange
}

// Changes reports whether the edit changes what the message says, and not only
// how it is signed.
func (e Edit) Changes() bool {
	return e.Amount != "" || e.Reference != "" || e.State != "" || e.Field != nil || e.Account != ""
}

// StateChange is a way for a message to lie about whether a payment was paid.
// The zero value leaves it.
type StateChange string

// The changes of a payment's state. Each needs a message that says the opposite,
// but for the last.
const (
	PaidToUnpaid StateChange = "paid-to-unpaid"
	UnpaidToPaid StateChange = "unpaid-to-paid"
	StateUnknown StateChange = "unknown" // a word that no receiver has heard of
)

// FieldEdit gives one value of a message's content another content, or takes it
// away. The content is what is inside an encrypted resource, if there is one.
type FieldEdit struct {
	Path []string // names of JSON members; one name of a form or an XML element
	// Value is the new one, written as text; "" and not Missing is an empty one.
	Value   string
	Missing bool
}

// AccountChange is whose message a provider's message becomes. The zero value
// leaves it.
type AccountChange string

// The changes of a merchant account. They name accounts, apps and modes that
// are not this merchant's.
const (
	OtherAccount AccountChange = "account"
	OtherApp     AccountChange = "app"
	TestMode     AccountChange = "test-mode"
)

// AmountChange is a way to corrupt an amount. The zero value leaves it.
type AmountChange string

// The ways to corrupt an amount.
const (
	AmountPlusOne       AmountChange = "plus-one" // one minor unit more
	AmountMinusOne      AmountChange = "minus-one"
	AmountTimes100      AmountChange = "times-100"
	AmountDividedBy100  AmountChange = "divided-by-100"
	AmountNegative      AmountChange = "negative"
	AmountZero          AmountChange = "zero"
	AmountMissing       AmountChange = "missing"
	AmountEmpty         AmountChange = "empty"
	AmountNotANumber    AmountChange = "not-a-number"
	AmountOverflow      AmountChange = "overflow"
	AmountOtherCurrency AmountChange = "other-currency"
	AmountCentsDropped  AmountChange = "cents-dropped"
)

// AmountChanges lists them all.
func AmountChanges() []AmountChange {
	return []AmountChange{AmountPlusOne, AmountMinusOne, AmountTimes100, AmountDividedBy100,
		AmountNegative, AmountZero, AmountMissing, AmountEmpty, AmountNotANumber, AmountOverflow,
		AmountOtherCurrency, AmountCentsDropped}
}

// SignatureChange is what happens to a message's signature. The zero value
// leaves the signature alone, which breaks it if the message was edited.
type SignatureChange string

// The changes of a signature.
const (
	SignatureResigned         SignatureChange = "re-signed"         // made again with the sender's real key
	SignatureMissing          SignatureChange = "missing"           // all signature headers removed
	SignatureBroken           SignatureChange = "broken"            // one byte of it changed
	SignatureWrongKey         SignatureChange = "wrong-key"         // made with a key that nobody knows
	SignatureWrongSerial      SignatureChange = "wrong-serial"      // names a certificate that does not exist
	SignatureExpiredTimestamp SignatureChange = "expired-timestamp" // genuine, but signed too long ago
	SignatureProbe            SignatureChange = "probe"             // the provider's own signature probe
)

// BadSignatures lists the changes that no receiver may accept.
func BadSignatures() []SignatureChange {
	return []SignatureChange{SignatureMissing, SignatureBroken, SignatureWrongKey, SignatureWrongSerial,
		SignatureExpiredTimestamp, SignatureProbe}
}

// Forgery asks for a notification that the provider never sent this merchant,
// for the payment that the pinned message is about, After so long. It would be a
// true one but for the Edit.
type Forgery struct {
	Edit  Edit
	After time.Duration
}
