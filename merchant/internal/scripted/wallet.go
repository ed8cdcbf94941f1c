package scripted

import (
	"encoding/json"
	"fmt"

	"github.com/payquake/payquake/merchant"
	"github.com/payquake/payquake/payment"
)

// open finds a payment, or makes one that nobody has paid.
func (p *Provider) open(reference payment.MerchantReference, amount payment.Money) *merchant.Trade {
	if p.payments == nil {
		p.payments = map[payment.MerchantReference]*merchant.Trade{}
	}
	if p.payments[reference] == nil {
		p.payments[reference] = &merchant.Trade{Reference: reference, Standing: merchant.Unpaid, Amount: amount}
	}
	return p.payments[reference]
}

// combine opens the parts of a combined payment.
func (p *Provider) combine(parts []merchant.Part) {
	if p.baskets == nil {
		p.baskets = map[payment.MerchantReference][]payment.MerchantReference{}
	}
	var all []payment.MerchantReference
	for _, part := range parts {
		p.open(part.Reference, part.Amount)
		all = append(all, part.Reference)
	}
	for _, reference := range all {
		p.baskets[reference] = all
	}
}

// together are the payments that can only be paid and closed together with the
// named one, itself among them.
func (p *Provider) together(reference payment.MerchantReference) []*merchant.Trade {
	all := p.baskets[reference]
	if len(all) == 0 {
		all = []payment.MerchantReference{reference}
	}
	var trades []*merchant.Trade
	for _, each := range all {
		if trade, known := p.payments[each]; known {
			trades = append(trades, trade)
		}
	}
	return trades
}

// told is what is said of a trade unasked.
func (p *Provider) told(trade *merchant.Trade) merchant.Trade {
	if p.Unconfirmed {
		return merchant.Trade{Reference: trade.Reference, Standing: merchant.Deciding, Unconfirmed: true}
	}
	return *trade
}

// PayAll has a shopper pay a combined payment, named by any of its parts, and
// returns the notification of it; with late it pays what was ended as well.
func (p *Provider) PayAll(part payment.MerchantReference, late bool) ([]byte, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var notice merchant.Notice
	for _, trade := range p.together(part) {
		if trade.Standing == merchant.Ended && !late {
			return nil, fmt.Errorf("pay %s: cannot be paid", part)
		}
		take(trade, trade.Amount)
		notice.Trades = append(notice.Trades, p.told(trade))
	}
	return json.Marshal(notice)
}

// Notice is a notification of a payment as it is, whatever that is.
func (p *Provider) Notice(reference payment.MerchantReference) ([]byte, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	trade, known := p.payments[reference]
	if !known {
		return nil, fmt.Errorf("notify of %s: no such payment", reference)
	}
	return json.Marshal(merchant.Notice{Trades: []merchant.Trade{p.told(trade)}})
}

// RollBack undoes a charge as if it had never been, after it was answered.
func (p *Provider) RollBack(reference payment.MerchantReference) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if trade, known := p.payments[reference]; known {
		*trade = merchant.Trade{Reference: reference, Standing: merchant.Ended, Amount: trade.Amount}
	}
}

// Mistake answers the coming queries about one payment in the name of another,
// or rightly again when that is "".
func (p *Provider) Mistake(asked, answered payment.MerchantReference) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.Mistaken == nil {
		p.Mistaken = map[payment.MerchantReference]payment.MerchantReference{}
	}
	p.Mistaken[asked] = answered
	if answered == "" {
		delete(p.Mistaken, asked)
	}
}

// Recapture makes the provider's book say that another amount was captured.
func (p *Provider) Recapture(reference payment.MerchantReference, amount payment.Money) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.payments[reference].Amount = amount
}
