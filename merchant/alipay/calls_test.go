package alipay

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/payquake/payquake/merchant"
	"github.com/payquake/payquake/payment"
)

// TestStart_OnTheWire: the exact parameters of each method, and the same
// business bytes however often they are sent.
func TestStart_OnTheWire(t *testing.T) {
	for _, row := range []struct {
		method   payment.Method
		api      string
		content  string
		answer   string
		standing merchant.Standing
		code     string
	}{
		{payment.MethodCode, "alipay.trade.precreate",
			`{"out_trade_no":"P1","total_amount":"88.80","subject":"tea","time_expire":"2026-09-25 10:10:01"}`,
			`,"qr_code":"https:\/\/qr.alipay.com\/bax1"`, "", "https://qr.alipay.com/bax1"},
		{payment.MethodInApp, "alipay.trade.create",
			`{"out_trade_no":"P1","total_amount":"88.80","subject":"tea","product_code":"JSAPI_PAY",` +
				`"buyer_open_id":"074a1CcTG1LelxKe4xQC0zgNdId0nxi95b5lsNpazWYoCo5","op_app_id":"2021000000000001","time_expire":"2026-09-25 10:10:01"}`,
			`,"trade_no":"T1"`, "", "T1"},
		{payment.MethodBarcode, "alipay.trade.pay",
			`{"out_trade_no":"P1","total_amount":"88.80","subject":"tea","scene":"bar_code","auth_code":"28763443825664394"}`,
			`,"trade_no":"T1","total_amount":"88.80","gmt_payment":"2026-09-25 10:00:05"`, merchant.Deciding, ""},
	} {
		t.Run(string(row.method), func(t *testing.T) {
			good := answer{node: `{"code":"10000","msg":"Success","out_trade_no":"P1"` + row.answer + `}`}
			c, seen := gateway(t, good, good)
			asked := started(t, c, row.method)
			for range 2 {
				got := c.Start(context.Background(), asked, asked.Request)
				require.Equal(t, merchant.OK, got.Outcome, got.Detail)
				require.Equal(t, row.code, got.Invitation.Code)
				require.Equal(t, row.standing, got.Trade.Standing)
				require.Equal(t, row.method == payment.MethodBarcode, got.Trade.Unconfirmed, "a success may be rolled back: query")
			}
			for _, form := range *seen {
				form.Del("sign")
				require.Equal(t, url.Values{"app_id": {testApp}, "method": {row.api}, "format": {"JSON"}, "charset": {"utf-8"}, "sign_type": {"RSA2"},
					"timestamp": {"2026-09-25 10:00:00"}, "version": {"1.0"}, "notify_url": {"https://shop.example/notify/alipay"},
					"biz_content": {row.content}}, form)
			}
		})
	}
}

// TestStart_ByTheShoppersDevice: on the web and from an app the shop calls
// nobody; it hands over what the device will send, signed.
func TestStart_ByTheShoppersDevice(t *testing.T) {
	own, _ := testKey(t, "app")
	for method, row := range map[payment.Method]struct{ api, product string }{
		payment.MethodWeb: {"alipay.trade.wap.pay", "QUICK_WAP_WAY"},
		payment.MethodApp: {"alipay.trade.app.pay", "QUICK_MSECURITY_PAY"},
	} {
		c, seen := gateway(t)
		asked := started(t, c, method)
		got := c.Start(context.Background(), asked, asked.Request)
		require.Equal(t, merchant.OK, got.Outcome, got.Detail)
		require.Empty(t, *seen)
		query := got.Invitation.Code
		if method == payment.MethodWeb {
			gatewayURL, rest, found := strings.Cut(query, "?")
			require.True(t, found)
			require.Equal(t, c.config.GatewayURL, gatewayURL)
			query = rest
		}
		form, err := url.ParseQuery(query)
		require.NoError(t, err)
		requireSigned(t, &own.PublicKey, form)
		require.Equal(t, row.api, form.Get("method"))
		require.Equal(t, "https://shop.example/notify/alipay", form.Get("notify_url"))
		require.Equal(t, `{"out_trade_no":"P1","total_amount":"88.80","subject":"tea","product_code":"`+row.product+`","time_expire":"2026-09-25 10:10:01"}`,
			form.Get("biz_content"))
	}
}

