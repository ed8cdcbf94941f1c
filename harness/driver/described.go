package driver

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/otel/propagation"

	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/faults/proxy"
	"github.com/payquake/payquake/harness/manifest"
	"github.com/payquake/payquake/journal"
)

// Described drives a merchant whose API a manifest describes.
type Described struct {
	manifest manifest.Manifest
	mark     mark
	links    string
	past     func(*http.Request) (*http.Response, error)
	patience time.Duration
	client   *http.Client

	mu       sync.Mutex
	sessions map[string]*session // by shopper
	shoppers map[string]string   // by the number of their order
	keys     map[string]string   // of orders, likewise
}

// session is what a shopper's login gave, once it has been made.
type session struct {
	once   sync.Once
	values manifest.Vars
	err    error
}

// mark tells the keys of one run from those of others, which a merchant may still
// know: the same plan again would else meet its own old orders.
type mark string

// on marks a key.
func (m mark) on(key string) string {
	if m == "" || key == "" {
		return key
	}
	return key + "." + string(m)
}

// off takes the mark off a key; one of another run is returned as it is.
func (m mark) off(key string) string {
	if m == "" {
		return key
	}
	return strings.TrimSuffix(key, "."+string(m))
}

// Mark has all keys marked, for a merchant that outlives its run.
func (d *Described) Mark(run string) { d.mark = mark(run) }

// NewDescribed drives the merchant of a manifest behind a link. Past sends a
// request to the merchant past the links; the URL's path is all that counts.
// Patience is how long a shopper waits for an answer.
func NewDescribed(m manifest.Manifest, links string, past func(*http.Request) (*http.Response, error), patience time.Duration) *Described {
	return &Described{manifest: m, links: links, past: past, patience: patience,
		sessions: map[string]*session{}, shoppers: map[string]string{}, keys: map[string]string{},
		client: &http.Client{
			Transport:     &http.Transport{MaxIdleConnsPerHost: 256, DisableCompression: true},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		}}
}

