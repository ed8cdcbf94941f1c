package reports_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/invariants"
	"github.com/payquake/payquake/journal"
	"github.com/payquake/payquake/scenarios"
)

// largeRun has 2,000 trials; every nth loses a payment,
// after so many queries.
func largeRun(every, queries int) *invariants.Evidence {
	var trials []scenarios.Trial
	for i := range 2000 {
		id, pins := fmt.Sprintf("t%04d", i), []faults.Pin{}
		if i%every == 0 {
			pins = append(pins, pinAt("lost-request", "wechatpay->merchant notify-payment#* request"))
		}
		trials = append(trials, trialOf(id, "large", []string{"pay", "scan-code", "abandon"}[i%3], int64(1000+3*i), pins...))
	}
	t := newTape(planOf("large", trials...))
	for i, trial := range trials {
		if i%every == 0 {
			lostPayment(t, trial.ID)
			for range queries {
				t.exchange("merchant->wechatpay", faults.Query, journal.Facts{MerchantReference: "R"}, journal.Facts{MerchantReference: "R", State: "pending"})
			}
		} else {
			t.paid(trial.ID)
		}
	}
	t.close()
	return t.e
}

// However much is wrong, the page can be opened and mailed.
func TestPage_StaysLight(t *testing.T) {
	for _, c := range []struct{ every, queries, least, most int }{
		{50, 0, 640, 640}, // the violated ones, and as many held ones as a page can bear
		{1, 30, 500, 1999},
	} {
		text := read(t, written(t, largeRun(c.every, c.queries)).Path(journal.ReportFile))
		drawn := strings.Count(text, "data-trial=")
		t.Logf("one in %d violated: %.2f MB, %d trials drawn", c.every, float64(len(text))/1e6, drawn)
		if len(text) > 15<<20 {
			t.Errorf("the page has %d bytes", len(text))
		}
		if !strings.Contains(text, "are only listed") {
			t.Error("the page does not say which trials are only listed")
		}
		if drawn < c.least || drawn > c.most {
			t.Errorf("%d trials are drawn, want %d to %d", drawn, c.least, c.most)
		}
	}
}
