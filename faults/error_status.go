package faults

import "errors"

// ErrorStatus answers with an HTTP status and an error code of the provider.
// On the request leg the callee never saw the message. On the answer leg it
// acted, so only codes that leave the outcome unknown are legal there.
type ErrorStatus struct {
	Status int    `json:"status,omitempty"` // 500 if unset
	Code   string `json:"code,omitempty"`   // the provider's word; SYSTEM_ERROR if unset
}

func errorStatus() Definition {
	return Definition{Name: "error-status", Kind: OnMessage, Class: Legal,
		Experience: "The caller is answered with an error in the provider's own form. On the answer leg the callee had acted, and the error says only that nobody knows.",
		Example:    "{fault: error-status, at: merchant->wechatpay refund answer, status: 500, code: SYSTEM_ERROR}",
		Settings: []Setting{
			{Name: "status", Type: CountSetting, Meaning: "HTTP status, 400 to 599 (500)"},
			{Name: "code", Type: TextSetting, Meaning: "the provider's error code (SYSTEM_ERROR)"},
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
// although the callee acted: that would be a lie.
func (f *ErrorStatus) CheckLeg(leg Leg) error {
	unknown := f.Code == "" || f.Code == "SYSTEM_ERROR" || f.Code == "BANK_ERROR"
	if leg == AnswerLeg && ((f.Status != 0 && f.Status < 500) || !unknown) {
		return errors.New("on the answer leg the callee has acted: only a status from 500 with SYSTEM_ERROR or BANK_ERROR is legal")
	}
	return nil
}

// Bite implements MessageFault.
func (f *ErrorStatus) Bite(effect *Effect) {
	response := Response{Status: f.Status, Code: f.Code}
	if response.Status == 0 {
		response.Status = 500
	}
	if response.Code == "" {
		response.Code = "SYSTEM_ERROR"
	}
	effect.Respond = &response
}