// Place implements Merchant.
func (d *Described) Place(ctx context.Context, trial faults.Trial, order Order) Result {
	vars := manifest.Vars{"key": d.mark.on(order.Key), "shopper": order.Shopper, "total": order.Total.Minor}
	basketVars(vars, order)
	said, result := d.linked(ctx, errand{trial, faults.Place, order.Shopper}, d.manifest.Driver.Place, vars)
	if result.Outcome != journal.OK {
		return result
	}
	result.OrderID = said.text("order")
	result = d.orderState(said, result)
	if result.OrderID == "" {
		return Result{Reason: "the answer names no order"}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.shoppers[result.OrderID], d.keys[result.OrderID] = order.Shopper, order.Key
	return said.checked(result)
}

// basketVars adds what is bought.
func basketVars(vars manifest.Vars, order Order) {
	lines := make([]any, len(order.Lines))
	for i, line := range order.Lines {
		lines[i] = manifest.Vars{"product": line.Product, "name": line.Name, "quantity": line.Quantity, "price": line.Price.Minor}
	}
	vars["lines"] = lines
	if len(order.Lines) > 0 {
		vars["product"], vars["quantity"] = order.Lines[0].Product, order.Lines[0].Quantity
	}
}

// PlaceBasket implements Merchant. A described merchant has no baskets, and no
// plan for it has any.
func (d *Described) PlaceBasket(context.Context, faults.Trial, Basket) Result {
	return Result{Outcome: journal.Failed, Reason: "this merchant takes no baskets"}
}

// Start implements Merchant.
func (d *Described) Start(ctx context.Context, trial faults.Trial, start Start) Result {
	shopper := d.shopper(start.OrderID)
	vars := manifest.Vars{"key": d.mark.on(start.Key), "shopper": shopper, "order": start.OrderID, "provider": string(start.Provider),
		"method": string(start.Method), "barcode": start.Barcode, "payer": start.ShopperID}
	said, result := d.linked(ctx, errand{trial, faults.Start, shopper}, d.manifest.Driver.Start, vars)
	result.OrderID = start.OrderID
	if result.Outcome != journal.OK {
		return result
	}
	result.Code = said.text("code")
	if word := said.text("state"); word != "" {
		result.Payment = meaning(said, d.manifest.Driver.Words.Payment, word, "payment")
	}
	return said.checked(result)
}

// Read implements Merchant.
func (d *Described) Read(ctx context.Context, trial faults.Trial, orderID string) Result {
	shopper := d.shopper(orderID)
	said, result := d.linked(ctx, errand{trial, faults.ReadOrder, shopper}, d.manifest.Driver.Read,
		manifest.Vars{"order": orderID, "shopper": shopper})
	return d.page(said, orderID, result)
}

// Observe implements Merchant.
func (d *Described) Observe(ctx context.Context, orderID string) Result {
	shopper := d.shopper(orderID)
	ctx, cancel := context.WithTimeout(ctx, d.patience)
	defer cancel()
	said, result := d.direct(ctx, d.manifest.Driver.Read, shopper, manifest.Vars{"order": orderID, "shopper": shopper})
	return d.page(said, orderID, result)
}

// page is what an order's page says.
func (d *Described) page(said *answer, orderID string, result Result) Result {
	result.OrderID = orderID
	if result.Outcome != journal.OK {
		return result
	}
	result = d.orderState(said, result)
	words := d.manifest.Driver.Words
	take := d.manifest.Driver.Read.Take
	said.each(take.Payments, func(item *answer) {
		shown := PagePayment{Key: d.mark.off(item.text("key")), Code: item.text("code")}
		if word := item.text("state"); word != "" {
			shown.State = meaning(item, words.Payment, word, "payment")
		}
		result.Payments = append(result.Payments, shown)
	})
	said.each(take.Refunds, func(item *answer) {
		result.Refunds = append(result.Refunds, meaning(item, words.Refund, item.text("state"), "refund"))
	})
	return said.checked(result)
}

func (d *Described) orderState(said *answer, result Result) Result {
	if word := said.text("state"); word != "" {
		result.Order = meaning(said, d.manifest.Driver.Words.Order, word, "order")
	}
	return result
}

// Refund implements Merchant.
func (d *Described) Refund(ctx context.Context, trial faults.Trial, refund Refund) Result {
	if d.manifest.Driver.Refund == nil {
		return Result{Outcome: journal.Failed, Reason: "this merchant gives no refunds"}
	}
	shopper := d.shopper(refund.OrderID)
	said, result := d.linked(ctx, errand{trial, faults.AskRefund, shopper}, *d.manifest.Driver.Refund,
		manifest.Vars{"key": d.mark.on(refund.RequestID), "order": refund.OrderID, "shopper": shopper, "amount": refund.Amount.Minor})
	result.OrderID = refund.OrderID
	if word := said.text("state"); result.Outcome == journal.OK && word != "" {
		result.Refund = meaning(said, d.manifest.Driver.Words.Refund, word, "refund")
	}
	return said.checked(result)
}

// Cancel implements Merchant.
func (d *Described) Cancel(ctx context.Context, trial faults.Trial, orderID string) Result {
	return d.seldom(ctx, seldom{trial, faults.CancelOrder, orderID}, d.manifest.Driver.Cancel, manifest.Vars{})
}

// Change implements Merchant.
func (d *Described) Change(ctx context.Context, trial faults.Trial, order Order, orderID string) Result {
	vars := manifest.Vars{"total": order.Total.Minor}
	basketVars(vars, order)
	return d.seldom(ctx, seldom{trial, faults.ChangeOrder, orderID}, d.manifest.Driver.Change, vars)
}

// Return implements Merchant.
func (d *Described) Return(ctx context.Context, trial faults.Trial, orderID string) Result {
	return d.seldom(ctx, seldom{trial, faults.ReturnPage, orderID}, d.manifest.Driver.Return, manifest.Vars{})
}

// seldom is a call about an order that not every merchant has.
type seldom struct {
	trial     faults.Trial
	operation faults.Operation
	order     string
}

// seldom makes such a call. No plan asks a merchant for it who has not got it.
func (d *Described) seldom(ctx context.Context, s seldom, call *manifest.Call, vars manifest.Vars) Result {
	if call == nil {
		return Result{Outcome: journal.Failed, Reason: "this merchant's driver does not say how: " + string(s.operation)}
	}
	shopper := d.shopper(s.order)
	vars["order"], vars["shopper"] = s.order, shopper
	said, result := d.linked(ctx, errand{s.trial, s.operation, shopper}, *call, vars)
	result.OrderID = s.order
	if result.Outcome == journal.OK {
		result = d.orderState(said, result)
	}
	return said.checked(result)
}

// Ready implements Merchant.
func (d *Described) Ready(ctx context.Context) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, d.manifest.Merchant.Ready, nil)
	if err != nil {
		return err
	}
	answer, err := d.past(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode/100 != 2 {
		return fmt.Errorf("GET %s answers %s", d.manifest.Merchant.Ready, answer.Status)
	}
	return nil
}

// Reset makes the merchant forget what it sold before, if the manifest says how.
func (d *Described) Reset(ctx context.Context) error {
	if d.manifest.Driver.Reset == nil {
		return nil
	}
	_, result := d.direct(ctx, *d.manifest.Driver.Reset, "", manifest.Vars{})
	if result.Outcome != journal.OK {
		return fmt.Errorf("driver.reset: %s", result.Reason)
	}
	return nil
}

func (d *Described) shopper(orderID string) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.shoppers[orderID]
}

// errand is a call over the shopper's link.
type errand struct {
	trial     faults.Trial
	operation faults.Operation
	shopper   string
}

