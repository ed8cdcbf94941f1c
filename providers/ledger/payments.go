package ledger

import (
	"context"
	"fmt"
	"time"

	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/journal"
	"github.com/payquake/payquake/payment"
)

// Intent is what a merchant asks to collect. Two intents under one key must be
// equal: the same reference twice is one payment, never two.
type Intent struct {
	Key
	Method payment.Method
	Amount payment.Money
}

// Payment is a payment as the book has it.
type Payment struct {
	Intent
	Trial faults.Trial
	State payment.State
	// ProviderReference and CapturedAt are set by the capture, PaidBy is the
	// trial whose wallet gave the money.
	ProviderReference payment.ProviderReference
	CapturedAt        time.Time
	PaidBy            faults.Trial
	// Refunding is the sum of all refunds that are done or may still be;
	// Refunded of those that are done.
	Refunding payment.Money
	Refunded  payment.Money
	Refunds   int // how many were accepted, whatever became of them
	Reversed  bool
}

// Begin enters a payment as pending. The same intent again changes nothing and
// returns what the payment has become; another intent under its key is
// ErrMismatch.
func (b *Book) Begin(ctx context.Context, trial faults.Trial, intent Intent) (Payment, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if known, found := b.payments[intent.Key]; found {
		if known.Intent != intent {
			return Payment{}, fmt.Errorf("begin payment %s: %w", intent.Reference, ErrMismatch)
		}
		return *known, nil
	}
	if intent.Amount.Minor <= 0 {
		return Payment{}, fmt.Errorf("begin payment %s over %s: %w", intent.Reference, intent.Amount, ErrBadAmount)
	}
	begun := &Payment{Intent: intent, Trial: trial, State: payment.Pending,
		Refunding: payment.Money{Currency: intent.Amount.Currency},
		Refunded:  payment.Money{Currency: intent.Amount.Currency}}
	b.payments[intent.Key] = begun
	b.enterPayment(ctx, begun, "")
	return *begun, nil
}

// Assign gives a payment that began without a trial to one. A payment that has
// a trial keeps it.
func (b *Book) Assign(key Key, trial faults.Trial) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if known, found := b.payments[key]; found && known.Trial == "" {
		known.Trial = trial
	}
}

// Payment is a payment as it stands; ErrUnknown if the key has none.
func (b *Book) Payment(key Key) (Payment, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	known, err := b.payment(key)
	if err != nil {
		return Payment{}, err
	}
	return *known, nil
}

func (b *Book) payment(key Key) (*Payment, error) {
	known, found := b.payments[key]
	if !found {
		return nil, fmt.Errorf("payment %s of %s: %w", key.Reference, key.Account, ErrUnknown)
	}
	return known, nil
}

// Capture takes the money from the payer's wallet, once: the same payer again
// gets the payment as it is, another payer ErrMismatch. It fails with
// ErrNotEnough or ErrUnknown of the wallet, and with ErrEnded for a payment
// that was closed or reversed.
func (b *Book) Capture(ctx context.Context, key Key, payer faults.Trial, reference payment.ProviderReference) (Payment, error) {
	return b.CaptureWithCoupon(ctx, key, payer, reference, payment.Money{})
}

