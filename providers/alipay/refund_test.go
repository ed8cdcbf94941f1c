package alipay

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/payquake/payquake/journal"
	"github.com/payquake/payquake/payment"
)

// refund_fee is the sum of all refunds, and fund_change says whether this call
// moved money (§6).
func TestRefund_AtOnceAndOnce(t *testing.T) {
	b := open(t, nil)
	b.paid("A1")
	said := func(got answer) []string {
		b.done(got)
		return []string{got.text("fund_change"), got.text("refund_fee"), got.text("send_back_fee")}
	}
	require.Equal(t, []string{"Y", "0.40", "0.40"}, said(b.refund("A1", "R1", "0.40")))
	require.Equal(t, []string{"Y", "0.60", "0.20"}, said(b.refund("A1", "R2", "0.2")))
	require.Equal(t, []string{"N", "0.60", "0.00"}, said(b.refund("A1", "R1", "0.40")))
	require.Equal(t, "TRADE_SUCCESS", b.query("A1").text("trade_status"))
	for name, c := range map[string]struct{ number, amount, sub string }{
		"another amount": {"R1", "0.41", "ACQ.DISCORDANT_REPEAT_REQUEST"},
		"too much":       {"R3", "0.42", "ACQ.REASON_TRADE_REFUND_FEE_ERR"},
		"a part without": {"", "0.41", "ACQ.REFUND_AMT_NOT_EQUAL_TOTAL"},
		"all of it":      {"", "1.01", "ACQ.REASON_TRADE_REFUND_FEE_ERR"},
	} {
		got := b.refund("A1", c.number, c.amount)
		b.refuses(got, "40004", c.sub)
		require.Equal(t, []string{"A1", "0.00", "0.00"}, []string{got.text("out_trade_no"), got.text("refund_fee"), got.text("send_back_fee")}, name)
	}
	require.Equal(t, []string{"Y", "1.01", "0.41"}, said(b.refund("A1", "R3", "0.41")))
	require.Equal(t, "TRADE_CLOSED", b.query("A1").text("trade_status"))
	b.refuses(b.refund("A1", "R4", "0.01"), "40004", "ACQ.TRADE_HAS_CLOSE")
	require.Equal(t, []string{"N", "1.01", "0.00"}, said(b.refund("A1", "R3", "0.41")), "asking again is always safe")

	b.paid("A2")
	require.Equal(t, []string{"Y", "1.01", "1.01"}, said(b.refund("A2", "", "1.01")))
	require.Equal(t, []string{"N", "1.01", "0.00"}, said(b.refund("A2", "", "1.01")))
	b.paid("A3")
	require.Equal(t, []string{"Y", "0.40", "0.40"}, said(b.refund("A3", "R1", "0.40")), "a number is unique within its trade")
	shown := b.placed("A4")
	_, err := b.provider.Open(t.Context(), "t1", shown)
	require.NoError(t, err)
	b.refuses(b.refund("A4", "R1", "1.01"), "40004", "ACQ.TRADE_STATUS_ERROR")
	balance, err := b.provider.Balance("t1")
	require.NoError(t, err)
	require.Equal(t, payment.Fen(10_000_000-61), balance)
	require.NoError(t, b.provider.Audit())
}

