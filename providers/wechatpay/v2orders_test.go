package wechatpay

import (
	"encoding/json"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/faults/proxy"
	"github.com/payquake/payquake/providers"
)

// The same orders under both APIs.
func TestV2_AndV3SeeTheSameOrders(t *testing.T) {
	b := open(t, nil)
	for _, signType := range []string{"", "MD5", "HMAC-SHA256"} {
		for tradeType, member := range map[string]string{"NATIVE": "code_url", "JSAPI": "prepay_id", "APP": "prepay_id", "MWEB": "mweb_url"} {
			number := "order-" + tradeType + signType
			placed := b.accepts2(b.post2(unifiedPath, b.older(unified(number, tradeType).with("sign_type", signType))))
			require.Equal(t, tradeType, placed.params["trade_type"])
			require.NotEmpty(t, placed.params["prepay_id"])
			unpaid := b.accepts2(b.number2(queryPath2, number))
			require.Equal(t, "NOTPAY", unpaid.params["trade_state"])
			require.NotContains(t, unpaid.params, "transaction_id")
			require.Equal(t, "NOTPAY", b.query(number).text("trade_state"))
			receipt, err := b.provider.Pay(t.Context(), "t1", placed.params[member])
			require.NoError(t, err)
			paid := b.accepts2(b.number2(queryPath2, number))
			require.Equal(t, "SUCCESS", paid.params["trade_state"])
			require.Equal(t, "101", paid.params["total_fee"])
			require.Equal(t, "101", paid.params["cash_fee"])
			require.Equal(t, "a1", paid.params["attach"])
			require.Regexp(t, `^\d{14}$`, paid.params["time_end"])
			require.EqualValues(t, receipt.ProviderReference, paid.params["transaction_id"])
			require.Equal(t, "SUCCESS", b.query(number).text("trade_state"))
			byID := b.accepts2(b.post2(queryPath2, b.older(params{"transaction_id": paid.params["transaction_id"]})))
			require.Equal(t, number, byID.params["out_trade_no"])
			b.refuses2(b.post2(unifiedPath, b.older(unified(number, tradeType).with("sign_type", signType))), "ORDERPAID")
			b.refuses2(b.number2(closePath2, number), "ORDERPAID")
			b.refuses(b.close(number), 400, "ORDERPAID")
		}
	}
	b.native("order-0003")
	require.Equal(t, "NOTPAY", b.accepts2(b.number2(queryPath2, "order-0003")).params["trade_state"])
	b.refuses2(b.post2(unifiedPath, b.older(unified("order-0003", "NATIVE"))), "OUT_TRADE_NO_USED")
	b.accepts2(b.number2(closePath2, "order-0003"))
	require.Equal(t, "CLOSED", b.query("order-0003").text("trade_state"))
	b.refuses2(b.number2(closePath2, "order-0003"), "ORDERCLOSED")
	b.refuses2(b.post2(unifiedPath, b.older(unified("order-0003", "NATIVE"))), "ORDERCLOSED")
	first := b.accepts2(b.post2(unifiedPath, b.older(unified("order-0004", "NATIVE"))))
	again := b.accepts2(b.post2(unifiedPath, b.older(unified("order-0004", "NATIVE").with("nonce_str", "N2", "sign_type", "HMAC-SHA256"))))
	require.NotEqual(t, first.params["code_url"], again.params["code_url"], "a fresh code for the same order")
	b.refuses2(b.post2(unifiedPath, b.older(unified("order-0004", "NATIVE").with("total_fee", "102"))), "OUT_TRADE_NO_USED")
	b.refuses2(b.post2(unifiedPath, b.older(unified("order-0004", "APP"))), "OUT_TRADE_NO_USED")
	b.accepts2(b.number2(closePath2, "order-none"))
	b.refuses2(b.number2(queryPath2, "order-none"), "ORDERNOTEXIST")
	b.combine("whole-0001")
	b.refuses2(b.number2(queryPath2, "whole-0001-1"), "ORDERNOTEXIST")
	b.refuses2(b.number2(closePath2, "whole-0001-1"), "INVALID_REQUEST")
	require.NoError(t, b.provider.Audit())
}

