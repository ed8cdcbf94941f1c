package alipay

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/payquake/payquake/journal"
)

// A code is no trade: until somebody scans it, nobody knows the number.
func TestPrecreate_TheTradeAppearsWhenItIsScanned(t *testing.T) {
	for name, change := range map[string]func(*Config){"key mode": nil, "certificate mode": certified(t)} {
		t.Run(name, func(t *testing.T) {
			b := open(t, change)
			shown := b.placed("A1")
			require.Equal(t, shown, b.placed("A1"), "the same again")
			b.refuses(b.query("A1"), "40004", "ACQ.TRADE_NOT_EXIST")
			b.refuses(b.call(closeTrade, numbered("A1")), "40004", "ACQ.TRADE_NOT_EXIST")
			checkout, err := b.provider.Open(t.Context(), "t1", shown)
			require.NoError(t, err)
			require.Equal(t, "测试 <商品>+1%", checkout.Description)
			got := b.query("A1")
			require.Equal(t, []string{"WAIT_BUYER_PAY", "0.00", "1.01"},
				[]string{got.text("trade_status"), got.text("receipt_amount"), got.text("total_amount")})
			require.Empty(t, got.text("send_pay_date"))
			receipt, err := b.provider.Pay(t.Context(), "t1", shown)
			require.NoError(t, err)
			got = b.query("A1")
			require.Equal(t, []string{"TRADE_SUCCESS", "1.01", string(receipt.ProviderReference)},
				[]string{got.text("trade_status"), got.text("receipt_amount"), got.text("trade_no")})
			require.Regexp(t, `^20\d{6}22001\d{15}$`, got.text("trade_no"))
			require.Equal(t, []journal.PostingKind{journal.CapturePosting}, b.Postings())

			told := b.told(b.deliveries(1)[0])
			require.Equal(t, "TRADE_SUCCESS", told.Get("trade_status"))
			require.Equal(t, b.merchant.SellerID, told.Get("seller_id"))
			require.NoError(t, b.provider.Audit())
		})
	}
}