// A refund query about a number that the trade does not have proves nothing.
func TestRefund_Query(t *testing.T) {
	b := open(t, nil)
	receipt := b.paid("A1")
	b.done(b.refund("A1", "R1", "0.40"))
	ask := func(number, more string) map[string]any {
		got := b.call(refundQuery, fmt.Sprintf(`{"out_trade_no":"A1","out_request_no":"%s"%s}`, number, more))
		b.done(got)
		return got.node
	}
	require.Equal(t, map[string]any{"code": "10000", "msg": "Success", "out_request_no": "R1", "out_trade_no": "A1", "refund_amount": "0.40",
		"refund_status": "REFUND_SUCCESS", "total_amount": "1.01", "trade_no": string(receipt.ProviderReference)}, ask("R1", ""))
	require.Equal(t, map[string]any{"code": "10000", "msg": "Success"}, ask("R9", ""))
	more := ask("R1", `,"query_options":["gmt_refund_pay","refund_detail_item_list"]`)
	require.Contains(t, more, "gmt_refund_pay")
	require.Equal(t, []any{map[string]any{"amount": "0.40", "fund_channel": "ALIPAYACCOUNT"}}, more["refund_detail_item_list"])
	b.paid("A2")
	b.done(b.refund("A2", "", "1.01"))
	whole := b.call(refundQuery, `{"out_trade_no":"A2","out_request_no":"A2"}`)
	require.Equal(t, "1.01", whole.text("refund_amount"), "a refund without a number has the trade's")
}

// Against a model of one trade: whatever is asked, in whatever order, the money
// that went back is what the answers say, and never more than was paid.
func TestRefund_FollowsItsModel(t *testing.T) {
	b := with(t, Options{SilentRefunds: true})
	account := b.provider.ring.apps[b.merchant.AppID]
	trades := 0
	rapid.Check(t, func(t *rapid.T) {
		trades++
		number := fmt.Sprintf("A%d", trades)
		b.paid(number)
		before, err := b.provider.Balance("t1")
		require.NoError(t, err)
		accepted, total := map[string]int64{}, int64(0)
		t.Repeat(map[string]func(*rapid.T){
			"refund": func(t *rapid.T) {
				request := rapid.SampledFrom([]string{"", "R1", "R2", "R3"}).Draw(t, "number")
				fen := rapid.SampledFrom([]int64{1, 40, 60, 61, 101}).Draw(t, "fen")
				said, refused := b.provider.refund(call{ctx: context.Background(), method: refund, account: account, business: reading{map[string]any{
					"out_trade_no": number, "out_request_no": request, "refund_amount": payment.Fen(fen).Decimal()}}})
				if refused != nil {
					said.node = refused.node()
				}
				var got answer
				require.NoError(t, json.Unmarshal([]byte(said.node.String()), &got.node))
				key := request
				if key == "" {
					key = number
				}
				known, repeated := accepted[key]
				switch {
				case repeated && known == fen:
					require.Equal(t, "N", got.text("fund_change"))
				case repeated:
					require.Equal(t, "ACQ.DISCORDANT_REPEAT_REQUEST", got.text("sub_code"))
				case total == 101:
					require.Equal(t, "ACQ.TRADE_HAS_CLOSE", got.text("sub_code"))
				case request == "" && fen != 101:
					require.Equal(t, "ACQ.REFUND_AMT_NOT_EQUAL_TOTAL", got.text("sub_code"))
				case total+fen > 101:
					require.Equal(t, "ACQ.REASON_TRADE_REFUND_FEE_ERR", got.text("sub_code"))
				default:
					accepted[key], total = fen, total+fen
					require.Equal(t, "Y", got.text("fund_change"))
					require.Equal(t, payment.Fen(total).Decimal(), got.text("refund_fee"))
				}
			},
			"": func(t *rapid.T) {
				balance, err := b.provider.Balance("t1")
				require.NoError(t, err)
				require.Equal(t, before.Minor+total, balance.Minor)
				require.Equal(t, map[bool]string{false: "TRADE_SUCCESS", true: "TRADE_CLOSED"}[total == 101], b.provider.lookUp(account, number).state)
				require.NoError(t, b.provider.Audit())
			},
		})
	})
}

// The book has one posting for each refund that the answers own to.
func TestRefund_Postings(t *testing.T) {
	b := open(t, nil)
	b.paid("A1")
	b.done(b.refund("A1", "R1", "0.40"))
	b.done(b.refund("A1", "R1", "0.40"))
	require.Equal(t, []journal.PostingKind{journal.CapturePosting, journal.RefundPosting}, b.Postings())
}
