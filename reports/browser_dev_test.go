package reports_test

import (
	"os"
	"testing"

	"github.com/payquake/payquake/invariants"
	"github.com/payquake/payquake/journal"
	"github.com/payquake/payquake/reports"
)

func TestDev(t *testing.T) {
	out := os.Getenv("REPORT_OUT")
	if out == "" {
		t.Skip()
	}
	for name, e := range runs() {
		_ = os.MkdirAll(out+"/"+name, 0o755)
		if err := reports.Write(journal.Folder(out+"/"+name), e, invariants.Judge(e)); err != nil {
			t.Fatal(err)
		}
	}
}
