package reports

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/invariants"
	"github.com/payquake/payquake/journal"
	"github.com/payquake/payquake/payment"
)

// sequence is a trial as it is drawn: lanes for the parties, and steps in the
// order of time. It says what is drawn, not where; the page lays it out, and
// the incident report writes it as a table.
type sequence struct {
	Lanes []string `json:"lanes"`
	Steps []step   `json:"steps"`
	Downs []down   `json:"downs,omitempty"`
}

// step is one row of the picture, made from one record.
type step struct {
	At     string   `json:"t"` // since the trial's first record
	Kind   stepKind `json:"k"`
	From   int      `json:"f"` // lanes
	To     int      `json:"o"`
	Label  string   `json:"l"`
	Detail string   `json:"d,omitempty"`
	Fate   string   `json:"e,omitempty"` // "" for passed
	Edit   string   `json:"x,omitempty"` // what a fault made of what was sent
	Copy   int      `json:"c,omitempty"` // of a duplicated message, from 1
	Answer bool     `json:"a,omitempty"`
	Faults []string `json:"p,omitempty"` // that acted here
	Ref    string   `json:"r"`
	Tip    string   `json:"i,omitempty"`
	// Quiet steps are looks at a page that show nothing new.
	Quiet bool `json:"q,omitempty"`
	// Witness steps are among the records that show a finding.
	Witness bool `json:"w,omitempty"`

	record journal.Ref
}

// stepKind says how a step is drawn.
type stepKind string

const (
	arrow  stepKind = "m" // a message between two lanes
	wallet stepKind = "w" // between the shopper and the provider, over no link
	note   stepKind = "n" // a line of text at one lane
	money  stepKind = "g" // a posting of a provider's ledger
	mark   stepKind = "p" // a fault acted without touching a message
)

// down is a stretch in which a process was away, from one step to another.
type down struct {
	Lane int `json:"lane"`
	From int `json:"from"`
	To   int `json:"to"` // the number of steps, if it never came back
}

// drawing is a sequence in the making.
type drawing struct {
	sequence
	trial   *invariants.Trial
	witness []journal.Ref
	start   time.Time
	pins    map[string]string // fault names by pin id
	acted   map[string]bool   // pins whose effect is on a message
	page    string            // what the shopper's page showed last
}

// draw makes the sequence of a trial. The merchant's books are read at rest,
// after everything; they are shown beside the provider's, not in the sequence.
func draw(trial *invariants.Trial, witness []journal.Ref) sequence {
	d := &drawing{trial: trial, witness: witness, pins: map[string]string{}, acted: map[string]bool{}}
	for _, record := range trial.PinRecords {
		d.pins[record.Pin.ID] = record.Pin.Fault
	}
	for _, pin := range trial.Planned.Pins {
		d.pins[pin.ID] = pin.Fault
	}
	records := trial.Records()
	for _, record := range records {
		if record.Message != nil {
			for _, pin := range record.Message.Pins {
				d.acted[pin] = true
			}
		}
	}
	if len(records) > 0 {
		d.start = records[0].At
	}
	d.lanes(records)
	for _, record := range records {
		d.record(record)
	}
	return d.sequence
}

// lanes puts the shopper left, then the merchant, the providers, and whoever
// else is met, in that order.
func (d *drawing) lanes(records []journal.Record) {
	d.Lanes = []string{"shopper", "merchant"}
	for _, provider := range d.trial.Planned.PaysWith() {
		d.lane(string(provider))
	}
	last := []string{}
	for _, record := range records {
		switch {
		case record.Posting != nil:
			d.lane(string(record.Posting.Ledger))
		case record.Message != nil:
			for _, role := range []string{record.Message.Link.From(), record.Message.Link.To()} {
				if role == "fulfilment" {
					last = append(last, role)
				} else {
					d.lane(role)
				}
			}
		}
	}
	for _, role := range last {
		d.lane(role)
	}
}

