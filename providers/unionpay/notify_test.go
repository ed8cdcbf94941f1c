package unionpay

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/journal"
	"github.com/payquake/payquake/providers"
	"github.com/payquake/payquake/providers/internal/witness"
	"github.com/payquake/payquake/providers/keys"
)

func TestNotification_OnTheWire(t *testing.T) {
	b := open(t, nil)
	paid := b.paid("order0001", "reqReserved", "a=b|c 茶")
	sent := b.deliveries(1)[0]
	require.Equal(t, "POST", sent.Method)
	require.Equal(t, "/up/back?from=unionpay", sent.Target, "the query stays")
	require.Equal(t, "https", sent.Scheme)
	require.Equal(t, "shop.example", sent.Header.First("Host"))
	require.Equal(t, "application/x-www-form-urlencoded;charset=UTF-8", sent.Header.First("Content-Type"))
	require.Contains(t, string(sent.Body), "%0D%0A", "the lines of the PEM")
	require.NotContains(t, string(sent.Body), "成功")
	told := decoded(t, sent)
	require.True(t, b.believes(told))
	require.Equal(t, "a=b|c 茶", told["reqReserved"])
	require.Equal(t, "00", told["respCode"])
	require.Equal(t, "成功[0000000]", told["respMsg"])
	require.Equal(t, paid.queryID, told["queryId"])
	require.Equal(t, "101", told["txnAmt"])
	require.NotContains(t, told, "origRespCode")
	told["from"] = "unionpay"
	require.False(t, b.believes(told), "who merges the query into the form cannot verify (§9)")
}

// A run has the provider rotate: from then on it signs with another certificate of
// its chain, which proves itself; the edits of a message keep it.
func TestRotate(t *testing.T) {
	l := tapped(t, nil)
	seen := map[string]bool{}
	for turn := range 4 {
		if turn > 0 {
			require.NoError(t, l.provider.Rotate())
		}
		created := l.exchange(back, l.order("07", fmt.Sprintf("order000%d", turn)))
		l.pay(created)
		told := l.deliveries(turn + 1)[turn]
		values := decoded(t, told)
		require.True(t, l.believes(values))
		require.Equal(t, turn == 3, seen[values["signPubKeyCert"]], "the first comes again after the last")
		seen[values["signPubKeyCert"]] = true
		require.Equal(t, journal.SignatureValid, l.dialect.Request(told).Signature)
		edited, err := l.dialect.EditRequest(told, faults.Edit{Amount: faults.AmountPlusOne, Signature: faults.SignatureResigned})
		require.NoError(t, err)
		require.Equal(t, values["signPubKeyCert"], decoded(t, edited)["signPubKeyCert"])
	}
}

// Five deliveries, after 0, 1, 2 and 4 minutes or after 1, 2, 4 and 5 (§9).
func TestNotification_FollowsTheCalendar(t *testing.T) {
	for _, long := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			b := open(t, func(c *Config) { c.Options.LongRetries = long })
			b.Acknowledge = witness.Status(func(n int) (int, error) {
				return []int{500, 302, 400, 201, 0}[n%5], []error{nil, nil, nil, nil, errors.New("reset")}[n%5]
			})
			b.paid("order0001")
			for len(b.provider.Outstanding()) > 0 {
				time.Sleep(time.Minute)
			}
			gaps := []time.Duration{250 * time.Millisecond, time.Minute, 2 * time.Minute, 4 * time.Minute}
			if long {
				gaps = []time.Duration{time.Minute, 2 * time.Minute, 4 * time.Minute, 5 * time.Minute}
			}
			require.Len(t, b.Times(), 5)
			for i, sent := range b.Sent() {
				require.Equal(t, b.Sent()[0].Body, sent.Body, "alike to the last byte")
				if i > 0 {
					require.Equal(t, gaps[i-1], b.Times()[i].Sub(b.Times()[i-1]))
				}
			}
		})
	}
}

func TestNotification_Acknowledgement(t *testing.T) {
	for status, options := range map[int]Options{200: {}, 302: {AckRedirect: true}} {
		synctest.Test(t, func(t *testing.T) {
			b := open(t, func(c *Config) { c.Options, c.Factor = options, 1000 })
			b.Acknowledge = witness.Status(func(int) (int, error) { return status, nil })
			b.paid("order0001")
			time.Sleep(time.Hour)
			require.Len(t, b.Sent(), 1)
		})
	}
}

func TestConduct_Notifications(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := conducted(t, nil, faults.Conduct{NotifyCopies: 2, NotifySpacing: 30 * time.Millisecond}, "notify-many")
		b.paid("order0001")
		synctest.Wait()
		require.Empty(t, b.Fired(), "the first delivery is nothing special")
		time.Sleep(time.Hour)
		require.Len(t, b.Sent(), 3)
		require.Equal(t, []string{"t1.notify-many"}, b.Fired())

		b = conducted(t, nil, faults.Conduct{NotifyNever: true}, "notify-never")
		paid := b.paid("order0001")
		require.Equal(t, "00", b.refund("refund0001", paid.queryID, "101").code())
		time.Sleep(time.Hour)
		require.Empty(t, b.Sent())
		require.EqualValues(t, full, b.balance())
		require.Equal(t, []string{"t1.notify-never"}, b.Fired())
	})
}