func TestV2_Micropay(t *testing.T) {
	b := open(t, nil)
	got := b.accepts2(b.post2(microPath, b.older(micro("order-0001", b.barcode()).with("sign_type", "HMAC-SHA256"))))
	require.Equal(t, "MICROPAY", got.params["trade_type"])
	require.Equal(t, "101", got.params["total_fee"])
	require.EqualValues(t, full-101, b.balance())
	require.Equal(t, "SUCCESS", b.query("order-0001").text("trade_state"))
	require.Empty(t, b.provider.Outstanding(), "no notification")
	shown := b.barcode()
	b.accepts2(b.post2(microPath, b.older(micro("order-0002", shown))))
	b.refuses2(b.post2(microPath, b.older(micro("order-0003", shown))), "AUTH_CODE_INVALID")
	b.refuses2(b.post2(microPath, b.older(micro("order-0003", "130000000000000001"))), "AUTH_CODE_INVALID")
	b.refuses2(b.post2(microPath, b.older(micro("order-0003", "990000000000000001"))), "AUTH_CODE_ERROR")
	b.refuses2(b.number2(queryPath2, "order-0003"), "ORDERNOTEXIST")
	b.refuses2(b.post2(microPath, b.older(micro("order-0001", b.barcode()))), "ORDERPAID")
	b.refuses2(b.number2(closePath2, "order-0001"), "INVALID_REQUEST")
	poor, err := b.provider.Barcode(t.Context(), "t2")
	require.NoError(t, err)
	b.trial = "t2"
	b.refuses2(b.post2(microPath, b.older(micro("order-0004", poor))), "NOTENOUGH")
	require.Equal(t, "PAYERROR", b.accepts2(b.number2(queryPath2, "order-0004")).params["trade_state"])
}

func TestV2_MicropayConducts(t *testing.T) {
	b := conducted(t, faults.Conduct{UnknownOutcome: true, QueryLag: 1})
	b.refuses2(b.post2(microPath, b.older(micro("order-0001", b.barcode()))), "SYSTEMERROR")
	require.Equal(t, "USERPAYING", b.accepts2(b.number2(queryPath2, "order-0001")).params["trade_state"])
	require.Equal(t, "SUCCESS", b.accepts2(b.number2(queryPath2, "order-0001")).params["trade_state"])
	for code, older := range map[string]string{"": "NOTENOUGH", "RULE_LIMIT": "RULELIMIT", "ACCOUNT_ERROR": "ACCOUNTERROR", "BANK_ERROR": "BANKERROR",
		"TRADE_ERROR": "TRADE_ERROR", "NO_AUTH": "NOAUTH", "NOTSUPORTCARD": "NOTSUPORTCARD"} {
		b := conducted(t, faults.Conduct{Declines: 1, Decline: code})
		b.refuses2(b.post2(microPath, b.older(micro("order-0001", b.barcode()))), older)
	}
}

func TestV2_BarcodesExpireAndPasswords(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, func(c *Config) { c.Options.PasswordAbove, c.Options.ReverseUserPaying = 100, 1 })
		shown := b.barcode()
		time.Sleep(61 * time.Second)
		b.refuses2(b.post2(microPath, b.older(micro("order-0001", shown))), "AUTHCODEEXPIRE")
		shown = b.barcode()
		b.refuses2(b.post2(microPath, b.older(micro("order-0001", shown))), "USERPAYING")
		b.refuses2(b.post2(microPath, b.older(micro("order-0001", shown))), "USERPAYING")
		require.Equal(t, "USERPAYING", b.accepts2(b.number2(queryPath2, "order-0001")).params["trade_state"])
		put := b.number2(reversePath2, "order-0001")
		b.refuses2(put, "USERPAYING")
		require.Equal(t, "Y", put.params["recall"])
		require.Equal(t, "USERPAYING", b.accepts2(b.number2(queryPath2, "order-0001")).params["trade_state"], "it did not happen")
		require.Equal(t, "N", b.accepts2(b.number2(reversePath2, "order-0001")).params["recall"])
		require.Equal(t, "REVOKED", b.accepts2(b.number2(queryPath2, "order-0001")).params["trade_state"])

		b.refuses2(b.post2(microPath, b.older(micro("order-0002", b.barcode()))), "USERPAYING")
		time.Sleep(46 * time.Second)
		require.Equal(t, "REVOKED", b.accepts2(b.number2(queryPath2, "order-0002")).params["trade_state"])
	})
}

