package unionpay

import "github.com/payquake/payquake/faults"

// Options are the things about the real provider that are not known for sure,
// or on which sources disagree (protocol unionpay §19). The zero value is the
// documented or suggested default; each field says where it comes from.
type Options struct {
	// LongRetries sends a notification again after 1, 2, 4 and 5 minutes, as one
	// client documents (§9). Default: after 0, 1, 2 and 4 minutes.
	LongRetries bool `json:"longRetries,omitempty"`
	// AckRedirect takes a 302 for an acknowledgement too, as samples say (§9).
	// Default: only 200.
	AckRedirect bool `json:"ackRedirect,omitempty"`
	// TxnTimeByDate lets a query find an order by its orderId and the date of
	// txnTime (§16.2). Default: the exact txnTime.
	TxnTimeByDate bool `json:"txnTimeByDate,omitempty"`
	// TxnTimeWindow is how far the txnTime of a new transaction may be off (§1
	// says only that a stale one is rejected). Default 0: one hour.
	TxnTimeWindow faults.Duration `json:"txnTimeWindow,omitempty"`
	// Stale is the code for a stale txnTime (§1 names none). Default 10.
	Stale string `json:"stale,omitempty"`
	// ReplayResend answers the identical request once more as the first time
	// (§10). Default: 12, like any other use of the orderId.
	ReplayResend bool `json:"replayResend,omitempty"`
	// OverRefund is the code for more refunds than were captured (§12, §19).
	// Default 36.
	OverRefund string `json:"overRefund,omitempty"`
	// LateVoid is the code for a void or reversal after the clearing day (§17).
	// Default 35.
	LateVoid string `json:"lateVoid,omitempty"`
	// Unpaid is what a query says of an order that nobody has paid yet: 05, 70,
	// or 34, which is then the respCode (§7, §8.2). Default 05.
	Unpaid string `json:"unpaid,omitempty"`
	// Expired is the origRespCode of an order that nobody paid in time: any but
	// 00 and A6 means failed (§8.3). Default 01.
	Expired string `json:"expired,omitempty"`
	// Reversed is the origRespCode of a payment that was reversed (§12 does not
	// say). Default 46.
	Reversed string `json:"reversed,omitempty"`
	// Late is the code of a payment that arrives in the last instant, when its
	// merchant already gives it up: 42 says debited after the allowed time, 00
	// just in time (§7, §8.3). Default 42.
	Late string `json:"late,omitempty"`
	// PlainQueryIDs makes a queryId of 21 random digits. Default: the layout that
	// three samples agree on, with time and traceNo inside (§1).
	PlainQueryIDs bool `json:"plainQueryIDs,omitempty"`
	// CodePrefix begins the digits of a qrCode: 62 or 01 (§11). Default 62.
	CodePrefix string `json:"codePrefix,omitempty"`
	// CodeLife is how long an order without payTimeout can be paid (§11: about a
	// day in one sample). Default 0: 24 hours.
	CodeLife faults.Duration `json:"codeLife,omitempty"`
	// BarcodeLife is how long a payer's code lives (§11 does not say). Default 0:
	// one minute.
	BarcodeLife faults.Duration `json:"barcodeLife,omitempty"`
	// BarcodeReusable lets a payer's code be scanned more than once (§11).
	// Default: once.
	BarcodeReusable bool `json:"barcodeReusable,omitempty"`
}

// or is a code, or the default for an unset one.
func or(code, standard string) string {
	if code == "" {
		return standard
	}
	return code
}
