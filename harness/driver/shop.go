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
	"time"

	"go.opentelemetry.io/otel/propagation"

	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/faults/proxy"
	"github.com/payquake/payquake/journal"
	"github.com/payquake/payquake/payment"
)

// Shop drives the reference merchant's API.
type Shop struct {
	// Links is the base URL of the shopper->merchant link.
	Links string
	// Past makes a call past the links, through the gateway's relay.
	Past func(ctx context.Context, method, path string) (*http.Response, error)
	// Patience is how long a shopper waits for an answer.
	Patience time.Duration
	client   *http.Client
}

// NewShop drives the shop behind that link.
func NewShop(links string, past func(context.Context, string, string) (*http.Response, error), patience time.Duration) *Shop {
	return &Shop{Links: links, Past: past, Patience: patience, client: &http.Client{
		Transport: &http.Transport{MaxIdleConnsPerHost: 256, DisableCompression: true}}}
}

// page is the shop's answer about an order, a payment or a refund.
type page struct {
	ID       string        `json:"id"`
	Key      string        `json:"key"`
	State    string        `json:"state"`
	Code     string        `json:"code"`
	Payments []page        `json:"payments"`
	Orders   []page        `json:"orders"`
	Refunds  []page        `json:"refunds"`
	Error    string        `json:"error"`
	Amount   payment.Money `json:"amount"`
}

// Place implements Merchant.
func (s *Shop) Place(ctx context.Context, trial faults.Trial, order Order) Result {
	said, result := s.call(ctx, call{trial, faults.Place, http.MethodPost, "/orders", order.body()})
	result.OrderID, result.Order = said.ID, payment.OrderState(said.State)
	return result
}

// body is an order as the shop's API takes it.
func (o Order) body() map[string]any {
	lines := make([]map[string]any, 0, len(o.Lines))
	for _, line := range o.Lines {
		lines = append(lines, map[string]any{"name": line.Name, "quantity": line.Quantity, "price": line.Price})
	}
	return map[string]any{"key": o.Key, "shopper": o.Shopper, "lines": lines, "total": o.Total}
}

// PlaceBasket implements Merchant.
func (s *Shop) PlaceBasket(ctx context.Context, trial faults.Trial, basket Basket) Result {
	orders := make([]map[string]any, 0, len(basket.Orders))
	for _, order := range basket.Orders {
		orders = append(orders, order.body())
	}
	said, result := s.call(ctx, call{trial, faults.Place, http.MethodPost, "/baskets",
		map[string]any{"key": basket.Key, "orders": orders}})
	result.BasketID = said.ID
	for _, order := range said.Orders {
		result.Placed = append(result.Placed, order.ID)
	}
	return result
}

// Start implements Merchant.
func (s *Shop) Start(ctx context.Context, trial faults.Trial, start Start) Result {
	body := map[string]any{"key": start.Key, "provider": start.Provider, "method": start.Method}
	if start.Barcode != "" {
		body["auth_code"] = start.Barcode
	}
	if start.ShopperID != "" {
		body["shopper_id"] = start.ShopperID
	}
	path := "/orders/" + url.PathEscape(start.OrderID) + "/payments"
	if start.BasketID != "" {
		path = "/baskets/" + url.PathEscape(start.BasketID) + "/payments"
	}
	said, result := s.call(ctx, call{trial, faults.Start, http.MethodPost, path, body})
	result.OrderID, result.Payment, result.Code = start.OrderID, payment.State(said.State), said.Code
	return result
}

// Read implements Merchant.
func (s *Shop) Read(ctx context.Context, trial faults.Trial, orderID string) Result {
	said, result := s.call(ctx, call{trial, faults.ReadOrder, http.MethodGet, "/orders/" + url.PathEscape(orderID), nil})
	return said.asOrder(orderID, result)
}

func (p page) asOrder(orderID string, result Result) Result {
	result.OrderID, result.Order = orderID, payment.OrderState(p.State)
	for _, shown := range p.Payments {
		result.Payments = append(result.Payments, PagePayment{Key: shown.Key, State: payment.State(shown.State), Code: shown.Code})
	}
	for _, shown := range p.Refunds {
		result.Refunds = append(result.Refunds, payment.RefundState(shown.State))
	}
	return result
}

