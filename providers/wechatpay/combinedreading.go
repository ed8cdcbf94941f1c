package wechatpay

import (
	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/journal"
	"github.com/payquake/payquake/payment"
	"github.com/payquake/payquake/providers/keys"
	"github.com/payquake/payquake/providers/surgery"
)

// The dialect's side of combined payments: the whole goes by its own number,
// what it consists of stands in Facts.Parts.

// askedCombined reads what a call about a combined payment says.
func (d *Dialect) askedCombined(found route, body reading, facts *journal.Facts) {
	facts.MerchantReference = payment.MerchantReference(found.number)
	facts.Parts = partsOf(body)
	if found.operation == faults.Create {
		facts.MerchantReference = payment.MerchantReference(body.text("combine_out_trade_no"))
		facts.Amount = sum(facts.Parts)
		d.remember(facts.Account, body.text("notify_url"))
	}
}

// partsOf reads sub_orders, of a request, an answer or a notification.
func partsOf(body reading) []journal.Part {
	listed, _ := body.at("sub_orders").([]any)
	var parts []journal.Part
	for _, each := range listed {
		values, _ := each.(map[string]any)
		sub := reading{values}
		parts = append(parts, journal.Part{
			MerchantReference: payment.MerchantReference(sub.text("out_trade_no")),
			ProviderReference: payment.ProviderReference(sub.text("transaction_id")),
			Amount:            sub.money("amount", "total_amount"), State: string(stateOf(sub.text("trade_state"))),
			Account: sub.text("mchid")})
	}
	return parts
}

// sum is the whole's amount; no money if one part has none, or if they cannot
// be added.
func sum(parts []journal.Part) payment.Money {
	var amounts []payment.Money
	for _, part := range parts {
		if part.Amount.Currency == "" {
			return payment.Money{}
		}
		amounts = append(amounts, part.Amount)
	}
	total, err := payment.Sum(amounts...)
	if err != nil {
		return payment.Money{}
	}
	return total
}

// isCombined reports whether an object speaks of a combined payment.
func isCombined(body reading) bool { return body.text("combine_out_trade_no") != "" }

// combinedClaims reads the object of §3.9. The whole is in a state if all its
// parts are; if they differ, nothing is claimed of it.
func combinedClaims(body reading, facts *journal.Facts) {
	facts.Parts = partsOf(body)
	facts.Amount = sum(facts.Parts)
	if named := body.text("combine_out_trade_no"); named != "" {
		facts.MerchantReference = payment.MerchantReference(named)
	}
	if named := body.text("combine_mchid"); named != "" {
		facts.Account = named
	}
	listed, _ := body.at("sub_orders").([]any)
	for i, each := range listed {
		values, _ := each.(map[string]any)
		word := reading{values}.text("trade_state")
		if i == 0 {
			facts.Status, facts.State = word, facts.Parts[0].State
		}
		if facts.Status != word {
			facts.Status = ""
		}
		if facts.State != facts.Parts[i].State {
			facts.State = ""
		}
	}
}

// wording is where a body says whom it speaks of, and how much.
type wording struct {
	number string
	amount string // the member of "amount"
	// sub: both stand in the first of sub_orders.
	sub bool
}

// ordinary and firstSub are the wordings of ordinary messages and of combined
// payments, of which an edit changes the first sub order.
func ordinary(amount string) wording { return wording{number: "out_trade_no", amount: amount} }

func firstSub() wording { return wording{number: "out_trade_no", amount: "total_amount", sub: true} }

// locate finds a member.
func (w wording) locate(text []byte, path ...string) (surgery.Span, error) {
	if !w.sub {
		return surgery.Locate(text, path...)
	}
	list, err := surgery.Locate(text, "sub_orders")
	if err != nil {
		return surgery.Span{}, err
	}
	at := list.Start + 1
	for at < list.End && isSpace(text[at]) {
		at++
	}
	if text[list.Start] != '[' || at >= list.End {
		return surgery.Span{}, surgery.ErrNoMember
	}
	inner, err := surgery.Locate(text[at:list.End], path...)
	if err != nil {
		return surgery.Span{}, err
	}
	return surgery.Span{Before: inner.Before + at, Start: inner.Start + at, End: inner.End + at,
		Next: inner.Next + at, First: inner.First}, nil
}

func isSpace(b byte) bool { return b == ' ' || b == '\t' || b == '\r' || b == '\n' }

// combinedFiction is the news that a combined payment succeeded (see Forge).
func (d *Dialect) combinedFiction(parts []journal.Part, scene scene, who *account, body reading) news {
	now := d.clock.Now()
	openID := body.text("combine_payer_info", "openid")
	if openID == "" {
		openID = "o" + keys.Letters(27)
	}
	told := combinedTransaction{AppID: body.text("combine_appid"), MchID: who.MchID,
		OutTradeNo: body.text("combine_out_trade_no"), Payer: &payer{openID}}
	listed, _ := body.at("sub_orders").([]any)
	for i, part := range parts {
		values, _ := listed[i].(map[string]any)
		attach, total := reading{values}.text("attach"), part.Amount.Minor
		told.SubOrders = append(told.SubOrders, subTransaction{MchID: part.Account, TradeType: scene.tradeType(),
			TradeState: stateSuccess, BankType: "OTHERS", Attach: &attach, SuccessTime: wireTime(now),
			TransactionID: newTransactionID(now), OutTradeNo: string(part.MerchantReference),
			Amount: subAmount{TotalAmount: total, Currency: "CNY", PayerAmount: &total, PayerCurrency: "CNY"}})
	}
	return paidNews(who, encode(told), now)
}
