package reports

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/invariants"
	"github.com/payquake/payquake/journal"
	"github.com/payquake/payquake/payment"
	"github.com/payquake/payquake/scenarios"
)

// Every invariant has a remedy whose sentence is whole: no verb of fmt is left
// in it, and what it names is there.
func TestRemedy_OfEveryInvariant(t *testing.T) {
	for _, invariant := range invariants.Catalogue() {
		a := affected{Invariant: invariant.ID, Trial: "t1", Order: "O1", References: []string{"R1", "F1"}, Provider: "wechatpay", Money: payment.Fen(100)}
		text := a.todo()
		if strings.Contains(text, "%!") || !strings.HasSuffix(text, ".") {
			t.Errorf("%s: %s", invariant.ID, text)
		}
		if !strings.Contains(text, "`O1`") && !strings.Contains(text, "`R1`, `F1`") {
			t.Errorf("%s names neither order nor reference: %s", invariant.ID, text)
		}
	}
	if text := (affected{Invariant: "no-lost-payment", Trial: "t1"}).todo(); !strings.Contains(text, "the payments of trial `t1`") {
		t.Errorf("without a reference: %s", text)
	}
}

func TestWrap(t *testing.T) {
	for _, c := range []struct {
		text  string
		width int
		want  []string
	}{
		{"one two three four five", 0, []string{"one two three four five"}},
		{"one two three four five six", 20, []string{"one two three four", "five six"}},
		{"a-word-that-is-longer-than-the-width b", 20, []string{"a-word-that-is-longer-than-the-width", "b"}},
		{"", 30, []string{""}},
	} {
		if got := wrap(c.text, c.width); !slices.Equal(got, c.want) {
			t.Errorf("%q in %d: %q", c.text, c.width, got)
		}
	}
}

func TestMarkdown_LeavesNoMeaning(t *testing.T) {
	for from, want := range map[string]string{
		"plain text":    "plain text",
		"a|b":           `a\|b`,
		"<b>&":          "&lt;b&gt;&amp;",
		"[x](http://y)": `\[x\]\(http:&#47;&#47;y\)`,
		"# *t* _u_ `v`": "\\# \\*t\\* \\_u\\_ \\`v\\`",
		"one\n\n# two":  `one  \# two`,
		"@everyone $1":  `&#64;everyone \$1`,
	} {
		if got := markdown(from); got != want {
			t.Errorf("%q becomes %q", from, got)
		}
	}
	for from, want := range map[string]string{"O-1": "`O-1`", "": "", "a`b": "<code>a\\`b</code>", "<b>": "<code>&lt;b&gt;</code>"} {
		if got := code(from); got != want {
			t.Errorf("code %q becomes %q", from, got)
		}
	}
	if got := block("sh", "a ``` b"); got != "````sh\na ``` b\n````\n" {
		t.Errorf("a text closed its own block: %q", got)
	}
}

func TestReasons_GroupByCauseAfterTheRun(t *testing.T) {
	v := invariants.Verdict{RefusedHosts: []string{"real.example"}, Invariants: []invariants.Summary{
		{ID: "a", Inconclusive: 2, Reason: "no end"}, {ID: "b", Inconclusive: 3, Reason: "no end"}, {ID: "c", Inconclusive: 1, Reason: "other"}},
		Reasons: []string{"a is inconclusive in 2 trials: no end", "b is inconclusive in 3 trials: no end", "c is inconclusive in 1 trials: other", "it was stopped"}}
	want := []string{"it was stopped", "somebody asked for real.example, which is no part of the run",
		"a, b are inconclusive in up to 3 trials: no end", "c is inconclusive in 1 trial: other"}
	if got := reasons(v); !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}

