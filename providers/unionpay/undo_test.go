package unionpay

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/providers"
)

// A refund is an order of its own: accepted, then done, then told of.
func TestRefund_FromAcceptedToDone(t *testing.T) {
	b := open(t, nil)
	paid := b.paid("order0001")
	b.deliveries(1)
	asked := b.undoing("04", "refund0001", paid.queryID, "40", "origOrderId", paid.number, "origTxnTime", paid.txnTime)
	got := b.send(back, asked)
	require.Equal(t, "00", got.code(), got.raw)
	require.Equal(t, "04", got.values["txnType"])
	require.Equal(t, "40", got.values["txnAmt"])
	require.Equal(t, paid.queryID, got.values["origQryId"])
	require.Regexp(t, `^\d{21}$`, got.values["queryId"])
	require.NotEqual(t, paid.queryID, got.values["queryId"])
	require.EqualValues(t, full-101, b.balance(), "accepted only")
	state := b.query("refund0001", asked["txnTime"])
	require.Equal(t, "05", state.values["origRespCode"])
	require.Equal(t, "04", state.values["txnType"])
	require.Equal(t, "00", state.values["txnSubType"])

	b.hurry()
	require.EqualValues(t, full-61, b.balance())
	state = b.query("refund0001", asked["txnTime"])
	require.Equal(t, "00", state.values["origRespCode"])
	require.Equal(t, got.values["queryId"], state.values["queryId"])
	told := decoded(t, b.deliveries(2)[1])
	require.Equal(t, "04", told["txnType"])
	require.Equal(t, "refund0001", told["orderId"])
	require.Equal(t, "00", told["respCode"])
	require.Equal(t, paid.queryID, told["origQryId"])
	require.Equal(t, "order0001", told["origOrderId"])
	require.Equal(t, "00", b.query(paid.number, paid.txnTime).values["origRespCode"], "the payment stays paid")

	require.Equal(t, "12", b.refund("refund0001", paid.queryID, "40").code())
	require.Equal(t, "36", b.refund("refund0002", paid.queryID, "62").code())
	require.Equal(t, "00", b.refund("refund0002", paid.queryID, "61").code(), "what was refused did not use the orderId up")
	require.Equal(t, "45", b.refund("refund0003", paid.queryID, "1").code(), "refunded in full, as reserved")
	b.hurry()
	require.EqualValues(t, full, b.balance())
	require.NoError(t, b.provider.Audit())
}

func TestRefund_Refusals(t *testing.T) {
	b := open(t, nil)
	paid, gone := b.paid("order0001"), b.paid("order0002")
	require.Equal(t, "00", b.void("void0001", gone.queryID, "101").code())
	undone := b.paid("order0003")
	require.Equal(t, "00", b.reverse(undone.number, undone.txnTime).code())
	partly := b.refund("refund0001", paid.queryID, "1").values["queryId"]
	cases := []struct {
		name, queryID, fen, field, value, code string
	}{
		{"no such original", "512611231402335616528", "1", "", "", "35"},
		{"a refund's queryId", partly, "1", "", "", "35"},
		{"misshapen", "5126", "1", "", "", "10"},
		{"no original", paid.queryID, "1", "origQryId", "", "13"},
		{"another order", paid.queryID, "1", "origOrderId", "order0009", "36"},
		{"another time", paid.queryID, "1", "origTxnTime", "20260101120000", "36"},
		{"too much", paid.queryID, "102", "", "", "36"},
		{"nothing", paid.queryID, "0", "", "", "10"},
		{"no back URL", paid.queryID, "1", "backUrl", "", "13"},
		{"voided", gone.queryID, "1", "", "", "45"},
		{"reversed", undone.queryID, "1", "", "", "46"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got := b.refund("refund0002", c.queryID, c.fen, c.field, c.value)
			require.Equal(t, c.code, got.code(), got.raw)
			require.Equal(t, "34", b.query("refund0002", now()).code())
		})
	}
	b.merchant = b.config.Merchants[1]
	require.Equal(t, "35", b.refund("refund0002", paid.queryID, "1").code(), "another merchant's payment")
	other := open(t, func(c *Config) { c.Options.OverRefund = "61" })
	paid = other.paid("order0001")
	require.Equal(t, "61", other.refund("refund0001", paid.queryID, "102").code())
}

func TestVoid(t *testing.T) {
	b := open(t, nil)
	paid := b.paid("order0001")
	b.deliveries(1)
	require.Equal(t, "36", b.void("void0001", paid.queryID, "100").code(), "in full only")
	require.Equal(t, "35", b.void("void0001", "512611231402335616528", "101").code())
	asked := b.undoing("31", "void0001", paid.queryID, "101")
	got := b.send(back, asked)
	require.Equal(t, "00", got.code(), got.raw)
	require.EqualValues(t, full, b.balance())
	require.Equal(t, "00", b.query("void0001", asked["txnTime"]).values["origRespCode"])
	require.Equal(t, "31", b.query("void0001", asked["txnTime"]).values["txnType"])
	told := decoded(t, b.deliveries(2)[1])
	require.Equal(t, "31", told["txnType"])
	require.Equal(t, paid.queryID, told["origQryId"])
	require.Equal(t, "00", b.query(paid.number, paid.txnTime).values["origRespCode"], "the consume did succeed")
	require.Equal(t, "45", b.void("void0002", paid.queryID, "101").code())
	require.Equal(t, "45", b.reverse(paid.number, paid.txnTime).code())
	require.Equal(t, []string{"pending", "captured", "returned"}, b.Entries("order0001"))

	partly := b.paid("order0002")
	require.Equal(t, "00", b.refund("refund0001", partly.queryID, "1").code())
	require.Equal(t, "45", b.void("void0002", partly.queryID, "101").code(), "it has refunds")
	require.Equal(t, "45", b.reverse(partly.number, partly.txnTime).code())
	require.NoError(t, b.provider.Audit())
}

