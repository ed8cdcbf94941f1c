package wechatpay

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/faults/proxy"
)

// Whatever is read as an authorization has all its fields and no quotes left.
func FuzzAuthorization(f *testing.F) {
	f.Add(scheme + ` mchid="1",nonce_str="n",signature="s",timestamp="1",serial_no="2"`)
	f.Add(scheme + ` mchid="1", serial_no="2", timestamp="1",nonce_str="n",signature="s"`)
	f.Add(scheme + ` mchid="1",`)
	f.Add("Basic x")
	f.Fuzz(func(t *testing.T, header string) {
		read, err := parseAuthorization(header)
		if err != nil {
			return
		}
		for _, field := range []string{read.mchID, read.nonce, read.signature, read.timestamp, read.serial} {
			if field == "" || strings.Contains(field, `"`) || !strings.Contains(header, `="`+field+`"`) {
				t.Fatalf("field %q of %q", field, header)
			}
		}
	})
}

// A prepay body is either refused with a place, or an order that the book can
// take.
func FuzzPrepay(f *testing.F) {
	f.Add([]byte(`{"appid":"a","mchid":"m","description":"d","out_trade_no":"order-1","notify_url":"https://a/b","amount":{"total":1}}`))
	f.Add([]byte(`{"amount":{"total":1.0}}`))
	f.Add([]byte(`{"appid":null}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		var read orderParams
		value, refused := fill(body, prepayForm(native), false, &read)
		if refused != nil {
			if refused.status != 400 || refused.code != "PARAM_ERROR" || !json.Valid(encode(refused.detail)) {
				t.Fatalf("refused with %+v", refused)
			}
			return
		}
		if read.Amount.Total < 1 || read.Amount.Total > maxFen || len(read.OutTradeNo) < 6 || len(read.OutTradeNo) > 32 {
			t.Fatalf("accepted %+v", read)
		}
		if fingerprint(native, value) != fingerprint(native, value) {
			t.Fatal("the fingerprint changes")
		}
	})
}

// No bytes make the dialect panic, and what does not open says nothing.
func FuzzNotificationDecrypt(f *testing.F) {
	merchant := Merchant{MchID: "m", APIv3Key: vectorAPIKey}
	ring := &keyring{merchants: map[string]*account{"m": {Merchant: merchant}}}
	d := &Dialect{ring: ring, notifyAt: map[string]string{}}
	sealed, err := news{event: eventPaid, kind: "transaction", associated: "transaction", apiKey: vectorAPIKey,
		plain: []byte(`{"out_trade_no":"order-1","amount":{"total":101}}`)}.sealed("id")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(sealed)
	f.Add([]byte(`{"resource":{"ciphertext":"AAAA","nonce":"0123456789ab"}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		request := &proxy.Request{Method: "POST", Target: "/notify", Body: body}
		facts := d.Request(request)
		if facts.Operation != faults.Other && facts.Account != "m" {
			t.Fatalf("%+v", facts)
		}
		_ = d.Body(request, nil)
		if edited, err := d.EditRequest(request, faults.Edit{Amount: faults.AmountPlusOne}); err == nil && d.Request(edited).Operation == faults.Other {
			t.Fatal("an edited notification no longer opens")
		}
	})
}

// A combined prepay body is either refused with a place, or sub orders that the
// book can take and whose sum is right.
func FuzzCombined(f *testing.F) {
	f.Add([]byte(`{"combine_appid":"a","combine_mchid":"m","combine_out_trade_no":"w1","sub_orders":[` +
		`{"mchid":"m","attach":"a","amount":{"total_amount":1,"currency":"CNY"},"out_trade_no":"order-1","description":"d"},` +
		`{"mchid":"m","attach":"a","amount":{"total_amount":2,"currency":"CNY"},"out_trade_no":"order-2","description":"d"}],"notify_url":"https://a/b"}`))
	f.Add([]byte(`{"sub_orders":[null,1]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		var read combinedParams
		_, refused := fill(body, combinedForm(native), false, &read)
		if refused != nil {
			if refused.status != 400 || refused.code != "PARAM_ERROR" || !json.Valid(encode(refused.detail)) {
				t.Fatalf("refused with %+v", refused)
			}
			return
		}
		total := read.whole().Amount.Total
		for i := range read.SubOrders {
			total -= read.sub(i).Amount.Total
		}
		if len(read.SubOrders) < leastSubs || len(read.SubOrders) > mostSubs || total != 0 {
			t.Fatalf("accepted %+v", read)
		}
	})
}

// Whatever is read as XML reads the same when written again, its signature
// holds and a broken one does not, and edits and masks bear it.
func FuzzXML(f *testing.F) {
	f.Add([]byte(`<xml><a>1</a><b><![CDATA[x]]]]><![CDATA[>y]]></b><sign>0</sign></xml>`))
	f.Add([]byte(`<?xml version="1.0"?><!-- c --><xml><mch_id>m</mch_id><total_fee>1</total_fee><return_code/><transaction_id>t</transaction_id></xml>`))
	f.Add([]byte(`<!DOCTYPE x [<!ENTITY a "b">]><xml><a>&a;</a></xml>`))
	f.Add([]byte("<xml><a>\r\n&#13;&amp;</a></xml>"))
	const key = "payquakeTESTONLYapiv2key00000001"
	ring := &keyring{merchants: map[string]*account{"m": {Merchant: Merchant{MchID: "m", APIv2Key: key}}}}
	d := &Dialect{ring: ring, notifyAt: map[string]string{}}
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, target := range []string{"/pay/micropay", "/notify"} {
			request := &proxy.Request{Method: "POST", Target: target, Body: body}
			_, _ = d.Request(request), d.Body(request, nil)
			edited, err := d.EditRequest(request, faults.Edit{Amount: faults.AmountPlusOne, Signature: faults.SignatureResigned})
			if err == nil && d.Request(edited).Signature != "valid" && strings.HasPrefix(target, "/pay/") {
				t.Fatalf("signed again, and invalid: %s", edited.Body)
			}
		}
		form, err := parseXML(body)
		if err != nil {
			return
		}
		if len(form) > maxFields || strings.Contains(string(body), "<!DOCTYPE") && !strings.Contains(string(body), "<![CDATA[") && !strings.Contains(string(body), "<!--") {
			t.Fatalf("read %q", body)
		}
		var unsigned document
		for _, read := range form {
			if read.name != "sign" {
				unsigned = append(unsigned, read)
			}
		}
		signed := append(unsigned, field{name: "sign", value: unsigned.sign(key, signMD5)})
		again, err := parseXML(signed.encode())
		if err != nil || !again.signed(key, signMD5) || len(again) != len(signed) {
			t.Fatalf("written %s: %v", signed.encode(), err)
		}
		for i, read := range again[:len(again)-1] {
			if read.name != unsigned[i].name || read.value != unsigned[i].written() {
				t.Fatalf("%+v became %+v", unsigned[i], read)
			}
		}
		again[len(again)-1].value = brokenDigits(again.get("sign"))
		if again.signed(key, signMD5) {
			t.Fatal("a broken signature holds")
		}
	})
}
