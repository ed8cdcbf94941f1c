package wechatpay

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/faults/proxy"
	"github.com/payquake/payquake/journal"
	"github.com/payquake/payquake/payment"
	"github.com/payquake/payquake/providers/internal/witness"
)

// unfold decrypts a notification with nothing of the code but AES-GCM.
func (b *bench) unfold(request *proxy.Request) (envelope, map[string]any) {
	b.t.Helper()
	var outer envelope
	require.NoError(b.t, json.Unmarshal(request.Body, &outer))
	plain, err := unseal(b.merchant.APIv3Key, outer.Resource.Nonce, outer.Resource.AssociatedData, outer.Resource.Ciphertext)
	require.NoError(b.t, err)
	var inner map[string]any
	require.NoError(b.t, json.Unmarshal(plain, &inner))
	return outer, inner
}

func TestCalendar_IsTheDocumentedOne(t *testing.T) {
	var sum time.Duration
	for _, gap := range Calendar() {
		sum += gap
	}
	require.Len(t, Calendar(), 15)
	require.Equal(t, 24*time.Hour+4*time.Minute, sum)
}

func TestNotification_OnTheWire(t *testing.T) {
	b := open(t, nil)
	receipt := b.paid("order-0001")
	sent := b.deliveries(1)[0]
	require.Equal(t, "POST", sent.Method)
	require.Equal(t, "/notify/wx", sent.Target)
	require.Equal(t, "https", sent.Scheme)
	for name, want := range map[string]string{"Host": "shop.example", "User-Agent": "Mozilla/4.0", "Content-Type": "application/json",
		"Accept": "*/*", "Cache-Control": "no-cache", "Pragma": "no-cache", "Wechatpay-Signature-Type": scheme} {
		require.Equal(t, want, sent.Header.First(name), name)
	}
	require.True(t, signedBy(t, b.config, sent.Header.Std(), sent.Body))
	outer, inner := b.unfold(sent)
	require.LessOrEqual(t, len(outer.ID), 36)
	require.Equal(t, "TRANSACTION.SUCCESS", outer.EventType)
	require.Equal(t, "encrypt-resource", outer.ResourceType)
	require.Equal(t, "transaction", outer.Resource.OriginalType)
	require.Equal(t, string(receipt.ProviderReference), inner["transaction_id"])
	require.Equal(t, b.query("order-0001").body, inner, "the same object as a query's")
}

// Refused until the calendar ends: 16 deliveries, each signed anew, one id.
func TestNotification_FollowsTheCalendar(t *testing.T) {
	for _, vary := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			b := open(t, func(c *Config) { c.Options.VaryNotificationIDs = vary })
			b.Acknowledge = witness.Status(func(n int) (int, error) {
				return []int{500, 302, 400, 201, 0}[n%5], []error{nil, nil, nil, nil, errors.New("reset")}[n%5]
			})
			b.paid("order-0001")
			for len(b.provider.Outstanding()) > 0 {
				time.Sleep(time.Minute)
			}
			require.Len(t, b.Times(), 16)
			ids, signatures := map[string]bool{}, map[string]bool{}
			for i, sent := range b.Sent() {
				if i > 0 {
					require.Equal(t, Calendar()[i-1], b.Times()[i].Sub(b.Times()[i-1]), "gap %d", i)
				}
				outer, _ := b.unfold(sent)
				ids[outer.ID], signatures[sent.Header.First("Wechatpay-Signature")] = true, true
				require.True(t, signedBy(t, b.config, sent.Header.Std(), sent.Body))
				require.True(t, fresh(sent.Header.First("Wechatpay-Timestamp"), b.Times()[i]))
			}
			require.Len(t, signatures, 16)
			if vary {
				require.Len(t, ids, 16)
			} else {
				require.Len(t, ids, 1)
			}
		})
	}
}

func TestNotification_ScaledCalendarKeepsItsMinimumGap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, func(c *Config) { c.Factor = 3600 })
		b.Acknowledge = witness.Status(func(n int) (int, error) { return map[bool]int{true: 204, false: 500}[n == 13], nil })
		b.paid("order-0001")
		for len(b.provider.Outstanding()) > 0 {
			time.Sleep(10 * time.Millisecond)
		}
		require.Len(t, b.Times(), 13, "acknowledged by 204")
		require.Equal(t, 250*time.Millisecond, b.Times()[1].Sub(b.Times()[0]))
		require.Equal(t, 3*time.Second, b.Times()[12].Sub(b.Times()[11]), "three hours")
	})
}

