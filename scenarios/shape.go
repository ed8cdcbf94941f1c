package scenarios

import (
	"slices"

	"github.com/payquake/payquake/faults"
)

// The format of scenario files, as data: the reader refuses what these tables
// do not list and suggests what they do, and the JSON Schema is made from them
// and from the fault catalogue, so that the two cannot drift apart.

// field is one key of a map in a scenario file.
type field struct {
	key     string
	sort    fieldType
	meaning string
}

// fieldType is what may stand behind a key.
type fieldType string

const (
	textField     fieldType = "text"
	nameField     fieldType = "name"    // lower case words joined by hyphens
	countField    fieldType = "count"   // a whole number from 0
	flagField     fieldType = "flag"    // true or false
	amountField   fieldType = "amount"  // major units: 0.29
	percentField  fieldType = "percent" // 30%
	durationField fieldType = "duration"
	addressField  fieldType = "address"  // merchant->wechatpay create#1 answer
	paymentField  fieldType = "payment"  // wechatpay#1
	faultField    fieldType = "fault"    // the name of a fault that is pinned
	shopperField  fieldType = "shopper"  // the name of a shopper
	providerField fieldType = "provider" // the name of a provider
	methodField   fieldType = "method"
	mapField      fieldType = "map"
	listField     fieldType = "list"
)

// many marks a list of a type of scalar.
func many(t fieldType) fieldType { return "list of " + t }

// topFields are the sections of a file.
func topFields() []field {
	return []field{
		{"name", nameField, "the scenario's name, such as lost-answers; its trials are named after it"},
		{"about", textField, "one sentence for people"},
		{"load", mapField, "how many trials there are, and how they pay"},
		{"shoppers", listField, "who comes, by weight; or one name"},
		{"faults", listField, "what goes wrong, and for which share of the trials"},
		{"expect", listField, "what must have happened at least for a held to count"},
		{"trials", listField, "trials that leave nothing to chance, as payquake export writes them"},
		{"suite", many(textField), "the names of other scenarios, or paths of their files from here: a suite has nothing else"},
	}
}

// loadFields say how many trials are drawn and how they pay.
func loadFields() []field {
	return []field{
		{"trials", countField, "how many trials are drawn (10; 0 if trials: lists some)"},
		{"inFlight", countField, "how many of them run at a time (40)"},
		{"oneBatch", flagField, "all trials run side by side, even those that stop a process under the others (false)"},
		{"providers", many(providerField), "the providers that are paid with, in turn (all)"},
		{"methods", many(methodField), "the ways to pay, in turn (all but barcode, which shoppers who scan use)"},
		{"amounts", many(amountField), "totals for one trial each, such as 0.29; the others are swept. Or just: sweep"},
	}
}

// shopperFields are followed by the shopper's own settings.
func shopperFields() []field {
	return []field{
		{"shopper", shopperField, "the kind of shopper"},
		{"weight", countField, "the share of the trials, against the other weights (1)"},
		{"methods", many(methodField), "the ways these shoppers pay, in turn, instead of the load's"},
	}
}

// placeFields say where a fault goes. They are followed by its own settings.
func placeFields() []field {
	return []field{
		{"fault", faultField, "the kind of fault"},
		{"at", addressField, "the message: caller->callee operation#nth leg (#1 and request if left out, #* for every one); provider stands for each trial's own"},
		{"payment", paymentField, "the payment that a provider behaves so towards: provider (each trial's own), wechatpay, or wechatpay#2 for the second one only"},
		{"lie", flagField, "asks for a fault that is a lie here: a validly signed message that its sender's book contradicts (false)"},
		{"within", durationField, "how long the fault may hold anything back before it reverts by itself (10s)"},
	}
}

// shareFields say which trials get a fault.
func shareFields() []field {
	return []field{
		{"share", percentField, "the share of the trials that can reach the place, such as 30% (100%)"},
		{"trials", countField, "or the exact number of trials"},
		{"with", mapField, "only trials of this shopper, method or provider"},
		{"together", listField, "several faults for the same trials, instead of one"},
	}
}

// filterFields narrow a fault down to some trials.
func filterFields() []field {
	return []field{
		{"shopper", shopperField, "only trials of this kind of shopper"},
		{"method", methodField, "only trials paid by this method"},
		{"provider", providerField, "only trials paid with this provider"},
	}
}

// expectFields begin with the happenings that are counted directly.
func expectFields() []field {
	return []field{
		{string(Captures), countField, "payments captured by a provider"},
		{string(Refunds), countField, "refunds that moved money"},
		{string(Notifications), countField, "deliveries that reached the merchant"},
		{string(Rests), countField, "trials that came to rest"},
		{string(FaultFired), faultField, "a kind of fault that bit"},
		{"atLeast", countField, "how often the fault must have bitten (1)"},
	}
}

// trialFields are followed by the shopper's own settings.
func trialFields() []field {
	return []field{
		{"id", nameField, "the trial's name, unique in the plan"},
		{"shopper", shopperField, "the kind of shopper"},
		{"provider", providerField, "who is paid with"},
		{"other", providerField, "who is paid with elsewhere, by shoppers who do"},
		{"method", methodField, "the way to pay"},
		{"lines", listField, "what is bought"},
		{"pins", listField, "the faults, each with its one place"},
	}
}

// lineFields are a line of an order.
func lineFields() []field {
	return []field{
		{"name", textField, "the goods"},
		{"quantity", countField, "how many (1)"},
		{"price", amountField, "of one, in major units"},
		{"shop", textField, "who sells it, in a basket of several shops"},
	}
}

// pinFields come before placeFields and the fault's own settings.
func pinFields() []field {
	return []field{
		{"id", textField, "the pin's name, unique in the plan (the trial's with .1, .2 and so on)"},
		{"required", flagField, "whether the run proves nothing if the pin does not fire (worked out if left out)"},
	}
}

// keysOf are the keys alone.
func keysOf(fields ...[]field) []string {
	var keys []string
	for _, f := range slices.Concat(fields...) {
		keys = append(keys, f.key)
	}
	return keys
}

// settingKeys are the keys of a catalogue entry's own settings.
func settingKeys(d faults.Definition) []string {
	var keys []string
	for _, s := range d.Settings {
		keys = append(keys, s.Name)
	}
	return keys
}

// faultNames are the faults that can be pinned; shopperNames those that are
// journeys.
func faultNames() []string { return namesOf(func(k faults.Kind) bool { return k != faults.AsJourney }) }

func shopperNames() []string {
	return namesOf(func(k faults.Kind) bool { return k == faults.AsJourney })
}

// namesOf are the catalogue's names of some kinds, in its order.
func namesOf(wanted func(faults.Kind) bool) []string {
	var names []string
	for _, definition := range faults.Catalogue() {
		if wanted(definition.Kind) {
			names = append(names, definition.Name)
		}
	}
	return names
}
