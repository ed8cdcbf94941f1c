// Package journal is the record of a run: what was intended and what came of
// it, every message, every fault, every posting, and the merchant's books at
// rest. It owns the words record, operation and outcome, and the format of
// the run folder with its version.
//
// Records are made where things happen, each source numbering its own. What
// only a dialect can know (the normalised operation, the amount, the
// references, whether a signature holds) is written into the record when it is
// made; nothing that reads a journal ever decodes a wire format.
package journal

import (
	"time"

	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/payment"
)

// Source names who made a record: "harness", "gateway", or a provider.
type Source string

// The sources that every run has.
const (
	Harness Source = "harness"
	Gateway Source = "gateway"
)

// Record is one line of the journal. Exactly one of the pointers is set.
type Record struct {
	Source  Source       `json:"source"`
	Number  uint64       `json:"number"` // from 1, without gaps, per source
	At      time.Time    `json:"at"`
	Trial   faults.Trial `json:"trial,omitempty"`
	TraceID string       `json:"traceId,omitempty"` // hex, as W3C writes it
	SpanID  string       `json:"spanId,omitempty"`

	Stage     *Stage     `json:"stage,omitempty"`
	Operation *Operation `json:"operation,omitempty"`
	Message   *Message   `json:"message,omitempty"`
	Pin       *Pin       `json:"pin,omitempty"`
	Posting   *Posting   `json:"posting,omitempty"`
	Entry     *Entry     `json:"entry,omitempty"`
}

// Ref names a record for people and witnesses: "gateway/17".
type Ref struct {
	Source Source `json:"source"`
	Number uint64 `json:"number"`
}

// Ref is the record's name.
func (r Record) Ref() Ref { return Ref{Source: r.Source, Number: r.Number} }

// Stage is a step of the run itself.
type Stage struct {
	Name  StageName `json:"name"`
	Batch string    `json:"batch,omitempty"`
	// Detail says more: why rest was not reached, what failed.
	Detail string `json:"detail,omitempty"`
}

// StageName is what the run was doing.
type StageName string

// The stages. A trial has its own rested and bound-passed; the others belong
// to a batch or the run.
const (
	RunOpened   StageName = "run-opened"
	BatchBegun  StageName = "batch-begun"
	Healed      StageName = "healed"       // no fault of the batch (or trial) is in force any more
	Rested      StageName = "rested"       // nothing of the trial moves any more
	BoundPassed StageName = "bound-passed" // rest was not reached in time
	// Contradiction: a message was given to one trial by its reference and to
	// another by something that cannot lie. Neither can be judged.
	Contradiction StageName = "contradiction"
	// Refused: somebody asked for a host that is not part of the run.
	Refused StageName = "refused-host"
	// TrafficEnded: the command that made other people's shoppers buy has ended.
	TrafficEnded StageName = "traffic-ended"
	// Collected: what the merchant believes of the trial was read into the record.
	Collected  StageName = "collected"
	BatchEnded StageName = "batch-ended"
	RunClosed  StageName = "run-closed"
	RunStopped StageName = "run-stopped" // by a signal or an error; what follows is missing
	// KeptBack and LetGo bound the time in which redeliveries and query answers
	// of a trial were withheld after an acknowledgement.
	KeptBack StageName = "kept-back"
	LetGo    StageName = "let-go"
)

// Outcome is what a caller knows of its call. The zero value is indeterminate:
// not knowing is the default.
type Outcome string

// The outcomes.
const (
	Indeterminate Outcome = ""
	OK            Outcome = "ok"
	Failed        Outcome = "failed" // surely no effect; a decline is one way
)

// Operation is one call of the shopper or the harness. It is recorded twice:
// as an intent before the call, and with its outcome after it.
type Operation struct {
	ID      string          `json:"id"` // the same for intent and outcome
	Phase   Phase           `json:"phase"`
	Name    faults.StepKind `json:"name"`
	Outcome Outcome         `json:"outcome,omitempty"`
	Key     string          `json:"key,omitempty"` // idempotency key or request id
	OrderID string          `json:"orderId,omitempty"`
	// Reference is the payment's, as the wallet showed it to its shopper.
	Reference payment.MerchantReference `json:"reference,omitempty"`
	// Provider is where a start is paid, and whose wallet a step is taken in.
	Provider payment.ProviderName `json:"provider,omitempty"`
	Amount   payment.Money        `json:"amount,omitzero"`
	State    string               `json:"state,omitempty"` // what the answer said: an order's, payment's or refund's state
	// Reason says why an operation failed or is not known.
	Reason string `json:"reason,omitempty"`
}