func TestPrepareStart_Refuses(t *testing.T) {
	c := newClient(t, testConfig(t), nil, fixed(now))
	fen := payment.Fen(1)
	for name, intent := range map[string]merchant.StartIntent{
		"no buyer":         {Method: payment.MethodInApp, Amount: fen},
		"no barcode":       {Method: payment.MethodBarcode, Amount: fen},
		"another currency": {Method: payment.MethodCode, Amount: payment.Money{Minor: 1, Currency: "USD"}},
		"a strange method": {Method: "carrier-pigeon", Amount: fen},
		"parts":            {Method: payment.MethodCode, Amount: fen, Parts: []merchant.Part{{Reference: "P1", Amount: fen}}},
	} {
		_, err := c.PrepareStart(intent)
		require.ErrorIs(t, err, merchant.ErrInvalid, name)
	}
}

// TestPrepareStart_SubjectAndExpiry: characters that the provider refuses leave
// the subject; they would also let a name hide in a signed value.
func TestPrepareStart_SubjectAndExpiry(t *testing.T) {
	c := newClient(t, testConfig(t), nil, fixed(now))
	request, err := c.PrepareStart(merchant.StartIntent{Reference: "P1", Method: payment.MethodCode, Amount: payment.Fen(1), Description: "a/b=c&d 茶",
		ExpiresAt: now.Add(time.Nanosecond)})
	require.NoError(t, err)
	require.Equal(t, `{"out_trade_no":"P1","total_amount":"0.01","subject":"a b c d 茶","time_expire":"2026-09-25 10:00:02"}`, request.Body)
}

func TestStart_AnswersThatInviteNobody(t *testing.T) {
	for name, row := range map[string]struct {
		method payment.Method
		node   string
	}{
		"no code":                   {payment.MethodCode, `{"code":"10000","out_trade_no":"P1"}`},
		"no trade":                  {payment.MethodInApp, `{"code":"10000","out_trade_no":"P1"}`},
		"code of another payment":   {payment.MethodCode, `{"code":"10000","out_trade_no":"P2","qr_code":"q"}`},
		"code of no payment":        {payment.MethodCode, `{"code":"10000","qr_code":"q"}`},
		"in process, but no charge": {payment.MethodCode, `{"code":"10003","out_trade_no":"P1","qr_code":"q"}`},
		"charge of another payment": {payment.MethodBarcode, `{"code":"10000","out_trade_no":"P2","trade_no":"T1"}`},
		"another is in process":     {payment.MethodBarcode, `{"code":"10003","out_trade_no":"P2","trade_no":"T1"}`},
		"code is no text":           {payment.MethodCode, `{"code":"10000","out_trade_no":"P1","qr_code":7}`},
	} {
		c, _ := gateway(t, answer{node: row.node})
		asked := started(t, c, row.method)
		got := c.Start(context.Background(), asked, asked.Request)
		require.Equal(t, merchant.Indeterminate, got.Outcome, name)
	}
}

// TestStart_FollowsNobody: a redirect would take a charge, barcode included, to
// whom it was not signed for.
func TestStart_FollowsNobody(t *testing.T) {
	strangers := 0
	stranger := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { strangers++ }))
	defer stranger.Close()
	server := httptest.NewServer(http.RedirectHandler(stranger.URL, http.StatusTemporaryRedirect))
	defer server.Close()
	config := testConfig(t)
	config.GatewayURL = server.URL
	c := newClient(t, config, nil, fixed(now))
	asked := started(t, c, payment.MethodBarcode)
	require.Equal(t, merchant.Indeterminate, c.Start(context.Background(), asked, asked.Request).Outcome)
	require.Zero(t, strangers)
}

func tradeNode(number, status string) string {
	return `{"code":"10000","msg":"Success","out_trade_no":"` + number + `","trade_no":"T1","total_amount":"88.80","receipt_amount":"80.00",` +
		`"buyer_pay_amount":"80.00","send_pay_date":"2026-09-25 10:00:05","trade_status":"` + status + `"}`
}

