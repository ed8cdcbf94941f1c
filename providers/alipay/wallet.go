package alipay

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/providers"
	"github.com/payquake/payquake/providers/ledger"
)

// Barcode implements providers.Wallet.
func (p *Provider) Barcode(_ context.Context, trial faults.Trial) (string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.Roster.Knows(trial) {
		return "", fmt.Errorf("show a barcode of %s: %w", trial, providers.ErrUnknownPart)
	}
	shown := newBarcode()
	p.codes[shown] = &code{owner: trial, until: p.ports.Clock.Now().Add(barcodeLife)}
	return shown, nil
}

// Open implements providers.Wallet. From here on there is a trade (§6).
func (p *Provider) Open(ctx context.Context, trial faults.Trial, text string) (providers.Checkout, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	o, err := p.scan(ctx, trial, text)
	if err != nil {
		return providers.Checkout{}, fmt.Errorf("open a code: %w", err)
	}
	return providers.Checkout{Payee: o.account.Name, Description: o.asked.Subject, Amount: o.asked.Total,
		MerchantReference: o.key.Reference}, nil
}

// Pay implements providers.Wallet.
func (p *Provider) Pay(ctx context.Context, trial faults.Trial, text string) (providers.Receipt, error) {
	p.Pause(ctx, p.hesitation(ctx, trial, text))
	p.mu.Lock()
	defer p.mu.Unlock()
	o, err := p.scan(ctx, trial, text)
	if err != nil {
		return providers.Receipt{}, fmt.Errorf("pay a code: %w", err)
	}
	if refused := o.behaviour.Refuses(ctx); refused != "" {
		return providers.Receipt{}, fmt.Errorf("pay order %s: %w: %s", o.key.Reference, providers.ErrDeclined, spelled(refused))
	}
	if err := p.capture(ctx, o, trial); err != nil {
		if errors.Is(err, ledger.ErrNotEnough) {
			return providers.Receipt{}, fmt.Errorf("pay order %s: %w: %s", o.key.Reference, providers.ErrDeclined, subNotEnough)
		}
		return providers.Receipt{}, fmt.Errorf("%w: %w", providers.ErrNotPayable, err)
	}
	return providers.Receipt{MerchantReference: o.key.Reference, ProviderReference: o.paid.ProviderReference,
		Amount: o.asked.Total}, nil
}

// hesitation is how long the shopper looks at an open code first.
func (p *Provider) hesitation(ctx context.Context, trial faults.Trial, text string) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	if o, err := p.scan(ctx, trial, text); err == nil {
		return o.behaviour.Hesitates(ctx)
	}
	return 0
}

// Cancel implements providers.Wallet. The trade stays as it is: only the
// merchant or time closes it (§6).
func (p *Provider) Cancel(ctx context.Context, trial faults.Trial, text string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, err := p.scan(ctx, trial, text); err != nil {
		return fmt.Errorf("cancel a code: %w", err)
	}
	return nil
}

// scan finds what a code stands for, checks that this shopper may pay it now,
// and makes its trade. The lock is held.
func (p *Provider) scan(ctx context.Context, trial faults.Trial, text string) (*order, error) {
	if !p.Roster.Knows(trial) {
		return nil, fmt.Errorf("%s: %w", trial, providers.ErrUnknownPart)
	}
	o, err := p.read(ctx, trial, text)
	if err != nil {
		return nil, err
	}
	if o.shopper != "" && o.shopper != trial {
		return nil, fmt.Errorf("%w: %s", providers.ErrUnknownCode, wordsOf(subOtherBuyer))
	}
	p.adopt(o, trial)
	if err := p.age(ctx, o); err != nil {
		return nil, fmt.Errorf("%w: %w", providers.ErrNotPayable, err)
	}
	switch {
	case o.state != stateNone && o.state != stateOpen:
		return nil, fmt.Errorf("%w: the trade is %s", providers.ErrNotPayable, o.state)
	case !p.ports.Clock.Now().Before(o.expires):
		return nil, fmt.Errorf("%w: its time has expired", providers.ErrNotPayable)
	}
	if err := p.begin(ctx, o); err != nil {
		return nil, fmt.Errorf("%w: %w", providers.ErrNotPayable, err)
	}
	o.shopper = trial
	return o, nil
}

// read finds the order of a code as a phone is given it: the content of a QR
// code, a barcode that waits for its password, the trade_no of a create, or a
// signed request of a page or an app.
func (p *Provider) read(ctx context.Context, trial faults.Trial, text string) (*order, error) {
	if found, known := p.codes[text]; known {
		switch {
		case found.owner != "" && (found.owner != trial || found.order == nil || found.order.awaiting != found):
			return nil, providers.ErrUnknownCode
		case found.owner == "" && p.ports.Clock.Now().After(found.until) && found.order.state == stateNone:
			return nil, fmt.Errorf("%w: the code has expired", providers.ErrNotPayable)
		}
		return found.order, nil
	}
	if o := p.trades[text]; o != nil && o.method == create {
		return o, nil
	}
	if !strings.Contains(text, "=") {
		return nil, providers.ErrUnknownCode
	}
	return p.handed(ctx, trial, text)
}

// handed is the order of a request that the merchant signed for the shopper's
// browser or app (§3). It is checked as a call is.
func (p *Provider) handed(ctx context.Context, trial faults.Trial, text string) (*order, error) {
	read, err := readHandover(text)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", providers.ErrUnknownCode, err)
	}
	c, refused := p.admit(read)
	if refused == nil && !c.method.fromShopper() {
		refused = refuse("isv.invalid-method")
	}
	if refused != nil {
		return nil, fmt.Errorf("%w: %s %s", providers.ErrUnknownCode, refused.sub, refused.message)
	}
	c.ctx, c.trial = ctx, trial
	asked, refused := p.readOrder(c)
	if refused != nil {
		return nil, fmt.Errorf("%w: %s %s", providers.ErrUnknownCode, refused.sub, refused.message)
	}
	o, refused := p.offered(c, asked)
	if refused != nil {
		return nil, fmt.Errorf("%w: %s %s", providers.ErrNotPayable, refused.sub, refused.message)
	}
	return o, nil
}
