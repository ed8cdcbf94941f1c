package unionpay

import (
	"strings"
	"testing"

	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/faults/proxy"
	"github.com/payquake/payquake/journal"
)

// Pairs cover their text without gaps, no name comes twice, and what is written
// is read again: in both forms.
func FuzzPairs(f *testing.F) {
	f.Add("a=1&b=%20x&signature=AA%2B%3D", true)
	f.Add("reserved={a=1&b=2}&c=[x&y]&d=", false)
	f.Add("a={b=1&c=2", false)
	f.Add("a=1&&b=2", true)
	f.Fuzz(func(t *testing.T, raw string, percent bool) {
		written := form(percent)
		read, err := written.pairs(raw)
		if err != nil {
			return
		}
		next, values := 0, fields{}
		for _, one := range read {
			if one.start != next || one.at <= one.start || one.end < one.at {
				t.Fatalf("%+v does not begin at %d of %q", one, next, raw)
			}
			if written == plain && raw[one.start:one.end] != one.name+"="+one.value {
				t.Fatalf("%+v of %q", one, raw)
			}
			next, values[one.name] = one.end+1, one.value
		}
		if next != len(raw)+1 || len(values) != len(read) {
			t.Fatalf("%q was read as %+v", raw, read)
		}
		if written != encoded {
			return
		}
		for name, value := range values {
			if value == "" || strings.ContainsAny(name, "&=%+ ") || name != encoded.written(name) {
				return // a name as the writer has none
			}
		}
		again, err := encoded.parse(string(encoded.write(values)))
		if err != nil || again.signed() != values.signed() || again["signature"] != values["signature"] {
			t.Fatalf("%q became %q: %v", raw, encoded.write(values), err)
		}
	})
}

// No request gets past the checks unless its form is right and its signature
// is the merchant's: whatever is changed in a good one.
func FuzzRequest(f *testing.F) {
	b := open(f, nil)
	good := posted(b.signs(b.order("07", "order0001")))
	f.Add(good, "txnAmt=101", "txnAmt=102")
	f.Add(good, "signMethod=01", "signMethod=11")
	f.Add(good, "&version", "&a=&version")
	f.Add("signMethod=12&a=1", "", "")
	f.Fuzz(func(t *testing.T, raw, was, is string) {
		changed := strings.Replace(raw, was, is, 1)
		values, err := encoded.parse(changed)
		if err != nil {
			return
		}
		who, refused := b.provider.admit(back, values)
		if refused != nil {
			if !known(refused.code) || refused.code == codeOK {
				t.Fatalf("refused with %+v", refused)
			}
			return
		}
		original, err := encoded.parse(good)
		if err != nil || values.signed() != original.signed() || who.MerID != b.merchant.MerID {
			t.Fatalf("accepted %q", changed)
		}
	})
}

// No bytes make the dialect panic; nothing is called valid that was not signed;
// and an edited notification is one still.
func FuzzNotification(f *testing.F) {
	config := testConfig(f)
	d, err := NewDialect(config)
	if err != nil {
		f.Fatal(err)
	}
	values := fields{"txnType": "01", "txnSubType": "07", "merId": config.Merchants[0].MerID, "orderId": "order0001", "txnAmt": "101",
		"respCode": "00", "queryId": "512611231402335616528", "signMethod": "01", "encoding": "UTF-8"}
	if err := d.ring.sign(values); err != nil {
		f.Fatal(err)
	}
	genuine := values.signed()
	f.Add(encoded.write(values))
	f.Add([]byte("txnType=04&merId=1&orderId=2&respCode=00&signPubKeyCert=x&signature=y"))
	f.Add([]byte("a=1"))
	f.Fuzz(func(t *testing.T, body []byte) {
		request := &proxy.Request{Method: "POST", Target: "/notify", Body: body}
		facts := d.Request(request)
		if facts.Signature == journal.SignatureValid {
			read, err := encoded.parse(string(body))
			if err != nil || (read.signed() != genuine && read["signMethod"] != bySecureKey) {
				t.Fatalf("%q is valid", body)
			}
		}
		_ = d.Body(request, nil)
		_ = d.Answer(request, &proxy.Answer{Status: 200, Body: body})
		edited, err := d.EditRequest(request, faults.Edit{Amount: faults.AmountPlusOne})
		if err == nil && d.Request(edited).Operation != facts.Operation {
			t.Fatalf("%s became %s", facts.Operation, d.Request(edited).Operation)
		}
	})
}
