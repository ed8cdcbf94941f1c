package unionpay

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/providers"
)

// Barcode implements providers.Wallet.
func (p *Provider) Barcode(_ context.Context, trial faults.Trial) (string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.Roster.Knows(trial) {
		return "", fmt.Errorf("show a barcode of %s: %w", trial, providers.ErrUnknownPart)
	}
	code := newBarcode()
	p.barcodes[code] = &barcode{owner: trial, until: p.ports.Clock.Now().Add(p.options.barcodeLife())}
	return code, nil
}

// Open implements providers.Wallet. The text is a qrCode, a tn, the address of
// a cashier page, or the form that a browser posts to frontTransReq.do.
func (p *Provider) Open(ctx context.Context, trial faults.Trial, text string) (providers.Checkout, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	o, err := p.payable(ctx, trial, text)
	if err != nil {
		return providers.Checkout{}, fmt.Errorf("open a code: %w", err)
	}
	return providers.Checkout{Payee: o.account.Name, Description: strings.ToValidUTF8(o.asked["orderDesc"], "?"),
		Amount: o.amount(), MerchantReference: o.key.Reference}, nil
}

// Pay implements providers.Wallet. A refused try moves no money, and the order
// stays payable: another card may do.
func (p *Provider) Pay(ctx context.Context, trial faults.Trial, text string) (providers.Receipt, error) {
	p.Pause(ctx, p.hesitation(ctx, trial, text))
	p.mu.Lock()
	defer p.mu.Unlock()
	o, err := p.payable(ctx, trial, text)
	if err != nil {
		return providers.Receipt{}, fmt.Errorf("pay a code: %w", err)
	}
	refused, err := p.pay(ctx, o, trial)
	switch {
	case err != nil:
		return providers.Receipt{}, fmt.Errorf("%w: %w", providers.ErrNotPayable, err)
	case refused != "":
		return providers.Receipt{}, fmt.Errorf("pay order %s: %w: %s", o.key.Reference, providers.ErrDeclined, message(refused, "", true))
	}
	return providers.Receipt{MerchantReference: o.key.Reference, ProviderReference: o.paid.ProviderReference,
		Amount: o.amount()}, nil
}

// hesitation is how long the shopper looks at an open code first.
func (p *Provider) hesitation(ctx context.Context, trial faults.Trial, text string) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	if o, err := p.payable(ctx, trial, text); err == nil {
		return o.behaviour.Hesitates(ctx)
	}
	return 0
}

// Cancel implements providers.Wallet. The order stays as it is: the payer may
// come back to it.
func (p *Provider) Cancel(ctx context.Context, trial faults.Trial, text string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, err := p.payable(ctx, trial, text); err != nil {
		return fmt.Errorf("cancel a code: %w", err)
	}
	return nil
}

// payable finds what a text stands for and checks that it can be paid now. The
// lock is held.
func (p *Provider) payable(ctx context.Context, trial faults.Trial, text string) (*order, error) {
	if !p.Roster.Knows(trial) {
		return nil, fmt.Errorf("%s: %w", trial, providers.ErrUnknownPart)
	}
	o, err := p.read(ctx, trial, text)
	if err != nil {
		return nil, err
	}
	p.adopt(o, trial)
	switch {
	case o.state != unpaid:
		return nil, fmt.Errorf("%w: the order is %s", providers.ErrNotPayable, o.state)
	case o.late(p.ports.Clock.Now()):
		return nil, fmt.Errorf("%w: its payTimeout has passed", providers.ErrNotPayable)
	}
	return o, nil
}

// read finds the order of a text.
func (p *Provider) read(ctx context.Context, trial faults.Trial, text string) (*order, error) {
	if o := p.codes[text]; o != nil {
		return o, nil
	}
	// The page may be reached under another host, where no name leads here.
	if page, err := url.Parse(text); err == nil && endpoint(page.Path) == cashier {
		if o := p.codes[cashierURL(page.Query().Get("transNumber"))]; o != nil {
			return o, nil
		}
	}
	if strings.Contains(text, "signature=") {
		return p.posted(ctx, trial, text)
	}
	return nil, providers.ErrUnknownCode
}

// posted takes a front request that a browser posts by itself, checked exactly
// as on the wire, and refused in words. One that never crossed the wire creates
// its order now, for the shopper who opens it; the same form again is the same
// order, since a shopper looks at a page before paying.
func (p *Provider) posted(ctx context.Context, trial faults.Trial, text string) (*order, error) {
	asked, err := encoded.parse(text)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", providers.ErrUnknownCode, err)
	}
	who, refused := p.admit(front, asked)
	if refused == nil {
		if t := p.trades[keyOf(asked)]; t != nil && t.order != nil && t.asked.signed() == asked.signed() {
			return t.order, nil
		}
		_, refused = p.once(call{ctx: ctx, from: front, asked: asked, account: who, trial: trial}, p.place)
	}
	if refused != nil {
		return nil, fmt.Errorf("%w: %s", providers.ErrUnknownCode, message(refused.code, refused.detail, true))
	}
	return p.trades[keyOf(asked)].order, nil
}
