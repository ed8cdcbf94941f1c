package faults

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// ErrorStatus answers with an HTTP status and an error code of the provider.
// On the request leg the callee never saw the message. On the answer leg it
// acted, so only codes that leave the outcome unknown are legal there.
type ErrorStatus struct {
	Status int    `json:"status,omitempty"` // the provider's own if unset
	Code   string `json:"code,omitempty"`   // the provider's word; that for an unknown outcome if unset
}

func errorStatus() Definition {
	return Definition{Name: "error-status", Kind: OnMessage, Class: Legal,
		Experience: "The caller is answered with an error in the provider's own form. On the answer leg the callee had acted, and the error says only that nobody knows.",
		Example:    "{fault: error-status, at: merchant->provider refund answer, status: 500}",
		Settings: []Setting{
			{Name: "status", Type: CountSetting, Meaning: "HTTP status, 400 to 599 (the provider's own)"},
			{Name: "code", Type: TextSetting, Meaning: "the provider's error code (its word for an unknown outcome)"},
		},
		New: func() Fault { return &ErrorStatus{} }}
}

// Check implements Fault.
func (f *ErrorStatus) Check() error {
	if f.Status != 0 && (f.Status < 400 || f.Status > 599) {
		return errors.New("status is an HTTP error, 400 to 599")
	}
	return nil
}

// CheckLeg refuses, on the answer leg, what would claim that nothing happened
// although the callee acted: that would be a lie. Which codes leave the outcome
// open differs between providers.
func (f *ErrorStatus) CheckLeg(leg Leg, unknownOutcome []string) error {
	open := f.Code == "" || slices.Contains(unknownOutcome, f.Code)
	if leg == AnswerLeg && ((f.Status != 0 && f.Status < 500) || !open) {
		return fmt.Errorf("on the answer leg the callee has acted: only a status from 500 and a code that leaves the outcome open is legal (%s)",
			strings.Join(unknownOutcome, ", "))
	}
	return nil
}

// Bite implements MessageFault.
func (f *ErrorStatus) Bite(effect *Effect) {
	effect.Respond = &Response{Status: f.Status, Code: f.Code}
}