// Operations of the harness beside the shopper's steps.
const (
	ReadOrder faults.StepKind = "read-order" // an observation of the order
	Canary    faults.StepKind = "canary"     // after healing, a willing shopper who could not pay tries again
)

// Phase tells an operation's two records apart.
type Phase string

// The phases.
const (
	Intent Phase = "intent"
	Done   Phase = "done"
)

// Message is one message that crossed a link, or was kept from crossing it.
type Message struct {
	ID        string           `json:"id"` // the same for both legs of an exchange
	Link      faults.Link      `json:"link"`
	Operation faults.Operation `json:"operation"`
	Nth       int              `json:"nth"`
	Leg       faults.Leg       `json:"leg"`
	// Copy numbers the repetitions of a duplicated message from 1; the original is 0.
	Copy   int    `json:"copy,omitempty"`
	Target string `json:"target,omitempty"` // method, host and path of a request
	Status int    `json:"status,omitempty"` // of an answer
	Fate   Fate   `json:"fate"`
	// Sent is what the sender said, Seen what the receiver was given; Seen is
	// nil when they are the same, and when nothing arrived.
	Sent        Facts       `json:"sent"`
	Seen        *Facts      `json:"seen,omitempty"`
	Pins        []string    `json:"pins,omitempty"` // that acted on it
	Attribution Attribution `json:"attribution,omitempty"`
	// Parent is the span id that came with the message, if any.
	Parent   string `json:"parent,omitempty"`
	BodyHash string `json:"bodyHash,omitempty"` // SHA-256 of the raw bytes, hex
	BodySize int    `json:"bodySize,omitempty"`
	// Body is the decoded and masked content. It travels with the record and is
	// kept in bodies/, not in the journal's line.
	Body string `json:"body,omitempty"`
}

// Fate is what happened to a message.
type Fate string

// The fates.
const (
	Passed   Fate = "passed"   // it arrived, changed or not
	Lost     Fate = "lost"     // it did not arrive
	Cut      Fate = "cut"      // a part of it arrived
	Replaced Fate = "replaced" // another answer was given in its place
	Forged   Fate = "forged"   // no party sent it; it arrived
)

// Attribution says by what a message was given to its trial.
type Attribution string

// The ways of attribution, best first. Unattributed messages have no trial.
const (
	ByReference Attribution = "reference"
	ByTrace     Attribution = "trace"
	ByAmount    Attribution = "amount"
	ByHeader    Attribution = "header" // a provider's delivery names its trial to the gateway
	// ByArrival: it began a payment that no shopper of payquake's asked for; the next
	// trial was waiting for one.
	ByArrival Attribution = "arrival"
	// Afterwards: at the time nobody knew; another message, or the merchant's books
	// at rest, told whose reference it was. Records say Unattributed; evidence says
	// this.
	Afterwards   Attribution = "afterwards"
	Unattributed Attribution = "unattributed"
)

// Facts are what a message says, in words common to all providers. Dialects
// fill in what they can know; everything is optional.
type Facts struct {
	Operation         faults.Operation          `json:"operation,omitempty"`
	MerchantReference payment.MerchantReference `json:"merchantReference,omitempty"`
	ProviderReference payment.ProviderReference `json:"providerReference,omitempty"`
	RefundReference   payment.RefundReference   `json:"refundReference,omitempty"`
	Amount            payment.Money             `json:"amount,omitzero"` // gross, of the payment
	Refunded          payment.Money             `json:"refunded,omitzero"`
	// State is the payment's or refund's state that the message claims, in our words.
	State string `json:"state,omitempty"`
	// Status is the sender's own word for it, or its error code.
	Status    string           `json:"status,omitempty"`
	Account   string           `json:"account,omitempty"` // the merchant account it speaks of
	Signature SignatureVerdict `json:"signature,omitempty"`
	Signer    string           `json:"signer,omitempty"`
	// NotificationID is the sender's id of a notification.
	NotificationID string `json:"notificationId,omitempty"`
	// OrderID is the merchant's id of the order, on links of the merchant's own API.
	OrderID string `json:"orderId,omitempty"`
	// Key is an idempotency key on links that have one.
	Key string `json:"key,omitempty"`
	// Code is what a shopper scans or shows to pay: a code URL, a prepay id, or a barcode.
	Code string `json:"code,omitempty"`
	// Parts are what a combined payment, or a basket, consists of, one for each shop;
	// the references and the amount beside them are then those of the whole.
	Parts []Part `json:"parts,omitempty"`
}

// Part is one shop's share of a combined payment, as a message states it.
type Part struct {
	MerchantReference payment.MerchantReference `json:"merchantReference,omitempty"`
	ProviderReference payment.ProviderReference `json:"providerReference,omitempty"`
	OrderID           string                    `json:"orderId,omitempty"` // as that of Facts
	Amount            payment.Money             `json:"amount,omitzero"`
	State             string                    `json:"state,omitempty"`
	Account           string                    `json:"account,omitempty"`
}