// TestQuery_Statuses is section 6: which standing each trade_status has. What
// was paid is what the order asked for, not what coupons left of it.
func TestQuery_Statuses(t *testing.T) {
	for _, row := range []struct {
		status  string
		method  payment.Method
		outcome merchant.Outcome
		want    merchant.Standing
	}{
		{"TRADE_SUCCESS", payment.MethodCode, merchant.OK, merchant.Paid},
		{"TRADE_FINISHED", payment.MethodCode, merchant.OK, merchant.Paid},
		{"TRADE_CLOSED", payment.MethodCode, merchant.OK, merchant.Ended},
		{"WAIT_BUYER_PAY", payment.MethodCode, merchant.OK, merchant.Unpaid},
		{"WAIT_BUYER_PAY", payment.MethodBarcode, merchant.OK, merchant.Deciding},
		{"TRADE_SUCCESS", payment.MethodBarcode, merchant.OK, merchant.Paid},
		{"TRADE_PENDING", payment.MethodCode, merchant.Indeterminate, ""},
		{"", payment.MethodCode, merchant.Indeterminate, ""},
	} {
		c, seen := gateway(t, answer{node: tradeNode("P1", row.status)})
		got := c.Query(context.Background(), started(t, c, row.method))
		require.Equal(t, row.outcome, got.Outcome, "%s: %s", row.status, got.Detail)
		require.Equal(t, row.want, got.Trade.Standing, row.status)
		require.Equal(t, `{"out_trade_no":"P1"}`, (*seen)[0].Get("biz_content"))
		if row.outcome == merchant.OK {
			require.Equal(t, payment.Fen(8880), got.Trade.Amount)
			require.True(t, got.Trade.PaidAt.Equal(now.Add(5*time.Second)))
			require.False(t, got.Trade.Unconfirmed, "a query has the last word")
		}
	}
}

// TestQuery_PaidMustSayWhatAndHowMuch: half a statement is none.
func TestQuery_PaidMustSayWhatAndHowMuch(t *testing.T) {
	good := tradeNode("P1", "TRADE_SUCCESS")
	for name, row := range map[string]struct{ old, new string }{
		"no number":         {`"trade_no":"T1",`, ``},
		"no amount":         {`"total_amount":"88.80",`, ``},
		"nothing":           {`88.80`, `0.00`},
		"less than nothing": {`88.80`, `-88.80`},
		"parts of a fen":    {`88.80`, `88.801`},
		"a float":           {`"88.80"`, `8.88e1`},
		"no time":           {`2026-09-25 10:00:05`, `yesterday`},
	} {
		c, _ := gateway(t, answer{node: strings.Replace(good, row.old, row.new, 1)})
		got := c.Query(context.Background(), started(t, c, payment.MethodCode))
		require.Equal(t, merchant.Indeterminate, got.Outcome, name)
	}
	c, _ := gateway(t, answer{node: strings.Replace(good, `"trade_no"`, `"trans_currency":"USD","trade_no"`, 1)})
	got := c.Query(context.Background(), started(t, c, payment.MethodCode))
	require.Equal(t, payment.Money{Minor: 8880, Currency: "USD"}, got.Trade.Amount, "another currency is another amount")
}

// TestQuery_OfAnotherPayment: the checkout compares whom an answer is about, so
// the answer must name it, and not what was asked.
func TestQuery_OfAnotherPayment(t *testing.T) {
	c, _ := gateway(t, answer{node: tradeNode("P2", "TRADE_SUCCESS")}, answer{node: strings.Replace(tradeNode("", "TRADE_SUCCESS"), `"out_trade_no":"",`, "", 1)})
	asked := started(t, c, payment.MethodCode)
	require.EqualValues(t, "P2", c.Query(context.Background(), asked).Trade.Reference)
	require.Empty(t, c.Query(context.Background(), asked).Trade.Reference)
}

// TestQuery_NoTradeYet: the shopper makes the trade. Until the code has expired
// none is no end; from then on it is. Of a barcode the core must judge.
func TestQuery_NoTradeYet(t *testing.T) {
	for _, row := range []struct {
		method  payment.Method
		after   time.Duration
		outcome merchant.Outcome
		want    merchant.Standing
	}{
		{payment.MethodCode, 0, merchant.OK, merchant.Unpaid},
		{payment.MethodWeb, 0, merchant.OK, merchant.Unpaid},
		{payment.MethodCode, 10*time.Minute + closingTime + expiryMargin, merchant.OK, merchant.Unpaid},
		{payment.MethodCode, 10*time.Minute + closingTime + expiryMargin + 1, merchant.OK, merchant.Ended},
		{payment.MethodApp, time.Hour, merchant.OK, merchant.Ended},
		{payment.MethodBarcode, time.Hour, merchant.Failed, ""},
	} {
		c, _ := gateway(t, refusal("ACQ.TRADE_NOT_EXIST", "P1"))
		asked := started(t, c, row.method)
		c.clock = fixed(now.Add(row.after))
		got := c.Query(context.Background(), asked)
		require.Equal(t, row.outcome, got.Outcome, "%s after %s", row.method, row.after)
		require.Equal(t, row.want, got.Trade.Standing, "%s after %s", row.method, row.after)
	}
	for name, body := range map[string]string{"no request": "", "no expiry": `{"out_trade_no":"P1"}`} {
		c, _ := gateway(t, refusal("ACQ.TRADE_NOT_EXIST", "P1"))
		got := c.Query(context.Background(), merchant.Asked{Reference: "P1", Method: payment.MethodCode, Request: merchant.Request{Body: body}})
		require.Equal(t, merchant.NotFound, got.Class, name)
	}
}

