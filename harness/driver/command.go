package driver

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"

	"go.opentelemetry.io/otel/propagation"

	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/faults/proxy"
	"github.com/payquake/payquake/journal"
	"github.com/payquake/payquake/payment"
)

// Command drives a merchant through a program of its team's: one JSON object a
// line in each direction, many calls at a time. The program makes its calls at the
// link, with the headers that come with each call, so that they are known to be
// the trial's. docs/your-merchant.md describes the lines.
type Command struct {
	plan    CommandPlan
	process *exec.Cmd
	into    io.WriteCloser
	ended   chan struct{}

	mu      sync.Mutex
	calls   int
	waiting map[int]chan said
	broken  error
}

// asked is a line to the program. What a call has no use for is left out.
type asked struct {
	ID       int               `json:"id"`
	Call     string            `json:"call"` // place, start, read, refund or books
	Link     string            `json:"link"` // the base URL to make the call at
	Headers  map[string]string `json:"headers"`
	Key      string            `json:"key,omitempty"`
	Order    string            `json:"order,omitempty"`
	Shopper  string            `json:"shopper,omitempty"`
	Total    int64             `json:"total,omitempty"` // minor units, as every amount
	Lines    []askedLine       `json:"lines,omitempty"`
	Provider string            `json:"provider,omitempty"`
	Method   string            `json:"method,omitempty"`
	Barcode  string            `json:"barcode,omitempty"`
	Payer    string            `json:"payer,omitempty"`
	Amount   int64             `json:"amount,omitempty"`
}

type askedLine struct {
	Product  string `json:"product,omitempty"`
	Name     string `json:"name"`
	Quantity int64  `json:"quantity"`
	Price    int64  `json:"price"`
}

// said is a line from it. The states are payquake's own words.
type said struct {
	ID       int                   `json:"id"`
	Outcome  string                `json:"outcome"` // ok, failed, indeterminate
	Reason   string                `json:"reason"`
	Order    string                `json:"order"`
	State    string                `json:"state"`
	Code     string                `json:"code"`
	Payments []PagePayment         `json:"payments"`
	Refunds  []payment.RefundState `json:"refunds"`
	Books    []journal.Entry       `json:"books"`
}

// CommandPlan says how a command driver is started and reached.
type CommandPlan struct {
	Command []string
	Folder  string
	// Links is the base URL of the shopper->merchant link; Past that of calls past
	// it, which need the headers of Token.
	Links, Past string
	Token       http.Header
	// Ready reports whether the merchant serves; nil if it does.
	Ready func(context.Context) error
	// Patience is how long a shopper waits for an answer.
	Patience time.Duration
	// Mark is put behind all keys, and taken off again: a merchant that outlives its
	// run would else meet its old orders.
	Mark string
	// Log is where the program's complaints go.
	Log string
}

func (p CommandPlan) mark() mark { return mark(p.Mark) }

// NewCommand starts a command driver.
func NewCommand(plan CommandPlan) (*Command, error) {
	log, err := os.OpenFile(plan.Log, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return nil, fmt.Errorf("start the driver's command: %w", err)
	}
	defer log.Close() // the process has its own
	process := exec.Command(plan.Command[0], plan.Command[1:]...)
	process.Dir, process.Stderr = plan.Folder, log
	process.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	into, err := process.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("start the driver's command: %w", err)
	}
	from, err := process.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("start the driver's command: %w", err)
	}
	if err := process.Start(); err != nil {
		return nil, fmt.Errorf("start the driver's command: %w", err)
	}
	c := &Command{plan: plan, process: process, into: into, ended: make(chan struct{}), waiting: map[int]chan said{}}
	go c.listen(from)
	return c, nil
}