// lane finds a party's lane, and makes one at the right for a new party.
func (d *drawing) lane(role string) int {
	role = Clean(role)
	if at := slices.Index(d.Lanes, role); at >= 0 {
		return at
	}
	if role == "" {
		return 0
	}
	d.Lanes = append(d.Lanes, role)
	return len(d.Lanes) - 1
}

// add takes a step with what every step has: its time, its record, and whether
// that proves something.
func (d *drawing) add(record journal.Record, s step) {
	s.At, s.Ref, s.record = since(record.At.Sub(d.start)), refText(record.Ref()), record.Ref()
	s.Witness = slices.Contains(d.witness, s.record)
	d.Steps = append(d.Steps, s)
}

// since writes a time with the precision that people can use.
func since(t time.Duration) string {
	if t < 10*time.Second {
		return fmt.Sprintf("%.1f ms", float64(t.Microseconds())/1000)
	}
	return fmt.Sprintf("%.2f s", t.Seconds())
}

func (d *drawing) record(record journal.Record) {
	switch {
	case record.Message != nil:
		d.message(record)
	case record.Operation != nil:
		d.operation(record)
	case record.Posting != nil:
		d.posting(record)
	case record.Pin != nil:
		d.pin(record)
	case record.Stage != nil:
		d.add(record, step{Kind: note, From: 1, To: 1, Label: strings.ReplaceAll(Clean(string(record.Stage.Name)), "-", " "),
			Detail: Clean(record.Stage.Detail)})
	case record.Entry != nil && record.Entry.Kind == journal.DeliveryEntry && record.Entry.State != "acknowledged":
		// What a provider writes of payments is told by postings and answers; a
		// delivery that it gave up, or will try again, is told nowhere else.
		at := d.lane(record.Entry.Owner)
		d.add(record, step{Kind: note, From: at, To: at, Label: "delivery " + Clean(record.Entry.State), Detail: Clean(record.Entry.Reason)})
	}
}

// message draws one leg of an exchange. Answers run against the direction of
// their link; looks at a page that show the same as before are marked quiet.
func (d *drawing) message(record journal.Record) {
	m := record.Message
	from, to := d.lane(m.Link.From()), d.lane(m.Link.To())
	s := step{Kind: arrow, From: from, To: to, Label: fmt.Sprintf("%s #%d", Clean(string(m.Operation)), m.Nth), Detail: factsText(m.Sent),
		Copy: m.Copy, Tip: messageTip(m)}
	if m.Leg == faults.AnswerLeg {
		s.From, s.To, s.Answer = to, from, true
		s.Label = strings.TrimSpace(fmt.Sprintf("%s %s", status(m.Status), Clean(m.Sent.Status)))
	}
	if m.Fate != journal.Passed {
		s.Fate = Clean(string(m.Fate))
	}
	if m.Seen != nil {
		s.Edit = editText(m.Sent, *m.Seen)
	}
	for _, pin := range m.Pins {
		s.Faults = append(s.Faults, d.fault(pin))
	}
	if m.Operation == faults.ReadOrder && m.Fate == journal.Passed && len(m.Pins) == 0 {
		s.Quiet = !s.Answer || m.Sent.State == d.page
		if s.Answer {
			d.page = m.Sent.State
		}
	}
	d.add(record, s)
}

func (d *drawing) fault(pin string) string {
	if name := d.pins[pin]; name != "" {
		return Clean(name)
	}
	return Clean(pin)
}

func status(code int) string {
	if code == 0 {
		return ""
	}
	return fmt.Sprint(code)
}

