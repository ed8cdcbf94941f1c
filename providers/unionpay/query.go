package unionpay

import (
	"time"

	"github.com/payquake/payquake/payment"
)

// query tells a trade's state (§8). respCode speaks of the query, origRespCode
// of the trade, whose own txnType the answer echoes (§3).
func (p *Provider) query(c call) (reply, *failure) {
	t := p.queried(c.asked)
	if t == nil {
		return reply{}, refuse(codeNone, "")
	}
	code := ""
	if t.undo != nil {
		code = p.undoCode(t.undo)
	} else {
		if t.order.late(p.ports.Clock.Now()) {
			p.captureLate(c, t.order)
		}
		p.age(c.ctx, t.order)
		code = p.told(c, t.order)
	}
	if code == codeNone {
		return reply{}, refuse(codeNone, "")
	}
	values := t.result(stateOf(code) == payment.Captured)
	values["origRespCode"], values["origRespMsg"] = code, message(code, "", c.asked.chinese())
	return accepted(values), nil
}

// queried finds the trade of a query, nil if it is none of this merchant's.
// The orderId alone is not enough: the triple identifies a transaction (§1).
func (p *Provider) queried(asked fields) *trade {
	if asked.transaction() == queryByID {
		if t := p.byQueryID[asked["queryId"]]; t != nil && t.key.Account == asked["merId"] {
			return t
		}
		return nil
	}
	t := p.trades[keyOf(asked)]
	if t == nil {
		return nil
	}
	was, is := t.asked["txnTime"], asked["txnTime"]
	if was == is || (p.options.TxnTimeByDate && was[:8] == is[:8]) {
		return t
	}
	return nil
}

// told is the code that a query is given. By its conduct an order says 05 for
// a while after its capture, but never beyond payTimeout, after which a query
// gives the final state (§8.3); a void or a refund is never fooled by that.
func (p *Provider) told(c call, o *order) string {
	switch o.state {
	case unpaid:
		return or(p.options.Unpaid, codeAccepted)
	case reversed:
		return or(p.options.Reversed, codeReversed)
	case paid:
		if !o.late(p.ports.Clock.Now()) && o.behaviour.Lags(c.ctx) {
			return codeAccepted
		}
	}
	return o.code
}

// undoCode is the code of a refund or void. A refund under way says 05.
func (p *Provider) undoCode(u *undo) string {
	if u.refund.Reference == "" {
		return codeOK
	}
	known, err := p.Book.RefundOf(u.refund)
	if err != nil || known.State == payment.RefundRefused {
		return codeFailed
	}
	if known.State == payment.RefundDone {
		return codeOK
	}
	return codeAccepted
}

// result is what queries and notifications say of a trade: what was asked, and
// once it is done, what the provider added (§6, vector 2).
func (t *trade) result(done bool) fields {
	values := t.asked.echoed("accessType", "bizType", "currencyCode", "merId", "orderId", "origQryId", "origOrderId",
		"origTxnTime", "reqReserved", "txnAmt", "txnSubType", "txnTime", "txnType")
	if t.queryID != "" {
		values["queryId"] = t.queryID
	}
	if !done {
		// A payment that only a laggard query denies has its number already.
		if t.order != nil && t.asked.transaction() != scanned {
			delete(values, "queryId")
		}
		return values
	}
	for name, value := range settled(t.traceNo, t.at) {
		values[name] = value
	}
	values["settleAmt"] = t.asked["txnAmt"]
	return values
}

// settled are the numbers of a transaction that is done. None of them has a
// year (§1).
func settled(trace string, at time.Time) fields {
	return fields{"currencyCode": "156", "settleCurrencyCode": "156", "settleDate": clearingDay(at).Format("0102"),
		"traceNo": trace, "traceTime": beijing(at).Format("0102150405")}
}
