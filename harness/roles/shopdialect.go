package roles

import (
	"encoding/json"
	"net/http"

	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/faults/proxy"
	"github.com/payquake/payquake/journal"
)

// shopDialect reads the links that speak no payment protocol: the merchant's
// own API, whose caller is the driver and names the operation in a header, and
// the fulfilment service.
type shopDialect struct {
	usual faults.Operation // of requests that name none
}

// Request implements proxy.Dialect.
func (d shopDialect) Request(r *proxy.Request) journal.Facts {
	facts := journal.Facts{Operation: faults.Operation(r.Header.First(proxy.OperationHeader)),
		Key: r.Header.First("Idempotency-Key")}
	if facts.Operation == "" {
		facts.Operation = d.usual
	}
	var said struct {
		OrderID string `json:"order_id"`
		Key     string `json:"key"`
	}
	if json.Unmarshal(r.Body, &said) == nil {
		facts.OrderID = said.OrderID
		if facts.Key == "" {
			facts.Key = said.Key
		}
	}
	return facts
}

// Answer implements proxy.Dialect.
func (d shopDialect) Answer(r *proxy.Request, a *proxy.Answer) journal.Facts {
	facts := journal.Facts{Operation: d.Request(r).Operation}
	var said struct {
		ID     string `json:"id"`
		State  string `json:"state"`
		Orders []struct {
			ID string `json:"id"`
		} `json:"orders"` // of a basket
	}
	if json.Unmarshal(a.Body, &said) == nil {
		facts.State = said.State
		if facts.Operation == faults.Place {
			facts.OrderID = said.ID
			for _, order := range said.Orders {
				facts.Parts = append(facts.Parts, journal.Part{OrderID: order.ID})
			}
		}
	}
	return facts
}

// EditRequest implements proxy.Dialect: there is no amount to change here that
// the merchant would not check against its own lines, and no signature.
func (shopDialect) EditRequest(*proxy.Request, faults.Edit) (*proxy.Request, error) {
	return nil, proxy.ErrCannotEdit
}

// EditAnswer implements proxy.Dialect.
func (shopDialect) EditAnswer(*proxy.Request, *proxy.Answer, faults.Edit) (*proxy.Answer, error) {
	return nil, proxy.ErrCannotEdit
}

// Refuse implements proxy.Dialect.
func (shopDialect) Refuse(_ *proxy.Request, response faults.Response) (*proxy.Answer, error) {
	body, err := json.Marshal(map[string]string{"error": response.Code})
	if err != nil {
		return nil, err
	}
	return &proxy.Answer{Status: response.Status, Reason: http.StatusText(response.Status),
		Header: proxy.Header{{Name: "Content-Type", Value: "application/json"}}, Body: body}, nil
}

// Forge implements proxy.Dialect.
func (shopDialect) Forge(*proxy.Request, *proxy.Answer) (*proxy.Request, error) {
	return nil, proxy.ErrCannotEdit
}

// maxShown bounds what is kept of a merchant's answer for people.
const maxShown = 16 << 10

// Body implements proxy.Dialect.
func (shopDialect) Body(r *proxy.Request, a *proxy.Answer) string {
	body := r.Body
	if a != nil {
		body = a.Body
	}
	return string(body[:min(len(body), maxShown)])
}