// listen hands answers to those who wait for them, until the program ends.
func (c *Command) listen(from io.Reader) {
	defer close(c.ended)
	lines := bufio.NewScanner(from)
	lines.Buffer(nil, maxBooks)
	for lines.Scan() {
		var answer said
		if err := json.Unmarshal(lines.Bytes(), &answer); err != nil {
			c.fail(fmt.Errorf("the driver's command said what is no JSON: %s", printable(lines.Text())))
			continue
		}
		c.mu.Lock()
		waiting := c.waiting[answer.ID]
		delete(c.waiting, answer.ID)
		c.mu.Unlock()
		if waiting != nil {
			waiting <- answer
		}
	}
	c.fail(errors.Join(errors.New("the driver's command ended"), lines.Err(), c.process.Wait()))
}

// fail answers everybody who waits.
func (c *Command) fail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.broken == nil {
		c.broken = err
	}
	for id, waiting := range c.waiting {
		waiting <- said{ID: id, Reason: err.Error()}
		delete(c.waiting, id)
	}
}

// ask makes one call and waits for its answer as long as the context allows.
func (c *Command) ask(ctx context.Context, call asked) said {
	answer := make(chan said, 1)
	c.mu.Lock()
	if c.broken != nil {
		defer c.mu.Unlock()
		return said{Outcome: "failed", Reason: c.broken.Error()}
	}
	c.calls++
	call.ID = c.calls
	c.waiting[call.ID] = answer
	line, err := json.Marshal(call)
	if err == nil {
		_, err = c.into.Write(append(line, '\n'))
	}
	c.mu.Unlock()
	if err != nil {
		c.fail(fmt.Errorf("tell the driver's command: %w", err))
	}
	select {
	case got := <-answer:
		return got
	case <-ctx.Done():
		c.mu.Lock()
		delete(c.waiting, call.ID)
		c.mu.Unlock()
		return said{Reason: "no answer in time"}
	}
}

// linked is a call over the shopper's link.
func (c *Command) linked(ctx context.Context, trial faults.Trial, operation faults.Operation, call asked) (said, Result) {
	headers := propagation.MapCarrier{proxy.TrialHeader: string(trial), proxy.OperationHeader: string(operation)}
	propagation.TraceContext{}.Inject(ctx, headers)
	call.Link, call.Headers = c.plan.Links, headers
	ctx, cancel := context.WithTimeout(ctx, c.plan.Patience)
	defer cancel()
	answer := c.ask(ctx, call)
	return answer, c.result(answer)
}

// direct is a call past the links.
func (c *Command) direct(ctx context.Context, call asked) said {
	call.Link, call.Headers = c.plan.Past, map[string]string{}
	for name := range c.plan.Token {
		call.Headers[name] = c.plan.Token.Get(name)
	}
	return c.ask(ctx, call)
}

func (c *Command) result(s said) Result {
	result := Result{Reason: printable(s.Reason), OrderID: s.Order, Code: s.Code, Payments: s.Payments, Refunds: s.Refunds}
	for i := range result.Payments {
		result.Payments[i].Key = c.plan.mark().off(result.Payments[i].Key)
	}
	switch s.Outcome {
	case "ok":
		result.Outcome = journal.OK
	case "failed":
		result.Outcome = journal.Failed
	}
	return result
}

// Place implements Merchant.
func (c *Command) Place(ctx context.Context, trial faults.Trial, order Order) Result {
	call := asked{Call: "place", Key: c.plan.mark().on(order.Key), Shopper: order.Shopper, Total: order.Total.Minor}
	for _, line := range order.Lines {
		call.Lines = append(call.Lines, askedLine{line.Product, line.Name, line.Quantity, line.Price.Minor})
	}
	answer, result := c.linked(ctx, trial, faults.Place, call)
	result.Order = payment.OrderState(answer.State)
	if result.Outcome == journal.OK && result.OrderID == "" {
		return Result{Reason: "the driver's command named no order"}
	}
	return result
}

// PlaceBasket implements Merchant. A merchant behind a command has no baskets, and
// no plan for it has any.
func (c *Command) PlaceBasket(context.Context, faults.Trial, Basket) Result {
	return Result{Outcome: journal.Failed, Reason: "this merchant takes no baskets"}
}

