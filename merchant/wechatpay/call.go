package wechatpay

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/payquake/payquake/merchant"
)

// maxAnswer bounds what an answer can make us read.
const maxAnswer = 1 << 20

// exchange sends one signed request. The path is what is signed and what is
// sent, byte for byte.
func (c *Client) exchange(ctx context.Context, method, path, body string) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, method, c.base+path, strings.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("address %s: %w", path, err)
	}
	// A base URL with a path of its own puts it in front of what is signed.
	authorization, err := c.signer.authorization(method, request.URL.RequestURI(), body)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Authorization", authorization)
	request.Header.Set("Accept", "application/json")
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("User-Agent", "payquake-merchant/1")
	if serial := c.preferredSerial(); serial != "" {
		request.Header.Set("Wechatpay-Serial", serial)
	}
	response, err := c.http.Do(request)
	if err != nil {
		return nil, fmt.Errorf("call %s %s: %w", method, path, err)
	}
	return response, nil
}

// preferredSerial asks the provider to sign its answer with a key we know.
func (c *Client) preferredSerial() string {
	if c.config.Mode == ModePublicKey {
		return c.config.PublicKeyID
	}
	return c.keys.newest()
}

// reply is an answer that was read to its end. Proven tells that its
// signature verifies.
type reply struct {
	status int
	body   []byte
	proven error
}

// call sends one request and reads its answer. An error means that nothing is
// known of what the provider did.
func (c *Client) call(ctx context.Context, method, path, body string) (reply, error) {
	response, err := c.exchange(ctx, method, path, body)
	if err != nil {
		return reply{}, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return reply{}, fmt.Errorf("read answer of %s: %w", path, err)
	}
	return reply{status: response.StatusCode, body: text, proven: c.Verify(ctx, response.Header, text)}, nil
}

// result reads what a reply says of the call: OK for the wanted status with a
// valid signature, otherwise what classify says. A 2xx without a valid
// signature is indeterminate: the provider may have acted, or may not be the
// one who answers (section 0, fact 3).
func (r reply) result(wanted int) merchant.Result {
	if r.status/100 == 2 && r.proven != nil {
		return merchant.Result{Detail: fmt.Sprintf("%d not proven: %v", r.status, r.proven)}
	}
	if r.status == wanted {
		return merchant.Result{Outcome: merchant.OK}
	}
	return classify(r.status, r.body)
}

// failure is the body of an error answer (section 6).
type failure struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

// unanswered is the result of a call that broke.
func unanswered(err error) merchant.Result {
	return merchant.Result{Detail: err.Error()}
}

// believeOnly turns an unproven refusal of a call that has an effect into not
// knowing. Error answers come unsigned at times and anyone on the way can
// write one (section 0, fact 2); a forged "declined" must not bury a charge.
func (r reply) believeOnly(result merchant.Result) merchant.Result {
	if result.Outcome == merchant.Failed && r.proven != nil {
		return merchant.Result{Detail: fmt.Sprintf("refusal %q not proven: %v", result.Detail, r.proven)}
	}
	return result
}

// decode reads a JSON answer that must have arrived whole.
func decode(body []byte, into any) error {
	if err := json.Unmarshal(body, into); err != nil {
		return fmt.Errorf("read answer: %w", err)
	}
	return nil
}
