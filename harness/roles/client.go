package roles

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"go.opentelemetry.io/otel/propagation"

	"github.com/payquake/payquake/clock"
	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/faults/proxy"
	"github.com/payquake/payquake/journal"
	"github.com/payquake/payquake/payment"
	"github.com/payquake/payquake/providers"
)

// Client is the harness's side of a control API: the gateway's, or through the
// gateway's relay a provider's.
type Client struct {
	base  string
	token string
	http  *http.Client
}

// NewClient talks to the control API at an address (host:port).
func NewClient(address, token string) *Client {
	return &Client{base: "http://" + address, token: token, http: &http.Client{
		Transport: &http.Transport{MaxIdleConnsPerHost: 256}, Timeout: time.Minute}}
}

// Relay talks to a role behind the gateway.
func (c *Client) Relay(role string) *Client {
	return &Client{base: c.base + "/relay/" + role, token: c.token, http: c.http}
}

// call makes one control call. A nil in or out is left away.
func (c *Client) call(ctx context.Context, method, path string, in, out any) error {
	answer, err := c.Do(ctx, method, path, in)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode/100 != 2 {
		return failed(method+" "+path, answer)
	}
	if out == nil {
		_, _ = io.Copy(io.Discard, answer.Body)
		return nil
	}
	if err := json.NewDecoder(answer.Body).Decode(out); err != nil {
		return fmt.Errorf("control %s %s: %w", method, path, err)
	}
	return nil
}

// Do makes a call with a JSON argument and returns the raw answer, whose body
// the caller closes. Trace context in ctx is passed on.
func (c *Client) Do(ctx context.Context, method, path string, in any) (*http.Response, error) {
	var body io.Reader
	if in != nil {
		encoded, err := json.Marshal(in)
		if err != nil {
			return nil, fmt.Errorf("control %s %s: %w", method, path, err)
		}
		body = bytes.NewReader(encoded)
	}
	request, err := http.NewRequestWithContext(ctx, method, c.base+path, body)
	if err != nil {
		return nil, fmt.Errorf("control %s %s: %w", method, path, err)
	}
	request.Header.Set(tokenHeader, c.token)
	propagation.TraceContext{}.Inject(ctx, propagation.HeaderCarrier(request.Header))
	answer, err := c.http.Do(request)
	if err != nil {
		return nil, fmt.Errorf("control %s %s: %w", method, path, err)
	}
	return answer, nil
}

// failed turns a refusal into an error that errors.Is can tell apart.
func failed(what string, answer *http.Response) error {
	text, _ := io.ReadAll(io.LimitReader(answer.Body, 64<<10))
	var refusal failure
	if json.Unmarshal(text, &refusal) != nil || refusal.Message == "" {
		return fmt.Errorf("control %s: %s: %s", what, answer.Status, bytes.TrimSpace(text))
	}
	if sentinel := walletErrors()[refusal.Kind]; sentinel != nil {
		return fmt.Errorf("%w (%s)", sentinel, refusal.Message)
	}
	return errors.New(refusal.Message)
}

// Reach is what somebody else needs to make calls as this client does: a base URL,
// and the headers that every call has.
func (c *Client) Reach() (base string, headers http.Header) {
	return c.base, http.Header{tokenHeader: {c.token}}
}

// Send sends a request of somebody else's making to the role, with its path below
// the client's own.
func (c *Client) Send(request *http.Request) (*http.Response, error) {
	base, err := url.Parse(c.base)
	if err != nil {
		return nil, fmt.Errorf("send to %s: %w", c.base, err)
	}
	sent := request.Clone(request.Context())
	sent.URL.Scheme, sent.URL.Host, sent.Host = base.Scheme, base.Host, base.Host
	sent.URL.Path, sent.URL.RawPath = base.Path+request.URL.Path, base.Path+request.URL.EscapedPath()
	sent.Header.Set(tokenHeader, c.token)
	return c.http.Do(sent)
}

// AwaitHealthy waits until the role answers its health check, or ctx ends.
func (c *Client) AwaitHealthy(ctx context.Context, pause clock.Clock) error {
	for {
		answer, err := c.Do(ctx, http.MethodGet, "/healthz", nil)
		if err == nil {
			answer.Body.Close()
			if answer.StatusCode == http.StatusOK {
				return nil
			}
			err = fmt.Errorf("health check: %s", answer.Status)
		}
		if waited := pause.Wait(ctx, 10*time.Millisecond); waited != nil {
			return errors.Join(waited, err)
		}
	}
}

