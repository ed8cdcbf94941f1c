// Package twins are honest merchants: each does something unusual that is right
// all the same, by another decision of merchant.Policy. A harness that accuses one
// of them would teach people to ignore it.
package twins

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/payquake/payquake/merchant"
	"github.com/payquake/payquake/payment"
)

// Twin is one honest way to be different.
type Twin struct {
	Name    string
	Summary string
	Apply   func(*merchant.Policy)
}

// ErrUnknown is a name that no twin has; it is wrapped with those there are.
var ErrUnknown = errors.New("no such twin")

// All lists the twins.
func All() []Twin {
	return []Twin{
		{"refunds-late", "a second, late or wrong capture goes back a while after it was noticed, as when people look at it first",
			func(p *merchant.Policy) {
				p.GivesBackAfter = func() time.Duration { return 1500 * time.Millisecond }
			}},
		{"books-by-query", "a notification is a hint: what is booked is what the provider answers when it is asked",
			func(p *merchant.Policy) { p.AsksAboutNotices = func() bool { return true } }},
		{"hands-over", "money that does not belong to the shop is listed for people, who send it back by hand",
			func(p *merchant.Policy) { p.GivesBack = func() bool { return false } }},
		{"keeps-balances", "money that does not belong to an order becomes its shopper's balance at the shop",
			func(p *merchant.Policy) { p.KeepsBalances = func() bool { return true } }},
		{"answers-slowly", "notifications are answered after most of a second, well within the provider's patience",
			func(p *merchant.Policy) {
				p.AnswersAfter = func() time.Duration { return 700 * time.Millisecond }
			}},
		{"releases-late", "goods leave a second after the payment, as in batches",
			func(p *merchant.Policy) { p.ReleasesAfter = func() time.Duration { return time.Second } }},
		{"one-code-at-a-time", "a second payment of an order is refused while the first may still be paid",
			func(p *merchant.Policy) { p.OffersOneCode = func() bool { return true } }},
		{"re-creates", "a payment whose create was not answered is closed, proven so, and made anew under another number",
			func(p *merchant.Policy) {
				p.Recreates = func(m payment.Method) bool { return m == payment.MethodCode }
			}},
	}
}

// ByName finds a twin. For an unknown name it fails with ErrUnknown.
func ByName(name string) (Twin, error) {
	all := All()
	at := slices.IndexFunc(all, func(t Twin) bool { return t.Name == name })
	if at >= 0 {
		return all[at], nil
	}
	names := make([]string, len(all))
	for i, twin := range all {
		names[i] = twin.Name
	}
	return Twin{}, fmt.Errorf("%w: %q; there are %s", ErrUnknown, name, strings.Join(names, ", "))
}