// The queries lag behind, and nothing else does.
func TestConduct_QueryLag(t *testing.T) {
	b := conducted(t, nil, faults.Conduct{QueryLag: 2}, "query-lag")
	paid := b.paid("order0001")
	for range 2 {
		lagging := b.query(paid.number, paid.txnTime)
		require.Equal(t, "00", lagging.code())
		require.Equal(t, "05", lagging.values["origRespCode"])
		require.NotContains(t, lagging.values, "queryId")
	}
	require.Equal(t, "00", b.query(paid.number, paid.txnTime).values["origRespCode"])
	require.Equal(t, []string{"t1.query-lag"}, b.Fired())

	b = conducted(t, nil, faults.Conduct{QueryLag: 9})
	paid = b.paid("order0001")
	asked := b.undoing("04", "refund0001", paid.queryID, "1")
	require.Equal(t, "00", b.send(back, asked).code())
	for range 3 { // the notification and the refund stand on one agenda
		b.hurry()
	}
	require.Equal(t, "00", b.query("refund0001", asked["txnTime"]).values["origRespCode"])

	synctest.Test(t, func(t *testing.T) {
		b := conducted(t, nil, faults.Conduct{QueryLag: 9})
		paid := b.paid("order0001", "payTimeout", time.Now().Add(time.Minute).In(zone()).Format(timeLayout))
		require.Equal(t, "05", b.query(paid.number, paid.txnTime).values["origRespCode"])
		time.Sleep(61 * time.Second)
		require.Equal(t, "00", b.query(paid.number, paid.txnTime).values["origRespCode"], "final after payTimeout")
	})
}

func TestConduct_UnknownOutcome(t *testing.T) {
	b := conducted(t, nil, faults.Conduct{UnknownOutcome: true}, "unknown-outcome")
	order := b.order("06", "order0001", "qrNo", b.barcode())
	got := b.send(back, order)
	require.Equal(t, "03", got.code())
	require.NotContains(t, got.values, "queryId")
	require.EqualValues(t, full-101, b.balance(), "carried out all the same")
	require.Equal(t, "00", b.query("order0001", order["txnTime"]).values["origRespCode"])
	require.Equal(t, "12", b.send(back, order).code())
	require.Equal(t, []string{"t1.unknown-outcome"}, b.Fired())

	b = conducted(t, nil, faults.Conduct{UnknownOutcome: true}, "unknown-outcome")
	paid := b.paid("order0001")
	require.Equal(t, "03", b.refund("refund0001", paid.queryID, "101").code())
	require.Equal(t, "45", b.refund("refund0002", paid.queryID, "101").code(), "a second one under another orderId is caught")
	for range 3 {
		b.hurry()
	}
	require.EqualValues(t, full, b.balance())
}

func TestConduct_Decline(t *testing.T) {
	for conduct, code := range map[string]string{"61": "61", "": "64", "NOT_ENOUGH": "64"} {
		b := conducted(t, nil, faults.Conduct{Decline: conduct, Declines: 1}, "decline")
		order := b.order("07", "order0001")
		shown := b.send(back, order).values["qrCode"]
		_, err := b.provider.Pay(t.Context(), "t1", shown)
		require.ErrorIs(t, err, providers.ErrDeclined)
		require.ErrorContains(t, err, "[26000"+code+"]")
		require.Equal(t, "05", b.query("order0001", order["txnTime"]).values["origRespCode"], "another card may do")
		_, err = b.provider.Pay(t.Context(), "t1", shown)
		require.NoError(t, err)
		require.Equal(t, []string{"t1.decline"}, b.Fired())

		b = conducted(t, nil, faults.Conduct{Decline: conduct, Declines: 1}, "decline")
		order = b.order("06", "order0001", "qrNo", b.barcode())
		require.Equal(t, "00", b.send(back, order).code())
		require.Equal(t, code, decoded(t, b.deliveries(1)[0])["respCode"])
		require.Equal(t, code, b.query("order0001", order["txnTime"]).values["origRespCode"])
		require.EqualValues(t, full, b.balance())
	}
}

