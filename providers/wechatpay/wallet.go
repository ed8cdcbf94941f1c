package wechatpay

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/providers"
	"github.com/payquake/payquake/providers/ledger"
)

// code is something to scan or hand to a wallet: a code_url, a prepay_id, an
// h5_url, or a barcode, whose order is known only once a merchant scanned it.
type code struct {
	order *order
	until time.Time
	owner faults.Trial // of a barcode: whose wallet shows it
	used  bool         // of a barcode
}

// Barcode implements providers.Wallet.
func (p *Provider) Barcode(_ context.Context, trial faults.Trial) (string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.Roster.Knows(trial) {
		return "", fmt.Errorf("show a barcode of %s: %w", trial, providers.ErrUnknownPart)
	}
	shown := newAuthCode()
	p.codes[shown] = &code{owner: trial, until: p.ports.Clock.Now().Add(barcodeLife)}
	return shown, nil
}

// Open implements providers.Wallet. The first to scan a native code owns the
// order: anybody else is told that the merchant's order is wrong (§3.1).
func (p *Provider) Open(ctx context.Context, trial faults.Trial, text string) (providers.Checkout, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, o, err := p.scan(ctx, trial, text)
	if err != nil {
		return providers.Checkout{}, fmt.Errorf("open a code: %w", err)
	}
	return providers.Checkout{Payee: o.account.Name, Description: o.params.Description, Amount: o.amount(),
		MerchantReference: o.key.Reference}, nil
}

// Pay implements providers.Wallet.
func (p *Provider) Pay(ctx context.Context, trial faults.Trial, text string) (providers.Receipt, error) {
	p.Pause(ctx, p.hesitation(ctx, trial, text))
	p.mu.Lock()
	defer p.mu.Unlock()
	_, o, err := p.scan(ctx, trial, text)
	if err != nil {
		return providers.Receipt{}, fmt.Errorf("pay a code: %w", err)
	}
	if refused := p.refuses(ctx, o); refused != "" {
		return providers.Receipt{}, fmt.Errorf("pay order %s: %w: %s", o.key.Reference, providers.ErrDeclined, refused)
	}
	if err := p.capture(ctx, o, trial); err != nil {
		if errors.Is(err, ledger.ErrNotEnough) {
			return providers.Receipt{}, fmt.Errorf("pay order %s: %w: NOT_ENOUGH", o.key.Reference, providers.ErrDeclined)
		}
		return providers.Receipt{}, fmt.Errorf("%w: %w", providers.ErrNotPayable, err)
	}
	return providers.Receipt{MerchantReference: o.key.Reference, ProviderReference: o.paid.ProviderReference,
		Amount: o.amount()}, nil
}

// hesitation is how long the shopper looks at an open code first.
func (p *Provider) hesitation(ctx context.Context, trial faults.Trial, text string) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, o, err := p.scan(ctx, trial, text); err == nil {
		return o.behaviour.Hesitates(ctx)
	}
	return 0
}

// Cancel implements providers.Wallet. An order with a code stays as it is; a
// barcode that waits for a password has failed (§4.1).
func (p *Provider) Cancel(ctx context.Context, trial faults.Trial, text string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	found, o, err := p.scan(ctx, trial, text)
	if err != nil {
		return fmt.Errorf("cancel a code: %w", err)
	}
	if o.awaiting != found {
		return nil
	}
	o.state, o.awaiting = statePayError, nil
	return p.Book.Decline(ctx, o.key, "cancelled by the shopper")
}

// scan finds what a code stands for and checks that this shopper may pay it
// now. The lock is held.
func (p *Provider) scan(ctx context.Context, trial faults.Trial, text string) (*code, *order, error) {
	if !p.Roster.Knows(trial) {
		return nil, nil, fmt.Errorf("%s: %w", trial, providers.ErrUnknownPart)
	}
	found, err := p.read(text)
	if err != nil {
		return nil, nil, err
	}
	o := found.order
	if o == nil || (found.owner != "" && found.owner != trial) {
		return nil, nil, providers.ErrUnknownCode
	}
	if o.scene == native {
		if o.scanner != "" && o.scanner != trial {
			return nil, nil, fmt.Errorf("%w: 商家订单信息有误", providers.ErrUnknownCode)
		}
		o.scanner = trial
	}
	p.adopt(o, trial)
	p.age(ctx, o)
	now := p.ports.Clock.Now()
	waiting := o.state == stateUserPaying && o.awaiting == found
	switch {
	case o.state != stateNotPay && !waiting:
		return nil, nil, fmt.Errorf("%w: the order is %s", providers.ErrNotPayable, o.state)
	case o.expired(now):
		return nil, nil, fmt.Errorf("%w: its time has expired", providers.ErrNotPayable)
	case !waiting && now.After(found.until):
		return nil, nil, fmt.Errorf("%w: the code has expired", providers.ErrNotPayable)
	}
	return found, o, nil
}

// refuses counts a try to pay and returns the code of the refusal, or nothing. A refused try moves no money, and the order stays
// payable (§4.1).
func (p *Provider) refuses(ctx context.Context, o *order) string {
	code := o.behaviour.Refuses(ctx)
	if code != "" && o.scene == codepay {
		if err := p.Book.Decline(ctx, o.key, code); err != nil {
			return "SYSTEM_ERROR"
		}
	}
	return code
}

// read finds a code as a phone is given it: the bare code, or the parameters
// that a page or an app hands over, with the merchant's signature.
func (p *Provider) read(text string) (*code, error) {
	if handed, ok := parseHandover(text); ok {
		found, known := p.codes[handed.prepayID]
		if !known || found.order == nil {
			return nil, providers.ErrUnknownCode
		}
		if err := handed.verify(found.order); err != nil {
			return nil, fmt.Errorf("%w: %w", providers.ErrUnknownCode, err)
		}
		return found, nil
	}
	found, known := p.codes[text]
	if !known {
		return nil, providers.ErrUnknownCode
	}
	return found, nil
}
