package wechatpay

import (
	"errors"
	"strconv"
	"strings"
	"time"
)

// scheme is the authentication type, and the value of Wechatpay-Signature-Type.
const scheme = "WECHATPAY2-SHA256-RSA2048"

// probePrefix marks the provider's deliberate wrong signatures (§2.3).
const probePrefix = "WECHATPAY/SIGNTEST/"

// window is how far a signature's timestamp may be off (§2.1).
const window = 5 * time.Minute

// The headers of a signed answer or notification (§2.3).
const (
	headerTimestamp = "Wechatpay-Timestamp"
	headerNonce     = "Wechatpay-Nonce"
	headerSignature = "Wechatpay-Signature"
	headerSerial    = "Wechatpay-Serial"
	headerSignType  = "Wechatpay-Signature-Type"
)

func signatureHeaders() []string {
	return []string{headerTimestamp, headerNonce, headerSignature, headerSerial, headerSignType}
}

// requestMessage is what a merchant signs (§2.1). The target is the request
// line's, still encoded: rebuilt from a decoded path it would differ for
// clients that encode more than they must.
func requestMessage(method, target, timestamp, nonce string, body []byte) string {
	return method + "\n" + target + "\n" + timestamp + "\n" + nonce + "\n" + string(body) + "\n"
}

// answerMessage is what the provider signs, in answers and notifications
// (§2.3). An empty body still has its line.
func answerMessage(timestamp, nonce string, body []byte) string {
	return timestamp + "\n" + nonce + "\n" + string(body) + "\n"
}

// fresh reports whether a timestamp in seconds lies in the window. A timestamp
// in milliseconds is tens of thousands of years off, and so refused (§1).
func fresh(timestamp string, now time.Time) bool {
	seconds, err := strconv.ParseInt(timestamp, 10, 64)
	if err != nil {
		return false
	}
	off := now.Unix() - seconds
	return off <= int64(window/time.Second) && off >= -int64(window/time.Second)
}

// authorization is a request's Authorization header, read.
type authorization struct {
	mchID, nonce, signature, timestamp, serial string
}

// The ways not to be an authorization: clients are told which (§2.2).
var (
	errGarbled = errors.New("the Authorization header is garbled")
	errScheme  = errors.New("the Authorization scheme is another")
)

// parseAuthorization reads key="value" pairs in any order, with spaces after
// the commas or without: each client writes its own way (§2.1).
func parseAuthorization(header string) (authorization, error) {
	kind, rest, found := strings.Cut(strings.TrimSpace(header), " ")
	if kind == "" {
		return authorization{}, errGarbled
	}
	if kind != scheme {
		return authorization{}, errScheme
	}
	if !found {
		return authorization{}, errGarbled
	}
	values, ok := pairs(rest)
	if !ok {
		return authorization{}, errGarbled
	}
	read := authorization{mchID: values["mchid"], nonce: values["nonce_str"], signature: values["signature"],
		timestamp: values["timestamp"], serial: values["serial_no"]}
	if read.mchID == "" || read.nonce == "" || read.signature == "" || read.serial == "" {
		return authorization{}, errGarbled
	}
	if _, err := strconv.ParseInt(read.timestamp, 10, 64); err != nil {
		return authorization{}, errGarbled
	}
	return read, nil
}

// pairs reads key="value" separated by commas. Values have no escapes: no
// field's alphabet has a quote. A key twice is refused rather than guessed at.
func pairs(text string) (map[string]string, bool) {
	values := map[string]string{}
	for text = strings.TrimSpace(text); ; text = strings.TrimSpace(text[1:]) {
		key, rest, opened := strings.Cut(text, `="`)
		value, after, shut := strings.Cut(rest, `"`)
		if _, twice := values[key]; !opened || !shut || twice || key == "" || strings.ContainsAny(key, `", `) {
			return nil, false
		}
		values[key] = value
		text = strings.TrimSpace(after)
		if text == "" {
			return values, true
		}
		if text[0] != ',' {
			return nil, false
		}
	}
}
