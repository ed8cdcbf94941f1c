package wechatpay

import (
	"crypto/rand"
	"encoding/hex"
	"time"
)

// Identifiers and nonces need no seed: nothing of a plan depends on them.

// randomBytes cannot fail: since Go 1.24 the system's generator either answers
// or ends the program.
func randomBytes(n int) []byte {
	made := make([]byte, n)
	_, _ = rand.Read(made)
	return made
}

// randomHex is n hexadecimal digits, n even.
func randomHex(n int) string { return hex.EncodeToString(randomBytes(n / 2)) }

// digits is n decimal digits. That a byte modulo ten favours some is of no
// consequence here.
func digits(n int) string { return from("0123456789", n) }

// letters is n letters and digits, as nonces and code URLs have them.
func letters(n int) string {
	return from("ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz0123456789", n)
}

func from(alphabet string, n int) string {
	made := randomBytes(n)
	for i, b := range made {
		made[i] = alphabet[int(b)%len(alphabet)]
	}
	return string(made)
}

// The provider's ids (protocol wechatpay §1). Their dates are in Beijing time,
// their tails wide enough that no run draws one twice.

func newTransactionID(now time.Time) string {
	return "4200" + digits(6) + beijing(now).Format("20060102") + digits(10)
}

func newRefundID(now time.Time) string {
	return "5030" + digits(4) + beijing(now).Format("20060102") + digits(13)
}

func newPrepayID(now time.Time) string {
	return "wx" + beijing(now).Format("20060102150405") + randomHex(20)
}

// newAuthCode is what a wallet shows as a barcode.
func newAuthCode() string { return "13" + digits(16) }

// beijing is the provider's local time; it has no daylight saving, and a
// scratch container no zone files.
func beijing(at time.Time) time.Time { return at.In(time.FixedZone("CST", 8*60*60)) }

// wireTime writes a time as APIv3 does.
func wireTime(at time.Time) string { return beijing(at).Format("2006-01-02T15:04:05-07:00") }