// CastGateway puts trials in play at the gateway.
func (c *Client) CastGateway(ctx context.Context, castings []proxy.Casting) error {
	return c.call(ctx, http.MethodPost, "/cast", castings, nil)
}

// CastProvider puts trials in play at a provider.
func (c *Client) CastProvider(ctx context.Context, parts []providers.Part) error {
	return c.call(ctx, http.MethodPost, "/cast", parts, nil)
}

// Heal takes every fault of the trials out of force.
func (c *Client) Heal(ctx context.Context, trials []faults.Trial) error {
	return c.call(ctx, http.MethodPost, "/heal", trials, nil)
}

// End takes trials out of play; the fates of their pins are recorded.
func (c *Client) End(ctx context.Context, trials []faults.Trial) error {
	return c.call(ctx, http.MethodPost, "/end", trials, nil)
}

// Activity says how quiet the links of each trial in play are.
func (c *Client) Activity(ctx context.Context) (map[faults.Trial]proxy.Activity, error) {
	var activity map[faults.Trial]proxy.Activity
	return activity, c.call(ctx, http.MethodGet, "/activity", nil, &activity)
}

// Outstanding counts what is still on a provider's calendar, per trial.
func (c *Client) Outstanding(ctx context.Context) (map[faults.Trial]int, error) {
	var outstanding map[faults.Trial]int
	return outstanding, c.call(ctx, http.MethodGet, "/outstanding", nil, &outstanding)
}

// Hurry does what is next on the calendar for these trials now.
func (c *Client) Hurry(ctx context.Context, trials []faults.Trial) error {
	return c.call(ctx, http.MethodPost, "/hurry", trials, nil)
}

// Rotate has a provider sign with its next certificate.
func (c *Client) Rotate(ctx context.Context) error {
	return c.call(ctx, http.MethodPost, "/rotate", nothing{}, nil)
}

// Scanned tells the gateway what a trial's shopper holds in hand.
func (c *Client) Scanned(ctx context.Context, scan proxy.Scan) error {
	return c.call(ctx, http.MethodPost, "/scanned", scan, nil)
}

// Addresses are where the gateway listens, as it sees itself.
func (c *Client) Addresses(ctx context.Context) (Addresses, error) {
	var addresses Addresses
	return addresses, c.call(ctx, http.MethodGet, "/addresses", nil, &addresses)
}

// TakeTurn asks for a trial's turn to begin a payment; false if another has it.
func (c *Client) TakeTurn(ctx context.Context, asked Turn) (bool, error) {
	var taken bool
	return taken, c.call(ctx, http.MethodPost, "/turn/take", asked, &taken)
}

// HoldsTurn reports whether a trial's payment is not known yet.
func (c *Client) HoldsTurn(ctx context.Context, trial faults.Trial) (bool, error) {
	var held bool
	return held, c.call(ctx, http.MethodPost, "/turn/held", trial, &held)
}

// EndTurn gives a trial's turn back.
func (c *Client) EndTurn(ctx context.Context, trial faults.Trial) error {
	return c.call(ctx, http.MethodPost, "/turn/end", trial, nil)
}

// Expect has a trial wait for the next payment at a provider that belongs to
// nobody.
func (c *Client) Expect(ctx context.Context, asked Expectation) error {
	return c.call(ctx, http.MethodPost, "/arrival/expect", asked, nil)
}

// Arrived tells what came for a trial that waits; nil as long as nothing has.
func (c *Client) Arrived(ctx context.Context, trial faults.Trial) (*proxy.Arrival, error) {
	var arrival *proxy.Arrival
	err := c.call(ctx, http.MethodPost, "/arrival/came", trial, &arrival)
	return arrival, err
}

// Confirm says that the process of a triggered pin is down.
func (c *Client) Confirm(ctx context.Context, pin faults.Pin) error {
	return c.call(ctx, http.MethodPost, "/confirm", faults.Pin{ID: pin.ID, Trial: pin.Trial}, nil)
}

// LetGo ends the keeping back of a trial's redeliveries and queries.
func (c *Client) LetGo(ctx context.Context, trial faults.Trial) error {
	return c.call(ctx, http.MethodPost, "/letgo", trial, nil)
}

// SetCallee tells the gateway where a role is reached; control is empty for
// the merchant.
func (c *Client) SetCallee(ctx context.Context, role, wire, control string) error {
	return c.call(ctx, http.MethodPost, "/callee", callee{Role: role, Wire: wire, Control: control}, nil)
}

