package unionpay

import (
	"fmt"
	"time"

	"github.com/payquake/payquake/providers/keys"
)

// The provider's ids (§1, §11). Their times are Beijing time.

// The lengths of random ends that no run draws twice.
const (
	traces    = 1_000_000 // traceNo has six digits
	codeTail  = 30
	idPrefix  = "51"
	qrAddress = "https://qr.95516.com/00010000/"
)

// nextTrace is the next traceNo. They follow one another, so that the ids that
// contain one differ within a second. The lock is held.
func (p *Provider) nextTrace() string {
	p.trace = (p.trace + 1) % traces
	return fmt.Sprintf("%06d", p.trace)
}

// newQueryID has the layout that three samples agree on (§1).
func (o Options) newQueryID(trace string, now time.Time) string {
	if o.PlainQueryIDs {
		return "9" + keys.Digits(20)
	}
	return idPrefix + beijing(now).Format("060102150405") + trace + keys.Digits(1)
}

// newNumber is a tn, or the number of a cashier page: 21 digits.
func newNumber(trace string, now time.Time) string { return writeTime(now) + trace + keys.Digits(1) }

// newQRCode is what a merchant shows for payers to scan.
func (o Options) newQRCode() string {
	return qrAddress + or(o.CodePrefix, "62") + keys.Digits(codeTail)
}

// newBarcode is what a wallet shows: 19 digits beginning with 62 (§11).
func newBarcode() string { return "62" + keys.Digits(17) }

// clearingDay is the day on which money of that moment is cleared; it begins
// at 23:00 (§1). It is midnight of that day.
func clearingDay(at time.Time) time.Time {
	day := beijing(at).Add(time.Hour)
	return time.Date(day.Year(), day.Month(), day.Day(), 0, 0, 0, 0, zone())
}
