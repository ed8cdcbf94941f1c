package wechatpay

import (
	"encoding/json"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/payment"
	"github.com/payquake/payquake/providers"
	"github.com/payquake/payquake/providers/keys"
)

func TestPrepay_EachScene(t *testing.T) {
	b := open(t, nil)
	cases := []struct{ scene, extra, member, prefix, tradeType string }{
		{"native", "", "code_url", "weixin://wxpay/bizpayurl?pr=", "NATIVE"},
		{"jsapi", `,"payer":{"openid":"oUser"}`, "prepay_id", "wx", "JSAPI"},
		{"app", "", "prepay_id", "wx", "APP"},
		{"h5", `,"scene_info":{"payer_client_ip":"1.2.3.4","h5_info":{"type":"Wap"}}`, "h5_url",
			"https://wx.tenpay.com/cgi-bin/mmpayweb-bin/checkmweb?prepay_id=wx", "MWEB"},
	}
	for _, c := range cases {
		number := "order-" + c.scene
		got := b.call("POST", "/v3/pay/transactions/"+c.scene, b.order(number, `,"amount"`, c.extra+`,"amount"`))
		require.Equal(t, 200, got.status, string(got.raw))
		code := got.text(c.member)
		require.True(t, strings.HasPrefix(code, c.prefix), code)

		unpaid := b.query(number)
		require.Equal(t, stateNotPay, unpaid.text("trade_state"))
		for _, absent := range []string{"transaction_id", "bank_type", "success_time", "payer", "attach"} {
			require.NotContains(t, unpaid.body, absent, "unpaid orders lack it")
		}
		sheet, err := b.provider.Open(t.Context(), "t1", code)
		require.NoError(t, err)
		require.Equal(t, providers.Checkout{Payee: b.merchant.Name, Description: "测试<商品>&", Amount: payment.Fen(101),
			MerchantReference: payment.MerchantReference(number)}, sheet)
		receipt, err := b.provider.Pay(t.Context(), "t1", code)
		require.NoError(t, err)
		require.Regexp(t, `^4200\d{24}$`, receipt.ProviderReference)

		paid := b.query(number)
		require.Equal(t, stateSuccess, paid.text("trade_state"))
		require.Equal(t, c.tradeType, paid.text("trade_type"))
		require.Equal(t, "a1", paid.text("attach"))
		require.Regexp(t, `^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+08:00$`, paid.text("success_time"))
		require.Equal(t, map[string]any{"total": 101.0, "payer_total": 101.0, "currency": "CNY", "payer_currency": "CNY"}, paid.body["amount"])
		same := b.call("GET", "/v3/pay/transactions/id/"+string(receipt.ProviderReference)+"?mchid="+b.merchant.MchID, "")
		require.Equal(t, paid.body, same.body)
	}
	require.NoError(t, b.provider.Audit())
}