// Late success: the money comes when the merchant gives the order up (§7, 42).
func TestConduct_LateSuccess(t *testing.T) {
	for option, code := range map[string]string{"": "42", "00": "00"} {
		synctest.Test(t, func(t *testing.T) {
			b := conducted(t, func(c *Config) { c.Options.Late = option }, faults.Conduct{CaptureBeforeClose: true}, "late-success")
			order := b.order("01", "order0001", "payTimeout", time.Now().Add(time.Minute).In(zone()).Format(timeLayout))
			tn := b.send(app, order).values["tn"]
			require.Equal(t, "05", b.query("order0001", order["txnTime"]).values["origRespCode"])
			time.Sleep(61 * time.Second)
			_, err := b.provider.Pay(t.Context(), "t1", tn)
			require.ErrorIs(t, err, providers.ErrNotPayable)
			late := b.query("order0001", order["txnTime"])
			require.Equal(t, code, late.values["origRespCode"])
			require.NotEmpty(t, late.values["queryId"])
			require.EqualValues(t, full-101, b.balance())
			synctest.Wait()
			require.Equal(t, code, decoded(t, b.Sent()[0])["respCode"])
			require.Equal(t, []string{"t1.late-success"}, b.Fired())
			require.Equal(t, "00", b.refund("refund0001", late.values["queryId"], "101").code(), "the way out")
			require.NoError(t, b.provider.Close())
		})
	}
	b := conducted(t, nil, faults.Conduct{CaptureBeforeClose: true}, "late-success")
	order := b.order("07", "order0001")
	require.Equal(t, "00", b.send(back, order).code())
	require.Equal(t, "00", b.reverse("order0001", order["txnTime"]).code())
	require.Equal(t, []string{"pending", "captured", "returned"}, b.Entries("order0001"))
	require.Equal(t, []string{"t1.late-success"}, b.Fired())
	require.EqualValues(t, full, b.balance())
	b.deliveries(1)
}

// The late money of a merchant that never asks comes at payTimeout.
func TestConduct_LateSuccessUnasked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := conducted(t, nil, faults.Conduct{CaptureBeforeClose: true}, "late-success")
		b.send(app, b.order("01", "order0001", "payTimeout", time.Now().Add(time.Minute).In(zone()).Format(timeLayout)))
		require.Equal(t, map[faults.Trial]int{"t1": 1}, b.provider.Outstanding(), "rest waits for it")
		time.Sleep(61 * time.Second)
		synctest.Wait()
		require.Equal(t, "42", decoded(t, b.Sent()[0])["respCode"])
		require.Equal(t, []string{"t1.late-success"}, b.Fired())
		require.NoError(t, b.provider.Close())
	})
}

// Healing changes the payments to come, never one that was begun.
func TestHeal(t *testing.T) {
	b := conducted(t, nil, faults.Conduct{QueryLag: 1})
	begun := b.paid("order0001")
	b.provider.Heal([]faults.Trial{"t1", "t9"})
	fresh := b.paid("order0002")
	require.Equal(t, "05", b.query(begun.number, begun.txnTime).values["origRespCode"])
	require.Equal(t, "00", b.query(fresh.number, fresh.txnTime).values["origRespCode"])
}

// What the phone hands to the merchant's app (protocol unionpay §13). Who
// verifies it with the certificate of that cert_id is not fooled by a forged
// one; who does not check the signature is.
func TestAppResult(t *testing.T) {
	b := open(t, nil)
	tn := b.send(app, b.order("01", "order0001")).values["tn"]
	_, err := b.provider.AppResult(tn, false)
	require.ErrorIs(t, err, providers.ErrNotPayable)
	_, err = b.provider.AppResult("1", true)
	require.ErrorIs(t, err, providers.ErrUnknownCode)
	early, err := b.provider.AppResult(tn, true)
	require.NoError(t, err)
	require.False(t, b.appBelieves(early, tn))
	_, err = b.provider.Pay(t.Context(), "t1", tn)
	require.NoError(t, err)
	genuine, err := b.provider.AppResult(tn, false)
	require.NoError(t, err)
	require.True(t, b.appBelieves(genuine, tn))
	require.False(t, b.appBelieves(genuine, "1"), "another tn's")
	forged, err := b.provider.AppResult(tn, true)
	require.NoError(t, err)
	require.False(t, b.appBelieves(forged, tn))
}

// appBelieves is a merchant's check of an app result.
func (b *bench) appBelieves(text, tn string) bool {
	b.t.Helper()
	var read struct{ Sign, Data string }
	require.NoError(b.t, json.Unmarshal([]byte(text), &read))
	parsed, key, err := keys.CertificateKey(b.config.Platform.Leaf)
	require.NoError(b.t, err)
	named := "pay_result=success&tn=" + tn + "&cert_id=" + parsed.SerialNumber.String()
	return strings.TrimSpace(read.Data) == named && keys.Verifies(key, hexOf(read.Data), read.Sign)
}

// Deliveries and refunds are recorded with what they are about.
func TestRecords_NameWhatTheyAreAbout(t *testing.T) {
	b := open(t, nil)
	paid := b.paid("order0001")
	b.deliveries(1)
	require.Equal(t, "00", b.refund("refund0001", paid.queryID, "40").code())
	b.hurry()
	b.deliveries(2)
	require.NoError(t, b.provider.Close())
	var told []journal.Entry
	for _, record := range b.Records() {
		if record.Entry != nil && record.Entry.Kind == journal.DeliveryEntry {
			told = append(told, *record.Entry)
		}
	}
	require.Len(t, told, 2)
	require.EqualValues(t, paid.queryID, told[0].ProviderReference)
	require.EqualValues(t, "refund0001", told[1].RefundReference)
	require.EqualValues(t, paid.queryID, told[1].ProviderReference)
	require.EqualValues(t, 40, told[1].Amount.Minor)
}
