package wechatpay

import (
	"strconv"
	"strings"
)

// sceneV2 is the scene of a trade_type.
func sceneV2(tradeType string) scene {
	if tradeType == "MWEB" {
		return h5
	}
	return scene(strings.ToLower(tradeType))
}

// unifiedOrder creates an order, or re-enters one, as prepay does.
func (p *Provider) unifiedOrder(c *callV2) (document, *failure) {
	asked := c.asked()
	c.route.scene = sceneV2(c.form.get("trade_type"))
	if c.route.scene == jsapi && asked.Payer.OpenID == "" {
		return nil, lacking("openid")
	}
	if refused := p.checkNotifyURL(asked.NotifyURL); refused != nil {
		return nil, refused
	}
	expires, refused := momentV2(c.form.get("time_expire"))
	if refused != nil {
		return nil, refused
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	print := fingerprintV2(c.route.operation, c.form)
	o := p.lookUp(c.account, asked.OutTradeNo)
	if o == nil {
		if o, refused = p.create(c.call, asked, print); refused != nil {
			return nil, refused
		}
		o.expires, o.v2 = p.bounded(expires), c.signType
	} else if refused := p.reenter(c.call, o, print); refused != nil {
		return nil, refused
	}
	code := p.issue(o)
	given := document{{name: "trade_type", value: o.scene.tradeType()}, {name: "prepay_id", value: code.prepayID}}
	switch code.member {
	case "code_url":
		given.add("code_url", code.shown)
	case "h5_url":
		given.add("mweb_url", code.shown)
	}
	return given, nil
}

// micropay captures from the barcode that the shopper shows (§3.6). It is
// answered at once and never notified; a password that is needed is a failure
// with a code of its own.
func (p *Provider) micropay(c *callV2) (document, *failure) {
	if !matches(barcode, c.form.get("auth_code")) {
		return nil, coded(200, "AUTH_CODE_ERROR")
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	asked := c.asked()
	o, refused := p.scanBarcode(c.call, asked, fingerprintV2(c.route.operation, c.form))
	if refused != nil {
		if known := p.lookUp(c.account, asked.OutTradeNo); known != nil && known.state == stateRevoked {
			return nil, coded(200, "ORDERREVERSED")
		}
		return nil, refused
	}
	if o.state == stateUserPaying {
		return nil, coded(200, "USER_PAYING")
	}
	return o.paidV2(), nil
}

// paidV2 is what v2 tells of a payment (§3.6).
func (o *order) paidV2() document {
	total := strconv.FormatInt(o.params.Amount.Total, 10)
	var told document
	told.add("device_info", o.params.SceneInfo.DeviceID)
	told.add("openid", o.openID())
	told.add("is_subscribe", "N")
	told.add("trade_type", o.scene.tradeType())
	told.add("bank_type", "OTHERS")
	told.addPlain("total_fee", total)
	told.add("fee_type", "CNY")
	told.addPlain("cash_fee", strconv.FormatInt(o.payerTotal(), 10))
	told.add("cash_fee_type", "CNY")
	if o.coupon > 0 {
		told.addPlain("coupon_fee", strconv.FormatInt(o.coupon, 10))
		told.addPlain("coupon_count", "1")
	}
	told.add("transaction_id", string(o.paid.ProviderReference))
	told.add("out_trade_no", o.params.OutTradeNo)
	told.add("attach", o.params.Attach)
	told.add("time_end", timeV2(o.shown(o.paid.CapturedAt)))
	return told
}

// findV2 is the order that a v2 request names by either number, as a v3 query
// finds it.
func (p *Provider) findV2(c *callV2) (*order, *failure) {
	c.route.by, c.route.number = byTransaction, c.form.get("transaction_id")
	if c.route.number == "" {
		c.route.by, c.route.number = byTradeNumber, c.form.get("out_trade_no")
	}
	if c.route.number == "" {
		return nil, lacking("out_trade_no")
	}
	return p.queried(c.call)
}

// orderQuery tells an order's state. An order that is not paid has nothing but
// its number and its state.
func (p *Provider) orderQuery(c *callV2) (document, *failure) {
	p.mu.Lock()
	defer p.mu.Unlock()
	o, refused := p.findV2(c)
	if refused != nil {
		return nil, refused
	}
	p.age(c.ctx, o)
	state := p.told(c.call, o)
	given := document{{name: "trade_state", value: state}, {name: "trade_state_desc", value: describe(state)}}
	if state == stateSuccess || state == stateRefund || (state == stateRevoked && o.paid.ProviderReference != "") {
		return append(o.paidV2(), given...), nil
	}
	return append(document{{name: "out_trade_no", value: string(o.key.Reference)}}, given...), nil
}

// closeOrder ends an unpaid order. What is closed already is refused with a
// code of its own (§6.2), unlike in v3.
func (p *Provider) closeOrder(c *callV2) (document, *failure) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c.route.number = c.form.get("out_trade_no")
	if o := p.lookUp(c.account, c.route.number); o != nil && o.state == stateClosed && !o.poisoned {
		return nil, orderClosed()
	}
	return nil, p.closeNumber(c.call)
}

// reverseV2 undoes a barcode order, whatever became of it. The answer says
// whether to call again: so it is when nobody knows, and when the shopper's
// password sheet could not be taken away (§3.6).
func (p *Provider) reverseV2(c *callV2) (document, *failure) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c.route.number = c.form.get("out_trade_no")
	o := p.lookUp(c.account, c.route.number)
	if named := c.form.get("transaction_id"); named != "" {
		if o = p.transactions[named]; o != nil && o.account != c.account {
			o = nil
		}
	} else if c.route.number == "" {
		return nil, lacking("out_trade_no")
	}
	refused := p.undoV2(c, o)
	return document{{name: "recall", value: recall(refused)}}, refused
}

// recall says whether to call again after a reversal.
func recall(refused *failure) string {
	if refused != nil {
		switch codeV2(refused) {
		case "SYSTEMERROR", "USERPAYING", "BANKERROR":
			return "Y"
		}
	}
	return "N"
}

// undoV2 reverses, or by option says for a while that the shopper is still at
// the password.
func (p *Provider) undoV2(c *callV2, o *order) *failure {
	if o == nil {
		return orderNotExist()
	}
	p.age(c.ctx, o)
	if o.state == stateUserPaying && o.reversals < p.options.ReverseUserPaying {
		o.reversals++
		return coded(200, "USER_PAYING")
	}
	return p.undo(c.call, o)
}

// noticeV2 is the notification that an order of v2 is paid.
func noticeV2(o *order, nonce string) document {
	told := document{{name: "return_code", value: "SUCCESS"}, {name: "result_code", value: "SUCCESS"},
		{name: "appid", value: o.params.AppID}, {name: "mch_id", value: o.params.MchID}, {name: "nonce_str", value: nonce}}
	return signNotice(append(told, o.paidV2()...), o.account.APIv2Key, o.v2)
}

// signNotice signs a notification, which names its type of signature when that
// is not the default: nobody asked for it, so nobody else could tell.
func signNotice(told document, key, signType string) document {
	if signType != signMD5 {
		told.add("sign_type", signType)
	}
	told.add("sign", told.sign(key, signType))
	return told
}

// acknowledgesV2 reports whether a merchant took note: the body says so, and
// the status must not deny it.
func acknowledgesV2(status int, body []byte) bool {
	form, err := parseXML(body)
	return err == nil && status == 200 && form.get("return_code") == "SUCCESS"
}