// factsText is what a message says that a reader needs at a glance.
func factsText(facts journal.Facts) string {
	var words []string
	switch {
	case facts.Refunded != (payment.Money{}) && facts.Amount != (payment.Money{}):
		words = append(words, facts.Refunded.Decimal()+" of "+facts.Amount.String())
	case facts.Refunded != (payment.Money{}):
		words = append(words, facts.Refunded.String())
	case facts.Amount != (payment.Money{}):
		words = append(words, facts.Amount.String())
	}
	if facts.State != "" {
		words = append(words, Clean(facts.State))
	}
	if facts.Signature == journal.SignatureInvalid || facts.Signature == journal.SignatureMissing {
		words = append(words, "signature "+string(facts.Signature))
	}
	return strings.Join(words, " ")
}

// editText says how what the receiver was given differs from what was sent.
func editText(sent, seen journal.Facts) string {
	before, after := factsText(sent), factsText(seen)
	if before == after {
		return "content changed"
	}
	return before + " → " + after
}

// messageTip is everything else that is known of a message.
func messageTip(m *journal.Message) string {
	var lines []string
	add := func(name, value string) {
		if value != "" {
			lines = append(lines, name+" "+Clean(value))
		}
	}
	facts := m.Sent
	add("link", string(m.Link))
	add("target", m.Target)
	add("merchant reference", string(facts.MerchantReference))
	add("provider reference", string(facts.ProviderReference))
	add("refund reference", string(facts.RefundReference))
	add("order", facts.OrderID)
	add("key", facts.Key)
	add("notification", facts.NotificationID)
	add("signature", string(facts.Signature))
	add("given to this trial by", string(m.Attribution))
	add("body sha256", m.BodyHash)
	return strings.Join(lines, "\n")
}

// operation draws what the shopper does. Calls of the merchant are seen as
// messages, and only what the shopper made of them is noted; what happens
// between shopper and wallet crosses no link, and is drawn from here.
func (d *drawing) operation(record journal.Record) {
	o := record.Operation
	inWallet := o.Name == faults.StepPay || o.Name == faults.StepPayLate || o.Name == faults.StepOpen
	said := strings.TrimSpace(Clean(o.Reason))
	switch {
	case inWallet:
		s := step{Kind: wallet, To: d.lane(string(cmp.Or(o.Provider, d.trial.Planned.Provider))), Label: "wallet: " + Clean(string(o.Name)), Detail: amountText(o.Amount)}
		if o.Phase == journal.Done {
			s.From, s.To, s.Answer = s.To, s.From, true
			s.Label, s.Detail = strings.TrimSpace(outcomeText(o.Outcome)+" "+Clean(o.State)), said
		}
		d.add(record, s)
	case o.Phase == journal.Intent && o.Name == journal.Canary:
		d.add(record, step{Kind: note, Label: "tries again after healing"})
	case o.Phase != journal.Done, o.Name == journal.ReadOrder && o.Outcome == journal.OK:
	default:
		d.add(record, step{Kind: note, Label: Clean(string(o.Name)) + ": " + outcomeText(o.Outcome),
			Detail: strings.TrimSpace(Clean(o.State) + " " + said)})
	}
}

func amountText(amount payment.Money) string {
	if amount == (payment.Money{}) {
		return ""
	}
	return amount.String()
}

func outcomeText(outcome journal.Outcome) string {
	if outcome == journal.Indeterminate {
		return "indeterminate"
	}
	return Clean(string(outcome))
}

// posting shows the moment at which the money moved, in the provider's lane:
// what merchant and shopper are told of it may differ, and often is the point.
func (d *drawing) posting(record journal.Record) {
	p := record.Posting
	if p.Kind == journal.FundingPosting {
		return // the wallet's own money, before anything happens
	}
	at := d.lane(string(p.Ledger))
	d.add(record, step{Kind: money, From: at, To: at, Label: Clean(string(p.Kind)) + " " + p.Amount.String(),
		Detail: Clean(role(p.Debit) + " → " + role(p.Credit)),
		Tip:    Clean(p.Debit+" → "+p.Credit) + "\nmerchant reference " + Clean(string(p.MerchantReference))})
}

// role is an account without its number: "wallet" of "wallet:t0001".
func role(account string) string { name, _, _ := strings.Cut(account, ":"); return name }
