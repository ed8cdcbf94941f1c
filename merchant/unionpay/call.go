package unionpay

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/payquake/payquake/merchant"
)

// The endpoints (section 2).
const (
	frontPath = "/gateway/api/frontTransReq.do"
	appPath   = "/gateway/api/appTransReq.do"
	backPath  = "/gateway/api/backTransReq.do"
	queryPath = "/gateway/api/queryTrans.do"
)

// maxAnswer bounds what an answer can make us read.
const maxAnswer = 1 << 20

// The form of the provider's times, which are Beijing's (section 1).
const timeLayout = "20060102150405"

func beijing() *time.Location { return time.FixedZone("", 8*60*60) }

func wireTime(at time.Time) string { return at.In(beijing()).Format(timeLayout) }

// common are the fields of every request.
func (c *Client) common(txnType, txnSubType, bizType string) fields {
	return fields{"version": "5.1.0", "encoding": "UTF-8", "signMethod": "01", "certId": c.config.CertID,
		"txnType": txnType, "txnSubType": txnSubType, "bizType": bizType, "accessType": "0", "channelType": "08",
		"merId": c.config.MerchantID}
}

// body writes fields as the stored form of a request: everything but the
// signature, which is the same each time.
func (f fields) body() string {
	values := url.Values{}
	for name, value := range f {
		values.Set(name, value)
	}
	return values.Encode()
}

// stored reads the fields of a stored request.
func stored(request merchant.Request) (fields, error) {
	values, err := url.ParseQuery(request.Body)
	if err != nil {
		return nil, fmt.Errorf("read stored request: %w", err)
	}
	f := fields{}
	for name := range values {
		f[name] = values.Get(name)
	}
	return f, nil
}

// post signs and sends a request, and returns the answer with its whole body.
// An error means that nothing is known of what the provider did.
func (c *Client) post(ctx context.Context, path string, f fields) (*http.Response, []byte, error) {
	if err := c.sign(f); err != nil {
		return nil, nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.base+path, strings.NewReader(f.body()))
	if err != nil {
		return nil, nil, fmt.Errorf("address %s: %w", path, err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded;charset=UTF-8")
	response, err := c.http.Do(request)
	if err != nil {
		return nil, nil, fmt.Errorf("call %s: %w", path, err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return nil, nil, fmt.Errorf("read answer of %s: %w", path, err)
	}
	return response, body, nil
}

// call is post for what is answered with signed pairs. An answer that is not
// proven to be the provider's is no answer.
func (c *Client) call(ctx context.Context, path string, f fields) (fields, error) {
	response, body, err := c.post(ctx, path, f)
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answered %s", path, response.Status)
	}
	answer, err := parsePairs(string(body))
	if err != nil {
		return nil, err
	}
	if err := c.verify(answer); err != nil {
		return nil, fmt.Errorf("answer of %s: %w", path, err)
	}
	if answer["merId"] != c.config.MerchantID {
		return nil, fmt.Errorf("answer of %s is for merchant %.32q", path, answer["merId"])
	}
	return answer, nil
}

// class is what a response code says of a transaction (section 7). U and P both
// mean that nobody knows yet.
type class int

// The classes; the zero value is not knowing.
const (
	unknown class = iota
	success
	refused // for good, with a kind for the checkout
)

// The codes that speak of the number rather than of what it stands for: 12 says
// that it is in use, and what the first attempt came to only a query tells; 34
// that a query finds nothing under it.
const (
	codeDuplicate = "12"
	codeNone      = "34"
)

// codeReversed says of a reversal that an earlier one took hold.
const codeReversed = "46"

// classOf reads what a code says of a transaction.
func classOf(code string) (class, merchant.Class) {
	switch code {
	case "00", "A6", "42": // 42: the money moved, after the time allowed
		return success, ""
	case "10", "11", "13", "14", "31", "32", "33", "40", "43", "44":
		return refused, merchant.Config
	case "35", "36", "45", codeReversed:
		return refused, merchant.Conflict
	case "01", "30", "38", "39", "60", "61", "62", "63", "64", "65", "66", "67", "68", "69", "71", "72", "73",
		"76", "77", "78", "79", "80", "81", "82", "85", "89", "90", "91", "92", "93", "94", "95", "96":
		return refused, merchant.Declined
	case "86", "87", "88":
		return refused, merchant.AuthCodeInvalid
	default:
		return unknown, ""
	}
}

// result reads what an answer says of the call itself.
func result(answer fields) merchant.Result {
	detail := fmt.Sprintf("%.8s %.200s", answer["respCode"], answer["respMsg"])
	if answer["respCode"] == codeNone {
		return merchant.Result{Outcome: merchant.Failed, Class: merchant.NotFound, Detail: detail}
	}
	switch found, kind := classOf(answer["respCode"]); found {
	case success:
		return merchant.Result{Outcome: merchant.OK}
	case refused:
		return merchant.Result{Outcome: merchant.Failed, Class: kind, Detail: detail}
	default:
		return merchant.Result{Detail: detail}
	}
}

// unanswered is the result of a call that broke.
func unanswered(err error) merchant.Result { return merchant.Result{Detail: err.Error()} }