func TestV2_Reverse(t *testing.T) {
	b := open(t, nil)
	paid := b.accepts2(b.post2(microPath, b.older(micro("order-0001", b.barcode()))))
	require.Equal(t, "N", b.accepts2(b.post2(reversePath2, b.older(params{"transaction_id": paid.params["transaction_id"]}))).params["recall"])
	require.EqualValues(t, full, b.balance())
	require.Equal(t, "N", b.accepts2(b.number2(reversePath2, "order-0001")).params["recall"], "again changes nothing")
	require.Equal(t, "REVOKED", b.query("order-0001").text("trade_state"))
	b.refuses2(b.post2(microPath, b.older(micro("order-0001", b.barcode()))), "ORDERREVERSED")
	unknown := b.number2(reversePath2, "none")
	b.refuses2(unknown, "ORDERNOTEXIST")
	require.Equal(t, "N", unknown.params["recall"])
	b.native("order-0002")
	b.refuses2(b.number2(reversePath2, "order-0002"), "INVALID_REQUEST")
	other := b.config.Merchants[1]
	b.merchant = other
	b.refuses2(b.post2(reversePath2, b.older(params{"transaction_id": paid.params["transaction_id"]})), "ORDERNOTEXIST")
}

// TestV2_MutualTLS: over TLS the certificate must be the merchant's; a link
// without TLS has none to show and says nothing.
func TestV2_MutualTLS(t *testing.T) {
	b := open(t, nil)
	b.accepts2(b.post2(microPath, b.older(micro("order-0001", b.barcode()))))
	body := b.older(params{"out_trade_no": "order-0001"})
	for certificate, reason := range map[string]string{proxy.NoClientCertificate: "No required SSL certificate was sent", strings.Repeat("0", 64): "The SSL certificate error"} {
		got := b.post2(reversePath2, body, providers.ClientCertificateHeader, certificate)
		require.Equal(t, 400, got.status)
		require.Equal(t, "text/html", got.kind)
		require.Contains(t, string(got.raw), "<center>"+reason+"</center>")
	}
	mine := b.provider.ring.merchants[b.merchant.MchID].fingerprint
	require.Equal(t, fingerprintOf(t, b.merchant.Certificate), mine)
	theirs := b.provider.ring.merchants[b.config.Merchants[1].MchID].fingerprint
	b.refuses2(b.post2(reversePath2, body, providers.ClientCertificateHeader, theirs), "CERT_ERROR")
	require.EqualValues(t, full-101, b.balance(), "nothing was executed")
	b.accepts2(b.post2(reversePath2, body, providers.ClientCertificateHeader, strings.ToUpper(mine)))
}