// SignatureVerdict is what a check of a message's signature said.
type SignatureVerdict string

// The verdicts. The zero value: the message is of a kind that carries none.
const (
	SignatureValid   SignatureVerdict = "valid"
	SignatureInvalid SignatureVerdict = "invalid"
	SignatureMissing SignatureVerdict = "missing"
)

// Pin is what became of a pin: it armed, it fired, or it ended without.
type Pin struct {
	ID     string      `json:"id"`
	Fault  string      `json:"fault"`
	Phase  PinPhase    `json:"phase"`
	Fate   faults.Fate `json:"fate,omitempty"` // of an ended pin
	Detail string      `json:"detail,omitempty"`
	// Message is the id of the message it acted on.
	Message string `json:"message,omitempty"`
}

// PinPhase is a point in a pin's life.
type PinPhase string

// The phases of a pin's life. It may fire more than once (every message of an
// address); it ends once.
const (
	// PinTriggered: the message that triggers a process fault has come, and waits
	// for the process to be stopped.
	PinTriggered PinPhase = "triggered"
	PinFired     PinPhase = "fired"
	PinHealed    PinPhase = "healed" // what it held back is released, what it stopped runs again
	PinEnded     PinPhase = "ended"
)

// Posting is one line pair of a provider's double-entry ledger: Amount moves
// from Debit to Credit.
type Posting struct {
	Ledger            payment.ProviderName      `json:"ledger"`
	Kind              PostingKind               `json:"kind"`
	Debit             string                    `json:"debit"` // account that gives
	Credit            string                    `json:"credit"`
	Amount            payment.Money             `json:"amount"`
	MerchantReference payment.MerchantReference `json:"merchantReference,omitempty"`
	ProviderReference payment.ProviderReference `json:"providerReference,omitempty"`
	RefundReference   payment.RefundReference   `json:"refundReference,omitempty"`
	Account           string                    `json:"account,omitempty"` // the merchant account
}

// PostingKind says why money moved.
type PostingKind string

// The kinds of postings.
const (
	FundingPosting PostingKind = "funding" // a wallet is given its money for the trial
	CapturePosting PostingKind = "capture"
	RefundPosting  PostingKind = "refund"
	ReversePosting PostingKind = "reverse"
)

// Entry is a line of somebody's books: the merchant's, read at rest, or a
// provider's, written when it changes.
type Entry struct {
	Owner             string                    `json:"owner"` // "merchant" or a provider
	Kind              EntryKind                 `json:"kind"`
	State             string                    `json:"state,omitempty"`
	OrderID           string                    `json:"orderId,omitempty"`
	OrderKey          string                    `json:"orderKey,omitempty"` // the shopper's idempotency key of the order
	PaymentID         string                    `json:"paymentId,omitempty"`
	Provider          payment.ProviderName      `json:"provider,omitempty"`
	Method            payment.Method            `json:"method,omitempty"`
	MerchantReference payment.MerchantReference `json:"merchantReference,omitempty"`
	ProviderReference payment.ProviderReference `json:"providerReference,omitempty"`
	RefundReference   payment.RefundReference   `json:"refundReference,omitempty"`
	RefundID          string                    `json:"refundId,omitempty"`
	RequestID         string                    `json:"requestId,omitempty"` // of a refund that somebody asked for
	Amount            payment.Money             `json:"amount,omitzero"`
	Refunded          payment.Money             `json:"refunded,omitzero"` // of an order
	Key               string                    `json:"key,omitempty"`     // idempotency key of a release
	Account           string                    `json:"account,omitempty"` // of a balance and its credits
	Reason            string                    `json:"reason,omitempty"`
	Since             time.Time                 `json:"since,omitzero"` // when the books say it happened
}

// EntryKind is what an entry speaks of.
type EntryKind string

// The kinds of entries.
const (
	OrderEntry      EntryKind = "order"
	OrderMove       EntryKind = "order-move" // one state of an order's history
	PaymentEntry    EntryKind = "payment"
	RefundEntry     EntryKind = "refund"
	ReleaseEntry    EntryKind = "release" // goods left, or were told to
	HandedOverEntry EntryKind = "handed-over"
	CreditEntry     EntryKind = "credit"   // a capture became a balance of the shopper's at the merchant
	BalanceEntry    EntryKind = "balance"  // what a shopper has there, in one currency
	DeliveryEntry   EntryKind = "delivery" // a provider's try to deliver a notification; State is its end
)