func TestMadeGood_SumsByClause(t *testing.T) {
	found := []invariants.Finding{{Invariant: "x", Clause: "a", Trials: []faults.Trial{"t1"}, Money: payment.Fen(5)},
		{Invariant: "x", Clause: "b", Trials: []faults.Trial{"t2"}, Money: payment.Fen(1)},
		{Invariant: "x", Clause: "a", Trials: []faults.Trial{"t3"}, Money: payment.Fen(7)}}
	got := byClause(found)
	if len(got) != 2 || got[0].Money != payment.Fen(12) || !slices.Equal(got[0].Trials, []faults.Trial{"t1", "t3"}) {
		t.Errorf("got %+v", got)
	}
	if found[0].Money != payment.Fen(5) || len(found[0].Trials) != 1 {
		t.Error("the verdict's own findings were changed")
	}
}

func TestAtFault_KeepsCurrenciesApart(t *testing.T) {
	v := invariants.Verdict{Money: invariants.Money{Wrong: map[payment.Currency]payment.Money{"JPY": {Minor: 300, Currency: "JPY"}, payment.CNY: payment.Fen(101)}}}
	if got := atFault(v); got != "1.01 CNY + 300 JPY" {
		t.Errorf("got %s", got)
	}
}

func TestStrip_ShowsTheWorstOfAColumn(t *testing.T) {
	rows := make([]listed, 1000)
	for i := range rows {
		rows[i] = listed{ID: "held", Outcome: "held"}
	}
	rows[501] = listed{ID: "bad", Outcome: "violated"}
	rows = append(rows, listed{ID: "bad~1", Outcome: "violated", Rerun: true})
	stripes := strip(rows)
	if len(stripes) != stripColumns {
		t.Fatalf("%d columns", len(stripes))
	}
	wrong := 0
	for _, stripe := range stripes {
		if stripe.Tone == "violated" {
			wrong++
			if stripe.Trial != "bad" {
				t.Errorf("the column leads to %s", stripe.Trial)
			}
		}
	}
	if wrong != 1 {
		t.Errorf("%d columns are red", wrong)
	}
	if len(strip(nil)) != 0 {
		t.Error("nothing has columns")
	}
}

// trialWith builds a trial from records a millisecond apart.
func trialWith(pins []faults.Pin, records ...journal.Record) *invariants.Trial {
	plan := scenarios.Plan{Batches: []scenarios.Batch{{ID: "b", Trials: []scenarios.Trial{{ID: "t1", Provider: "wechatpay", Total: payment.Fen(100), Pins: pins}}}}}
	e := invariants.NewEvidence(plan)
	for i, record := range records {
		record.Source, record.Number, record.Trial = "gateway", uint64(i+1), "t1"
		record.At = time.Unix(100, int64(i)*int64(time.Millisecond))
		e.Add(record)
	}
	trial, _ := e.Find("t1")
	return trial
}

func TestDraw_ProcessThatNeverCameBack(t *testing.T) {
	at := faults.Address{Trial: "t1", Link: "merchant->wechatpay", Operation: faults.Create, Nth: 1, Leg: faults.AnswerLeg}
	pins := []faults.Pin{{ID: "t1.1", Fault: "provider-down", Trial: "t1", At: &at}}
	drawn := draw(trialWith(pins, journal.Record{Pin: &journal.Pin{ID: "t1.1", Fault: "provider-down", Phase: journal.PinTriggered}}), nil)
	if len(drawn.Downs) != 1 || drawn.Downs[0].To != -1 || drawn.Lanes[drawn.Downs[0].Lane] != "wechatpay" {
		t.Errorf("got %+v in %v", drawn.Downs, drawn.Lanes)
	}
}

func TestDraw_ConductIsMarkedAtItsProvider(t *testing.T) {
	pins := []faults.Pin{{ID: "t1.1", Fault: "notify-never", Trial: "t1", Payment: &faults.PaymentPlace{Provider: "wechatpay", Nth: 1}}}
	drawn := draw(trialWith(pins, journal.Record{Pin: &journal.Pin{ID: "t1.1", Fault: "notify-never", Phase: journal.PinFired}}), nil)
	if len(drawn.Steps) != 1 || drawn.Steps[0].Kind != mark || drawn.Lanes[drawn.Steps[0].From] != "wechatpay" {
		t.Errorf("got %+v", drawn.Steps)
	}
}

