package wechatpay

import (
	"encoding/json"
	"strconv"

	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/faults/proxy"
	"github.com/payquake/payquake/journal"
	"github.com/payquake/payquake/payment"
)

// reading reads members of a parsed object; what is missing or of another type
// is empty. A dialect must bear every message that a fault can make.
type reading struct{ values map[string]any }

// at follows a path of object members; nil where it breaks off.
func (r reading) at(path ...string) any {
	var value any = r.values
	for _, name := range path {
		inner, ok := value.(map[string]any)
		if !ok {
			return nil
		}
		value = inner[name]
	}
	return value
}

// text is the string at a path.
func (r reading) text(path ...string) string {
	value, _ := r.at(path...).(string)
	return value
}

// money is an amount in fen with the currency beside it, which is CNY when
// none is named; no money if it is no whole number.
func (r reading) money(object, member string) payment.Money {
	number, ok := r.at(object, member).(json.Number)
	if !ok {
		return payment.Money{}
	}
	minor, err := strconv.ParseInt(number.String(), 10, 64)
	if err != nil {
		return payment.Money{}
	}
	if currency := r.text(object, "currency"); currency != "" {
		return payment.Money{Minor: minor, Currency: payment.Currency(currency)}
	}
	return payment.Fen(minor)
}

// notification reads a delivery. Whatever is no notification either has the
// operation faults.Other.
func (d *Dialect) notification(r *proxy.Request) journal.Facts {
	if form, ok := d.openV2(r); ok {
		facts := factsV2(form)
		facts.Signature = d.verdictV2(form, form.signTypeOf())
		return facts
	}
	opened, err := d.open(r)
	if err != nil {
		return journal.Facts{Operation: faults.Other}
	}
	facts := opened.facts()
	d.platformSigned(r.Header, r.Body, &facts)
	return facts
}

// facts is what the notification says, whoever signed it.
func (o opened) facts() journal.Facts {
	facts := journal.Facts{Operation: o.operation, NotificationID: o.id, Account: o.mchid, Status: o.event}
	switch body := (reading{o.values}); {
	case o.operation == faults.NotifyRefund:
		refundClaims(body, "refund_status", &facts)
	case isCombined(body):
		combinedClaims(body, &facts)
	default:
		paymentClaims(body, &facts)
	}
	return facts
}

// opened is a notification whose resource was decrypted.
type opened struct {
	operation  faults.Operation
	id, event  string
	mchid      string
	apiKey     string
	nonce      string
	associated string
	plain      []byte
	values     map[string]any // of plain
}

// open decrypts a notification with the key of whichever merchant it is for:
// the envelope does not say, so each is tried.
func (d *Dialect) open(r *proxy.Request) (opened, error) {
	values, err := parse(r.Body)
	if err != nil {
		return opened{}, err
	}
	outer := reading{values}
	found := opened{id: outer.text("id"), event: outer.text("event_type"), operation: faults.NotifyPayment,
		nonce: outer.text("resource", "nonce"), associated: outer.text("resource", "associated_data")}
	if outer.text("resource", "original_type") == "refund" {
		found.operation = faults.NotifyRefund
	}
	hidden := outer.text("resource", "ciphertext")
	for mchid, merchant := range d.ring.merchants {
		plain, err := unseal(merchant.APIv3Key, found.nonce, found.associated, hidden)
		if err != nil {
			continue
		}
		found.mchid, found.apiKey, found.plain = mchid, merchant.APIv3Key, plain
		if found.values, err = parse(plain); err != nil {
			found.values = nil
		}
		return found, nil
	}
	return opened{}, errUnsealable
}
