package merchant

import (
	"context"
	"net/http"
	"time"

	"github.com/payquake/payquake/payment"
)

// Provider is what the checkout needs of a payment provider. It belongs to
// the consumer: whoever adds a provider translates the provider's words into
// these, and nothing above learns any of them.
type Provider interface {
	// Name is how shoppers' requests and our books name the provider.
	Name() payment.ProviderName
	Payments
	Refunds
	Notifications
}

// Payments are the calls about one payment. Preparing is pure and comes
// first, so that the exact bytes can be made durable before they are sent.
type Payments interface {
	// PrepareStart writes the request that starts a payment. It fails with
	// ErrInvalid when the intent lacks what the method needs.
	PrepareStart(StartIntent) (Request, error)
	// Start sends a prepared request. The same request may be sent again.
	Start(ctx context.Context, asked Asked, request Request) StartAnswer
	// Query asks what became of a payment. The trade names the payment that the
	// answer is about, which the caller compares with the one that was asked for.
	Query(ctx context.Context, asked Asked) TradeAnswer
	// Close asks that an unpaid payment cannot be paid any more. OK is not
	// proof that it was unpaid: query afterwards.
	Close(ctx context.Context, asked Asked) Result
	// Reverse undoes a barcode payment whose result is unknown. OK is not
	// proof either: query afterwards.
	Reverse(ctx context.Context, asked Asked) Result
}

// Refunds are the calls about one refund.
type Refunds interface {
	// PrepareRefund writes the request that asks for a refund.
	PrepareRefund(RefundIntent) (Request, error)
	// Refund sends a prepared request; the same request moves its money once.
	Refund(ctx context.Context, asked RefundAsked, request Request) RefundAnswer
	// QueryRefund asks what became of a refund.
	QueryRefund(ctx context.Context, asked RefundAsked) RefundAnswer
}

// Notifications reads what the provider pushes. Verifying and reading are two
// steps because they are two decisions: who says it, and what is said.
type Notifications interface {
	// Verify reports why a delivery cannot be proven to come from the provider
	// recently and unaltered. It works on the raw body.
	Verify(ctx context.Context, header http.Header, body []byte) error
	// Read reads a notification addressed to this merchant.
	Read(body []byte) (Notice, error)
	// Reply is the provider's form of an acknowledgement (nil) or a refusal.
	Reply(refusal error) Reply
}

// Notice is what a notification says: of one payment, of each part of a
// combined one, or of a refund.
type Notice struct {
	// ID is the message's own, where the provider gives one. It tells deliveries
	// apart, not payments.
	ID     string
	Trades []Trade
	Refund *RefundReport
}

// Reply is a merchant's answer to a notification.
type Reply struct {
	Status      int
	ContentType string
	Body        []byte
}

// Outcome is what is known of one call. The zero value is not knowing.
type Outcome int

// The outcomes of a call. Failed means surely without effect, now and later;
// whatever is less sure is Indeterminate.
const (
	Indeterminate Outcome = iota
	OK
	Failed
)

// String names the outcome.
func (o Outcome) String() string {
	return [...]string{"indeterminate", "ok", "failed"}[o]
}

// Class says why a call failed, as far as the checkout acts on it.
type Class string

// The classes of failure.
const (
	Declined        Class = "declined"          // refused for good by shopper's bank, balance or risk rules
	AuthCodeInvalid Class = "auth-code-invalid" // the scanned code is stale or used; scan again
	OrderClosed     Class = "order-closed"      // the provider ended this payment earlier
	AlreadyPaid     Class = "already-paid"      // query and book it
	Conflict        Class = "conflict"          // known, but not as asked; query decides
	Config          Class = "config"            // our request or set-up is wrong
	NotFound        Class = "not-found"         // nothing under this reference, as far as the answerer knows
	NotEnough       Class = "not-enough"        // balance too small; a refund may be sent again unchanged
	Offline         Class = "offline"           // only people can go on
)

// Result is the outcome of a call. Class is set when it failed; Detail is for
// people.
type Result struct {
	Outcome Outcome
	Class   Class
	Detail  string
}

