// Package scripted is a provider without a wire: it keeps books, does what it
// is asked, and misbehaves exactly where a test says so. Tests of the checkout
// and of the bug zoo share it.
package scripted

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/payquake/payquake/merchant"
	"github.com/payquake/payquake/payment"
)

// Name is the scripted provider's name.
const Name payment.ProviderName = "scripted"

// Step is how one call misbehaves. The zero Step is a call that works.
type Step struct {
	Lost    bool            // acts, but the answer never arrives
	Dropped bool            // never arrives, so nothing is acted on
	Refusal *merchant.Class // refused without effect
}

// Refuse is a Step that refuses.
func Refuse(class merchant.Class) Step { return Step{Refusal: &class} }

// Call is one call the provider saw.
type Call struct {
	Operation string
	Reference string
	Body      string
}

// Provider implements merchant.Provider. The zero value is ready.
type Provider struct {
	mu       sync.Mutex
	payments map[payment.MerchantReference]*merchant.Trade
	refunds  map[payment.RefundReference]*merchant.RefundReport
	baskets  map[payment.MerchantReference][]payment.MerchantReference // by part: all parts of its combined payment
	steps    map[string][]Step
	calls    []Call
	// Before and After, if set, run before a call is acted on and before its
	// answer is given, without any lock.
	Before, After func(operation string)
	// SlowRefunds accepts refunds without finishing them.
	SlowRefunds bool
	// AsksPassword leaves barcode payments undecided.
	AsksPassword bool
	// Mistaken answers queries about one payment in the name of another.
	Mistaken map[payment.MerchantReference]payment.MerchantReference
	// Unconfirmed makes notifications, and answers to barcodes, say no more than
	// that something happened: a query must tell what.
	Unconfirmed bool
}

var _ merchant.Provider = (*Provider)(nil)

// Name implements merchant.Provider.
func (p *Provider) Name() payment.ProviderName { return Name }

// Change alters the provider's switches while a shop already talks to it.
func (p *Provider) Change(alter func(*Provider)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	alter(p)
}

// Next scripts the coming calls of an operation: start, query, close, reverse,
// refund, refund-query.
func (p *Provider) Next(operation string, steps ...Step) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.steps == nil {
		p.steps = map[string][]Step{}
	}
	p.steps[operation] = append(p.steps[operation], steps...)
}

// Calls lists the calls of one operation, all for "".
func (p *Provider) Calls(operation string) []Call {
	p.mu.Lock()
	defer p.mu.Unlock()
	var seen []Call
	for _, call := range p.calls {
		if operation == "" || call.Operation == operation {
			seen = append(seen, call)
		}
	}
	return seen
}

