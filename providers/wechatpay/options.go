package wechatpay

import "github.com/payquake/payquake/faults"

// Options are the things about the real provider that are not known for sure,
// or that it does differently for different merchants. The zero value is the
// documented default of protocol wechatpay §11; each field says where it comes
// from.
type Options struct {
	// ClosePaid is the refusal to close a paid order (§3.3, §11).
	// Default 400 ORDERPAID.
	ClosePaid Refusal `json:"closePaid,omitzero"`
	// PrepayPaid is the refusal to order again what is paid (§4.3, §11).
	// Default 400 ORDERPAID; INVALID_REQUEST and 403 OUT_TRADE_NO_USED were
	// seen too.
	PrepayPaid Refusal `json:"prepayPaid,omitzero"`
	// Reentry is the refusal of the same number with other parameters (§4.3).
	// Default 400 INVALID_REQUEST; the older generation says 403
	// OUT_TRADE_NO_USED.
	Reentry Refusal `json:"reentry,omitzero"`
	// CloseUnknownRefused answers the close of a number that never existed with
	// 404 ORDER_NOT_EXIST, and leaves the number usable (§3.3, §11). Default:
	// 204, and the number is poisoned.
	CloseUnknownRefused bool `json:"closeUnknownRefused,omitempty"`
	// PasswordNeeded202 answers a barcode payment that needs a password with 202
	// USER_PAYING (§3.6, §11). Default: 200 with trade_state USERPAYING.
	PasswordNeeded202 bool `json:"passwordNeeded202,omitempty"`
	// PasswordAbove is the amount in fen above which a barcode payment needs the
	// shopper's password (§3.6: 1000 yuan in life). Default 0: never, because a
	// plan decides what a trial meets.
	PasswordAbove int64 `json:"passwordAbove,omitempty"`
	// VaryNotificationIDs gives each retry an envelope id of its own (§5, §11).
	// Default: stable.
	VaryNotificationIDs bool `json:"varyNotificationIDs,omitempty"`
	// NotifyWith is the key that signs notifications while a merchant migrates
	// (§2.5). Default: as the mode says.
	NotifyWith SerialKind `json:"notifyWith,omitempty"`
	// UnsignedErrors leaves the signature off answers that are no 2xx (§2.3, §11).
	UnsignedErrors bool `json:"unsignedErrors,omitempty"`
	// StrictHeaders refuses requests without User-Agent or Accept with 400
	// PARAM_ERROR (§2.1, §11). Default: accepted.
	StrictHeaders bool `json:"strictHeaders,omitempty"`
	// LegacyCodes spells error codes as older documents do (§6.1, §11).
	LegacyCodes bool `json:"legacyCodes,omitempty"`
	// OldSignDetail puts the issue of a SIGN_ERROR one level up (§2.2).
	OldSignDetail bool `json:"oldSignDetail,omitempty"`
	// ReverseNotBefore refuses to reverse a barcode payment sooner after it was
	// asked for (§3.6: 15 s are advised). Default 0: advice only.
	ReverseNotBefore faults.Duration `json:"reverseNotBefore,omitempty"`
	// QueryBlindFor answers ORDER_NOT_EXIST so long after an order was created
	// (§11 freshness). Default 0.
	QueryBlindFor faults.Duration `json:"queryBlindFor,omitempty"`
	// UnknownSerialRefused answers 400 PARAM_ERROR to a Wechatpay-Serial that
	// the provider does not have (§11). Default: answered with the default key.
	UnknownSerialRefused bool `json:"unknownSerialRefused,omitempty"`
	// OldCodeDies voids the earlier code when an order is placed again (§3.1).
	// Default: all codes work until the order is paid or closed.
	OldCodeDies bool `json:"oldCodeDies,omitempty"`
	// RefreshExpired lets an order whose time_expire has passed be placed again
	// (§4.3). Default: ORDER_CLOSED.
	RefreshExpired bool `json:"refreshExpired,omitempty"`
	// RefundSpacing is the least time between refunds of one order; sooner ones
	// are 429 FREQUENCY_LIMITED (§4.3: a minute in life). Default 0.
	RefundSpacing faults.Duration `json:"refundSpacing,omitempty"`
	// AllowUnknownMembers accepts JSON members that the API does not have (§3).
	// Default: PARAM_ERROR.
	AllowUnknownMembers bool `json:"allowUnknownMembers,omitempty"`
	// CommunicationCodes puts an err_code into v2 answers whose return_code is
	// FAIL, since §3.6 lists such codes (SIGNERROR, LACK_PARAMS). Default: only
	// return_msg (§2.8).
	CommunicationCodes bool `json:"communicationCodes,omitempty"`
	// ReverseUserPaying is how many reversals of a barcode payment that waits for
	// a password v2 puts off with USERPAYING and recall Y (§3.6). Default 0.
	ReverseUserPaying int `json:"reverseUserPaying,omitempty"`
	// StrictNotifyURL demands https and a host that is no IP address and not
	// localhost (§1). Default: any http or https URL without a query, since a
	// run lives on private networks.
	StrictNotifyURL bool `json:"strictNotifyURL,omitempty"`
	// EmptyAssociatedData seals notifications with an empty associated_data, as
	// is also seen (§5). Default: the original type.
	EmptyAssociatedData bool `json:"emptyAssociatedData,omitempty"`
}

// Refusal is an HTTP status and an error code; unset parts keep the default.
type Refusal struct {
	Status int    `json:"status,omitempty"`
	Code   string `json:"code,omitempty"`
}

// SerialKind is a choice of the provider's key. The zero value follows the mode.
type SerialKind string

// The choices of a key for notifications.
const (
	WithPublicKey    SerialKind = "public-key"
	WithCertificate  SerialKind = "certificate"
	WithAlternateKey SerialKind = "alternate" // every other delivery
)

// or makes a failure from the refusal, with the defaults for what is unset.
func (r Refusal) or(standard *failure) *failure {
	made := *standard
	if r.Status != 0 {
		made.status = r.Status
	}
	if r.Code != "" {
		made.code = r.Code
	}
	return &made
}
