package wechatpay

import (
	"encoding/json"
	"errors"
	"strings"

	"github.com/payquake/payquake/providers/keys"
)

// handover is what a merchant's page or app hands to the wallet: a prepay id
// under the merchant's signature (§2.7). The phone's check is the only one on
// this leg.
type handover struct {
	appID, timestamp, nonce string
	prepayID                string
	signature               string
	fromApp                 bool
	// given is all that was handed over but the signature, as v2 signs it.
	given document
}

// parseHandover reads the parameters of jsapi or of an app; false if the text
// is none, such as a bare prepay id.
func parseHandover(text string) (handover, bool) {
	if !strings.HasPrefix(text, "{") {
		return handover{}, false
	}
	var page struct {
		AppID     string `json:"appId"`
		TimeStamp string `json:"timeStamp"`
		NonceStr  string `json:"nonceStr"`
		Package   string `json:"package"`
		PaySign   string `json:"paySign"`
	}
	// encoding/json ignores case, and so would mix the two spellings up: which
	// one it is, the member that only one of them has must tell.
	if err := json.Unmarshal([]byte(text), &page); err != nil {
		return handover{}, false
	}
	if page.PaySign != "" {
		return handover{given: givenOf(text), appID: page.AppID, timestamp: page.TimeStamp, nonce: page.NonceStr,
			prepayID: strings.TrimPrefix(page.Package, "prepay_id="), signature: page.PaySign}, true
	}
	var app struct {
		AppID     string `json:"appid"`
		Timestamp string `json:"timestamp"`
		NonceStr  string `json:"noncestr"`
		PrepayID  string `json:"prepayid"`
		Sign      string `json:"sign"`
	}
	if err := json.Unmarshal([]byte(text), &app); err != nil || app.PrepayID == "" {
		return handover{}, false
	}
	return handover{given: givenOf(text), appID: app.AppID, timestamp: app.Timestamp, nonce: app.NonceStr,
		prepayID: app.PrepayID, signature: app.Sign, fromApp: true}, true
}

// givenOf reads the parameters under a signature of v2's kind.
func givenOf(text string) document {
	var read map[string]any
	if err := json.Unmarshal([]byte(text), &read); err != nil {
		return nil
	}
	var given document
	for name, value := range read {
		if written, ok := value.(string); ok && name != "paySign" && name != "sign" {
			given.add(name, written)
		}
	}
	return given
}

// message is what the merchant signed: a page signs "prepay_id=" with the id,
// an app the bare id (§2.7).
func (h handover) message() string {
	last := "prepay_id=" + h.prepayID
	if h.fromApp {
		last = h.prepayID
	}
	return h.appID + "\n" + h.timestamp + "\n" + h.nonce + "\n" + last + "\n"
}

var errHandover = errors.New("the handover is not signed by the order's merchant")

// verify reports why the phone refuses to pay. A merchant of v2 signs with its
// key as it signs calls.
func (h handover) verify(o *order) error {
	if h.appID == o.params.AppID && (keys.Verifies(o.account.key, h.message(), h.signature) || h.signedV2(o.account.APIv2Key)) {
		return nil
	}
	return errHandover
}

// signedV2 checks a signature of v2: of the named type, or of either where an
// app has no place to name it.
func (h handover) signedV2(key string) bool {
	signed := append(document{{name: "sign", value: h.signature}}, h.given...)
	if named := h.given.get("signType"); named != "" {
		return signed.signed(key, named)
	}
	return signed.signed(key, signMD5) || signed.signed(key, signHMAC)
}
