package wechatpay

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/payquake/payquake/clock"
	"github.com/payquake/payquake/faults/proxy"
	"github.com/payquake/payquake/providers/keys"
)

// encode writes JSON as the provider does: no HTML escapes, no final newline.
// What it is given always encodes.
func encode(value any) []byte {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return []byte("{}")
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n"))
}

// errorBody is a failure on the wire.
type errorBody struct {
	Code    string `json:"code"`
	Message string `json:"message"`
	Detail  any    `json:"detail,omitempty"`
}

// desk writes answers: it signs them and dresses them in the provider's
// headers (§2.3). The mock and the gateway's dialect share it, so that an
// injected refusal looks like a real one.
type desk struct {
	ring  *keyring
	clock clock.Clock
}

// good makes and signs an answer that does not refuse. asked is the request's
// Wechatpay-Serial.
func (d desk) good(r reply, asked string) (*proxy.Answer, error) {
	answer := d.dressed(r.status, 0, r.body)
	return answer, d.sign(answer, asked)
}

// bad makes an answer that refuses, spelled and signed as the options say.
func (d desk) bad(f *failure, asked string) (*proxy.Answer, error) {
	code := f.code
	if d.ring.config.Options.LegacyCodes {
		code = legacy(code)
	}
	answer := d.dressed(f.status, f.internal, encode(errorBody{code, f.message, f.detail}))
	if d.ring.config.Options.UnsignedErrors && f.status/100 != 2 { // 202 is no error
		return answer, nil
	}
	return answer, d.sign(answer, asked)
}

// dressed is an unsigned answer. The tail of Request-ID is 0 for success and
// an internal number otherwise (§6.3).
func (d desk) dressed(status, internal int, body []byte) *proxy.Answer {
	header := proxy.Header{
		{Name: "Server", Value: "nginx"},
		{Name: "Date", Value: d.clock.Now().UTC().Format(http.TimeFormat)},
	}
	if len(body) > 0 {
		header = append(header, proxy.HeaderLine{Name: "Content-Type", Value: "application/json; charset=utf-8"},
			proxy.HeaderLine{Name: "Content-Length", Value: strconv.Itoa(len(body))})
	}
	header = append(header,
		proxy.HeaderLine{Name: "Keep-Alive", Value: "timeout=8"},
		proxy.HeaderLine{Name: "Cache-Control", Value: "no-cache, must-revalidate"},
		proxy.HeaderLine{Name: "X-Content-Type-Options", Value: "nosniff"},
		proxy.HeaderLine{Name: "Request-ID", Value: strings.ToUpper("08"+keys.Hex(38)) + "-" + strconv.Itoa(internal)},
		proxy.HeaderLine{Name: "Content-Language", Value: "zh-CN"})
	return &proxy.Answer{Status: status, Reason: http.StatusText(status), Header: header, Body: body}
}

// sign adds the signature with the key of the kind that was asked for.
func (d desk) sign(answer *proxy.Answer, asked string) error {
	now := d.clock.Now()
	key, _ := d.ring.answering(asked, now)
	return signWith(&answer.Header, key, strconv.FormatInt(now.Unix(), 10), answer.Body)
}

// signWith signs a body of the provider's and sets the five headers.
func signWith(header *proxy.Header, key *identity, timestamp string, body []byte) error {
	nonce := keys.Hex(32)
	signature, err := keys.Sign(key.pair, answerMessage(timestamp, nonce, body))
	if err != nil {
		return err
	}
	header.Set(headerNonce, nonce)
	header.Set(headerSignature, signature)
	header.Set(headerTimestamp, timestamp)
	header.Set(headerSerial, key.serial)
	header.Set(headerSignType, scheme)
	return nil
}

// signDetail is the detail of a wrong signature: what the server would have
// signed, so that people can compare (§2.2).
func signDetail(method, target, message string, old bool) any {
	information := map[string]any{"method": method, "url": target,
		"truncated_sign_message": truncated(message), "sign_message_length": len(message)}
	const issue = "sign not match"
	if old {
		return map[string]any{"issue": issue, "field": "signature", "location": "authorization",
			"sign_information": information}
	}
	return map[string]any{"detail": map[string]string{"issue": issue}, "field": "signature",
		"location": "authorization", "sign_information": information}
}

// truncated keeps the beginning of a message, whole characters only.
func truncated(message string) string {
	const limit = 256
	if len(message) <= limit {
		return message
	}
	cut := limit
	for cut > 0 && !utf8.RuneStart(message[cut]) {
		cut--
	}
	return message[:cut]
}

// unauthorized refuses to believe who asks. Nothing was executed (§2.2).
func unauthorized(message string) *failure {
	return &failure{401, "SIGN_ERROR", message, internalBadSignature, nil}
}

// noSuchPath answers what the mock does not serve. Its code is no business
// code, so that no client takes it for "no such order".
func noSuchPath(method, target string) *failure {
	return &failure{404, "NOT_FOUND", fmt.Sprintf("请求的接口不存在: %s %s", method, target), internalOther, nil}
}