func TestPrepay_ParameterErrors(t *testing.T) {
	b := open(t, nil)
	cases := []struct{ name, was, becomes, field string }{
		{"required", `"description":"测试<商品>&",`, ``, "/description"},
		{"empty", `"测试<商品>&"`, `""`, "/description"},
		{"too long", `测试<商品>&`, strings.Repeat("长", 128), "/description"},
		{"number too short", `order-0001`, `five5`, "/out_trade_no"},
		{"number's characters", `order-0001`, `order#0001`, "/out_trade_no"},
		{"fraction", `:101`, `:101.5`, "/amount/total"},
		{"exponent", `:101`, `:1e2`, "/amount/total"},
		{"quoted", `:101`, `:"101"`, "/amount/total"},
		{"zero", `:101`, `:0`, "/amount/total"},
		{"negative", `:101`, `:-1`, "/amount/total"},
		{"overflow", `:101`, `:9223372036854775808`, "/amount/total"},
		{"currency", `"CNY"`, `"USD"`, "/amount/currency"},
		{"not an object", `{"total":101,"currency":"CNY"}`, `101`, "/amount"},
		{"unknown member", `"attach"`, `"attache"`, "/attache"},
		{"unknown inner member", `"total":101`, `"total":101,"totals":1`, "/amount/totals"},
		{"query in notify_url", `notify/wx`, `notify/wx?a=b`, "/notify_url"},
		{"no URL", `https://shop.example/notify/wx`, `shop`, "/notify_url"},
		{"time_expire", `"attach":"a1"`, `"time_expire":"20260101"`, "/time_expire"},
		{"not JSON", `"appid"`, `appid`, ""},
		{"flag", `"attach":"a1"`, `"support_fapiao":"yes"`, "/support_fapiao"},
		{"word", `"attach":"a1"`, `"limit_pay":["no_gold"]`, "/limit_pay/0"},
		{"item", `"attach":"a1"`, `"detail":{"goods_detail":[{"merchant_goods_id":"g","quantity":0,"unit_price":1}]}`, "/detail/goods_detail/0/quantity"},
		{"mchid", b.merchant.MchID, b.config.Merchants[1].MchID, "/mchid"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got := b.call("POST", nativePath, b.order("order-0001", c.was, c.becomes))
			b.refuses(got, 400, "PARAM_ERROR")
			detail, isObject := got.body["detail"].(map[string]any)
			require.True(t, isObject, "detail is an object")
			require.Equal(t, c.field, detail["field"])
			require.Equal(t, "body", detail["location"])
			require.NotEmpty(t, detail["issue"])
		})
	}
	noPayer := b.call("POST", "/v3/pay/transactions/jsapi", b.order("order-0001"))
	b.refuses(noPayer, 400, "PARAM_ERROR")
	require.True(t, strings.HasSuffix(noPayer.header["Request-ID"][0], "-268501013"))
	got := b.call("POST", nativePath, b.order("order-0001", b.merchant.AppID, "wx0000"))
	b.refuses(got, 400, "APPID_MCHID_NOT_MATCH")
	require.Equal(t, 200, b.call("POST", nativePath, b.order("order-0001")).status, "the number is not consumed")
	lenient := open(t, func(c *Config) { c.Options.AllowUnknownMembers = true })
	require.Equal(t, 200, lenient.call("POST", nativePath, lenient.order("order-0001", `"attach"`, `"attache"`)).status)
	strict := open(t, func(c *Config) { c.Options.StrictNotifyURL = true })
	for _, to := range []string{"http://shop.example", "https://127.0.0.1", "https://localhost"} {
		strict.refuses(strict.call("POST", nativePath, strict.order("order-0001", "https://shop.example", to)), 400, "PARAM_ERROR")
	}
}

// The re-entry and collision table of protocol wechatpay §4.3.
func TestReentry(t *testing.T) {
	b := open(t, nil)
	first := b.native("order-0001")
	require.NotEqual(t, first, b.native("order-0001"), "a fresh code for the same order")
	spaced := strings.ReplaceAll(b.order("order-0001"), `","`, `" , "`)
	require.Equal(t, 200, b.call("POST", nativePath, spaced).status, "spacing is no parameter")
	for name, edits := range map[string][]string{
		"amount": {":101", ":102"}, "description": {"商品", "货"}, "attach": {`"a1"`, `"a2"`}, "notify_url": {"notify/wx", "notify/wy"},
		"time_expire": {`"attach"`, `"time_expire":"2099-01-01T00:00:00+08:00","attach"`},
	} {
		got := b.call("POST", nativePath, b.order("order-0001", edits...))
		require.Equal(t, "INVALID_REQUEST", got.text("code"), name)
		require.Equal(t, "请求重入时，参数与首次请求时不一致", got.text("message"))
		require.True(t, strings.HasSuffix(got.header["Request-ID"][0], "-268498688"))
	}
	b.refuses(b.call("POST", "/v3/pay/transactions/app", b.order("order-0001")), 400, "INVALID_REQUEST")

	_, err := b.provider.Pay(t.Context(), "t1", first)
	require.NoError(t, err, "codes coexist until paid")
	b.refuses(b.call("POST", nativePath, b.order("order-0001")), 400, "ORDERPAID")
	b.refuses(b.close("order-0001"), 400, "ORDERPAID")

	b.native("order-0002")
	require.Equal(t, 204, b.close("order-0002").status)
	require.Equal(t, 204, b.close("order-0002").status, "closed is closed")
	b.refuses(b.call("POST", nativePath, b.order("order-0002")), 400, "ORDER_CLOSED")
	require.Equal(t, stateClosed, b.query("order-0002").text("trade_state"))

	require.Equal(t, 204, b.close("order-0003").status, "a number that never existed")
	b.refuses(b.query("order-0003"), 404, "ORDER_NOT_EXIST")
	b.refuses(b.call("POST", nativePath, b.order("order-0003")), 400, "INVALID_REQUEST")
}