// SetInstances tells the gateway where a role's instances are reached, which take
// turns. It returns when all but the first take connections.
func (c *Client) SetInstances(ctx context.Context, role, first string, beside ...string) error {
	return c.call(ctx, http.MethodPost, "/callee", callee{Role: role, Wire: first, Beside: beside}, nil)
}

// Refuse makes all links to a role refuse connections, or take them again.
func (c *Client) Refuse(ctx context.Context, role string, down bool) error {
	path := "/up"
	if down {
		path = "/down"
	}
	return c.call(ctx, http.MethodPost, path, role, nil)
}

// Stall has a provider stand still, seen from the merchant, or go on.
func (c *Client) Stall(ctx context.Context, provider string, on bool) error {
	return c.call(ctx, http.MethodPost, "/weather", providerWeather{Provider: provider,
		Calls: proxy.Weather{Stalled: on}, Notices: proxy.Weather{Stalled: on}}, nil)
}

// Partition cuts the network between the merchant and a provider, or mends it.
func (c *Client) Partition(ctx context.Context, provider string, direction faults.Direction, on bool) error {
	there, back := on && direction != faults.ToMerchant, on && direction != faults.ToProvider
	return c.call(ctx, http.MethodPost, "/weather", providerWeather{Provider: provider,
		Calls:   proxy.Weather{LosesRequests: there, LosesAnswers: back},
		Notices: proxy.Weather{LosesRequests: back, LosesAnswers: there}}, nil)
}

// Flush brings a role's spans on their way.
func (c *Client) Flush(ctx context.Context) error {
	return c.call(ctx, http.MethodPost, "/flush", nothing{}, nil)
}

// Records returns a role's records after a number; none if none came within
// some seconds.
func (c *Client) Records(ctx context.Context, after uint64) ([]journal.Record, error) {
	var records []journal.Record
	return records, c.call(ctx, http.MethodGet, "/records?after="+strconv.FormatUint(after, 10), nil, &records)
}

// Last is the number of a role's newest record.
func (c *Client) Last(ctx context.Context) (uint64, error) {
	var last uint64
	return last, c.call(ctx, http.MethodGet, "/last", nil, &last)
}

// Spans returns the lines of OTLP JSON after a number, and the last's number.
func (c *Client) Spans(ctx context.Context, after uint64) (lines []json.RawMessage, last uint64, err error) {
	var taken spanLines
	err = c.call(ctx, http.MethodGet, "/spans?after="+strconv.FormatUint(after, 10), nil, &taken)
	return taken.Lines, taken.Last, err
}

// LastSpans is the number of the gateway's newest line of spans.
func (c *Client) LastSpans(ctx context.Context) (uint64, error) {
	var last uint64
	return last, c.call(ctx, http.MethodGet, "/spans/last", nil, &last)
}

// Wallet is a provider's wallet as the shoppers of the driver use it.
func (c *Client) Wallet(provider payment.ProviderName) Wallet {
	return Wallet{client: c.Relay(url.PathEscape(string(provider)))}
}

// Wallet plays a shopper's wallet over the control API. It fails with the
// sentinels of package providers.
type Wallet struct{ client *Client }

// Open scans a code.
func (w Wallet) Open(ctx context.Context, trial faults.Trial, code string) (providers.Checkout, error) {
	var checkout providers.Checkout
	return checkout, w.client.call(ctx, http.MethodPost, "/wallet/open", trialCode{Trial: trial, Code: code}, &checkout)
}

// Pay confirms the payment that the code stands for.
func (w Wallet) Pay(ctx context.Context, trial faults.Trial, code string) (providers.Receipt, error) {
	var receipt providers.Receipt
	return receipt, w.client.call(ctx, http.MethodPost, "/wallet/pay", trialCode{Trial: trial, Code: code}, &receipt)
}

// Cancel closes the payment sheet without paying.
func (w Wallet) Cancel(ctx context.Context, trial faults.Trial, code string) error {
	return w.client.call(ctx, http.MethodPost, "/wallet/cancel", trialCode{Trial: trial, Code: code}, nil)
}

// Barcode shows a fresh barcode.
func (w Wallet) Barcode(ctx context.Context, trial faults.Trial) (string, error) {
	var code string
	return code, w.client.call(ctx, http.MethodPost, "/wallet/barcode", trialCode{Trial: trial}, &code)
}
