// Package scenarios turns a person's words (a scenario, in YAML or Go) and a
// seed into a plan: every trial with its journey, its amounts and its pins.
// Chance enters here and nowhere else; compiling twice gives the same bytes.
// Any trial of any plan can be written out again as a scenario (Export).
//
// It reaches no network, no Docker and no clock, and is handed the systems
// that exist as data (Systems). It owns the words scenario, plan, part, batch
// and expectation, and the embedded catalogue of scenarios.
package scenarios

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/payment"
)

// PlanVersion is the version of the plan's format.
const PlanVersion = 1

// Plan is a scenario and a seed, fully decided: batches of trials, one after
// another in one session.
type Plan struct {
	Version  int    `json:"version"`
	Scenario string `json:"scenario"`
	Seed     uint64 `json:"seed"`
	// Parts are the scenarios of a suite, or the one scenario.
	Parts   []Part  `json:"parts"`
	Batches []Batch `json:"batches"`
}

// Part is one scenario of a plan, with what must have happened for its trials
// to count.
type Part struct {
	Scenario string        `json:"scenario"`
	About    string        `json:"about,omitempty"`
	Expect   []Expectation `json:"expect,omitempty"`
}

// Batch is trials that run side by side, of one part or of several. Batches
// begin and end at rest.
type Batch struct {
	ID string `json:"id"`
	// InFlight bounds how many of its trials run at a time.
	InFlight int `json:"inFlight"`
	// Disturbs: a fault of one of its trials touches the others too (a process
	// goes down), so their required pins need not fire.
	Disturbs bool    `json:"disturbs,omitempty"`
	Trials   []Trial `json:"trials"`
}

// Trial is one shopper, one basket, and the faults pinned to it.
type Trial struct {
	ID       faults.Trial         `json:"id"`
	Scenario string               `json:"scenario"`           // the part it belongs to
	Shopper  string               `json:"shopper"`            // the catalogue's name
	Settings json.RawMessage      `json:"settings,omitempty"` // of the shopper
	Provider payment.ProviderName `json:"provider"`
	Method   payment.Method       `json:"method"`
	// Other is the provider of payments that are begun elsewhere; "" if none is.
	Other   payment.ProviderName `json:"other,omitempty"`
	Lines   []Line               `json:"lines"` // of the order
	Total   payment.Money        `json:"total"`
	Journey faults.Journey       `json:"journey"`
	Pins    []faults.Pin         `json:"pins,omitempty"`
}

// Line is one line of an order.
type Line struct {
	Name     string        `json:"name"`
	Product  string        `json:"product,omitempty"` // its number at a merchant that sells only what it lists
	Quantity int64         `json:"quantity"`
	Price    payment.Money `json:"price"`
	// Shop sells the line, in a basket of several; "" if there is only one.
	Shop string `json:"shop,omitempty"`
}

// Order is what a trial orders in one order.
type Order struct {
	Lines []Line
	Total payment.Money
}

// PaysWith are the providers that the trial pays with.
func (t Trial) PaysWith() []payment.ProviderName {
	if t.Other == "" || t.Other == t.Provider {
		return []payment.ProviderName{t.Provider}
	}
	return []payment.ProviderName{t.Provider, t.Other}
}

// Orders are what the trial orders: one order for each shop of its basket, or
// the same again for each order that its journey places.
func (t Trial) Orders() []Order {
	if !t.Journey.Combines() {
		last := 0
		for _, step := range t.Journey.Steps {
			last = max(last, step.Order)
		}
		return slices.Repeat([]Order{{Lines: t.Lines, Total: t.Total}}, last+1)
	}
	var orders []Order
	var shops []string
	for _, line := range t.Lines {
		at := slices.Index(shops, line.Shop)
		if at < 0 {
			at = len(shops)
			shops = append(shops, line.Shop)
			orders = append(orders, Order{Total: payment.Money{Currency: line.Price.Currency}})
		}
		orders[at].Lines = append(orders[at].Lines, line)
		orders[at].Total.Minor += line.Quantity * line.Price.Minor
	}
	return orders
}

// Expectation says what must have happened at least so often for a part's
// held to count.
type Expectation struct {
	What    Happening `json:"what"`
	Fault   string    `json:"fault,omitempty"` // of FaultFired
	AtLeast int       `json:"atLeast"`
}

// Happening is something an expectation counts.
type Happening string

// The happenings.
const (
	Captures      Happening = "captures"      // payments captured by a provider
	Refunds       Happening = "refunds"       // refunds that moved money
	Notifications Happening = "notifications" // deliveries that reached the merchant
	FaultFired    Happening = "fired"         // pins of one kind of fault that fired
	Rests         Happening = "rests"         // trials that came to rest
)

// Find returns a trial of the plan with its batch.
func (p Plan) Find(trial faults.Trial) (Trial, Batch, bool) {
	for _, batch := range p.Batches {
		for _, t := range batch.Trials {
			if t.ID == trial {
				return t, batch, true
			}
		}
	}
	return Trial{}, Batch{}, false
}

// Without is the plan without some of its trials, and without batches that had no
// others.
func (p Plan) Without(left []faults.Trial) Plan {
	batches := p.Batches
	p.Batches = nil
	for _, batch := range batches {
		batch.Trials = slices.DeleteFunc(slices.Clone(batch.Trials), func(t Trial) bool { return slices.Contains(left, t.ID) })
		if len(batch.Trials) > 0 {
			p.Batches = append(p.Batches, batch)
		}
	}
	return p
}

// IDs are the batch's trials in their order.
func (b Batch) IDs() []faults.Trial {
	ids := make([]faults.Trial, len(b.Trials))
	for i, trial := range b.Trials {
		ids[i] = trial.ID
	}
	return ids
}

// Count is the number of trials in the plan.
func (p Plan) Count() int {
	count := 0
	for _, batch := range p.Batches {
		count += len(batch.Trials)
	}
	return count
}

// ErrNotAPlan says that a plan file is damaged, or of a version unknown here.
var ErrNotAPlan = errors.New("not a plan")

// ReadPlan reads a plan file.
func ReadPlan(path string) (Plan, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return Plan{}, fmt.Errorf("read plan: %w", err)
	}
	var plan Plan
	if err := json.Unmarshal(text, &plan); err != nil {
		return Plan{}, fmt.Errorf("read plan %s: %w: %w", path, ErrNotAPlan, err)
	}
	if plan.Version != PlanVersion {
		return Plan{}, fmt.Errorf("read plan %s: %w: version %d, this payquake reads %d", path, ErrNotAPlan, plan.Version, PlanVersion)
	}
	return plan, nil
}

// Write writes the plan to a file, with the same bytes for the same plan.
func (p Plan) Write(path string) error {
	text, err := json.MarshalIndent(p, "", " ")
	if err != nil {
		return fmt.Errorf("write plan: %w", err)
	}
	if err := os.WriteFile(path, append(text, '\n'), 0o644); err != nil {
		return fmt.Errorf("write plan: %w", err)
	}
	return nil
}