// Request is the exact text of a prepared call: stored, then sent unchanged
// on each try. Only the proof of who sends it is made anew.
type Request struct {
	Path string
	Body string
}

// StartIntent is all a provider needs to start a payment.
type StartIntent struct {
	Reference      payment.MerchantReference
	Method         payment.Method
	Amount         payment.Money
	Description    string
	AuthCode       string    // of a barcode payment
	ShopperID      string    // the wallet's id of the shopper, for in-app payments
	ShopperAddress string    // IP address, for payments on the web
	ExpiresAt      time.Time // nobody should pay after it
	// Parts are what a combined payment consists of, one for each shop; Amount
	// is their sum and Reference names the whole. Empty: an ordinary payment.
	Parts []Part
}

// Part is one shop's share of a combined payment. It is captured, queried and
// refunded under its own reference.
type Part struct {
	Reference   payment.MerchantReference
	Amount      payment.Money
	Description string
}

// Asked names the payment a call is about. Request is how it was started:
// some providers must be told more of that than its reference.
type Asked struct {
	Reference payment.MerchantReference
	Method    payment.Method
	Request   Request
}

// Invitation is what the shopper's device needs to pay: a code to scan or to
// hand to the wallet, and what the page calls the wallet with, where it does.
type Invitation struct {
	Code          string            `json:"code,omitempty"`
	PayParameters map[string]string `json:"pay_parameters,omitempty"`
}

// isCode reports whether the shopper was given something to pay with.
func (i Invitation) isCode() bool { return i.Code != "" }

// Standing is where the provider says a payment stands.
type Standing string

// The standings. Ended covers what was closed and what was reversed.
const (
	Unpaid   Standing = "unpaid"
	Deciding Standing = "deciding" // the shopper is being asked for a password
	Paid     Standing = "paid"     // also when some or all went back since
	Ended    Standing = "ended"    // cannot be paid any more
)

// Trade is what the provider says of one payment. Amount is gross: what was
// asked for, before coupons. ProviderReference and PaidAt are empty while
// nothing was paid.
type Trade struct {
	Reference         payment.MerchantReference
	ProviderReference payment.ProviderReference
	Standing          Standing
	Amount            payment.Money
	PaidAt            time.Time
	// Unconfirmed: the provider's documents demand a query before what this
	// says is booked. What a query says never is.
	Unconfirmed bool
}

// StartAnswer is the answer to Start. A barcode payment is answered with its
// Trade, the others with an Invitation.
type StartAnswer struct {
	Result
	Invitation Invitation
	Trade      Trade
}

// TradeAnswer is the answer to Query; Trade is set when the outcome is OK.
type TradeAnswer struct {
	Result
	Trade Trade
}

// RefundIntent is all a provider needs to refund. Captured is the gross
// capture of the payment as the provider knows it.
type RefundIntent struct {
	Payment  payment.MerchantReference
	Refund   payment.RefundReference
	Amount   payment.Money
	Captured payment.Money
	Reason   string
	// ProviderReference and Request are the captured payment's: its number at
	// the provider, and how it was started.
	ProviderReference payment.ProviderReference
	Request           Request
}

// RefundAsked names the refund a call is about, and the payment it belongs to.
// Request is how the refund was asked for.
type RefundAsked struct {
	Payment payment.MerchantReference
	Refund  payment.RefundReference
	Request Request
}

// RefundReport is what the provider says of one refund. Its State is never
// requested: accepted is processing, closed without effect is refused, and
// what needs a person is handed-over.
type RefundReport struct {
	Payment           payment.MerchantReference
	Refund            payment.RefundReference
	ProviderReference payment.ProviderReference
	State             payment.RefundState
	Amount            payment.Money
	// Unconfirmed: only a query tells what became of the refund; this says no
	// more than that something did.
	Unconfirmed bool
}

// RefundAnswer is the answer to Refund and QueryRefund; Report is set when the
// outcome is OK.
type RefundAnswer struct {
	Result
	Report RefundReport
}