// linked makes a call over the shopper's link, where faults are.
func (d *Described) linked(ctx context.Context, e errand, call manifest.Call, vars manifest.Vars) (*answer, Result) {
	ctx, cancel := context.WithTimeout(ctx, d.patience)
	defer cancel()
	request, err := d.request(ctx, call, e.shopper, vars)
	if err != nil {
		return nil, Result{Outcome: journal.Failed, Reason: err.Error()}
	}
	base, err := url.Parse(d.links)
	if err != nil {
		return nil, Result{Outcome: journal.Failed, Reason: err.Error()}
	}
	request.URL.Scheme, request.URL.Host, request.Host = base.Scheme, base.Host, base.Host
	request.Header.Set(proxy.TrialHeader, string(e.trial))
	request.Header.Set(proxy.OperationHeader, string(e.operation))
	propagation.TraceContext{}.Inject(ctx, propagation.HeaderCarrier(request.Header))
	request.GetBody = nil // net/http would repeat the call by itself on a dead connection
	return d.judged(call, maxAnswer, func() (*http.Response, error) { return d.client.Do(request) })
}

// direct makes a call past the links.
func (d *Described) direct(ctx context.Context, call manifest.Call, shopper string, vars manifest.Vars) (*answer, Result) {
	request, err := d.request(ctx, call, shopper, vars)
	if err != nil {
		return nil, Result{Outcome: journal.Failed, Reason: err.Error()}
	}
	return d.judged(call, maxAnswer, func() (*http.Response, error) { return d.past(request) })
}

// request fills a call's templates in.
func (d *Described) request(ctx context.Context, call manifest.Call, shopper string, vars manifest.Vars) (*http.Request, error) {
	values, err := d.session(ctx, shopper)
	if err != nil {
		return nil, fmt.Errorf("log in: %w", err)
	}
	vars["session"] = values
	return d.filled(ctx, call, vars)
}

func (d *Described) filled(ctx context.Context, call manifest.Call, vars manifest.Vars) (*http.Request, error) {
	path, err := call.Path.Path(vars)
	if err != nil {
		return nil, err
	}
	body, kind, err := bodyOf(call, vars)
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, call.Method, path, body)
	if err != nil {
		return nil, err
	}
	if kind != "" {
		request.Header.Set("Content-Type", kind)
	}
	for _, headers := range [][]manifest.Field{d.manifest.Driver.Headers, call.Headers} {
		for _, header := range headers {
			value, err := header.Value.Text(vars)
			if err != nil {
				return nil, err
			}
			request.Header.Set(header.Name, value)
		}
	}
	return request, nil
}

func bodyOf(call manifest.Call, vars manifest.Vars) (io.Reader, string, error) {
	switch {
	case call.JSON != nil:
		value, err := call.JSON.Value(vars)
		if err != nil {
			return nil, "", err
		}
		text, err := json.Marshal(value)
		return bytes.NewReader(text), "application/json", err
	case call.Form != nil:
		value, err := call.Form.Value(vars)
		if err != nil {
			return nil, "", err
		}
		form := url.Values{}
		for name, value := range value.(manifest.Vars) { // the reader takes nothing else
			form.Set(name, fmt.Sprint(value))
		}
		return strings.NewReader(form.Encode()), "application/x-www-form-urlencoded", nil
	default:
		return nil, "", nil
	}
}

// session logs a shopper in, once, past the links.
func (d *Described) session(ctx context.Context, shopper string) (manifest.Vars, error) {
	login := d.manifest.Driver.Login
	if login == nil || shopper == "" {
		return manifest.Vars{}, nil
	}
	d.mu.Lock()
	known := d.sessions[shopper]
	if known == nil {
		known = &session{}
		d.sessions[shopper] = known
	}
	d.mu.Unlock()
	known.once.Do(func() {
		request, err := d.filled(ctx, *login, manifest.Vars{"shopper": shopper, "session": manifest.Vars{}})
		if err != nil {
			known.err = err
			return
		}
		said, result := d.judged(*login, maxAnswer, func() (*http.Response, error) { return d.past(request) })
		if result.Outcome != journal.OK {
			known.err = errors.New(result.Reason)
			return
		}
		known.values = manifest.Vars{}
		for name := range login.Take.Values {
			known.values[name] = said.text(name)
		}
		known.err = said.err
	})
	if known.err != nil { // the next call tries again
		d.mu.Lock()
		delete(d.sessions, shopper)
		d.mu.Unlock()
	}
	return known.values, known.err
}

// judged sends a call, reads so much of its answer, and says what is known then.
func (d *Described) judged(call manifest.Call, most int64, send func() (*http.Response, error)) (*answer, Result) {
	response, err := send()
	if err != nil {
		reason := err.Error()
		if errors.Is(err, context.DeadlineExceeded) {
			reason = "no answer in time"
		}
		return nil, Result{Reason: printable(reason)}
	}
	defer response.Body.Close()
	said, err := readAnswer(call, response, most)
	if err != nil {
		return nil, Result{Reason: err.Error()}
	}
	outcome, err := said.outcome(call)
	if err != nil {
		return said, Result{Reason: printable(err.Error())}
	}
	result := Result{Outcome: outcome}
	if outcome != journal.OK {
		result.Reason = printable(fmt.Sprintf("%s %.200s", response.Status, said.vars["text"]))
	}
	return said, result
}
