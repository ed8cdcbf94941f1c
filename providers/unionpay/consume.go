package unionpay

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/payquake/payquake/faults"
)

// place creates an order that the payer pays with a wallet: in a browser, from
// an app, or by scanning a code (01/01, 01/07).
func (p *Provider) place(c call) (reply, *failure) {
	o, refused := p.begin(c)
	if refused != nil {
		return reply{}, refused
	}
	now := p.ports.Clock.Now()
	switch {
	case c.asked.transaction() == shown:
		code := p.options.newQRCode()
		p.codes[code] = o
		return accepted(fields{"qrCode": code}), nil
	case c.from == app:
		tn := newNumber(p.nextTrace(), now)
		p.codes[tn] = o
		return accepted(fields{"tn": tn}), nil
	default:
		page := cashierURL(newNumber(p.nextTrace(), now))
		p.codes[page] = o
		return reply{location: page}, nil
	}
}

// barcode is a payer's code.
type barcode struct {
	owner faults.Trial
	until time.Time
	used  bool
}

// defaultBarcodeLife is how long a payer's code lives.
const defaultBarcodeLife = time.Minute

// barcodeLife is the same as the options have it.
func (o Options) barcodeLife() time.Duration {
	if o.BarcodeLife != 0 {
		return o.BarcodeLife.Std()
	}
	return defaultBarcodeLife
}

// scan takes the money of the payer whose code the merchant scanned (01/06).
// 00 means accepted: what came of it is told by the notification and by
// queries (§11). A code that is not accepted leaves the orderId unused.
func (p *Provider) scan(c call) (reply, *failure) {
	code, refused := p.takeBarcode(c.asked["qrNo"])
	if refused != nil {
		return reply{}, refused
	}
	o, refused := p.begin(c)
	if refused != nil {
		return reply{}, refused
	}
	code.used = true
	p.adopt(o, code.owner)
	p.number(c.ctx, o.trade)
	if after, fails, pends := o.behaviour.Pends(c.ctx); pends {
		p.decideLater(c.ctx, o, code.owner, pending{after, fails})
		return accepted(fields{"queryId": o.queryID, "txnAmt": c.asked["txnAmt"], "currencyCode": "156"}), nil
	}
	if o.behaviour.TellsFailure(c.ctx) {
		p.decline(c.ctx, o, codeBalance)
		return accepted(fields{"queryId": o.queryID, "txnAmt": c.asked["txnAmt"], "currencyCode": "156"}), nil
	}
	issuer, err := p.pay(c.ctx, o, code.owner)
	switch {
	case err != nil:
		return reply{}, refuse(codeGeneric, "")
	case issuer != "":
		p.decline(c.ctx, o, issuer)
	case o.behaviour.HidesOutcome(c.ctx):
		return reply{}, refuse(codeTimeout, "")
	}
	return accepted(fields{"queryId": o.queryID, "txnAmt": c.asked["txnAmt"], "currencyCode": "156"}), nil
}

// pending is how a payment goes on whose payer has to confirm it.
type pending struct {
	after time.Duration
	fails bool
}

// decideLater has the payer confirm, or refuse, after a while. Until then queries
// say that the payment is accepted, 05 (§8.4).
func (p *Provider) decideLater(ctx context.Context, o *order, payer faults.Trial, goes pending) {
	asked := trace.SpanContextFromContext(ctx)
	p.Agenda.After(o.trial, goes.after, func(ctx context.Context) {
		ctx = trace.ContextWithSpanContext(ctx, asked)
		p.mu.Lock()
		defer p.mu.Unlock()
		p.age(ctx, o)
		if o.state != unpaid {
			return
		}
		if goes.fails || p.capture(ctx, o, payer, codeOK) != nil {
			p.decline(ctx, o, codeFailed)
		}
	})
}

// takeBarcode finds a payer's code that can still be used (§7: 86 to 88).
func (p *Provider) takeBarcode(text string) (*barcode, *failure) {
	code := p.barcodes[text]
	switch {
	case code == nil:
		return nil, refuse(codeNoQR, "")
	case code.used && !p.options.BarcodeReusable:
		return nil, refuse(codeQRUsed, "")
	case p.ports.Clock.Now().After(code.until):
		return nil, refuse(codeQRState, "")
	}
	return code, nil
}
