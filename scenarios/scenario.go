package scenarios

import (
	"encoding/json"

	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/internal/document"
	"github.com/payquake/payquake/payment"
)

// Scenario is a person's words: how many shoppers of which kinds come, what
// goes wrong for which share of them, and what must have happened for the
// outcome to count. Parse and Load make it from YAML, Go code by hand.
type Scenario struct {
	Name  string
	About string
	Scale Scale
	// Shoppers come in proportion to their weights; none means pay.
	Shoppers []ShopperLine
	Faults   []FaultLine
	Expect   []Expectation
	// Trials are fully decided ones, added to those that are drawn. Export
	// writes them; a person may.
	Trials []Trial
	// Suite is what the scenario consists of instead of anything above but
	// its name and what it is about.
	Suite []Scenario

	source *document.Source // nil if it was not read from text
	// narrowed: it is left with some of its providers, which may leave a line
	// with fewer trials than it asks for.
	narrowed bool
}

// Scale is the size of a scenario: the load section of its file.
type Scale struct {
	Trials   int // drawn ones
	InFlight int // how many run at a time; usualInFlight if 0
	// OneBatch keeps all trials of the scenario side by side in one batch,
	// even those that stop a process under the others.
	OneBatch bool
	// Providers and Methods are taken in turn. None means every provider that
	// exists, and every method that can be begun with a code.
	Providers []payment.ProviderName
	Methods   []payment.Method
	// Amounts go to one trial each; the totals of the others are swept.
	Amounts []payment.Money
}

const (
	usualTrials   = 10
	usualInFlight = 40
	maxInFlight   = 512
	maxTrials     = 100_000
)

// ShopperLine is one kind of shopper in a scenario.
type ShopperLine struct {
	Shopper  string
	Settings []json.RawMessage // taken in turn; none means the defaults
	Weight   int               // 1 if 0
	// Methods that these shoppers pay by, in turn, instead of the scenario's.
	Methods []payment.Method
}

// FaultLine pins a fault to a share of the trials that can reach its place.
type FaultLine struct {
	Fault    string
	Settings []json.RawMessage // taken in turn; none means the defaults
	At       *faults.Address
	Payment  *faults.PaymentPlace
	Lie      bool            // allows what would be a lie at this place
	Within   faults.Duration // the pin's limit; faults.DefaultLimit if 0
	// Together are several faults for the same trials, instead of the above.
	Together []FaultLine

	// Share is how many percent of the trials that can reach the place get
	// the fault, at least one; Trials is the exact number instead. Neither
	// means all of them. Lines spread over the trials: one trial gets a
	// second fault only once no trial without a fault is left.
	Share  float64
	Trials int
	With   Filter
}

// Filter narrows a fault line down to some trials. Empty fields match all.
type Filter struct {
	Shopper  string
	Method   payment.Method
	Provider payment.ProviderName
}

// matches reports whether the filter lets a trial through.
func (f Filter) matches(t Trial) bool {
	return (f.Shopper == "" || f.Shopper == t.Shopper) && (f.Method == "" || f.Method == t.Method) &&
		(f.Provider == "" || f.Provider == t.Provider)
}

// members are the faults that a line pins to each of its trials.
func (l FaultLine) members() []FaultLine {
	if len(l.Together) > 0 {
		return l.Together
	}
	return []FaultLine{l}
}

// turn is the nth of the settings that are taken in turn.
func turn(settings []json.RawMessage, n int) json.RawMessage {
	if len(settings) == 0 {
		return nil
	}
	return settings[n%len(settings)]
}
