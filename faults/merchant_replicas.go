package faults

import (
	"errors"
	"time"
)

// MerchantReplicas has several instances of the merchant behind one address, over one
// database, for a while: calls and notifications go to them in turn, and what one
// remembers the others do not know.
type MerchantReplicas struct {
	Instances int      `json:"instances,omitempty"` // 2 if unset
	Lasting   Duration `json:"lasting,omitempty"`   // 1s if unset
}

// mostInstances bounds how many instances a machine has to bear.
const mostInstances = 8

func merchantReplicas() Definition {
	return Definition{Name: "merchant-replicas", Kind: OnProcess, Class: Legal,
		Experience: "After the message has passed, further instances of the merchant answer in turn with it, over the same database; then it is alone again.",
		Example:    "{fault: merchant-replicas, at: merchant->provider create#1 answer, instances: 3}",
		Settings: []Setting{
			{Name: "instances", Type: CountSetting, Meaning: "how many there are together (2)"},
			{Name: "lasting", Type: DurationSetting, Meaning: "how long there are so many (1s)"},
		},
		New: func() Fault { return &MerchantReplicas{} }}
}

// Check implements Fault.
func (f *MerchantReplicas) Check() error {
	if f.Instances != 0 && (f.Instances < 2 || f.Instances > mostInstances) {
		return errors.New("instances is a number from 2 to 8")
	}
	return checkDown(f.Lasting)
}

// Interrupt implements ProcessFault.
func (f *MerchantReplicas) Interrupt() Interruption {
	return Interruption{Role: "merchant", Manner: Multiplied, Moment: AfterMessage, Instances: max(f.Instances, 2), Down: usually(f.Lasting, time.Second)}
}