func TestV2_Refunds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, nil)
		back := func(number, refund, fen string, edits ...string) answerXML {
			p := params{"out_trade_no": number, "out_refund_no": refund, "total_fee": "101", "refund_fee": fen}
			return b.post2(refundPath2, b.older(p.with(edits...)))
		}
		b.refuses2(back("order-none", "r1", "1"), "ORDERNOTEXIST")
		b.native("order-0000")
		b.refuses2(back("order-0000", "r1", "1"), "ORDER_NOT_READY")
		receipt := b.paid("order-0001")
		b.refuses2(back("order-0001", "r1", "1", "total_fee", "100"), "REFUND_FEE_MISMATCH")
		b.refuses2(back("order-0001", "r1", "102"), "REFUND_FEE_MISMATCH")
		b.refuses2(back("order-0000", "r1", "1", "transaction_id", string(receipt.ProviderReference)), "INVALID_REQUEST")
		accepted := b.accepts2(back("order-0001", "r1", "40"))
		require.Equal(t, "40", accepted.params["refund_fee"])
		require.Equal(t, accepted.params["refund_id"], b.accepts2(back("order-0001", "r1", "40")).params["refund_id"])
		b.refuses2(back("order-0001", "r1", "41"), "REFUND_FEE_MISMATCH")
		require.Equal(t, "PROCESSING", b.accepts2(b.post2(backPath2, b.older(params{"out_refund_no": "r1"}))).params["refund_status_0"])
		time.Sleep(time.Hour)
		require.Equal(t, 200, b.refund("order-0001", "r2", 61).status, "the rest under v3")
		b.refuses2(back("order-0001", "r3", "1"), "INVALID_REQUEST")
		all := b.accepts2(b.post2(backPath2, b.older(params{"out_trade_no": "order-0001"})))
		require.Equal(t, "2", all.params["refund_count"])
		require.Equal(t, []string{"r1", "SUCCESS", "40"}, []string{all.params["out_refund_no_0"], all.params["refund_status_0"], all.params["refund_fee_0"]})
		require.Equal(t, []string{"r2", "PROCESSING", "61"}, []string{all.params["out_refund_no_1"], all.params["refund_status_1"], all.params["refund_fee_1"]})
		require.Equal(t, "1", b.accepts2(b.post2(backPath2, b.older(params{"refund_id": all.params["refund_id_1"]}))).params["refund_count"])
		require.Equal(t, "2", b.accepts2(b.post2(backPath2, b.older(params{"transaction_id": string(receipt.ProviderReference)}))).params["refund_count"])
		require.Equal(t, "SUCCESS", b.call("GET", refundPath+"/r1", "").text("status"), "v3 sees it")
		b.refuses2(b.post2(backPath2, b.older(params{"out_refund_no": "r9"})), "REFUNDNOTEXIST")
		require.Equal(t, "REFUND", b.accepts2(b.number2(queryPath2, "order-0001")).params["trade_state"])
		time.Sleep(time.Hour)
		require.EqualValues(t, full, b.balance())
		require.Len(t, b.Sent(), 2, "the payment and the refund of v3; v2's is not simulated")
	})
}

// What v2 ordered is told in XML, until the body says that it was taken.
func TestV2_Notification(t *testing.T) {
	for _, signType := range []string{"", "HMAC-SHA256"} {
		synctest.Test(t, func(t *testing.T) {
			b := open(t, nil)
			bodies := []string{`<xml><return_code>FAIL</return_code></xml>`, ``, `<xml><return_code><![CDATA[SUCCESS]]></return_code><return_msg>OK</return_msg></xml>`}
			b.Acknowledge = func(n int) (*proxy.Answer, error) { return &proxy.Answer{Status: 200, Body: []byte(bodies[n-1])}, nil }
			placed := b.accepts2(b.post2(unifiedPath, b.older(unified("order-0001", "NATIVE").with("sign_type", signType))))
			receipt, err := b.provider.Pay(t.Context(), "t1", placed.params["code_url"])
			require.NoError(t, err)
			time.Sleep(48 * time.Hour)
			require.Len(t, b.Sent(), 3, "a status of 200 alone does not acknowledge")
			sent := b.Sent()[0]
			require.Equal(t, "/notify/wx", sent.Target)
			require.Equal(t, "text/xml", sent.Header.First("Content-Type"))
			require.Empty(t, sent.Header.First("Wechatpay-Signature"))
			lints(t, sent.Body)
			form, err := parseXML(sent.Body)
			require.NoError(t, err)
			told := params{}
			for _, f := range form {
				told[f.name] = f.value
			}
			require.Equal(t, signV2(told, b.merchant.APIv2Key, signType), told["sign"])
			require.Equal(t, signType, told["sign_type"])
			require.Equal(t, []string{"SUCCESS", "SUCCESS", "order-0001", "101", string(receipt.ProviderReference)},
				[]string{told["return_code"], told["result_code"], told["out_trade_no"], told["total_fee"], told["transaction_id"]})
			require.Equal(t, string(sent.Body), string(b.Sent()[2].Body))
		})
	}
}