// Start implements Merchant.
func (c *Command) Start(ctx context.Context, trial faults.Trial, start Start) Result {
	answer, result := c.linked(ctx, trial, faults.Start, asked{Call: "start", Order: start.OrderID, Key: c.plan.mark().on(start.Key),
		Provider: string(start.Provider), Method: string(start.Method), Barcode: start.Barcode, Payer: start.ShopperID})
	result.OrderID, result.Payment = start.OrderID, payment.State(answer.State)
	return result
}

// Read implements Merchant.
func (c *Command) Read(ctx context.Context, trial faults.Trial, orderID string) Result {
	answer, result := c.linked(ctx, trial, faults.ReadOrder, asked{Call: "read", Order: orderID})
	result.OrderID, result.Order = orderID, payment.OrderState(answer.State)
	return result
}

// Observe implements Merchant.
func (c *Command) Observe(ctx context.Context, orderID string) Result {
	answer := c.direct(ctx, asked{Call: "read", Order: orderID})
	result := c.result(answer)
	result.OrderID, result.Order = orderID, payment.OrderState(answer.State)
	return result
}

// Refund implements Merchant.
func (c *Command) Refund(ctx context.Context, trial faults.Trial, refund Refund) Result {
	answer, result := c.linked(ctx, trial, faults.AskRefund, asked{Call: "refund", Order: refund.OrderID, Key: c.plan.mark().on(refund.RequestID), Amount: refund.Amount.Minor})
	result.OrderID, result.Refund = refund.OrderID, payment.RefundState(answer.State)
	return result
}

// Cancel implements Merchant.
func (c *Command) Cancel(ctx context.Context, trial faults.Trial, orderID string) Result {
	return c.about(ctx, trial, faults.CancelOrder, asked{Call: "cancel", Order: orderID})
}

// Change implements Merchant.
func (c *Command) Change(ctx context.Context, trial faults.Trial, order Order, orderID string) Result {
	call := asked{Call: "change", Order: orderID, Total: order.Total.Minor}
	for _, line := range order.Lines {
		call.Lines = append(call.Lines, askedLine{line.Product, line.Name, line.Quantity, line.Price.Minor})
	}
	return c.about(ctx, trial, faults.ChangeOrder, call)
}

// Return implements Merchant.
func (c *Command) Return(ctx context.Context, trial faults.Trial, orderID string) Result {
	return c.about(ctx, trial, faults.ReturnPage, asked{Call: "return", Order: orderID})
}

// about makes a call whose answer is how the order stands.
func (c *Command) about(ctx context.Context, trial faults.Trial, operation faults.Operation, call asked) Result {
	answer, result := c.linked(ctx, trial, operation, call)
	result.OrderID, result.Order = call.Order, payment.OrderState(answer.State)
	return result
}

// Books implements Merchant: the entries of the journal, as the program writes
// them.
func (c *Command) Books(ctx context.Context) (Books, error) {
	answer := c.direct(ctx, asked{Call: "books"})
	if answer.Outcome != string(journal.OK) {
		return Books{}, fmt.Errorf("read the merchant's books: %s", printable(answer.Reason))
	}
	raw, err := json.Marshal(answer.Books)
	if err != nil {
		return Books{}, fmt.Errorf("read the merchant's books: %w", err)
	}
	for i := range answer.Books {
		entry := &answer.Books[i]
		entry.Owner = "merchant"
		entry.OrderKey, entry.RequestID = c.plan.mark().off(entry.OrderKey), c.plan.mark().off(entry.RequestID)
	}
	return Books{Raw: raw, Entries: answer.Books}, nil
}

// Ready implements Merchant.
func (c *Command) Ready(ctx context.Context) error { return c.plan.Ready(ctx) }

// Close ends the program: its input ends, and if it does not end with that it is
// killed.
func (c *Command) Close(ctx context.Context) error {
	_ = c.into.Close() // what it could not be told any more is of no use
	select {
	case <-c.ended:
	case <-ctx.Done():
		_ = syscall.Kill(-c.process.Process.Pid, syscall.SIGKILL)
		<-c.ended
	}
	return nil
}
