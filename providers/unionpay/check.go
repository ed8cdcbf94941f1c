package unionpay

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/payquake/payquake/payment"
)

// shape reports whether a value has the form of its field (§1).
type shape func(string) bool

// word is a shape: so many letters and digits.
func word(least, most int) shape {
	return func(text string) bool {
		outside := strings.ContainsFunc(text, func(r rune) bool {
			return (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
		})
		return !outside && len(text) >= least && len(text) <= most
	}
}

// number is a shape: so many digits.
func number(least, most int) shape {
	return func(text string) bool { return digits(text) && len(text) >= least && len(text) <= most }
}

// upTo is a shape: so many bytes at most.
func upTo(most int) shape { return func(text string) bool { return len(text) <= most } }

// oneOf is a shape: one of these words, in any case.
func oneOf(words ...string) shape {
	return func(text string) bool {
		return slices.ContainsFunc(words, func(word string) bool { return strings.EqualFold(word, text) })
	}
}

// moment is a shape: a time as the wire writes it.
func moment(text string) bool {
	_, err := readTime(text)
	return err == nil && number(14, 14)(text)
}

// reachable is a shape: an address that a notification can be sent to. It may
// have a query (§9).
func reachable(text string) bool {
	read, err := url.Parse(text)
	return err == nil && read.Host != "" && (read.Scheme == "http" || read.Scheme == "https") && len(text) <= 256
}

// element is a field with its shape.
type element struct {
	name string
	fits shape
}

// elements are the fields that are checked wherever they occur, in the order in
// which a mistake is told. A payer's code need not be digits: a sandbox test
// sends others (§11).
func elements() []element {
	return []element{{"version", oneOf("5.1.0")}, {"encoding", oneOf("UTF-8", "GBK")},
		{"signMethod", oneOf(byCertificate, bySecureKey)}, {"certId", number(1, 128)}, {"merId", word(15, 15)},
		{"accessType", oneOf("0", "1", "2")}, {"bizType", number(6, 6)}, {"channelType", oneOf("05", "07", "08", "16")},
		{"orderId", word(8, 40)}, {"txnTime", moment}, {"txnAmt", number(1, 12)}, {"currencyCode", oneOf("156")},
		{"backUrl", reachable}, {"frontUrl", reachable}, {"payTimeout", moment}, {"qrNo", upTo(20)},
		{"queryId", word(21, 21)}, {"origQryId", word(21, 21)}, {"origOrderId", word(8, 40)}, {"origTxnTime", moment},
		{"certType", oneOf("01")}, {"reqReserved", upTo(1024)}}
}

// required lists what a transaction cannot do without, after what none can.
func (t transaction) required() []string {
	common := []string{"version", "encoding", "signMethod", "txnType", "txnSubType", "merId", "accessType", "bizType"}
	own := append(common, "orderId", "txnTime")
	switch t {
	case consume, shown:
		return append(own, "txnAmt", "currencyCode", "channelType", "backUrl")
	case scanned:
		return append(own, "txnAmt", "currencyCode", "channelType", "backUrl", "qrNo")
	case refund, void:
		return append(own, "txnAmt", "origQryId", "backUrl")
	case queryByID:
		return append(common, "queryId")
	case encryptKey:
		return append(own, "certType")
	default:
		return own
	}
}

// checkForm finds what is wrong with a request before anybody is believed:
// missing elements are 13, misshapen ones 10 (§7). An empty value is missing.
func checkForm(asked fields) *failure {
	for _, name := range asked.transaction().required() {
		if asked[name] == "" {
			return refuse(codeMissing, name)
		}
	}
	if asked["signMethod"] == byCertificate && asked["certId"] == "" {
		return refuse(codeMissing, "certId")
	}
	for _, each := range elements() {
		if value := asked[each.name]; value != "" && !each.fits(value) {
			return refuse(codeFormat, each.name)
		}
	}
	return nil
}

// maxFen is what one transaction may move here: 10 million yuan.
const maxFen = 1_000_000_000

// amount reads txnAmt, whole fen. Zero is a format error, too much is 33.
func (v fields) amount() (payment.Money, *failure) {
	fen, err := strconv.ParseInt(v["txnAmt"], 10, 64)
	switch {
	case err != nil || fen <= 0:
		return payment.Money{}, refuse(codeFormat, "txnAmt")
	case fen > maxFen:
		return payment.Money{}, refuse(codeAmount, "txnAmt")
	}
	return payment.Fen(fen), nil
}

// timeLayout is how the wire writes a moment, in Beijing time (§1).
const timeLayout = "20060102150405"

// zone is the provider's local time; it has no daylight saving, and a scratch
// container no zone files.
func zone() *time.Location { return time.FixedZone("CST", 8*60*60) }

// beijing is a moment as the provider's clocks show it.
func beijing(at time.Time) time.Time { return at.In(zone()) }

// writeTime writes a moment as the wire does.
func writeTime(at time.Time) string { return beijing(at).Format(timeLayout) }

// readTime reads such a moment.
func readTime(text string) (time.Time, error) { return time.ParseInLocation(timeLayout, text, zone()) }

// defaultWindow is how far the txnTime of a new transaction may be off.
const defaultWindow = time.Hour

// window is the same as the options have it.
func (o Options) window() time.Duration {
	if o.TxnTimeWindow != 0 {
		return o.TxnTimeWindow.Std()
	}
	return defaultWindow
}

// current reports whether a txnTime is about now.
func (o Options) current(text string, now time.Time) bool {
	at, err := readTime(text)
	return err == nil && now.Sub(at).Abs() <= o.window()
}

// oneLine reports whether a value can be echoed in an answer that refuses: it
// has nothing that an answer's readers split at (§4).
func oneLine(text string) bool {
	return !strings.ContainsAny(text, "&={}[]\r\n") && strings.TrimSpace(text) == text
}