// begin notes a call and returns how it shall go.
func (p *Provider) begin(operation, reference, body string) Step {
	if p.Before != nil {
		p.Before(operation)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.calls = append(p.calls, Call{operation, reference, body})
	steps := p.steps[operation]
	if len(steps) == 0 {
		return Step{}
	}
	p.steps[operation] = steps[1:]
	return steps[0]
}

// do runs one call: act is what the provider does with it, under its lock.
func (p *Provider) do(operation, reference, body string, act func() merchant.Result) merchant.Result {
	step := p.begin(operation, reference, body)
	switch {
	case step.Dropped:
		return merchant.Result{Detail: "dropped"}
	case step.Refusal != nil:
		return merchant.Result{Outcome: merchant.Failed, Class: *step.Refusal, Detail: "scripted"}
	}
	p.mu.Lock()
	result := act()
	p.mu.Unlock()
	if p.After != nil {
		p.After(operation)
	}
	if step.Lost {
		return merchant.Result{Detail: "answer lost"}
	}
	return result
}

func worked() merchant.Result { return merchant.Result{Outcome: merchant.OK} }

func refused(class merchant.Class) merchant.Result {
	return merchant.Result{Outcome: merchant.Failed, Class: class, Detail: string(class)}
}

// PrepareStart implements merchant.Payments.
func (p *Provider) PrepareStart(intent merchant.StartIntent) (merchant.Request, error) {
	text, err := json.Marshal(intent)
	return merchant.Request{Path: "/start", Body: string(text)}, err
}

// Start implements merchant.Payments.
func (p *Provider) Start(_ context.Context, asked merchant.Asked, request merchant.Request) merchant.StartAnswer {
	var answer merchant.StartAnswer
	answer.Result = p.do("start", string(asked.Reference), request.Body, func() merchant.Result {
		var intent merchant.StartIntent
		if err := json.Unmarshal([]byte(request.Body), &intent); err != nil {
			return refused(merchant.Config)
		}
		p.combine(intent.Parts)
		trade := p.open(asked.Reference, intent.Amount)
		if asked.Method == payment.MethodBarcode {
			if p.AsksPassword {
				trade.Standing = merchant.Deciding
			} else {
				take(trade, intent.Amount)
			}
			answer.Trade = p.told(trade)
			return worked()
		}
		answer.Invitation = merchant.Invitation{Code: "code:" + string(asked.Reference)}
		return worked()
	})
	return answer
}

func take(trade *merchant.Trade, amount payment.Money) {
	trade.Standing, trade.Amount = merchant.Paid, amount
	if trade.ProviderReference == "" {
		trade.ProviderReference = payment.ProviderReference("T" + rand.Text())
		trade.PaidAt = merchant.SystemClock{}.Now().UTC().Truncate(time.Second)
	}
}

// Query implements merchant.Payments.
func (p *Provider) Query(_ context.Context, asked merchant.Asked) merchant.TradeAnswer {
	var answer merchant.TradeAnswer
	answer.Result = p.do("query", string(asked.Reference), "", func() merchant.Result {
		trade, known := p.payments[asked.Reference]
		if !known {
			return refused(merchant.NotFound)
		}
		answer.Trade = *trade
		if other, mistaken := p.Mistaken[asked.Reference]; mistaken {
			answer.Trade.Reference = other
		}
		return worked()
	})
	return answer
}

// Close implements merchant.Payments.
func (p *Provider) Close(_ context.Context, asked merchant.Asked) merchant.Result {
	return p.do("close", string(asked.Reference), "", func() merchant.Result {
		for _, trade := range p.together(asked.Reference) {
			if trade.Standing == merchant.Paid {
				return refused(merchant.AlreadyPaid)
			}
		}
		for _, trade := range p.together(asked.Reference) {
			trade.Standing = merchant.Ended
		}
		return worked()
	})
}

// Reverse implements merchant.Payments.
func (p *Provider) Reverse(_ context.Context, asked merchant.Asked) merchant.Result {
	return p.do("reverse", string(asked.Reference), "", func() merchant.Result {
		trade, known := p.payments[asked.Reference]
		if !known {
			return refused(merchant.NotFound)
		}
		trade.Standing = merchant.Ended
		return worked()
	})
}

// PrepareRefund implements merchant.Refunds.
func (p *Provider) PrepareRefund(intent merchant.RefundIntent) (merchant.Request, error) {
	text, err := json.Marshal(intent)
	return merchant.Request{Path: "/refund", Body: string(text)}, err
}

// Refund implements merchant.Refunds.
func (p *Provider) Refund(_ context.Context, asked merchant.RefundAsked, request merchant.Request) merchant.RefundAnswer {
	var answer merchant.RefundAnswer
	answer.Result = p.do("refund", string(asked.Refund), request.Body, func() merchant.Result {
		var intent merchant.RefundIntent
		if err := json.Unmarshal([]byte(request.Body), &intent); err != nil {
			return refused(merchant.Config)
		}
		if p.refunds == nil {
			p.refunds = map[payment.RefundReference]*merchant.RefundReport{}
		}
		report, known := p.refunds[asked.Refund]
		if !known {
			report = &merchant.RefundReport{
				Payment: asked.Payment, Refund: asked.Refund, State: payment.RefundDone, Amount: intent.Amount,
				ProviderReference: payment.ProviderReference("B" + rand.Text()),
			}
			if p.SlowRefunds {
				report.State = payment.RefundProcessing
			}
			p.refunds[asked.Refund] = report
		}
		answer.Report = *report
		return worked()
	})
	return answer
}

// QueryRefund implements merchant.Refunds.
func (p *Provider) QueryRefund(_ context.Context, asked merchant.RefundAsked) merchant.RefundAnswer {
	var answer merchant.RefundAnswer
	answer.Result = p.do("refund-query", string(asked.Refund), "", func() merchant.Result {
		report, known := p.refunds[asked.Refund]
		if !known {
			return refused(merchant.NotFound)
		}
		answer.Report = *report
		return worked()
	})
	return answer
}

// Pay has a shopper pay an amount for the last start that was not ended, and
// returns the notification of it; with late it pays what was ended as well.
func (p *Provider) Pay(reference payment.MerchantReference, amount payment.Money, late bool) ([]byte, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	trade, known := p.payments[reference]
	if !known || (trade.Standing == merchant.Ended && !late) {
		return nil, fmt.Errorf("pay %s: cannot be paid", reference)
	}
	take(trade, amount)
	return json.Marshal(merchant.Notice{Trades: []merchant.Trade{p.told(trade)}})
}

// Finish moves a slow refund to its end and returns the notification of it.
func (p *Provider) Finish(reference payment.RefundReference, state payment.RefundState) ([]byte, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	report, known := p.refunds[reference]
	if !known {
		return nil, fmt.Errorf("finish %s: no such refund", reference)
	}
	report.State = state
	told := *report
	if p.Unconfirmed {
		told = merchant.RefundReport{Payment: report.Payment, Refund: report.Refund, Unconfirmed: true}
	}
	return json.Marshal(merchant.Notice{Refund: &told})
}

// Taken and Returned are the sums of the provider's book.
func (p *Provider) Taken() (sum int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, trade := range p.payments {
		if trade.Standing == merchant.Paid {
			sum += trade.Amount.Minor
		}
	}
	return sum
}

// Returned is what all refunds gave back.
func (p *Provider) Returned() (sum int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, report := range p.refunds {
		if report.State == payment.RefundDone {
			sum += report.Amount.Minor
		}
	}
	return sum
}

// errUnsigned is a notification without this provider's signature.
var errUnsigned = errors.New("no signature")

// Signed is the header of a genuine notification.
func Signed() http.Header { return http.Header{"Signed": {"yes"}} }

// Verify implements merchant.Notifications.
func (p *Provider) Verify(_ context.Context, header http.Header, _ []byte) error {
	if header.Get("Signed") != "yes" {
		return errUnsigned
	}
	return nil
}

// Read implements merchant.Notifications.
func (p *Provider) Read(body []byte) (notice merchant.Notice, err error) {
	err = json.Unmarshal(body, &notice)
	return notice, err
}

// Reply implements merchant.Notifications.
func (p *Provider) Reply(refusal error) merchant.Reply {
	reply := merchant.Reply{Status: http.StatusOK, ContentType: "application/json", Body: []byte(`{"code":"SUCCESS"}`)}
	if refusal != nil {
		reply.Status, reply.Body = http.StatusInternalServerError, []byte(`{"code":"FAIL"}`)
	}
	return reply
}