func TestReentry_Options(t *testing.T) {
	b := open(t, func(c *Config) {
		c.Options = Options{ClosePaid: Refusal{Status: 409}, PrepayPaid: Refusal{Code: "INVALID_REQUEST"}, CloseUnknownRefused: true,
			Reentry: Refusal{403, "OUT_TRADE_NO_USED"}, OldCodeDies: true}
	})
	b.refuses(b.close("order-0001"), 404, "ORDER_NOT_EXIST")
	old := b.native("order-0001")
	fresh := b.native("order-0001")
	_, err := b.provider.Open(t.Context(), "t1", old)
	require.ErrorIs(t, err, providers.ErrUnknownCode)
	b.refuses(b.call("POST", nativePath, b.order("order-0001", ":101", ":102")), 403, "OUT_TRADE_NO_USED")
	_, err = b.provider.Pay(t.Context(), "t1", fresh)
	require.NoError(t, err)
	b.refuses(b.call("POST", nativePath, b.order("order-0001")), 400, "INVALID_REQUEST")
	b.refuses(b.close("order-0001"), 409, "ORDERPAID")
}

func TestQuery_Refusals(t *testing.T) {
	b := open(t, nil)
	receipt := b.paid("order-0001")
	b.refuses(b.query("order-0002"), 404, "ORDER_NOT_EXIST")
	b.refuses(b.call("GET", "/v3/pay/transactions/out-trade-no/order-0001", ""), 400, "PARAM_ERROR")
	b.merchant = b.config.Merchants[1]
	b.refuses(b.query("order-0001"), 404, "ORDER_NOT_EXIST")
	b.refuses(b.call("GET", "/v3/pay/transactions/id/none?mchid="+b.merchant.MchID, ""), 500, "INVALID_TRANSACTIONID")
	other := b.call("GET", "/v3/pay/transactions/id/"+string(receipt.ProviderReference)+"?mchid="+b.merchant.MchID, "")
	b.refuses(other, 404, "ORDER_NOT_EXIST")
	require.True(t, strings.HasSuffix(other.header["Request-ID"][0], "-268447843"))
}

func TestTimes_OrdersAndCodesEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, nil)
		code := b.native("order-0001")
		h5 := b.call("POST", "/v3/pay/transactions/h5", b.order("order-0002", `,"amount"`,
			`,"scene_info":{"payer_client_ip":"1.2.3.4","h5_info":{"type":"Wap"}},"amount"`)).text("h5_url")
		short := b.order("order-0003", `"attach"`, `"time_expire":"`+time.Now().Format(time.RFC3339)+`","attach"`)
		raised := b.call("POST", nativePath, short).text("code_url")

		time.Sleep(59 * time.Second)
		_, err := b.provider.Open(t.Context(), "t1", raised)
		require.NoError(t, err, "an earlier time_expire is raised to a minute")
		time.Sleep(2 * time.Second)
		_, err = b.provider.Pay(t.Context(), "t1", raised)
		require.ErrorIs(t, err, providers.ErrNotPayable)
		require.Equal(t, stateNotPay, b.query("order-0003").text("trade_state"), "expiry does not close")
		b.refuses(b.call("POST", nativePath, short), 400, "ORDER_CLOSED")

		time.Sleep(5 * time.Minute)
		_, err = b.provider.Open(t.Context(), "t1", h5)
		require.ErrorIs(t, err, providers.ErrNotPayable, "an h5_url lives five minutes")
		_, err = b.provider.Open(t.Context(), "t1", code)
		require.NoError(t, err)
		time.Sleep(2 * time.Hour)
		_, err = b.provider.Open(t.Context(), "t1", code)
		require.ErrorIs(t, err, providers.ErrNotPayable, "a code lives two hours")
		code = b.native("order-0001")
		time.Sleep(7 * 24 * time.Hour)
		require.Equal(t, stateClosed, b.query("order-0001").text("trade_state"), "unpaid for seven days")
		_, err = b.provider.Open(t.Context(), "t1", code)
		require.ErrorIs(t, err, providers.ErrNotPayable)
	})
}

