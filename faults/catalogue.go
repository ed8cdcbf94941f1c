package faults

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"sync"

	"github.com/payquake/payquake/payment"
)

// Fault is one kind of harm with its settings, as data. Its pointer type
// carries the settings as exported fields with JSON names; the zero value has
// the defaults. Each also implements exactly one of MessageFault, Behaviour,
// ProcessFault and Shopper.
type Fault interface {
	// Check refuses settings that make no sense, in words for the user.
	Check() error
}

// MessageFault harms one message on a link.
type MessageFault interface {
	Fault
	Bite(*Effect)
}

// Behaviour bends a provider's conduct towards one payment.
type Behaviour interface {
	Fault
	Bend(*Conduct)
}

// ProcessFault interrupts a process.
type ProcessFault interface {
	Fault
	Interrupt() Interruption
}

// Shopper is a way to buy. Method is how the shopper would pay if the twist
// leaves that open.
type Shopper interface {
	Fault
	Walk(*Journey, payment.Method)
}

// Drawer is implemented by faults with settings that leave something to
// chance. Draw returns the fault with everything decided; it is called once,
// when the plan is made.
type Drawer interface {
	Draw(*rand.Rand) Fault
}

// Kind is the sort of place a fault is pinned to.
type Kind string

// The kinds.
const (
	OnMessage Kind = "message"
	OnPayment Kind = "payment"
	OnProcess Kind = "process"
	AsJourney Kind = "journey"
)

// Class says what a fault means for the verdict.
type Class string

// The classes. A legal fault is something the real provider or network may
// do; a correct merchant survives it. A lie is a validly signed message that
// differs from its sender's book. A forged one has no valid signature.
const (
	Legal  Class = "legal"
	Lie    Class = "lie"
	Forged Class = "forgery"
)

// Definition is a catalogue entry.
type Definition struct {
	Name  string
	Kind  Kind
	Class Class
	// Legs and Operations on which the fault may be pinned; no operations
	// means any.
	Legs       []Leg
	Operations []Operation
	// Experience says what the merchant goes through, in one sentence.
	Experience string
	// Example is the fault as a line of a scenario file.
	Example  string
	Settings []Setting
	New      func() Fault
}

// Setting describes one setting for help texts and the JSON Schema.
type Setting struct {
	Name    string
	Type    SettingType
	Words   []string // the allowed words of a WordSetting
	Meaning string
}

// SettingType is the type of a setting in a scenario file.
type SettingType string

// The types of settings.
const (
	DurationSetting SettingType = "duration"
	CountSetting    SettingType = "count" // a whole number from 0
	WordSetting     SettingType = "word"
	TextSetting     SettingType = "text"
	FlagSetting     SettingType = "flag"
	AddressSetting  SettingType = "address"
	LinkSetting     SettingType = "link"
)

// ErrUnknownFault is wrapped with the name that no catalogue entry has.
var ErrUnknownFault = errors.New("unknown fault")

// Catalogue lists every fault, in the order in which help shows them.
func Catalogue() []Definition {
	return slices.Concat(messageFaults(), behaviours(), processFaults(), shoppers())
}

// byName is the catalogue by name, made once: pins are decoded by the thousand.
var byName = sync.OnceValue(func() map[string]Definition {
	entries := map[string]Definition{}
	for _, definition := range Catalogue() {
		entries[definition.Name] = definition
	}
	return entries
})

// Lookup finds a catalogue entry by name.
func Lookup(name string) (Definition, bool) {
	definition, known := byName()[name]
	return definition, known
}

// Decode makes a fault from its name and settings (nil: the defaults), and
// checks them. Unknown settings are refused.
func Decode(name string, settings json.RawMessage) (Fault, error) {
	definition, found := Lookup(name)
	if !found {
		return nil, fmt.Errorf("%w %q", ErrUnknownFault, name)
	}
	fault := definition.New()
	if len(settings) > 0 {
		decoder := json.NewDecoder(bytes.NewReader(settings))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(fault); err != nil && !errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("settings of %s: %w", name, err)
		}
	}
	if err := fault.Check(); err != nil {
		return nil, fmt.Errorf("settings of %s: %w", name, err)
	}
	return fault, nil
}

// Encode writes a fault's settings as Decode reads them, for people too: an arrow
// stays one.
func Encode(fault Fault) (json.RawMessage, error) {
	var settings bytes.Buffer
	encoder := json.NewEncoder(&settings)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(fault); err != nil {
		return nil, fmt.Errorf("encode settings: %w", err)
	}
	text := bytes.TrimSpace(settings.Bytes())
	if string(text) == "{}" {
		return nil, nil
	}
	return text, nil
}

func messageFaults() []Definition {
	return []Definition{noop(), latency(), slowDrip(), lostRequest(), lostAnswer(), reset(), slowClose(), bandwidth(), blackHole(), down(), truncatedBody(), malformedBody(),
		errorStatus(), rateLimited(), duplicate(), hold(), barrier(), staleReplay(), amount(), crossWired(), statusFlip(), field(),
		foreignMerchant(), signature(), forgedNotification()}
}

func behaviours() []Definition {
	return []Definition{lateSuccess(), lateByHours(), pendingThenPaid(), pendingThenFailed(), decline(), declineBurst(), notifyNever(),
		notifyEarly(), notifyLate(), notifyMany(), notifyOutOfOrder(), notifyFailure(), queryLag(), unknownOutcome(), closeUserPaying(),
		refundProcessing(), refundFailsAfterAccept(), promotion(), finalStateWord(), clockSkew()}
}

func processFaults() []Definition {
	return []Definition{merchantCrash(), merchantRestart(), merchantReplicas(), merchantRollingRestart(), merchantPause(), partition(), providerDown(), providerPause(),
		databaseDown(), keyRotation()}
}

func shoppers() []Definition {
	return []Definition{pay(), payThenRefund(), doubleClick(), retrySame(), payAgain(), twoWallets(), declineThenPay(), payAfterClose(),
		abandon(), cancelWhilePaying(), changeBasketWhilePaying(), watchPage(), returnPage(), refundDoubleClick(), twoRefundsAtOnce(),
		refundWhilePaying(), scanCode(), manyAtOnce(), combinedOrder()}
}
