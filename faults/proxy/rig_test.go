package proxy

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/payquake/payquake/clock"
	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/journal"
	"github.com/payquake/payquake/payment"
)

// toy is a dialect for tests: everything is in headers, and the signature is a
// header that says whether it is good.
type toy struct{}

func (toy) Request(r *Request) journal.Facts { return toyFacts(r.Header) }

func (toy) Answer(r *Request, a *Answer) journal.Facts {
	facts := toyFacts(a.Header)
	facts.Operation = toyFacts(r.Header).Operation
	return facts
}

func toyFacts(header Header) journal.Facts {
	minor, _ := strconv.ParseInt(header.First("Amount"), 10, 64)
	facts := journal.Facts{Operation: faults.Operation(header.First("Op")), Code: header.First("Code"),
		MerchantReference: payment.MerchantReference(header.First("Ref")), Signature: journal.SignatureVerdict(header.First("Sig"))}
	if minor != 0 {
		facts.Amount = payment.Fen(minor)
	}
	return facts
}

func (toy) EditRequest(r *Request, edit faults.Edit) (*Request, error) {
	edited := r.Clone()
	return edited, toyEdit(&edited.Header, edit)
}

func (toy) EditAnswer(_ *Request, a *Answer, edit faults.Edit) (*Answer, error) {
	edited := a.Clone()
	return edited, toyEdit(&edited.Header, edit)
}

func toyEdit(header *Header, edit faults.Edit) error {
	if header.First("Amount") == "" {
		return ErrCannotEdit
	}
	if edit.Amount != "" {
		header.Set("Amount", "1"+header.First("Amount"))
	}
	if edit.Reference != "" {
		header.Set("Ref", string(edit.Reference))
	}
	header.Set("Changed", string(edit.State)+string(edit.Account))
	if edit.Field != nil {
		header.Set(edit.Field.Path[0], edit.Field.Value)
	}
	header.Set("Sig", "valid")
	if edit.Signature != faults.SignatureResigned {
		header.Set("Sig", "invalid")
	}
	return nil
}

func (toy) Refuse(_ *Request, response faults.Response) (*Answer, error) {
	if response.TooMany {
		response.Status = 429
	}
	return &Answer{Status: cmp.Or(response.Status, 500), Reason: "Refused", Header: Header{{"Code-Word", cmp.Or(response.Code, "UNKNOWN")}}}, nil
}

func (toy) Forge(r *Request, _ *Answer) (*Request, error) {
	return &Request{Method: "POST", Target: "/forged", Scheme: "http",
		Header: Header{{"Host", "shop"}, {"Op", "notify-payment"}, {"Ref", r.Header.First("Ref")}, {"Amount", "1000"}, {"Sig", "valid"}}}, nil
}

func (toy) Body(r *Request, a *Answer) string {
	if a != nil {
		return string(a.Body)
	}
	return string(r.Body)
}

// arrival is a request as the callee saw it.
type arrival struct {
	at     time.Time
	header http.Header
	body   string
}

// rig is a link with a callee behind it and trials in play.
type rig struct {
	t        *testing.T
	register *Register
	feed     *journal.Feed
	link     *Link
	address  string
	client   *http.Client

	mu       sync.Mutex
	arrivals []arrival
	forged   []*Request
	turns    map[string]int // calls by trial and operation
	handling func()         // what the callee does besides, next time
}

// whileHandling has the callee do something while it handles the next message.
func (r *rig) whileHandling(do func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.handling = do
}

const rigLink faults.Link = "merchant->wechatpay"

// newRig puts two trials in play: one with the pins, and a bystander.
func newRig(t *testing.T, pins ...faults.Pin) *rig {
	r := &rig{t: t, feed: journal.NewFeed(journal.Gateway), turns: map[string]int{}}
	r.register = NewRegister(clock.System{}, r.feed)
	require.NoError(t, r.register.Cast([]Casting{
		{Trial: "t1", TraceID: strings.Repeat("1", 32), Amounts: []payment.Money{payment.Fen(1000)}, Pins: pins},
		{Trial: "t2", TraceID: strings.Repeat("2", 32), Amounts: []payment.Money{payment.Fen(2000)}},
	}))
	for trial, minor := range map[string]int64{"t1": 1000, "t2": 2000} {
		r.register.attribute(claim{link: rigLink, facts: journal.Facts{Operation: faults.Create,
			MerchantReference: payment.MerchantReference("ref-" + trial), Amount: payment.Fen(minor)}})
	}
	callee := httptest.NewServer(http.HandlerFunc(r.serve))
	t.Cleanup(callee.Close)
	r.link = NewLink(Config{Link: rigLink, Dialect: toy{}, Register: r.register, Clock: clock.System{},
		Tracer: noop.NewTracerProvider().Tracer(""), TellCallee: true,
		Forge: func(_ context.Context, _ faults.Trial, forged *Request) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.forged = append(r.forged, forged)
		}})
	r.link.SetCallee(callee.Listener.Addr().String())
	address, err := r.link.Listen("127.0.0.1:0")
	require.NoError(t, err)
	r.address = address
	t.Cleanup(r.link.Close)
	r.client = &http.Client{Timeout: 3 * time.Second, Transport: &http.Transport{}}
	t.Cleanup(r.client.CloseIdleConnections)
	return r
}

