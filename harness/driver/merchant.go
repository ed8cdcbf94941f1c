// Package driver acts as the shoppers of a run: it walks the journey of each
// trial against the merchant and the providers' wallets, and records every
// call twice, as an intent before it and with its outcome after it.
package driver

import (
	"context"

	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/journal"
	"github.com/payquake/payquake/payment"
	"github.com/payquake/payquake/providers"
	"github.com/payquake/payquake/scenarios"
)

// Merchant is the port to the merchant under test. The reference merchant goes
// through it like any other. Calls never fail: what is not known of them is
// their outcome. The context carries the trial's trace.
type Merchant interface {
	// Place places an order.
	Place(ctx context.Context, trial faults.Trial, order Order) Result
	// PlaceBasket places an order with each of several shops, to be paid at once.
	PlaceBasket(ctx context.Context, trial faults.Trial, basket Basket) Result
	// Start starts paying an order, or a basket.
	Start(ctx context.Context, trial faults.Trial, start Start) Result
	// Read looks at an order as its shopper does.
	Read(ctx context.Context, trial faults.Trial, orderID string) Result
	// Refund asks for money back.
	Refund(ctx context.Context, trial faults.Trial, refund Refund) Result
	// Cancel tells that the shopper wants an order no more.
	Cancel(ctx context.Context, trial faults.Trial, orderID string) Result
	// Change asks for other lines, and another total, in an order.
	Change(ctx context.Context, trial faults.Trial, order Order, orderID string) Result
	// Return is the shopper's browser coming back from the provider's page.
	Return(ctx context.Context, trial faults.Trial, orderID string) Result
	// Books reads everything that the merchant believes, past the links and
	// their faults.
	Books(ctx context.Context) (Books, error)
	// Observe reads one order past the links and their faults.
	Observe(ctx context.Context, orderID string) Result
	// Ready reports whether the merchant serves; nil if it does.
	Ready(ctx context.Context) error
}

// Order is what a shopper orders.
type Order struct {
	Key     string // idempotency key
	Shopper string
	Lines   []scenarios.Line
	Total   payment.Money
}

// Basket is what a shopper orders of several shops at once.
type Basket struct {
	Key    string // idempotency key
	Orders []Order
}

// Start is how a shopper wants to pay an order, or a basket if one is named.
type Start struct {
	OrderID   string
	BasketID  string
	Key       string // idempotency key
	Provider  payment.ProviderName
	Method    payment.Method
	Barcode   string // shown by the shopper, for the barcode method
	ShopperID string // the shopper's name at the provider, for methods that need it
}

// Refund is what a shopper wants back.
type Refund struct {
	OrderID   string
	RequestID string
	Amount    payment.Money
}

// Result is what a shopper knows after a call.
type Result struct {
	Outcome journal.Outcome
	Reason  string // why it failed or is not known
	OrderID string
	// BasketID and Placed are a basket and its orders, in their order.
	BasketID string
	Placed   []string
	// Order is the state of the order as the answer says it; Payment and Refund
	// likewise of what the call was about.
	Order   payment.OrderState
	Payment payment.State
	Refund  payment.RefundState
	// Code is what the shopper scans, or what the page hands to the wallet.
	Code string
	// Payments and Refunds are what an order's page shows beside its state.
	Payments []PagePayment
	Refunds  []payment.RefundState
}

// PagePayment is a payment as the order's page shows it.
type PagePayment struct {
	Key   string        `json:"key"`
	State payment.State `json:"state"`
	Code  string        `json:"code"`
}

// Books is what the merchant believes, as the entries of its books.
type Books struct {
	Raw     []byte // as the merchant gave them
	Entries []journal.Entry
}

// Wallet is what the shoppers do at a provider.
type Wallet interface {
	// Open scans a code.
	Open(ctx context.Context, trial faults.Trial, code string) (providers.Checkout, error)
	// Pay confirms the payment that a code stands for.
	Pay(ctx context.Context, trial faults.Trial, code string) (providers.Receipt, error)
	// Cancel closes the payment sheet without paying.
	Cancel(ctx context.Context, trial faults.Trial, code string) error
	// Barcode shows a fresh barcode.
	Barcode(ctx context.Context, trial faults.Trial) (string, error)
}
