package merchant

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

// Duration is a time.Duration written in JSON as Go writes it: "250ms", "5s".
type Duration time.Duration

// UnmarshalJSON reads a duration string; a bare number is an error, because
// its unit would be a guess.
func (d *Duration) UnmarshalJSON(data []byte) error {
	var text string
	if err := json.Unmarshal(data, &text); err != nil {
		return fmt.Errorf("read duration %s: want a string such as \"250ms\": %w", data, err)
	}
	parsed, err := time.ParseDuration(text)
	if err != nil {
		return fmt.Errorf("read duration: %w", err)
	}
	*d = Duration(parsed)
	return nil
}

// MarshalJSON writes the duration as a string.
func (d Duration) MarshalJSON() ([]byte, error) {
	return json.Marshal(time.Duration(d).String())
}

// Timers are all the times after which the merchant acts by itself. The
// defaults are those of DefaultTimers; sections are of protocols/wechatpay.md.
type Timers struct {
	// CallTimeout bounds one call to a provider or to fulfilment.
	CallTimeout Duration `json:"call_timeout"`
	// RetryBackoff is the wait before the second try; it doubles with each
	// further one, up to sixteen times itself.
	RetryBackoff Duration `json:"retry_backoff"`
	// Tries is how often an unanswered create or refund is sent with identical
	// bytes before queries take over (section 9: three).
	Tries int `json:"tries"`
	// QueryAfter are the ages of a pending payment at which it is queried
	// (section 5, plan A), in rising order.
	QueryAfter []Duration `json:"query_after"`
	// GiveUpAfter is the age at which a pending payment is queried, closed and
	// queried again.
	GiveUpAfter Duration `json:"give_up_after"`
	// AbsentGap is how far apart two answers "no such payment" must be before
	// they count as proof; one may come from a replica that lags (section 6.1).
	AbsentGap Duration `json:"absent_gap"`
	// BarcodeQueryEvery is the step between queries of an undecided barcode
	// payment (section 3.6: 5 s).
	BarcodeQueryEvery Duration `json:"barcode_query_every"`
	// ReverseAfter is the age at which an undecided barcode payment is
	// reversed (section 3.6: 45 s).
	ReverseAfter Duration `json:"reverse_after"`
	// MinReverseAge is the provider's rule: no reverse before this age
	// (section 3.6: 15 s). It wins over a smaller ReverseAfter.
	MinReverseAge Duration `json:"min_reverse_age"`
	// RefundQueryEvery is the step between queries of a refund under way, and
	// between tries of one for which the merchant's balance was too small.
	RefundQueryEvery Duration `json:"refund_query_every"`
	// RefundGiveUpAfter is the age at which a refund that the provider never
	// accepted is handed over.
	RefundGiveUpAfter Duration `json:"refund_give_up_after"`
	// OutboxEvery is the wait before an unanswered release is sent again.
	OutboxEvery Duration `json:"outbox_every"`
	// OrderExpiry is the age at which an order without a pending payment is
	// closed.
	OrderExpiry Duration `json:"order_expiry"`
	// PollEvery is how often the workers look for due work that nobody woke
	// them for.
	PollEvery Duration `json:"poll_every"`
	// CertificateRefresh is how often the provider's certificates are fetched
	// anew (section 2.4: at least every 12 h).
	CertificateRefresh Duration `json:"certificate_refresh"`
}

// DefaultTimers are the timers of a shop in production.
func DefaultTimers() Timers {
	return Timers{
		CallTimeout: Duration(5 * time.Second), RetryBackoff: Duration(time.Second), Tries: 3,
		QueryAfter: []Duration{
			Duration(5 * time.Second), Duration(30 * time.Second), Duration(time.Minute), Duration(3 * time.Minute),
			Duration(5 * time.Minute), Duration(10 * time.Minute), Duration(30 * time.Minute),
		},
		GiveUpAfter: Duration(31 * time.Minute), AbsentGap: Duration(5 * time.Second),
		BarcodeQueryEvery: Duration(5 * time.Second),
		ReverseAfter:      Duration(45 * time.Second), MinReverseAge: Duration(15 * time.Second),
		RefundQueryEvery: Duration(time.Minute), RefundGiveUpAfter: Duration(24 * time.Hour),
		OutboxEvery: Duration(5 * time.Second), OrderExpiry: Duration(time.Hour),
		PollEvery: Duration(500 * time.Millisecond), CertificateRefresh: Duration(12 * time.Hour),
	}
}

// Longest is the longest time after which the merchant still acts by itself
// on behalf of one order: who has seen it silent for that long, and its order
// terminal, has seen it at rest. CertificateRefresh concerns no order.
func (t Timers) Longest() time.Duration {
	giveUp := t.GiveUpAfter + t.AbsentGap + 2*t.CallTimeout
	barcode := max(t.ReverseAfter, t.MinReverseAge) + t.AbsentGap + 2*t.CallTimeout
	tries := Duration(t.Tries) * (t.CallTimeout + maxBackoff*t.RetryBackoff)
	longest := max(giveUp, barcode, tries, t.OrderExpiry, t.RefundGiveUpAfter, t.RefundQueryEvery, t.OutboxEvery)
	return time.Duration(longest + t.PollEvery)
}

// maxBackoff is how many times RetryBackoff the wait between tries may become.
const maxBackoff = 16

// Validate reports the first timer with which the merchant could not work.
func (t Timers) Validate() error {
	positive := map[string]Duration{
		"call_timeout": t.CallTimeout, "retry_backoff": t.RetryBackoff, "give_up_after": t.GiveUpAfter,
		"barcode_query_every": t.BarcodeQueryEvery, "reverse_after": t.ReverseAfter,
		"refund_query_every": t.RefundQueryEvery, "refund_give_up_after": t.RefundGiveUpAfter,
		"outbox_every": t.OutboxEvery, "order_expiry": t.OrderExpiry, "poll_every": t.PollEvery,
		"certificate_refresh": t.CertificateRefresh, "absent_gap": t.AbsentGap,
	}
	for name, d := range positive {
		if d <= 0 {
			return fmt.Errorf("timer %s is %s: %w: must be positive", name, time.Duration(d), ErrInvalid)
		}
	}
	if t.Tries < 1 {
		return fmt.Errorf("tries is %d: %w: at least one is needed", t.Tries, ErrInvalid)
	}
	if !slices.IsSorted(t.QueryAfter) {
		return fmt.Errorf("query_after: %w: ages must rise", ErrInvalid)
	}
	return nil
}

// backoff is the wait after the given number of tries.
func (t Timers) backoff(tries int) time.Duration {
	factor := 1
	for i := 1; i < tries && factor < maxBackoff; i++ {
		factor *= 2
	}
	return time.Duration(factor) * time.Duration(t.RetryBackoff)
}

// lease is how long a worker may hold a row: three calls, as many again for
// the rows before it, and some air. A row whose worker died is free after it.
func (t Timers) lease() time.Duration {
	return 6*time.Duration(t.CallTimeout) + 10*time.Second
}

// nextQuery is when a pending payment of the given age is looked at next, as
// an age: the next step of its schedule, and the end of its life at last.
func (t Timers) nextQuery(barcode bool, age time.Duration) time.Duration {
	if barcode {
		end := max(time.Duration(t.ReverseAfter), time.Duration(t.MinReverseAge))
		return min(age+time.Duration(t.BarcodeQueryEvery), max(end, age))
	}
	for _, step := range t.QueryAfter {
		if time.Duration(step) > age && step < t.GiveUpAfter {
			return time.Duration(step)
		}
	}
	return max(time.Duration(t.GiveUpAfter), age)
}