func TestConduct_NotifyMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := conducted(t, faults.Conduct{NotifyCopies: 3, NotifySpacing: 30 * time.Millisecond, NotifyFreshIDs: true}, "notify-many")
		b.paid("order-0001")
		synctest.Wait()
		require.Empty(t, b.Fired(), "the first delivery is nothing special")
		time.Sleep(time.Hour)
		require.Len(t, b.Sent(), 4)
		require.Equal(t, 90*time.Millisecond, b.Times()[3].Sub(b.Times()[0]))
		first, _ := b.unfold(b.Sent()[0])
		second, _ := b.unfold(b.Sent()[1])
		require.NotEqual(t, first.ID, second.ID)
		require.Equal(t, []string{"t1.notify-many"}, b.Fired())
	})
}

func TestConduct_NotifyNever(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := conducted(t, faults.Conduct{NotifyNever: true}, "notify-never")
		b.paid("order-0001")
		require.Equal(t, []string{"t1.notify-never"}, b.Fired())
		require.Equal(t, 200, b.refund("order-0001", "r1", 101).status)
		time.Sleep(48 * time.Hour)
		require.Empty(t, b.Sent())
		require.Equal(t, refundSuccess, b.call("GET", refundPath+"/r1", "").text("status"))
	})
}

func TestHurry_FiresTheCalendarNow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, nil)
		b.Acknowledge = witness.Status(func(n int) (int, error) { return map[bool]int{true: 200, false: 500}[n == 3], nil })
		b.paid("order-0001")
		synctest.Wait()
		begun := time.Now()
		for len(b.provider.Outstanding()) > 0 {
			require.NoError(t, b.provider.Hurry(t.Context(), []faults.Trial{"t1"}))
		}
		require.Zero(t, time.Since(begun))
		require.Len(t, b.Sent(), 3)
		require.NoError(t, b.provider.Close())
	})
}

func TestRefund_IsAcceptedThenDoneThenTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, nil)
		receipt := b.paid("order-0001")
		synctest.Wait()
		accepted := b.refund("order-0001", "r1", 100)
		require.Equal(t, 200, accepted.status)
		require.Equal(t, refundProcessing, accepted.text("status"))
		require.NotContains(t, accepted.body, "success_time", "an empty string would break clients")
		require.Equal(t, stateRefund, b.query("order-0001").text("trade_state"), "as soon as any refund was asked for")
		require.EqualValues(t, full-101, b.balance())

		time.Sleep(2*time.Minute + time.Second)
		require.EqualValues(t, full-1, b.balance())
		queried := b.call("GET", refundPath+"/r1", "")
		require.Equal(t, refundSuccess, queried.text("status"))
		require.Equal(t, queried.body, b.refund("order-0001", "r1", 100).body, "the same number is the same refund")
		require.EqualValues(t, full-1, b.balance())

		require.Len(t, b.Sent(), 2)
		require.Equal(t, "/notify/refund", b.Sent()[1].Target)
		outer, inner := b.unfold(b.Sent()[1])
		require.Equal(t, "REFUND.SUCCESS", outer.EventType)
		require.Equal(t, "refund", outer.Resource.OriginalType)
		require.Equal(t, map[string]any{"mchid": b.merchant.MchID, "out_trade_no": "order-0001", "transaction_id": string(receipt.ProviderReference),
			"out_refund_no": "r1", "refund_id": queried.text("refund_id"), "refund_status": "SUCCESS", "success_time": queried.text("success_time"),
			"user_received_account": "支付用户零钱",
			"amount":                map[string]any{"total": 101.0, "refund": 100.0, "payer_total": 101.0, "payer_refund": 100.0}}, inner)
		require.NoError(t, b.provider.Audit())
	})
}