// The phone's check of what a page or an app of v2 hands over.
func TestV2_Handover(t *testing.T) {
	b := open(t, nil)
	placed := b.accepts2(b.post2(unifiedPath, b.older(unified("order-0001", "JSAPI"))))
	prepay := placed.params["prepay_id"]
	for _, signType := range []string{"MD5", "HMAC-SHA256"} {
		page := params{"appId": b.merchant.AppID, "timeStamp": "1", "nonceStr": "n", "package": "prepay_id=" + prepay, "signType": signType}
		page["paySign"] = signV2(page.with("paySign", ""), b.merchant.APIv2Key, signType)
		text, err := json.Marshal(page)
		require.NoError(t, err)
		_, err = b.provider.Open(t.Context(), "t1", string(text))
		require.NoError(t, err, signType)
		_, err = b.provider.Open(t.Context(), "t1", strings.Replace(string(text), `"1"`, `"2"`, 1))
		require.ErrorIs(t, err, providers.ErrUnknownCode)
		app := params{"appid": b.merchant.AppID, "partnerid": b.merchant.MchID, "prepayid": prepay, "package": "Sign=WXPay", "noncestr": "n", "timestamp": "1"}
		app["sign"] = signV2(app, b.merchant.APIv2Key, signType)
		text, err = json.Marshal(app)
		require.NoError(t, err)
		_, err = b.provider.Open(t.Context(), "t1", string(text))
		require.NoError(t, err, signType)
	}
	_, err := b.provider.Pay(t.Context(), "t1", prepay)
	require.NoError(t, err)
}

// All codes of §3.6 and §6.2 can be injected, and keep their names.
func TestV2_EveryCode(t *testing.T) {
	l := tapped(t, nil)
	request := &proxy.Request{Method: "POST", Target: reversePath2, Body: []byte(l.older(params{"out_trade_no": "order-0001"}))}
	for _, code := range strings.Fields(`SYSTEMERROR BANKERROR USERPAYING NOTENOUGH NOTSUPORTCARD AUTHCODEEXPIRE AUTH_CODE_ERROR AUTH_CODE_INVALID
		BUYER_MISMATCH TRADE_ERROR RULELIMIT ORDERPAID ORDERCLOSED ORDERREVERSED OUT_TRADE_NO_USED PARAM_ERROR NOAUTH APPID_NOT_EXIST
		APPID_MCHID_NOT_MATCH INVALID_REQUEST REFUND_FEE_MISMATCH BIZERR_NEED_RETRY TRADE_OVERDUE ORDER_NOT_READY INVALID_REQ_TOO_MUCH ERROR
		CERT_ERROR REFUNDNOTEXIST USER_ACCOUNT_ABNORMAL ORDERNOTEXIST`) {
		got, err := l.dialect.Refuse(request, faults.Response{Code: code})
		require.NoError(t, err)
		require.Equal(t, 200, got.Status)
		form, err := parseXML(got.Body)
		require.NoError(t, err)
		require.Equal(t, []string{"SUCCESS", "FAIL", code}, []string{form.get("return_code"), form.get("result_code"), form.get("err_code")})
		require.NotEmpty(t, form.get("err_code_des"))
		require.True(t, form.signed(l.merchant.APIv2Key, signMD5))
		require.Equal(t, code == "SYSTEMERROR" || code == "BANKERROR" || code == "USERPAYING", form.get("recall") == "Y", code)
	}
	for _, code := range strings.Fields(`LACK_PARAMS SIGNERROR NOT_UTF8 XML_FORMAT_ERROR REQUIRE_POST_METHOD POST_DATA_EMPTY MCHID_NOT_EXIST`) {
		got, err := l.dialect.Refuse(request, faults.Response{Code: code})
		require.NoError(t, err)
		require.Contains(t, string(got.Body), "<return_code><![CDATA[FAIL]]></return_code>")
		require.NotContains(t, string(got.Body), "sign")
	}
	unset, err := l.dialect.Refuse(request, faults.Response{Status: 503})
	require.NoError(t, err)
	require.Equal(t, 503, unset.Status)
	require.Contains(t, string(unset.Body), "<err_code><![CDATA[SYSTEMERROR]]></err_code>")
	translated, err := l.dialect.Refuse(request, faults.Response{Code: "NOT_ENOUGH"})
	require.NoError(t, err)
	require.Contains(t, string(translated.Body), "<err_code><![CDATA[NOTENOUGH]]></err_code>", "v3's spelling is v2's")
}