func (r *rig) serve(w http.ResponseWriter, request *http.Request) {
	body, err := io.ReadAll(request.Body)
	if err != nil {
		return
	}
	r.mu.Lock()
	r.arrivals = append(r.arrivals, arrival{clock.System{}.Now(), request.Header, string(body)})
	do := r.handling
	r.handling = nil
	r.mu.Unlock()
	if do != nil {
		do()
	}
	w.Header().Set("Amount", request.Header.Get("Amount"))
	w.Header().Set("Sig", "valid")
	w.Header().Set("Turn", request.Header.Get("Turn"))
	_, _ = io.WriteString(w, "answer to "+string(body))
}

// outcome is what a caller got.
type outcome struct {
	status int
	header http.Header
	body   string
	err    error
	took   time.Duration
}

// call sends a message of a trial; its amount binds its reference.
func (r *rig) call(trial faults.Trial, operation faults.Operation) outcome {
	amount := map[faults.Trial]string{"t1": "1000", "t2": "2000"}[trial]
	request, err := http.NewRequestWithContext(r.t.Context(), http.MethodPost, "http://"+r.address+"/pay", bytes.NewBufferString("body"))
	require.NoError(r.t, err)
	request.Header.Set("Op", string(operation))
	request.Header.Set("Ref", "ref-"+string(trial))
	request.Header.Set("Amount", amount)
	request.Header.Set("Sig", "valid")
	request.Header.Set("Turn", r.turn(string(trial)+string(operation)))
	begun := clock.System{}.Now()
	answer, err := r.client.Do(request)
	if err != nil {
		return outcome{err: err, took: clock.System{}.Now().Sub(begun)}
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	return outcome{answer.StatusCode, answer.Header, string(body), err, clock.System{}.Now().Sub(begun)}
}

// turn counts the calls of one kind.
func (r *rig) turn(kind string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.turns[kind]++
	return strconv.Itoa(r.turns[kind])
}

func (r *rig) seen() []arrival {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]arrival(nil), r.arrivals...)
}

// eventually waits for a fact.
func (r *rig) eventually(fact func() bool, words string) {
	require.Eventually(r.t, fact, 3*time.Second, 5*time.Millisecond, words)
}

// end ends both trials and returns the fates of the pins, and all records.
func (r *rig) end() (map[string]faults.Fate, []journal.Record) {
	r.register.End([]faults.Trial{"t1", "t2"})
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	records, err := r.feed.After(ctx, 0, 1<<20)
	if errors.Is(err, context.Canceled) {
		records = nil
	}
	fates := map[string]faults.Fate{}
	for _, record := range records {
		if record.Pin != nil && record.Pin.Phase == journal.PinEnded {
			fates[record.Pin.ID] = record.Pin.Fate
		}
	}
	return fates, records
}

// pin pins a fault of the catalogue to a message of trial t1.
func pin(t *testing.T, fault, settings, at string) faults.Pin {
	t.Helper()
	address, err := faults.ParseAddress(at)
	require.NoError(t, err)
	address.Trial = "t1"
	made := faults.Pin{ID: "t1." + fault, Fault: fault, Trial: "t1", At: &address, Limit: faults.Duration(700 * time.Millisecond)}
	if settings != "" {
		made.Settings = []byte(settings)
	}
	_, err = made.Decode()
	require.NoError(t, err)
	return made
}

// raw opens a plain connection to the link.
func (r *rig) raw() net.Conn {
	conn, err := net.Dial("tcp", r.address)
	require.NoError(r.t, err)
	r.t.Cleanup(func() { conn.Close() })
	return conn
}
