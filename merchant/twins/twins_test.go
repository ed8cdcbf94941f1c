package twins_test

import (
	"regexp"
	"testing"

	"github.com/payquake/payquake/merchant"
	"github.com/payquake/payquake/merchant/twins"
	"github.com/payquake/payquake/payment"
)

// decisions are what twins may decide otherwise.
func decisions(p merchant.Policy) [8]any {
	return [8]any{p.AnswersAfter(), p.AsksAboutNotices(), p.GivesBack(), p.GivesBackAfter(), p.ReleasesAfter(), p.OffersOneCode(),
		p.Recreates(payment.MethodCode), p.KeepsBalances()}
}

// TestTwins: each decides exactly one thing otherwise than the reference merchant,
// and is found by its name.
func TestTwins(t *testing.T) {
	usual := decisions(merchant.DefaultPolicy())
	for _, twin := range twins.All() {
		policy := merchant.DefaultPolicy()
		twin.Apply(&policy)
		others := 0
		for i, decided := range decisions(policy) {
			if decided != usual[i] {
				others++
			}
		}
		if others != 1 {
			t.Errorf("%s decides %d things otherwise", twin.Name, others)
		}
		found, err := twins.ByName(twin.Name)
		if err != nil || found.Summary != twin.Summary || !regexp.MustCompile(`^[a-z]+(-[a-z]+)*$`).MatchString(twin.Name) {
			t.Errorf("%s is not found: %v", twin.Name, err)
		}
	}
	if len(twins.All()) < 6 {
		t.Error("there are fewer than six")
	}
	if _, err := twins.ByName("evil"); err == nil {
		t.Error("a twin that nobody knows is found")
	}
}
