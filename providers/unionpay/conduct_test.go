package unionpay

import (
	"net/url"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/payquake/payquake/faults"
)

// A refund that was accepted fails: the query of the refund says so, its notification
// too, and the payment can be refunded again.
func TestConduct_RefundFails(t *testing.T) {
	b := conducted(t, nil, faults.Conduct{RefundFails: faults.RefundCloses, RefundsFail: 1}, "refund-fails-after-accept")
	paid := b.paid("order0001")
	asked := b.undoing("04", "refund0001", paid.queryID, "101")
	require.Equal(t, "00", b.send(back, asked).code())
	for range 3 {
		b.hurry()
	}
	require.Equal(t, codeFailed, b.query("refund0001", asked["txnTime"]).values["origRespCode"])
	require.EqualValues(t, full-101, b.balance())
	sent := b.Sent()
	told, err := url.ParseQuery(string(sent[len(sent)-1].Body))
	require.NoError(t, err)
	require.Equal(t, []string{"refund0001", codeFailed}, []string{told.Get("orderId"), told.Get("respCode")})
	require.Equal(t, "00", b.refund("refund0002", paid.queryID, "101").code())
	for range 3 {
		b.hurry()
	}
	require.EqualValues(t, full, b.balance())
	require.Equal(t, []string{"t1.refund-fails-after-accept"}, b.Fired())
}

// A scanned payment waits for its payer: accepted, and later paid, or failed and told
// so, as back products do (§9).
func TestConduct_Pending(t *testing.T) {
	for fails, want := range map[bool]string{false: codeOK, true: codeFailed} {
		synctest.Test(t, func(t *testing.T) {
			b := conducted(t, nil, faults.Conduct{PendingFor: 10 * time.Second, PendingFails: fails}, "pending-then-paid", "pending-then-failed")
			order := b.order("06", "order0001", "qrNo", b.barcode())
			require.Equal(t, codeOK, b.send(back, order).code(), "accepted, no more")
			require.Equal(t, codeAccepted, b.query("order0001", order["txnTime"]).values["origRespCode"])
			require.EqualValues(t, full, b.balance())
			time.Sleep(11 * time.Second)
			require.Equal(t, want, b.query("order0001", order["txnTime"]).values["origRespCode"])
			require.Equal(t, !fails, b.balance() == full-101)
			told, err := url.ParseQuery(string(b.Sent()[0].Body))
			require.NoError(t, err)
			require.Equal(t, want, told.Get("respCode"))
		})
	}
}

// A scan that fails for good is told of.
func TestConduct_NotifyFailure(t *testing.T) {
	b := conducted(t, nil, faults.Conduct{NotifyFailure: true}, "notify-failure")
	require.Equal(t, codeOK, b.send(back, b.order("06", "order0001", "qrNo", b.barcode())).code())
	told, err := url.ParseQuery(string(b.deliveries(1)[0].Body))
	require.NoError(t, err)
	require.Equal(t, codeBalance, told.Get("respCode"))
	require.EqualValues(t, full, b.balance())
	require.Equal(t, []string{"t1.notify-failure"}, b.Fired())
}