func TestDraw_PinsOfARerunAreThoseOfThePlan(t *testing.T) {
	for id, want := range map[string]string{"t1.1": "t1.1", "t1~2.1": "t1.1", "suite/t1~12.30": "suite/t1.30", "odd~": "odd~"} {
		if got := planned(id); got != want {
			t.Errorf("%s is %s in the plan, not %s", id, want, got)
		}
	}
}

// Looks at a page that show the same are quiet; the first with a new state is not.
func TestDraw_QuietLooks(t *testing.T) {
	look := func(state string) []journal.Record {
		asked := journal.Message{Link: "shopper->merchant", Operation: faults.ReadOrder, Nth: 1, Leg: faults.RequestLeg, Fate: journal.Passed}
		answered := asked
		answered.Leg, answered.Status, answered.Sent.State = faults.AnswerLeg, 200, state
		return []journal.Record{{Message: &asked}, {Message: &answered}}
	}
	drawn := draw(trialWith(nil, slices.Concat(look("open"), look("open"), look("paid"))...), nil)
	var loud []string
	for _, s := range drawn.Steps {
		if !s.Quiet {
			loud = append(loud, s.Detail)
		}
	}
	if !slices.Equal(loud, []string{"open", "paid"}) {
		t.Errorf("shown are %v", loud)
	}
}

func TestBooks_MarkWhatDiffers(t *testing.T) {
	entry := func(owner string, kind journal.EntryKind, state, reference string, minor int64) journal.Record {
		e := journal.Entry{Owner: owner, Kind: kind, State: state, OrderID: "O1", MerchantReference: payment.MerchantReference(reference), Amount: payment.Fen(minor)}
		if kind == journal.RefundEntry {
			e.RefundReference = "F" + payment.RefundReference(reference)
		}
		return journal.Record{Entry: &e}
	}
	lines := books(trialWith(nil,
		entry("wechatpay", journal.PaymentEntry, "pending", "R1", 100), entry("wechatpay", journal.PaymentEntry, "captured", "R1", 100),
		entry("wechatpay", journal.PaymentEntry, "captured", "R2", 100), entry("wechatpay", journal.RefundEntry, "done", "R2", 100),
		entry("merchant", journal.OrderEntry, "paid", "", 100), entry("merchant", journal.PaymentEntry, "captured", "R1", 100),
		entry("merchant", journal.PaymentEntry, "closed", "R2", 100)))
	got := map[string]bool{}
	for _, line := range lines {
		got[line.What+" "+line.Name] = line.Differs
	}
	want := map[string]bool{"order O1": true, "payment R1": false, "payment R2": true, "refund FR2": true} // paid, and no capture was posted
	for name, differs := range want {
		if is, there := got[name]; !there || is != differs {
			t.Errorf("%s: there %v, differs %v", name, there, is)
		}
	}
}

func TestAttribution_SharesFillTheBar(t *testing.T) {
	message := func(how journal.Attribution) journal.Record {
		return journal.Record{Message: &journal.Message{Link: "shopper->merchant", Attribution: how}}
	}
	trial := trialWith(nil, message(journal.ByReference), message(journal.ByReference), message(journal.ByTrace), message(""))
	s := &survey{evidence: &invariants.Evidence{Trials: []*invariants.Trial{trial}}}
	var texts []string
	for _, share := range s.attribution() {
		texts = append(texts, share.Name+" "+share.From+"+"+share.Width)
	}
	if want := []string{"reference 0.00+50.00", "trace 50.00+25.00", "unattributed 75.00+25.00"}; !slices.Equal(texts, want) {
		t.Errorf("got %v", texts)
	}
}
