package ledger

import (
	"context"
	"fmt"
	"time"

	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/journal"
	"github.com/payquake/payquake/payment"
)

// Refund is a refund as the book has it. Its state is processing, done or
// refused.
type Refund struct {
	RefundKey
	Payment           Key
	Trial             faults.Trial
	Amount            payment.Money
	ProviderReference string // the provider's id of the refund
	State             payment.RefundState
	// Abnormal: the money left the merchant and waits in suspense, because it
	// could not reach the shopper. The state is still processing.
	Abnormal   bool
	AcceptedAt time.Time
	EndedAt    time.Time
}

// RefundRequest asks for a refund. ProviderReference is used if the refund is
// new. The merchant's account always covers it: money leaves that account only
// as refunds, and those never exceed what was captured.
type RefundRequest struct {
	Payment           Key
	Reference         payment.RefundReference
	Amount            payment.Money
	ProviderReference string
	// WithinPayment: the reference is unique only within its payment, not within
	// the whole account.
	WithinPayment bool
}

// Key is under which key the book keeps the refund.
func (r RefundRequest) Key() RefundKey {
	key := RefundKey{Account: r.Payment.Account, Reference: r.Reference}
	if r.WithinPayment {
		key.Within = r.Payment.Reference
	}
	return key
}

// Refund accepts a refund: its amount is reserved at once, so that no later
// refund can take the same money, and moves when the refund is done. The same
// reference with the same payment and amount is the same refund (fresh is
// false); with another one it is ErrMismatch.
func (b *Book) Refund(ctx context.Context, request RefundRequest) (refund Refund, fresh bool, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	key := request.Key()
	if known, found := b.refunds[key]; found {
		if known.Payment != request.Payment || known.Amount != request.Amount {
			return Refund{}, false, fmt.Errorf("refund %s: %w", key.Reference, ErrMismatch)
		}
		return *known, false, nil
	}
	refunded, err := b.payment(request.Payment)
	if err != nil {
		return Refund{}, false, err
	}
	if err := b.mayRefund(refunded, request); err != nil {
		return Refund{}, false, fmt.Errorf("refund %s: %w", key.Reference, err)
	}
	accepted := &Refund{RefundKey: key, Payment: request.Payment, Trial: refunded.Trial, Amount: request.Amount,
		ProviderReference: request.ProviderReference, State: payment.RefundProcessing, AcceptedAt: b.now()}
	b.refunds[key] = accepted
	refunded.Refunding.Minor += request.Amount.Minor
	refunded.Refunds++
	b.enterRefund(ctx, accepted)
	return *accepted, true, nil
}

func (b *Book) mayRefund(refunded *Payment, request RefundRequest) error {
	if request.Amount.Minor <= 0 {
		return fmt.Errorf("%s: %w", request.Amount, ErrBadAmount)
	}
	if refunded.ProviderReference == "" || refunded.Reversed {
		return ErrNotCaptured
	}
	sum, err := refunded.Refunding.Add(request.Amount)
	if err != nil {
		return err
	}
	if cmp, err := sum.Compare(refunded.Amount); err != nil || cmp > 0 {
		return fmt.Errorf("%s of %s: %w", sum, refunded.Amount, ErrBeyondCapture)
	}
	return nil
}

// RefundOf is a refund as it stands; ErrUnknown if the key has none.
func (b *Book) RefundOf(key RefundKey) (Refund, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	known, err := b.refund(key)
	if err != nil {
		return Refund{}, err
	}
	return *known, nil
}

func (b *Book) refund(key RefundKey) (*Refund, error) {
	known, found := b.refunds[key]
	if !found {
		return nil, fmt.Errorf("refund %s of %s: %w", key.Reference, key.Account, ErrUnknown)
	}
	return known, nil
}

// Finish gives the money of a refund under way back to the wallet that paid.
// Finishing what has ended changes nothing.
func (b *Book) Finish(ctx context.Context, key RefundKey) (Refund, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	known, err := b.refund(key)
	if err != nil || known.State != payment.RefundProcessing {
		return b.ended(known, err)
	}
	refunded := b.payments[known.Payment]
	giver := MerchantAccount(key.Account)
	if known.Abnormal {
		giver = Suspense
	}
	posting := b.refundPosting(known, giver, WalletOf(refunded.PaidBy), journal.RefundPosting)
	if err := b.post(ctx, known.Trial, posting); err != nil {
		return Refund{}, fmt.Errorf("finish refund %s: %w", key.Reference, err)
	}
	known.State, known.Abnormal, known.EndedAt = payment.RefundDone, false, b.now()
	b.enterRefund(ctx, known)
	refunded.Refunded.Minor += known.Amount.Minor
	if refunded.Refunded == refunded.Amount {
		refunded.State = payment.Returned
	}
	b.enterPayment(ctx, refunded, "refunded")
	return *known, nil
}

// Refuse ends a refund under way without effect and frees what it reserved.
func (b *Book) Refuse(ctx context.Context, key RefundKey) (Refund, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	known, err := b.refund(key)
	if err != nil || known.State != payment.RefundProcessing || known.Abnormal {
		return b.ended(known, err)
	}
	known.State, known.EndedAt = payment.RefundRefused, b.now()
	b.payments[known.Payment].Refunding.Minor -= known.Amount.Minor
	b.enterRefund(ctx, known)
	return *known, nil
}

// Suspend notes that a refund under way left the merchant but cannot reach the
// shopper. Finish completes it later.
func (b *Book) Suspend(ctx context.Context, key RefundKey) (Refund, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	known, err := b.refund(key)
	if err != nil || known.State != payment.RefundProcessing || known.Abnormal {
		return b.ended(known, err)
	}
	posting := b.refundPosting(known, MerchantAccount(key.Account), Suspense, SuspensePosting)
	if err := b.post(ctx, known.Trial, posting); err != nil {
		return Refund{}, fmt.Errorf("suspend refund %s: %w", key.Reference, err)
	}
	known.Abnormal = true
	b.enterRefund(ctx, known)
	return *known, nil
}

func (b *Book) ended(known *Refund, err error) (Refund, error) {
	if err != nil {
		return Refund{}, err
	}
	return *known, nil
}

func (b *Book) refundPosting(r *Refund, debit, credit string, kind journal.PostingKind) journal.Posting {
	return journal.Posting{Kind: kind, Debit: debit, Credit: credit, Amount: r.Amount,
		MerchantReference: r.Payment.Reference, ProviderReference: b.payments[r.Payment].ProviderReference,
		RefundReference: r.Reference, Account: r.Account}
}

func (b *Book) enterRefund(ctx context.Context, r *Refund) {
	entry := journal.Entry{Kind: journal.RefundEntry, State: string(r.State),
		MerchantReference: r.Payment.Reference, ProviderReference: b.payments[r.Payment].ProviderReference,
		RefundReference: r.Reference, RefundID: r.ProviderReference, Amount: r.Amount, Since: b.now()}
	if r.Abnormal {
		entry.Reason = "abnormal"
	}
	b.enter(ctx, r.Trial, entry)
}
