package proxy

import (
	"slices"

	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/journal"
	"github.com/payquake/payquake/payment"
)

// Arrival is a payment that no shopper of payquake's asked for, as far as it is
// known: its reference, and the code once an answer with it has reached the
// merchant.
type Arrival struct {
	Reference payment.MerchantReference `json:"reference"`
	Code      string                    `json:"code,omitempty"`
}

// Expect has a trial wait for the next payment that begins at the provider and
// belongs to nobody. Trials are served in the order in which they began to wait.
func (r *Register) Expect(trial faults.Trial, provider payment.ProviderName) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.expecting[string(provider)] = append(r.expecting[string(provider)], trial)
}

// Arrived tells what came for a trial that waits; false as long as nothing has.
func (r *Register) Arrived(trial faults.Trial) (Arrival, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := r.trials[trial]
	if c == nil || c.arrival == nil {
		return Arrival{}, false
	}
	return *c.arrival, true
}

// arrives gives a payment that belongs to nobody to the trial that has waited
// longest. The register is locked.
func (r *Register) arrives(c claim) (faults.Trial, bool) {
	provider := providerOf(c.link)
	for len(r.expecting[provider]) > 0 {
		trial := r.expecting[provider][0]
		r.expecting[provider] = r.expecting[provider][1:]
		if known := r.trials[trial]; known != nil {
			known.arrival = &Arrival{Reference: c.facts.MerchantReference}
			return trial, true
		}
	}
	return "", false
}

// showCode notes the code that an answer has shown the merchant, for the trial
// that waits for it.
func (r *Register) showCode(trial faults.Trial, facts journal.Facts) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if c := r.trials[trial]; c != nil && c.arrival != nil && c.arrival.Code == "" && facts.Operation == faults.Create {
		c.arrival.Code = facts.Code
	}
}

// endExpecting takes a trial out of the queues. The register is locked.
func (r *Register) endExpecting(trial faults.Trial) {
	for provider, waiting := range r.expecting {
		r.expecting[provider] = slices.DeleteFunc(waiting, func(other faults.Trial) bool { return other == trial })
	}
}
