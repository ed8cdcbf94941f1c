package alipay

import "github.com/payquake/payquake/faults"

// Options are the things about the real provider that are not known for sure,
// or that it does differently for different merchants. The zero value is the
// documented or suggested default of protocol alipay; each field says where it
// comes from.
type Options struct {
	// UnsignedErrors leaves the signature off answers that refuse (§3): those
	// given before the app is known, as probes saw, or all. Default: all answers
	// are signed.
	UnsignedErrors Unsigned `json:"unsignedErrors,omitempty"`
	// SignedRESTErrors signs the errors of v3, whose real ones carry no
	// alipay-signature (§13). Default: unsigned.
	SignedRESTErrors bool `json:"signedRESTErrors,omitempty"`
	// TimestampWindow is how far a request's timestamp may be off (§1). Default
	// 0: only its format is checked, because several clients stamp local time.
	TimestampWindow faults.Duration `json:"timestampWindow,omitempty"`
	// OldSignatureConfig answers isv.missing-signature-config under 40002, as
	// older lists do (§3). Default: 40003.
	OldSignatureConfig bool `json:"oldSignatureConfig,omitempty"`
	// EchoSignedString puts the gateway's own string to sign into the sub_msg of
	// isv.invalid-signature, as real samples do (§3). Default: off, since
	// clients that count braces stumble over it.
	EchoSignedString bool `json:"echoSignedString,omitempty"`
	// RefuseRepeatedPrecreate answers the same precreate again with
	// ACQ.APPLY_PC_MERCHANT_CODE_ERROR (§6). Default: the earlier code again.
	RefuseRepeatedPrecreate bool `json:"refuseRepeatedPrecreate,omitempty"`
	// PrecreateMakesTrade lets the trade of a precreate exist before anybody
	// scanned (§6, §16). Default: it exists from the scan on.
	PrecreateMakesTrade bool `json:"precreateMakesTrade,omitempty"`
	// CancelKillsCode voids a code that nobody scanned when its number is
	// cancelled (§6). Default: it stays payable until it expires.
	CancelKillsCode bool `json:"cancelKillsCode,omitempty"`
	// CancelRepeatSilent answers the cancel of a closed trade without action
	// (§6). Default: the action again.
	CancelRepeatSilent bool `json:"cancelRepeatSilent,omitempty"`
	// NotifyCancelRefund sends a refund's notice for money that a cancel gave
	// back (§7 speaks of refunds only). Default: none.
	NotifyCancelRefund bool `json:"notifyCancelRefund,omitempty"`
	// ClosePaid is the sub_code that refuses to close what is not open (§6).
	// Default ACQ.TRADE_STATUS_ERROR; ACQ.REASON_TRADE_STATUS_INVALID is listed
	// too.
	ClosePaid string `json:"closePaid,omitempty"`
	// SpentCodeFirst answers a pay with a spent auth_code with
	// ACQ.PAYMENT_AUTH_CODE_INVALID before it looks at the number (§5). Default:
	// the number's trade decides first.
	SpentCodeFirst bool `json:"spentCodeFirst,omitempty"`
	// PasswordAbove is the amount in fen above which a barcode payment needs the
	// shopper's password and answers 10003 (§5: 1000 yuan in life). Default 0:
	// never, because a plan decides what a trial meets.
	PasswordAbove int64 `json:"passwordAbove,omitempty"`
	// RESTPendingStatus is the HTTP status of v3 for what v2 says with 10003
	// (§13). Default 202.
	RESTPendingStatus int `json:"restPendingStatus,omitempty"`
	// UnknownOutcome is the sub_code of an unknown outcome (§5). Default
	// isp.unknow-error under 20000; ACQ.SYSTEM_ERROR comes under 40004.
	UnknownOutcome string `json:"unknownOutcome,omitempty"`
	// OlderNotices also announces trades of an app or a phone's page that are
	// closed unpaid, as the older answers say (§7). Default: only success.
	OlderNotices bool `json:"olderNotices,omitempty"`
	// SilentRefunds announces no refunds, of which no official page speaks (§7).
	// Default: as seen in the field.
	SilentRefunds bool `json:"silentRefunds,omitempty"`
	// WholeSecondsRefund writes gmt_refund without its milliseconds (§7).
	// Default: with them.
	WholeSecondsRefund bool `json:"wholeSecondsRefund,omitempty"`
	// Retries is the calendar of notifications (§7). Default: 4m, 10m, 10m, 1h,
	// 2h, 6h, 15h.
	Retries Retries `json:"retries,omitempty"`
	// LenientAck takes an acknowledgement in any case and with spaces around it
	// (§7). Default: exactly "success".
	LenientAck bool `json:"lenientAck,omitempty"`
	// AnySubject takes a subject with / = or & (§1). Default: refused, as
	// documented.
	AnySubject bool `json:"anySubject,omitempty"`
	// FinishAtOnce makes a paid trade TRADE_FINISHED, as products without
	// refunds do (§6). Default: TRADE_SUCCESS.
	FinishAtOnce bool `json:"finishAtOnce,omitempty"`
}

// Unsigned says which refusals carry no signature. The zero value: none.
type Unsigned string

// The choices of unsigned refusals.
const (
	UnsignedEarly Unsigned = "early" // before the app is known
	UnsignedAll   Unsigned = "all"
)

// Retries is a choice of the retry calendar. The zero value is the documented
// one.
type Retries string

// The choices of a calendar.
const (
	RetriesAtOnce   Retries = "at-once-first" // three immediate re-sends before it
	RetriesOverseas Retries = "overseas"      // 2m before the first 10m, instead of 4m
)
