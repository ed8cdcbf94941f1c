// Package proxy is the data plane: one proxy per link, which frames HTTP/1.1
// itself, keeps each message's raw bytes (signatures are over bytes), gives
// each message to its trial, applies the pins of its address, records it, and
// passes the trace context on.
//
// It knows no provider. What a message says and how it is changed it asks of
// the link's Dialect.
package proxy

import (
	"bytes"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/journal"
)

// Dialect tells the proxy what the messages of a link say, and changes them.
// Requests and answers given to it are the proxy's: it reads them and returns
// changed copies (Clone). All methods are safe for concurrent use.
type Dialect interface {
	// Request says what a request asks for. A request that the dialect cannot
	// read has the operation faults.Other.
	Request(*Request) journal.Facts
	// Answer says what an answer to the request says. Its Operation is the request's.
	Answer(*Request, *Answer) journal.Facts
	// EditRequest carries an edit out. It fails with ErrCannotEdit if the
	// message has no such part (no amount, no signature).
	EditRequest(*Request, faults.Edit) (*Request, error)
	// EditAnswer does the same for an answer.
	EditAnswer(*Request, *Answer, faults.Edit) (*Answer, error)
	// Refuse makes the answer that the callee would give with this status and
	// error code, signed if it signs errors.
	Refuse(*Request, faults.Response) (*Answer, error)
	// Forge makes the notification with which the provider would say that the
	// payment of this exchange was paid, down to the signature. What is wrong with
	// it is left to EditRequest. Its target is where the merchant wants to be
	// notified.
	Forge(*Request, *Answer) (*Request, error)
	// Body is a message's content decoded for people, with secrets and personal
	// data masked. The answer is nil for requests.
	Body(*Request, *Answer) string
}

// Request is an HTTP request as it crossed the link.
type Request struct {
	Method string
	Target string // as on the request line, still percent-encoded
	Scheme string // http or https, as the caller used it
	Header Header // Host included
	Body   []byte // without transfer encoding
}

// Answer is an HTTP answer as it crossed the link.
type Answer struct {
	Status int
	Reason string // of the status line
	Header Header
	Body   []byte
}

// Header is the header lines of a message in their order, with the names as
// they were written.
type Header []HeaderLine

// HeaderLine is one line of a header.
type HeaderLine struct{ Name, Value string }

// First is the first value of a name, in any case; "" if there is none.
func (h Header) First(name string) string {
	for _, line := range h {
		if strings.EqualFold(line.Name, name) {
			return line.Value
		}
	}
	return ""
}

// Set replaces the first line of that name and drops the others, or adds one.
func (h *Header) Set(name, value string) {
	kept := make(Header, 0, len(*h)+1)
	done := false
	for _, line := range *h {
		if !strings.EqualFold(line.Name, name) {
			kept = append(kept, line)
		} else if !done {
			kept, done = append(kept, HeaderLine{line.Name, value}), true
		}
	}
	if !done {
		kept = append(kept, HeaderLine{name, value})
	}
	*h = kept
}

// Remove drops all lines of that name.
func (h *Header) Remove(name string) {
	*h = slices.DeleteFunc(slices.Clone(*h), func(line HeaderLine) bool { return strings.EqualFold(line.Name, name) })
}

// Std is the header as net/http has it.
func (h Header) Std() http.Header {
	std := make(http.Header, len(h))
	for _, line := range h {
		std.Add(line.Name, line.Value)
	}
	return std
}

// Clone is a copy that shares nothing.
func (r *Request) Clone() *Request {
	clone := *r
	clone.Header, clone.Body = slices.Clone(r.Header), bytes.Clone(r.Body)
	return &clone
}

// Path is the target without its query.
func (r *Request) Path() string { path, _, _ := strings.Cut(r.Target, "?"); return path }

// Clone is a copy that shares nothing.
func (a *Answer) Clone() *Answer {
	clone := *a
	clone.Header, clone.Body = slices.Clone(a.Header), bytes.Clone(a.Body)
	return &clone
}

// ErrCannotEdit says that a message has no such part to change.
var ErrCannotEdit = errors.New("the message has no such part")
