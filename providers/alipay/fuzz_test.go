package alipay

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/payquake/payquake/clock"
	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/faults/proxy"
	"github.com/payquake/payquake/providers"
)

// Whatever arrives as a query and a form, the gateway answers with a node that
// refuses: nobody can sign without the key. The texts are never re-spelled.
func FuzzGateway(f *testing.F) {
	read, app, provider := vectors(f)
	own := vectorDesk(f, provider)
	own.ring.apps["2021000000000001"] = &account{Merchant: Merchant{AppID: "2021000000000001"}, key: &app.PublicKey}
	p := &Provider{ring: own.ring, desk: own, ports: providers.Ports{Clock: clock.System{}}}
	message := strings.NewReplacer("+", "%2B", "%", "%25", " ", "+").Replace(read["V1"].Message)
	f.Add(message, "sign=AAAA")
	f.Add("app_id=2021000000000001&sign_type=RSA2&method=alipay.trade.pay", "sign=A&biz_content={}")
	f.Add("method=alipay.trade.page.pay", "%")
	f.Add("a=b&&=&", "")
	f.Add("method=\"", "0")
	f.Fuzz(func(t *testing.T, query, form string) {
		if read, err := readParameters(query, form); err == nil {
			again, err := readParameters(read.encoded(), "")
			if err != nil || again.toSign(true) != read.toSign(true) {
				t.Fatalf("%q becomes %q", read.toSign(true), again.toSign(true))
			}
		}
		answer, err := p.gateway(t.Context(), "", query, form)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(answer.Header.First("Content-Type"), "text/html;charset=GBK") {
			return
		}
		var outer map[string]json.RawMessage
		if err := json.Unmarshal(answer.Body, &outer); err != nil {
			t.Fatalf("%s: %v", answer.Body, err)
		}
		if strings.Contains(string(answer.Body), `"code":"10000"`) {
			t.Fatalf("accepted: %s", answer.Body)
		}
	})
}

// No bytes make the dialect panic; what it edits, it can still read; and only
// the signed bytes are valid.
func FuzzNotification(f *testing.F) {
	read, _, key := vectors(f)
	d := &Dialect{ring: vectorDesk(f, key).ring, clock: clock.System{}, notifyAt: map[string]string{}}
	message := read["V3"].Message
	f.Add(read["V3"].Body)
	f.Add(strings.Replace(read["V3"].Body, "total_amount=88.80", "total_amount=88.81", 1))
	f.Add("notify_type=a&notify_id=b&refund_fee=1&total_amount=%31")
	f.Add("notify_type=a&notify_id=b&total_amount=1&total_amount=2&sign=x&")
	f.Fuzz(func(t *testing.T, body string) {
		request := &proxy.Request{Method: "POST", Target: "/notify", Body: []byte(body)}
		facts := d.Request(request)
		_ = d.Body(request, nil)
		if said, ok := readNotice(request); facts.Signature == "valid" && (!ok || said.read.noticeString() != message) {
			t.Fatalf("%q is valid", body)
		}
		for _, edit := range []faults.Edit{{Amount: faults.AmountPlusOne}, {Reference: "B1"}, {Amount: faults.AmountMissing, Reference: "B1"}} {
			edited, err := d.EditRequest(request, edit)
			if err != nil {
				continue
			}
			again := d.Request(edited)
			if again.Operation == faults.Other || (edit.Reference != "" && again.MerchantReference != edit.Reference) {
				t.Fatalf("%+v makes %q of %q", edit, edited.Body, body)
			}
		}
	})
}

// A raw value keeps its spelling where what it means stays the same.
func FuzzRespelled(f *testing.F) {
	f.Add("a%20b+%E6%B5%8B", "a b 测x")
	f.Add("", "")
	f.Fuzz(func(t *testing.T, raw, becomes string) {
		pairs, err := readPairs("v=" + strings.ReplaceAll(raw, "&", ""))
		if err != nil {
			return
		}
		text, found := setPair("v="+strings.ReplaceAll(raw, "&", ""), "v", becomes)
		again, err := readPairs(text)
		if err != nil || !found || again[0].value != becomes {
			t.Fatalf("%q becomes %q", raw, text)
		}
		if pairs[0].value == becomes && text != "v="+strings.ReplaceAll(raw, "&", "") {
			t.Fatalf("%q was spelled anew: %q", raw, text)
		}
	})
}
