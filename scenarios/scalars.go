package scenarios

import (
	"math"
	"regexp"
	"strconv"
	"strings"

	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/payment"
)

// Readers of single values. Each notes a problem in words for people and
// returns a value that later checks can live with.

const (
	namePattern    = `^[a-z0-9]+(-[a-z0-9]+)*$`
	percentPattern = `^(100|[0-9]{1,2}(\.[0-9]{1,2})?)%$`
	amountPattern  = `^[0-9]{1,8}(\.[0-9]{1,2})?$`
	addressPattern = `^[a-z]+->[a-z]+ +[a-z-]+(#([1-9][0-9]*|\*))?( +(request|answer))?$`
	paymentPattern = `^[a-z]+(#([1-9][0-9]*|\*))?$`
	timePattern    = `^([0-9]+(\.[0-9]+)?(ms|s|m|h|us|µs|ns))+$|^0$`
)

// longestName keeps trial ids short enough for every reference they end up in.
const longestName = 40

// text reads any one value as it is written.
func (r *reader) text(path string, n node) string {
	switch {
	case n.kind == nothing:
		r.add(path, "a value is missing here")
	case n.kind != scalar:
		r.add(path, "this should be one value, not a list or a map")
	case len(n.text) > 1000:
		r.add(path, "this text is too long; 1000 bytes are the most")
	default:
		return n.text
	}
	return ""
}

// name reads what trials, pins and folders will be named after.
func (r *reader) name(path string, n node) string {
	text := r.text(path, n)
	if text != "" && (len(text) > longestName || !regexp.MustCompile(namePattern).MatchString(text)) {
		r.addf(path, "a name is lower case letters and digits joined by hyphens, at most %d characters, not %q", longestName, clip(text))
		return ""
	}
	return text
}

// count reads a whole number.
func (r *reader) count(path string, n node) int {
	text := r.text(path, n)
	number, err := strconv.Atoi(text)
	if text != "" && (err != nil || number < 0 || number > math.MaxInt32) {
		r.addf(path, "this should be a whole number from 0, not %q", clip(text))
		return 0
	}
	return number
}

// positive reads a count that is at least 1 unless zero makes sense. A bad one
// becomes 1, so that nothing else is said to be wrong because of it.
func (r *reader) positive(path string, n node, zero bool, otherwise string) int {
	before := len(r.found)
	number := r.count(path, n)
	if number == 0 && !zero && len(r.found) == before {
		r.add(path, otherwise)
	}
	if number == 0 && !zero {
		return 1
	}
	return number
}

// flag reads true or false. YAML knows more words for them; two are enough, and
// "no" in quotes is a text.
func (r *reader) flag(path string, n node) bool {
	text := r.text(path, n)
	if text != "" && (!n.bare || (text != "true" && text != "false")) {
		r.addf(path, "this should be true or false, not %q", clip(text))
	}
	return text == "true"
}

// percent reads a share. The sign is required: 0.3 and 30 have both been meant by 30%.
func (r *reader) percent(path string, n node) float64 {
	text := r.text(path, n)
	share, err := strconv.ParseFloat(strings.TrimSuffix(text, "%"), 64)
	if text == "" {
		return 0
	}
	if err != nil || !regexp.MustCompile(percentPattern).MatchString(text) || share == 0 {
		r.addf(path, "a share is a percentage such as 30%%, above 0%% and up to 100%%, not %q", clip(text))
		return 0
	}
	return share
}

// money reads major units as the digits stand in the file: a float could not
// hold them.
func (r *reader) money(path string, n node) payment.Money {
	text := r.text(path, n)
	if text == "" {
		return payment.Money{}
	}
	amount, err := payment.ParseDecimal(text, payment.CNY)
	if err != nil || amount.Minor < 1 || amount.Minor > maxTotal {
		r.addf(path, "an amount is in yuan, such as 0.29, from 0.01 to %s, not %q", payment.Fen(maxTotal).Decimal(), clip(text))
		return payment.Money{}
	}
	return amount
}

// duration reads a number with its unit: a bare 300 has been milliseconds to
// some and seconds to others.
func (r *reader) duration(path string, n node) faults.Duration {
	var duration faults.Duration
	if text := r.text(path, n); text != "" {
		if err := duration.UnmarshalText([]byte(text)); err != nil {
			r.add(path, err.Error())
		}
	}
	return duration
}

// word reads one of some words; others get a suggestion.
func (r *reader) word(path, what string, n node, words []string) string {
	text := r.text(path, n)
	for _, word := range words {
		if text == word {
			return text
		}
	}
	if text != "" {
		r.unknown(path, what, text, words)
	}
	return ""
}

// address reads where a message is. Whether it exists is checked later.
func (r *reader) address(path string, n node) *faults.Address {
	text := r.text(path, n)
	if text == "" {
		return nil
	}
	address, err := faults.ParseAddress(text)
	if err == nil {
		return &address
	}
	parts := strings.Fields(text)
	if len(parts) == 3 && parts[2] != "request" && parts[2] != "answer" {
		r.put(path, parts[2], Problem{Message: "the leg is request or answer, not " + strconv.Quote(clip(parts[2])),
			Suggestion: nearest(parts[2], []string{"request", "answer"})})
		return nil
	}
	r.add(path, clip(err.Error()))
	return nil
}

// payment reads which payments at a provider are meant.
func (r *reader) payment(path string, n node) *faults.PaymentPlace {
	text := r.text(path, n)
	if text == "" {
		return nil
	}
	name, nth, counted := strings.Cut(text, "#")
	place := &faults.PaymentPlace{Provider: name}
	if counted && nth != "*" {
		number, err := strconv.Atoi(nth)
		if err != nil || number < 1 || number > 20 {
			r.addf(path, "a payment is a provider's name, with #1, #2 and so on for one of its payments only, not %q", clip(text))
			return nil
		}
		place.Nth = number
	}
	return place
}
