package scenarios

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/internal/document"
	"github.com/payquake/payquake/payment"
)

// Readers of single values. Each notes a problem in words for people and
// returns a value that later checks can live with.

const (
	namePattern    = `^[a-z0-9]+(-[a-z0-9]+)*$`
	percentPattern = `^(100|[0-9]{1,2}(\.[0-9]{1,2})?)%$`
	amountPattern  = `^[0-9]{1,8}(\.[0-9]{1,2})?$`
	addressPattern = `^[a-z]+->[a-z]+ +[a-z-]+(#([1-9][0-9]*(-[1-9][0-9]*)?|\*))?( +(request|answer))?$`
	linkPattern    = `^[a-z]+->[a-z0-9-]+$`
	paymentPattern = `^[a-z]+(#([1-9][0-9]*|\*))?$`
	timePattern    = `^([0-9]+(\.[0-9]+)?(ms|s|m|h|us|µs|ns))+$|^0$`
)

// longestName keeps trial ids short enough for every reference they end up in.
const longestName = 40

// name reads what trials, pins and folders will be named after.
func (r *reader) name(path string, n document.Node) string {
	text := r.Text(path, n)
	if text != "" && (len(text) > longestName || !regexp.MustCompile(namePattern).MatchString(text)) {
		r.Addf(path, "a name is lower case letters and digits joined by hyphens, at most %d characters, not %q", longestName, document.Clip(text))
		return ""
	}
	return text
}

// percent reads a share. The sign is required: 0.3 and 30 have both been meant by 30%.
func (r *reader) percent(path string, n document.Node) float64 {
	text := r.Text(path, n)
	share, err := strconv.ParseFloat(strings.TrimSuffix(text, "%"), 64)
	if text == "" {
		return 0
	}
	if err != nil || !regexp.MustCompile(percentPattern).MatchString(text) || share == 0 {
		r.Addf(path, "a share is a percentage such as 30%%, above 0%% and up to 100%%, not %q", document.Clip(text))
		return 0
	}
	return share
}

// money reads major units as the digits stand in the file: a float could not
// hold them.
func (r *reader) money(path string, n document.Node) payment.Money {
	text := r.Text(path, n)
	if text == "" {
		return payment.Money{}
	}
	amount, err := payment.ParseDecimal(text, payment.CNY)
	if err != nil || amount.Minor < 1 || amount.Minor > maxTotal {
		r.Addf(path, "an amount is in yuan, such as 0.29, from 0.01 to %s, not %q", payment.Fen(maxTotal).Decimal(), document.Clip(text))
		return payment.Money{}
	}
	return amount
}

// duration reads a number with its unit: a bare 300 has been milliseconds to
// some and seconds to others.
func (r *reader) duration(path string, n document.Node) faults.Duration {
	var duration faults.Duration
	if text := r.Text(path, n); text != "" {
		if err := duration.UnmarshalText([]byte(text)); err != nil {
			r.Add(path, err.Error())
		}
	}
	return duration
}

// address reads where a message is. Whether it exists is checked later.
func (r *reader) address(path string, n document.Node) *faults.Address {
	text := r.Text(path, n)
	if text == "" {
		return nil
	}
	address, err := faults.ParseAddress(text)
	if err == nil {
		return &address
	}
	parts := strings.Fields(text)
	if len(parts) == 3 && parts[2] != "request" && parts[2] != "answer" {
		r.Put(path, parts[2], document.Problem{Message: "the leg is request or answer, not " + strconv.Quote(document.Clip(parts[2])),
			Suggestion: document.Nearest(parts[2], []string{"request", "answer"})})
		return nil
	}
	r.Add(path, document.Clip(err.Error()))
	return nil
}

// payment reads which payments at a provider are meant.
func (r *reader) payment(path string, n document.Node) *faults.PaymentPlace {
	text := r.Text(path, n)
	if text == "" {
		return nil
	}
	name, nth, counted := strings.Cut(text, "#")
	place := &faults.PaymentPlace{Provider: name}
	if counted && nth != "*" {
		number, err := strconv.Atoi(nth)
		if err != nil || number < 1 || number > 20 {
			r.Addf(path, "a payment is a provider's name, with #1, #2 and so on for one of its payments only, not %q", document.Clip(text))
			return nil
		}
		place.Nth = number
	}
	return place
}
