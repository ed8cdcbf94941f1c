package alipay

import (
	"crypto/sha256"
	"time"

	"github.com/payquake/payquake/providers/keys"
)

// The provider's ids (protocol alipay §1). Their dates are in Beijing time,
// their tails wide enough that no run draws one twice.

// newTradeNo is the number of a trade: the day, 22001, and 15 digits.
func newTradeNo(now time.Time) string {
	return beijing(now).Format("20060102") + "22001" + keys.Digits(15)
}

func newNotifyID(now time.Time) string {
	return beijing(now).Format("20060102") + "00222" + beijing(now).Format("150405") + keys.Digits(15)
}

// newBarcode is what a wallet shows: a prefix of 25 to 30, and 18 digits in
// all.
func newBarcode() string { return "28" + keys.Digits(16) }

func newQRCode() string { return "https://qr.alipay.com/bax0" + keys.Letters(16) }

// digitsOf are n digits that always follow from the same word, n up to 32.
func digitsOf(word string, n int) string {
	sum := sha256.Sum256([]byte(word))
	for i, b := range sum {
		sum[i] = '0' + b%10
	}
	return string(sum[:n])
}

// beijing is the provider's local time; it has no daylight saving, and a
// scratch container no zone files.
func beijing(at time.Time) time.Time { return at.In(beijingZone()) }

func beijingZone() *time.Location { return time.FixedZone("CST", 8*60*60) }

// timeLayout is how the protocol writes times, with no zone (§1).
const timeLayout = "2006-01-02 15:04:05"

// wireTime writes a time as the protocol does.
func wireTime(at time.Time) string { return beijing(at).Format(timeLayout) }

// parseTime reads one.
func parseTime(text string) (time.Time, error) {
	return time.ParseInLocation(timeLayout, text, beijingZone())
}
