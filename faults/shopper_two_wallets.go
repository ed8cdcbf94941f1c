package faults

import "github.com/payquake/payquake/payment"

// TwoWallets opens two codes of one order and pays both, one after the other.
type TwoWallets struct {
	// Across: the second wallet is another provider's.
	Across bool `json:"across,omitempty"`
}

func twoWallets() Definition {
	return Definition{Name: "two-wallets", Kind: AsJourney, Class: Legal,
		Experience: "Two codes of one order are paid; one capture must go back.",
		Example:    "{shopper: two-wallets, across: true}",
		Settings:   []Setting{acrossSetting()},
		New:        func() Fault { return &TwoWallets{} }}
}

// acrossSetting is the setting of shoppers who may pay a second time elsewhere.
func acrossSetting() Setting {
	return Setting{Name: "across", Type: FlagSetting, Meaning: "the second payment is at another provider, where there is one (false)"}
}

// Check implements Fault.
func (*TwoWallets) Check() error { return nil }

// Walk implements Shopper. Barcodes are paid as they are scanned, so two
// wallets need codes.
func (f *TwoWallets) Walk(journey *Journey, method payment.Method) {
	if method == payment.MethodBarcode {
		method = payment.MethodCode
	}
	journey.place()
	journey.add(
		Step{Do: StepStart, Key: 1, Method: method},
		Step{Do: StepStart, Key: 2, Method: method},
		Step{Do: StepOpen, Key: 1, Patience: usualPatience},
		Step{Do: StepOpen, Key: 2, Patience: usualPatience},
		Step{Do: StepPay, Key: 1, Patience: usualPatience},
		Step{Do: StepPay, Key: 2, Patience: usualPatience})
	journey.awaitPaid()
	if f.Across {
		journey.elsewhere(2)
	}
}