// CaptureWithCoupon is a capture of which the provider pays the coupon's part: that
// comes into the wallet first, and the merchant is given the whole amount.
func (b *Book) CaptureWithCoupon(ctx context.Context, key Key, payer faults.Trial, reference payment.ProviderReference, coupon payment.Money) (Payment, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	known, err := b.payment(key)
	if err != nil {
		return Payment{}, err
	}
	switch {
	case known.PaidBy == payer && !known.Reversed && known.ProviderReference != "":
		return *known, nil
	case known.ProviderReference != "" && !known.Reversed:
		return Payment{}, fmt.Errorf("capture %s for %s: %w", key.Reference, payer, ErrMismatch)
	case known.State != payment.Pending && known.State != payment.Declined:
		return Payment{}, fmt.Errorf("capture %s: %w", key.Reference, ErrEnded)
	}
	wallet, funded := b.accounts[WalletOf(payer)]
	if !funded {
		return Payment{}, fmt.Errorf("capture %s from %s: %w", key.Reference, WalletOf(payer), ErrUnknown)
	}
	if coupon.Minor > 0 {
		if wallet, err = wallet.Add(coupon); err != nil {
			return Payment{}, fmt.Errorf("capture %s with a coupon: %w", key.Reference, err)
		}
	}
	if cmp, err := wallet.Compare(known.Amount); err != nil || cmp < 0 {
		return Payment{}, fmt.Errorf("capture %s from %s: %w", known.Amount, WalletOf(payer), ErrNotEnough)
	}
	if coupon.Minor > 0 {
		if err := b.post(ctx, known.Trial, journal.Posting{Kind: journal.FundingPosting, Debit: Marketing, Credit: WalletOf(payer),
			Amount: coupon, MerchantReference: key.Reference}); err != nil {
			return Payment{}, fmt.Errorf("capture %s with a coupon: %w", key.Reference, err)
		}
	}
	err = b.post(ctx, known.Trial, journal.Posting{Kind: journal.CapturePosting,
		Debit: WalletOf(payer), Credit: MerchantAccount(key.Account), Amount: known.Amount,
		MerchantReference: key.Reference, ProviderReference: reference, Account: key.Account})
	if err != nil {
		return Payment{}, fmt.Errorf("capture %s: %w", key.Reference, err)
	}
	known.State, known.ProviderReference, known.PaidBy, known.CapturedAt = payment.Captured, reference, payer, b.now()
	b.enterPayment(ctx, known, "")
	return *known, nil
}

// Decline notes that a try to pay was refused for good, as far as nobody tries
// again. Only a pending payment can be declined.
func (b *Book) Decline(ctx context.Context, key Key, reason string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	known, err := b.payment(key)
	if err != nil {
		return err
	}
	if known.State != payment.Pending {
		return nil
	}
	known.State = payment.Declined
	b.enterPayment(ctx, known, reason)
	return nil
}

// Close ends an unpaid payment; closing it again changes nothing. A captured
// one is not closed: ErrCaptured.
func (b *Book) Close(ctx context.Context, key Key, reason string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	known, err := b.payment(key)
	if err != nil {
		return err
	}
	if known.ProviderReference != "" {
		return fmt.Errorf("close %s: %w", key.Reference, ErrCaptured)
	}
	b.end(ctx, known, reason)
	return nil
}

func (b *Book) end(ctx context.Context, known *Payment, reason string) {
	if known.State == payment.Closed {
		return
	}
	known.State = payment.Closed
	b.enterPayment(ctx, known, reason)
}

// Reverse undoes a payment whatever it had become: an unpaid one is closed, a
// captured one goes back whole. Reversing again changes nothing. A payment
// with refunds is not reversed: ErrRefunded.
func (b *Book) Reverse(ctx context.Context, key Key) (Payment, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	known, err := b.payment(key)
	switch {
	case err != nil:
		return Payment{}, err
	case known.Reversed:
		return *known, nil
	case known.Refunding.Minor > 0:
		return Payment{}, fmt.Errorf("reverse %s: %w", key.Reference, ErrRefunded)
	case known.ProviderReference == "":
		known.Reversed = true
		b.end(ctx, known, "reversed")
		return *known, nil
	}
	err = b.post(ctx, known.Trial, journal.Posting{Kind: journal.ReversePosting,
		Debit: MerchantAccount(key.Account), Credit: WalletOf(known.PaidBy), Amount: known.Amount,
		MerchantReference: key.Reference, ProviderReference: known.ProviderReference, Account: key.Account})
	if err != nil {
		return Payment{}, fmt.Errorf("reverse %s: %w", key.Reference, err)
	}
	known.State, known.Reversed = payment.Returned, true
	b.enterPayment(ctx, known, "reversed")
	return *known, nil
}

func (b *Book) enterPayment(ctx context.Context, p *Payment, reason string) {
	b.enter(ctx, p.Trial, journal.Entry{Kind: journal.PaymentEntry, State: string(p.State), Method: p.Method,
		MerchantReference: p.Reference, ProviderReference: p.ProviderReference,
		Amount: p.Amount, Refunded: p.Refunded, Reason: reason, Since: b.now()})
}
