package unionpay

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/payquake/payquake/faults"
)

// The payer's code (protocol unionpay §11): 00 is no more than accepted.
func TestScan(t *testing.T) {
	b := open(t, nil)
	code := b.barcode()
	order := b.order("06", "order0001", "qrNo", code)
	got := b.send(back, order)
	require.Equal(t, "00", got.code(), got.raw)
	require.Regexp(t, `^51\d{19}$`, got.values["queryId"])
	require.EqualValues(t, full-101, b.balance())
	told := decoded(t, b.deliveries(1)[0])
	require.Equal(t, "00", told["respCode"])
	require.Equal(t, got.values["queryId"], told["queryId"])
	require.Equal(t, "06", told["txnSubType"])
	require.Equal(t, "00", b.query("order0001", order["txnTime"]).values["origRespCode"])

	require.Equal(t, "87", b.send(back, b.order("06", "order0002", "qrNo", code)).code())
	require.Equal(t, "88", b.send(back, b.order("06", "order0002", "qrNo", "C2B100001")).code(), "no digits, and unknown")
	require.Equal(t, "10", b.send(back, b.order("06", "order0002", "qrNo", "629999999999999999999")).code())
	require.Equal(t, "13", b.send(back, b.order("06", "order0002")).code())
	require.Equal(t, "32", b.send(app, b.order("06", "order0002", "qrNo", code)).code())
	require.Equal(t, "34", b.query("order0002", now()).code(), "the orderId is not used up")
	require.EqualValues(t, full-101, b.balance())
}

func TestScan_RefusalsAreToldLater(t *testing.T) {
	b := open(t, nil)
	code, err := b.provider.Barcode(t.Context(), "t2")
	require.NoError(t, err)
	order := b.order("06", "order0001", "qrNo", code)
	require.Equal(t, "00", b.send(back, order).code(), "accepted")
	told := decoded(t, b.deliveries(1)[0])
	require.Equal(t, "64", told["respCode"], "back products tell of failure too")
	require.True(t, b.believes(told))
	require.NotContains(t, told, "settleAmt")
	require.Equal(t, "64", b.query("order0001", order["txnTime"]).values["origRespCode"])
	require.Equal(t, []string{"pending", "declined"}, b.Entries("order0001"))
	require.Equal(t, "35", b.reverse("order0001", order["txnTime"]).code())
	require.Equal(t, "35", b.refund("refund0001", told["queryId"], "1").code())
}

func TestScan_CodesEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, nil)
		code := b.barcode()
		time.Sleep(61 * time.Second)
		require.Equal(t, "86", b.send(back, b.order("06", "order0001", "qrNo", code)).code())

		b = open(t, func(c *Config) {
			c.Options = Options{BarcodeLife: faults.Duration(time.Hour), BarcodeReusable: true}
		})
		code = b.barcode()
		time.Sleep(59 * time.Minute)
		require.Equal(t, "00", b.send(back, b.order("06", "order0001", "qrNo", code)).code())
		require.Equal(t, "00", b.send(back, b.order("06", "order0002", "qrNo", code)).code())
	})
}
