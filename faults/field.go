package faults

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Field gives one value of a message another content, or takes it away: a member
// of a JSON text, a field of a form, an element of XML; of what is inside, where
// the message is encrypted. Re-signed it is a lie, otherwise a forgery.
type Field struct {
	Path      string `json:"path,omitempty"`
	Value     string `json:"value,omitempty"`
	How       string `json:"how,omitempty"`       // value, missing or empty; value if unset
	Signature string `json:"signature,omitempty"` // re-signed, left-broken or stripped; re-signed if unset
}

func field() Definition {
	return Definition{Name: "field", Kind: OnMessage, Class: Lie,
		Operations: []Operation{Create, PayCode, Query, Close, Reverse, Refund, RefundQuery, NotifyPayment, NotifyRefund},
		Experience: "One value of the message is another than its sender wrote, or is missing.",
		Example:    "{fault: field, at: provider->merchant notify-payment, path: attach, value: another order, lie: true}",
		Settings: []Setting{
			{Name: "path", Type: TextSetting, Meaning: "the names of JSON members with dots between them, or the name of a field of a form or of an XML element"},
			{Name: "how", Type: WordSetting, Words: []string{"value", "missing", "empty"}, Meaning: "what becomes of it (value)"},
			{Name: "value", Type: TextSetting, Meaning: "what it says instead; a number stays a number if this is one"},
			{Name: "signature", Type: WordSetting, Words: signatureModes(), Meaning: "what happens to the signature (re-signed)"},
		},
		New: func() Fault { return &Field{} }}
}

// Check implements Fault.
func (f *Field) Check() error {
	switch {
	case !slices.Contains([]string{"", "value", "missing", "empty"}, f.How):
		return fmt.Errorf("how %q is none of value, missing, empty", f.How)
	case (f.How == "missing" || f.How == "empty") && f.Value != "":
		return fmt.Errorf("a field that is %s has no value", f.How)
	case slices.Contains(strings.Split(f.Path, "."), "") && f.Path != "":
		return fmt.Errorf("path %q has an empty name", f.Path)
	}
	return checkSignatureMode(f.Signature)
}

// CheckPlace refuses a field without a name; it has no default.
func (f *Field) CheckPlace(Operation, Leg) error {
	if f.Path == "" {
		return errNoPath
	}
	return nil
}

var errNoPath = errors.New("it needs the path of a field")

// NeedsBody says that there must be fields.
func (*Field) NeedsBody() {}

// ClassOn says what the change is.
func (f *Field) ClassOn(Operation, Leg) Class { return classOfMode(f.Signature) }

// Bite implements MessageFault.
func (f *Field) Bite(effect *Effect) {
	effect.Edit = &Edit{Field: &FieldEdit{Path: strings.Split(f.Path, "."), Value: f.Value, Missing: f.How == "missing"},
		Signature: signatureOfMode(f.Signature)}
}

// signatureModes are what can happen to the signature of an edited message.
func signatureModes() []string { return []string{"re-signed", "left-broken", "stripped"} }

func checkSignatureMode(mode string) error {
	if mode != "" && !slices.Contains(signatureModes(), mode) {
		return fmt.Errorf("signature %q is none of %s", mode, strings.Join(signatureModes(), ", "))
	}
	return nil
}

// classOfMode is what an edit is that the sender's book contradicts.
func classOfMode(mode string) Class {
	if mode == "" || mode == "re-signed" {
		return Lie
	}
	return Forged
}

func signatureOfMode(mode string) SignatureChange {
	switch mode {
	case "left-broken":
		return ""
	case "stripped":
		return SignatureMissing
	default:
		return SignatureResigned
	}
}