func TestRefund_Refusals(t *testing.T) {
	b := open(t, nil)
	b.native("order-0000")
	receipt := b.paid("order-0001")
	b.refuses(b.refund("order-0000", "r1", 1), 404, "RESOURCE_NOT_EXISTS")
	b.refuses(b.refund("order-none", "r1", 1), 404, "RESOURCE_NOT_EXISTS")
	b.refuses(b.call("GET", refundPath+"/r1", ""), 404, "RESOURCE_NOT_EXISTS")
	b.refuses(b.refund("order-0001", "r1", 1, `"total":101`, `"total":100`), 400, "INVALID_REQUEST")
	b.refuses(b.refund("order-0001", "r1", 102), 400, "INVALID_REQUEST")
	b.refuses(b.refund("order-0001", "r1", 1, `"out_trade_no":"order-0001",`, ""), 400, "PARAM_ERROR")
	b.refuses(b.refund("order-0000", "r1", 1, `{"out`, `{"transaction_id":"`+string(receipt.ProviderReference)+`","out`), 400, "INVALID_REQUEST")
	require.Equal(t, 200, b.refund("order-0001", "r1", 100, `"out_trade_no":"order-0001"`, `"transaction_id":"`+string(receipt.ProviderReference)+`"`).status)
	mismatch := b.refund("order-0001", "r1", 99)
	b.refuses(mismatch, 400, "INVALID_REQUEST")
	require.Contains(t, mismatch.text("message"), "订单金额或退款金额与之前请求不一致")
	b.refuses(b.refund("order-0001", "r2", 2), 400, "INVALID_REQUEST")
	require.Equal(t, 200, b.refund("order-0001", "r2", 1).status)
	require.Equal(t, "订单已全额退款", b.refund("order-0001", "r3", 1).text("message"))
	b.refuses(b.call("POST", nativePath, b.order("order-0001")), 400, "ORDERPAID")
}

func TestRefund_Limits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, func(c *Config) { c.Options.RefundSpacing = faults.Duration(time.Minute) })
		b.paid("order-0001")
		for i := range 50 {
			require.Equal(t, 200, b.refund("order-0001", fmt.Sprintf("r%d", i), 1).status, i)
			time.Sleep(time.Minute)
		}
		b.refuses(b.refund("order-0001", "last", 1), 400, "INVALID_REQUEST")
		b.paid("order-0002")
		require.Equal(t, 200, b.refund("order-0002", "s1", 1).status)
		require.Equal(t, 200, b.refund("order-0002", "s1", 1).status, "asking again is always safe")
		b.refuses(b.refund("order-0002", "s2", 1), 429, "FREQUENCY_LIMITED")
	})
}

func TestRefund_WithoutAddressIsToldWhereTheAccountSays(t *testing.T) {
	for _, configured := range []string{"", "http://shop.example:8080/refunds"} {
		synctest.Test(t, func(t *testing.T) {
			b := open(t, func(c *Config) { c.Merchants[0].RefundNotifyURL = configured })
			require.Equal(t, 200, b.call("POST", codepayPath, b.codepay("order-0001", b.barcode())).status)
			require.Equal(t, 200, b.refund("order-0001", "r1", 1, `"notify_url":"https://shop.example/notify/refund",`, "").status)
			time.Sleep(time.Hour)
			if configured == "" {
				require.Empty(t, b.Sent())
			} else {
				require.Equal(t, "shop.example:8080", b.Sent()[0].Header.First("Host"))
				require.Equal(t, "http", b.Sent()[0].Scheme)
			}
		})
	}
}

// Every change of a book is recorded, in order, and the postings add up.
func TestRecords_TellTheWholeStory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, nil)
		b.paid("order-0001")
		require.Equal(t, 200, b.refund("order-0001", "r1", 101).status)
		time.Sleep(time.Hour)
		var story []string
		for _, record := range b.Records() {
			switch {
			case record.Posting != nil && record.Posting.Kind != journal.FundingPosting:
				require.Equal(t, payment.Fen(101), record.Posting.Amount)
				story = append(story, string(record.Posting.Kind)+" "+record.Posting.Debit+" "+record.Posting.Credit)
			case record.Entry != nil:
				require.Equal(t, "wechatpay", record.Entry.Owner)
				story = append(story, string(record.Entry.Kind)+" "+record.Entry.State)
			}
		}
		require.ElementsMatch(t, []string{"payment pending", "capture wallet:t1 merchant:" + b.merchant.MchID, "payment captured",
			"delivery acknowledged", "refund processing", "refund merchant:" + b.merchant.MchID + " wallet:t1", "refund done",
			"payment returned", "delivery acknowledged"}, story)
	})
}