func TestClose(t *testing.T) {
	for name, row := range map[string]struct {
		answer answer
		want   merchant.Result
	}{
		"closed":          {answer{node: `{"code":"10000","out_trade_no":"P1","trade_no":"T1"}`}, merchant.Result{Outcome: merchant.OK}},
		"another payment": {answer{node: `{"code":"10000","out_trade_no":"P2","trade_no":"T1"}`}, merchant.Result{}},
		"no trade":        {refusal("ACQ.TRADE_NOT_EXIST", "P1"), merchant.Result{Outcome: merchant.Failed, Class: merchant.NotFound}},
		"paid":            {refusal("ACQ.TRADE_STATUS_ERROR", "P1"), merchant.Result{Outcome: merchant.Failed, Class: merchant.Conflict}},
	} {
		c, seen := gateway(t, row.answer)
		got := c.Close(context.Background(), started(t, c, payment.MethodCode))
		got.Detail = ""
		require.Equal(t, row.want, got, name)
		require.Equal(t, methodClose, (*seen)[0].Get("method"))
	}
}

// TestReverse is the table of section 6 for cancel: what proves that money is
// back or will never come, and what proves nothing.
func TestReverse(t *testing.T) {
	failed := func(class merchant.Class) merchant.Result {
		return merchant.Result{Outcome: merchant.Failed, Class: class}
	}
	for name, row := range map[string]struct {
		answer answer
		want   merchant.Result
	}{
		"closed":            {answer{node: `{"code":"10000","action":"close","out_trade_no":"P1","retry_flag":"N","trade_no":"T1"}`}, merchant.Result{Outcome: merchant.OK}},
		"refunded":          {answer{node: `{"code":"10000","action":"refund","out_trade_no":"P1","retry_flag":"N","trade_no":"T1"}`}, merchant.Result{Outcome: merchant.OK}},
		"knew no trade":     {answer{node: `{"code":"10000","out_trade_no":"P1","retry_flag":"N"}`}, failed(merchant.NotFound)},
		"wants it again":    {answer{node: `{"code":"10000","action":"close","out_trade_no":"P1","retry_flag":"Y"}`}, merchant.Result{}},
		"says neither":      {answer{node: `{"code":"10000","action":"close","out_trade_no":"P1"}`}, merchant.Result{}},
		"another payment":   {answer{node: `{"code":"10000","action":"close","out_trade_no":"P2","retry_flag":"N"}`}, merchant.Result{}},
		"in process":        {answer{node: `{"code":"10003","action":"close","out_trade_no":"P1","retry_flag":"N"}`}, merchant.Result{}},
		"busy":              {refusal("AQC.SYSTEM_ERROR", "P1"), merchant.Result{}},
		"too late":          {refusal("ACQ.TRADE_CANCEL_TIME_OUT", "P1"), failed(merchant.Conflict)},
		"not allowed":       {refusal("ACQ.CANCEL_NOT_ALLOWED", "P1"), failed(merchant.Conflict)}, // else it would be cancelled for ever and never booked
		"cannot pay it out": {refusal("ACQ.SELLER_BALANCE_NOT_ENOUGH", "P1"), failed(merchant.NotEnough)},
	} {
		c, seen := gateway(t, row.answer)
		got := c.Reverse(context.Background(), started(t, c, payment.MethodBarcode))
		got.Detail = ""
		require.Equal(t, row.want, got, name)
		require.Equal(t, methodCancel, (*seen)[0].Get("method"))
		require.Equal(t, `{"out_trade_no":"P1"}`, (*seen)[0].Get("biz_content"))
	}
}