func TestTimes_Options(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, func(c *Config) {
			c.Options = Options{RefreshExpired: true, QueryBlindFor: faults.Duration(time.Second)}
		})
		body := b.order("order-0001", `"attach"`, `"time_expire":"2000-01-01T08:00:00+08:00","attach"`)
		require.Equal(t, 200, b.call("POST", nativePath, body).status)
		b.refuses(b.query("order-0001"), 404, "ORDER_NOT_EXIST")
		time.Sleep(2 * time.Minute)
		require.Equal(t, 200, b.query("order-0001").status)
		code := b.call("POST", nativePath, body).text("code_url")
		_, err := b.provider.Pay(t.Context(), "t1", code)
		require.NoError(t, err, "re-entry refreshed the expired order")
	})
}

func TestWallet_Refusals(t *testing.T) {
	b := open(t, nil)
	code := b.native("order-0001")
	_, err := b.provider.Open(t.Context(), "t9", code)
	require.ErrorIs(t, err, providers.ErrUnknownPart)
	_, err = b.provider.Balance("t9")
	require.ErrorIs(t, err, providers.ErrUnknownPart)
	_, err = b.provider.Barcode(t.Context(), "t9")
	require.ErrorIs(t, err, providers.ErrUnknownPart)
	require.Error(t, b.provider.Cast([]providers.Part{{Trial: "t1"}}), "cast twice")
	_, err = b.provider.Open(t.Context(), "t1", "weixin://wxpay/bizpayurl?pr=none")
	require.ErrorIs(t, err, providers.ErrUnknownCode)

	_, err = b.provider.Pay(t.Context(), "t2", code)
	require.ErrorIs(t, err, providers.ErrDeclined, "50 fen do not pay 101")
	_, err = b.provider.Open(t.Context(), "t1", code)
	require.ErrorIs(t, err, providers.ErrUnknownCode, "the first scanner owns a native order")
	require.ErrorContains(t, err, "商家订单信息有误")

	other := b.native("order-0002")
	require.NoError(t, b.provider.Cancel(t.Context(), "t1", other))
	require.Equal(t, 204, b.close("order-0002").status)
	_, err = b.provider.Pay(t.Context(), "t1", other)
	require.ErrorIs(t, err, providers.ErrNotPayable, "nobody pays a closed order")
	b.paid("order-0003")
	balance, err := b.provider.Balance("t1")
	require.NoError(t, err)
	require.Equal(t, payment.Fen(10_000_000-101), balance)
}

// The phone's check of what a page or an app hands over (protocol wechatpay §2.7).
func TestWallet_VerifiesTheHandover(t *testing.T) {
	b := open(t, nil)
	key, err := keys.ReadPrivate(b.merchant.PrivateKey)
	require.NoError(t, err)
	prepay := b.call("POST", "/v3/pay/transactions/jsapi", b.order("order-0001", `,"amount"`, `,"payer":{"openid":"oUser"},"amount"`)).text("prepay_id")
	page := handover{appID: b.merchant.AppID, timestamp: "1", nonce: "n", prepayID: prepay}
	signature, err := keys.Sign(key, page.message())
	require.NoError(t, err)
	parameters := map[string]string{"appId": page.appID, "timeStamp": "1", "nonceStr": "n", "package": "prepay_id=" + prepay,
		"signType": "RSA", "paySign": signature}
	text, err := json.Marshal(parameters)
	require.NoError(t, err)
	_, err = b.provider.Open(t.Context(), "t1", string(text))
	require.NoError(t, err)
	_, err = b.provider.Open(t.Context(), "t1", strings.Replace(string(text), `"1"`, `"2"`, 1))
	require.ErrorIs(t, err, providers.ErrUnknownCode)

	fromApp := handover{appID: b.merchant.AppID, timestamp: "1", nonce: "n", prepayID: prepay, fromApp: true}
	signature, err = keys.Sign(key, fromApp.message())
	require.NoError(t, err)
	text, err = json.Marshal(map[string]string{"appid": fromApp.appID, "partnerid": b.merchant.MchID, "prepayid": prepay,
		"package": "Sign=WXPay", "noncestr": "n", "timestamp": "1", "sign": signature})
	require.NoError(t, err)
	_, err = b.provider.Open(t.Context(), "t1", string(text))
	require.NoError(t, err)
	_, err = b.provider.Open(t.Context(), "t1", strings.Replace(string(text), prepay, "wx0", 1))
	require.ErrorIs(t, err, providers.ErrUnknownCode)
	_, err = b.provider.Open(t.Context(), "t1", prepay)
	require.NoError(t, err, "a bare prepay id is trusted")
}

