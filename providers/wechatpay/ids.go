package wechatpay

import (
	"time"

	"github.com/payquake/payquake/providers/keys"
)

// The provider's ids (protocol wechatpay §1). Their dates are in Beijing time,
// their tails wide enough that no run draws one twice.

func newTransactionID(now time.Time) string {
	return "4200" + keys.Digits(6) + beijing(now).Format("20060102") + keys.Digits(10)
}

func newRefundID(now time.Time) string {
	return "5030" + keys.Digits(4) + beijing(now).Format("20060102") + keys.Digits(13)
}

func newPrepayID(now time.Time) string {
	return "wx" + beijing(now).Format("20060102150405") + keys.Hex(20)
}

// newAuthCode is what a wallet shows as a barcode.
func newAuthCode() string { return "13" + keys.Digits(16) }

// beijing is the provider's local time; it has no daylight saving, and a
// scratch container no zone files.
func beijing(at time.Time) time.Time { return at.In(time.FixedZone("CST", 8*60*60)) }

// wireTime writes a time as APIv3 does.
func wireTime(at time.Time) string { return beijing(at).Format("2006-01-02T15:04:05-07:00") }