// The clearing day ends at 23:00 (protocol unionpay §12, §17).
func TestVoid_WithinTheClearingDay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, nil)
		until := time.Date(2000, 1, 1, 22, 59, 59, 0, zone())
		time.Sleep(time.Until(until))
		early := b.paid("order0001")
		other := b.paid("order0003")
		require.Equal(t, "0101", b.query(early.number, early.txnTime).values["settleDate"])
		time.Sleep(2 * time.Second)
		require.Equal(t, "35", b.void("void0001", early.queryID, "101").code())
		require.Equal(t, "35", b.reverse(other.number, other.txnTime).code())
		late := b.paid("order0002")
		require.Equal(t, "0102", b.query(late.number, late.txnTime).values["settleDate"])
		time.Sleep(23 * time.Hour)
		require.Equal(t, "00", b.void("void0001", late.queryID, "101").code(), "the next evening is the same clearing day")
		require.Equal(t, "00", b.refund("refund0001", early.queryID, "101").code(), "a refund is not bound to it")
	})
}

func TestReverse(t *testing.T) {
	b := open(t, nil)
	require.Equal(t, "34", b.reverse("order0001", now()).code())
	paid := b.paid("order0001")
	require.Equal(t, "34", b.reverse(paid.number, "20260101120000").code(), "the original's own txnTime")
	got := b.send(query, b.common("99", "01", "orderId", paid.number, "txnTime", paid.txnTime))
	require.Equal(t, "00", got.code(), "at the query endpoint too: %s", got.raw)
	require.EqualValues(t, full, b.balance())
	require.Equal(t, "46", b.reverse(paid.number, paid.txnTime).code(), "an earlier one worked")
	require.EqualValues(t, full, b.balance(), "returned, once")
	require.Equal(t, "46", b.query(paid.number, paid.txnTime).values["origRespCode"])

	order := b.order("07", "order0002")
	code := b.send(back, order).values["qrCode"]
	require.Equal(t, "00", b.reverse("order0002", order["txnTime"]).code())
	_, err := b.provider.Pay(t.Context(), "t1", code)
	require.ErrorIs(t, err, providers.ErrNotPayable, "nobody pays it any more")
	require.Equal(t, []string{"pending", "closed"}, b.Entries("order0002"))

	refunded := b.paid("order0003")
	asked := b.undoing("04", "refund0001", refunded.queryID, "1")
	require.Equal(t, "00", b.send(back, asked).code())
	require.Equal(t, "35", b.reverse("refund0001", asked["txnTime"]).code(), "a refund is not reversed")
	require.NoError(t, b.provider.Audit())
}

func TestUndo_Options(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, func(c *Config) { c.Options = Options{LateVoid: "39", Reversed: "01"} })
		paid, other := b.paid("order0001"), b.paid("order0002")
		require.Equal(t, "00", b.reverse(other.number, other.txnTime).code())
		require.Equal(t, "01", b.query(other.number, other.txnTime).values["origRespCode"])
		time.Sleep(25 * time.Hour)
		require.Equal(t, "39", b.void("void0001", paid.queryID, "101").code())
	})
}

// undoModel is what a payment of 101 fen must be like, whatever is done to it.
type undoModel struct {
	reserved, returned int64
	pending            []int64
	ended              string // voided or reversed
}

// TestUndo_Model: refunds, voids and reversals in any order keep the money
// where it belongs, and each answer is the one that the state demands.
func TestUndo_Model(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		b := open(t, func(c *Config) { c.RefundDelay = faults.Duration(time.Hour) })
		defer func() { require.NoError(t, b.provider.Close()) }()
		paid, model, number := b.paid("order0001"), undoModel{}, 0
		steps := rapid.SliceOfN(rapid.SampledFrom([]string{"refund", "refund", "finish", "void", "reverse"}), 1, 12).Draw(rt, "steps")
		for _, step := range steps {
			number++
			switch step {
			case "refund":
				fen := rapid.Int64Range(1, 110).Draw(rt, "fen")
				got := b.refund(fmt.Sprintf("refund%04d", number), paid.queryID, fmt.Sprint(fen)).code()
				require.Equal(rt, model.refund(fen), got)
			case "void":
				require.Equal(rt, model.end("voided"), b.void(fmt.Sprintf("void%04d", number), paid.queryID, "101").code())
			case "reverse":
				require.Equal(rt, model.end("reversed"), b.reverse(paid.number, paid.txnTime).code())
			case "finish":
				// Deliveries stand on the same agenda: until the refunds are done.
				for range 40 {
					b.hurry()
				}
				for _, fen := range model.pending {
					model.returned += fen
				}
				model.pending = nil
			}
			require.Equal(rt, full-101+model.returned, b.balance())
			require.NoError(rt, b.provider.Audit())
		}
	})
}

func (m *undoModel) refund(fen int64) string {
	switch {
	case m.ended == "voided":
		return "45"
	case m.ended == "reversed":
		return "46"
	case m.reserved == 101:
		return "45"
	case m.reserved+fen > 101:
		return "36"
	}
	m.reserved += fen
	m.pending = append(m.pending, fen)
	return "00"
}

func (m *undoModel) end(how string) string {
	switch {
	case m.ended == "voided":
		return "45"
	case m.ended == "reversed":
		return "46"
	case m.reserved > 0:
		return "45"
	}
	m.ended, m.returned = how, 101
	return "00"
}