func TestCertificates_Rotation(t *testing.T) {
	config, err := NewRun(RunSettings{Mode: CertificateMode})
	require.NoError(t, err)
	keys := Keys{Clock: systemClock()}
	second, err := keys.Certificate(time.Now().Add(-time.Minute))
	require.NoError(t, err)
	third, err := keys.Certificate(time.Now().Add(time.Hour))
	require.NoError(t, err)
	config.Platform.Certificates = append(config.Platform.Certificates, second, third)
	b := open(t, func(c *Config) { *c = config })
	got := b.call("GET", "/v3/certificates", "")
	require.Equal(t, 200, got.status)
	require.Equal(t, second.Serial, got.header.Get("Wechatpay-Serial"), "the newest effective one signs")
	var listed struct{ Data []sealedCertificate }
	require.NoError(t, json.Unmarshal(got.raw, &listed))
	require.Len(t, listed.Data, 2, "the one to come is not yet published")
	for i, each := range listed.Data {
		sealed := each.EncryptCertificate
		require.Len(t, sealed.Nonce, 12)
		plain, err := unseal(b.merchant.APIv3Key, sealed.Nonce, sealed.AssociatedData, sealed.Ciphertext)
		require.NoError(t, err)
		require.Equal(t, config.Platform.Certificates[i].PEM, string(plain))
		require.Equal(t, config.Platform.Certificates[i].Serial, each.SerialNo)
	}
}

// A run has the provider rotate: the new certificate is published when it signs,
// the old ones stay, and after the last one comes the first again.
func TestRotate(t *testing.T) {
	config, err := NewRun(RunSettings{Mode: CertificateMode})
	require.NoError(t, err)
	dialect, err := NewDialect(config)
	require.NoError(t, err)
	b := open(t, func(c *Config) { *c = config })
	serials := []string{config.Platform.Certificates[0].Serial, config.Platform.Reserve[0].Serial, config.Platform.Reserve[1].Serial}
	for turn, listed := range []int{1, 2, 3, 3, 3} {
		if turn > 0 {
			require.NoError(t, b.provider.Rotate())
		}
		got := b.call("GET", "/v3/certificates", "")
		require.Equal(t, serials[turn%3], got.header.Get("Wechatpay-Serial"))
		require.Equal(t, listed, strings.Count(string(got.raw), `"serial_no"`))
		require.NotNil(t, dialect.ring.named(serials[turn%3]), "the gateway knows it")
	}
	public := open(t, nil)
	require.ErrorIs(t, public.provider.Rotate(), providers.ErrNoRotation)
}

// Which key answers, while a merchant migrates (protocol wechatpay §2.5).
func TestKeyring_AnswersWithTheKeyAskedFor(t *testing.T) {
	config, err := NewRun(RunSettings{Migrating: true})
	require.NoError(t, err)
	config.Options.NotifyWith = WithAlternateKey
	b := open(t, func(c *Config) { *c = config })
	certificate := config.Platform.Certificates[0].Serial
	for asked, want := range map[string]string{"": certificate, certificate: certificate, "unknown": certificate,
		config.Platform.PublicKeyID: config.Platform.PublicKeyID} {
		b.serial = asked
		require.Equal(t, want, b.query("order-0001").header.Get("Wechatpay-Serial"), "asked for %q", asked)
	}
	ring, err := newKeyring(config)
	require.NoError(t, err)
	require.Equal(t, config.Platform.PublicKeyID, ring.notifying(0, time.Now()).serial)
	require.Equal(t, certificate, ring.notifying(1, time.Now()).serial)
	ring.config.Options.NotifyWith = WithCertificate
	require.Equal(t, certificate, ring.notifying(0, time.Now()).serial)
	ring.config.Options.NotifyWith = ""
	require.Equal(t, config.Platform.PublicKeyID, ring.notifying(1, time.Now()).serial)
}
