// Package ledger is the core that every mock provider shares: a double-entry
// book of wallets and merchant accounts (Book), what is still to happen
// (Agenda), and the notifications a provider owes its merchants (Outbox).
//
// It owns the words account, posting, reservation and delivery. It knows no
// provider's words and no wire format: a dialect decides what a request means
// and what to answer; the book only decides whether money moves. Every change
// is recorded while it is made, so the order of the records is the order of
// the changes. A dialect changes the book first and answers afterwards, so
// that whatever happens to the answer, the money has moved.
package ledger

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/payquake/payquake/clock"
	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/journal"
	"github.com/payquake/payquake/payment"
)

// Errors of the book, wrapped with the particulars. Each means that nothing
// was changed.
var (
	ErrUnknown       = errors.New("not in the book")
	ErrMismatch      = errors.New("the reference stands for something else")
	ErrNotEnough     = errors.New("the account does not hold enough")
	ErrEnded         = errors.New("the payment has ended")
	ErrCaptured      = errors.New("the payment is captured")
	ErrNotCaptured   = errors.New("the payment is not captured")
	ErrBeyondCapture = errors.New("refunds would exceed the capture")
	ErrRefunded      = errors.New("the payment has refunds")
	ErrFunded        = errors.New("the wallet has its money already")
	ErrBadAmount     = errors.New("the amount is not positive")
	ErrImbalance     = errors.New("the accounts do not add up")
)

// Outside is the account that money comes from when a wallet is funded.
const Outside = "outside"

// Marketing is the account that coupons are paid from.
const Marketing = "marketing"

// Suspense is the account that holds refunds which left the merchant but could
// not reach the shopper.
const Suspense = "suspense"

// SuspensePosting moves a refund into or out of suspense. It is not a
// journal.RefundPosting: of those there is exactly one per refund, the one
// that reaches the wallet, so that a judge may simply add them up.
const SuspensePosting journal.PostingKind = "suspense"

// WalletOf is the account of a trial's shopper.
func WalletOf(trial faults.Trial) string { return "wallet:" + string(trial) }

// MerchantAccount is the account of a merchant as the provider numbers it.
func MerchantAccount(account string) string { return "merchant:" + account }

// Recorder takes the records the book makes; providers.Recorder satisfies it.
type Recorder interface {
	Record(context.Context, faults.Trial, journal.Record)
}

// Book is the double-entry ledger. All methods are safe for concurrent use.
//
// One lock guards everything: an operation is a few map accesses, and one
// order of all changes is worth more than parallel ones.
type Book struct {
	provider payment.ProviderName
	clock    clock.Clock
	recorder Recorder

	mu       sync.Mutex
	accounts map[string]payment.Money
	payments map[Key]*Payment
	refunds  map[RefundKey]*Refund
}

// Key names a payment: merchant references are unique per merchant account.
type Key struct {
	Account   string
	Reference payment.MerchantReference
}

// RefundKey names a refund, likewise. Within is set by providers whose refund
// references are unique only within one payment, and names that payment.
type RefundKey struct {
	Account   string
	Within    payment.MerchantReference
	Reference payment.RefundReference
}

// NewBook opens an empty book.
func NewBook(provider payment.ProviderName, recorder Recorder, now clock.Clock) *Book {
	return &Book{provider: provider, clock: now, recorder: recorder,
		accounts: map[string]payment.Money{}, payments: map[Key]*Payment{},
		refunds: map[RefundKey]*Refund{}}
}

// Fund opens a trial's wallet with its money, which comes from outside. A
// wallet is funded once: ErrFunded.
func (b *Book) Fund(ctx context.Context, trial faults.Trial, amount payment.Money) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, funded := b.accounts[WalletOf(trial)]; funded {
		return fmt.Errorf("fund wallet of %s: %w", trial, ErrFunded)
	}
	if amount.Minor < 0 {
		return fmt.Errorf("fund wallet of %s with %s: %w", trial, amount, ErrBadAmount)
	}
	b.accounts[WalletOf(trial)] = payment.Money{Currency: amount.Currency}
	return b.post(ctx, trial, journal.Posting{Kind: journal.FundingPosting,
		Debit: Outside, Credit: WalletOf(trial), Amount: amount})
}

// Balance is what a trial's wallet holds; ErrUnknown if it was never funded.
func (b *Book) Balance(trial faults.Trial) (payment.Money, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	balance, funded := b.accounts[WalletOf(trial)]
	if !funded {
		return payment.Money{}, fmt.Errorf("balance of %s: %w", trial, ErrUnknown)
	}
	return balance, nil
}

// Holdings is what an account holds, by its full name; no money if it was
// never used.
func (b *Book) Holdings(account string) payment.Money {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.accounts[account]
}

// Audit proves that no money was made or lost: all accounts add up to nothing.
func (b *Book) Audit() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	var total payment.Money
	for _, held := range b.accounts {
		sum, err := total.Add(held)
		if err != nil {
			return fmt.Errorf("add up the accounts: %w", err)
		}
		total = sum
	}
	if !total.IsZero() {
		return fmt.Errorf("%w: %s too much", ErrImbalance, total)
	}
	return nil
}

// post moves money and records it. Both sides are computed before either is
// written, so that an overflow or a foreign currency leaves the book alone.
func (b *Book) post(ctx context.Context, trial faults.Trial, posting journal.Posting) error {
	debit, err := b.accounts[posting.Debit].Sub(posting.Amount)
	if err != nil {
		return fmt.Errorf("debit %s: %w", posting.Debit, err)
	}
	credit, err := b.accounts[posting.Credit].Add(posting.Amount)
	if err != nil {
		return fmt.Errorf("credit %s: %w", posting.Credit, err)
	}
	b.accounts[posting.Debit], b.accounts[posting.Credit] = debit, credit
	posting.Ledger = b.provider
	b.recorder.Record(ctx, trial, journal.Record{Posting: &posting})
	return nil
}

// enter records a changed line of the book.
func (b *Book) enter(ctx context.Context, trial faults.Trial, entry journal.Entry) {
	entry.Owner, entry.Provider = string(b.provider), b.provider
	b.recorder.Record(ctx, trial, journal.Record{Entry: &entry})
}

func (b *Book) now() time.Time { return b.clock.Now() }