// Refund implements Merchant.
func (s *Shop) Refund(ctx context.Context, trial faults.Trial, refund Refund) Result {
	said, result := s.call(ctx, call{trial, faults.AskRefund, http.MethodPost,
		"/orders/" + url.PathEscape(refund.OrderID) + "/refunds",
		map[string]any{"request_id": refund.RequestID, "amount": refund.Amount}})
	result.OrderID, result.Refund = refund.OrderID, payment.RefundState(said.State)
	return result
}

// Cancel implements Merchant.
func (s *Shop) Cancel(ctx context.Context, trial faults.Trial, orderID string) Result {
	said, result := s.call(ctx, call{trial, faults.CancelOrder, http.MethodPost, "/orders/" + url.PathEscape(orderID) + "/cancel", nil})
	return said.asOrder(orderID, result)
}

// Change implements Merchant.
func (s *Shop) Change(ctx context.Context, trial faults.Trial, order Order, orderID string) Result {
	body := order.body()
	said, result := s.call(ctx, call{trial, faults.ChangeOrder, http.MethodPut, "/orders/" + url.PathEscape(orderID) + "/lines",
		map[string]any{"lines": body["lines"], "total": body["total"]}})
	return said.asOrder(orderID, result)
}

// Return implements Merchant.
func (s *Shop) Return(ctx context.Context, trial faults.Trial, orderID string) Result {
	said, result := s.call(ctx, call{trial, faults.ReturnPage, http.MethodPost, "/orders/" + url.PathEscape(orderID) + "/return", nil})
	return said.asOrder(orderID, result)
}

// Observe implements Merchant.
func (s *Shop) Observe(ctx context.Context, orderID string) Result {
	answer, err := s.Past(ctx, http.MethodGet, "/orders/"+url.PathEscape(orderID))
	said, result := understand(answer, err)
	return said.asOrder(orderID, result)
}

// Ready implements Merchant.
func (s *Shop) Ready(ctx context.Context) error {
	answer, err := s.Past(ctx, http.MethodGet, "/healthz")
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("the merchant answers its health check with %s", answer.Status)
	}
	return nil
}

// call is one call over the shopper's link.
type call struct {
	trial     faults.Trial
	operation faults.Operation
	method    string
	path      string
	body      map[string]any
}

func (s *Shop) call(ctx context.Context, c call) (page, Result) {
	ctx, cancel := context.WithTimeout(ctx, s.Patience)
	defer cancel()
	var body io.Reader
	if c.body != nil {
		encoded, err := json.Marshal(c.body)
		if err != nil {
			return page{}, Result{Outcome: journal.Failed, Reason: "encode the call: " + err.Error()}
		}
		body = bytes.NewReader(encoded)
	}
	request, err := http.NewRequestWithContext(ctx, c.method, s.Links+c.path, body)
	if err != nil {
		return page{}, Result{Outcome: journal.Failed, Reason: "make the call: " + err.Error()}
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set(proxy.TrialHeader, string(c.trial))
	request.Header.Set(proxy.OperationHeader, string(c.operation))
	propagation.TraceContext{}.Inject(ctx, propagation.HeaderCarrier(request.Header))
	if c.method == http.MethodPost {
		request.GetBody = nil // net/http would repeat the call by itself on a dead connection
	}
	return understand(s.client.Do(request))
}

// understand says what is known after an answer, or none. A refusal (4xx)
// surely had no effect; anything else that is not a success leaves it open.
func understand(answer *http.Response, err error) (page, Result) {
	if err != nil {
		reason := err.Error()
		if errors.Is(err, context.DeadlineExceeded) {
			reason = "no answer in time"
		}
		return page{}, Result{Reason: reason}
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, 1<<20))
	if err != nil {
		return page{}, Result{Reason: "the answer broke off: " + err.Error()}
	}
	var said page
	decoded := json.Unmarshal(text, &said)
	switch {
	case answer.StatusCode >= 400 && answer.StatusCode < 500 && answer.StatusCode != http.StatusTooManyRequests:
		return page{}, Result{Outcome: journal.Failed, Reason: fmt.Sprintf("%s %.200s", answer.Status, said.Error)}
	case answer.StatusCode/100 != 2:
		return page{}, Result{Reason: fmt.Sprintf("%s %.200s", answer.Status, said.Error)}
	case decoded != nil:
		return page{}, Result{Reason: "the answer is no JSON object"}
	default:
		return said, Result{Outcome: journal.OK}
	}
}
