package manifest

import (
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/payquake/payquake/internal/document"
	"github.com/payquake/payquake/payment"
)

// verbs are how a call names its method and path.
func verbs() []string { return []string{"get", "post", "put", "patch", "delete"} }

// callKeys are the keys of every call.
func callKeys() []string {
	return append(verbs(), "headers", "json", "form", "ok", "failed", "take")
}

// reading says what a call's answer may be read for.
type reading struct {
	values   []string
	payments []string
	refunds  []string
	free     bool // any names: they become the session
}

// driverKeys are the parts of a driver without a command.
func driverKeys() []string {
	return slices.Concat([]string{"login", "headers", "place", "start", "read", "refund", "books", "reset", "states"}, seldomKeys())
}

// seldomKeys are the calls that not every merchant has.
func seldomKeys() []string { return []string{"cancel", "change", "return"} }

// commandDriver reads a driver that is a program.
func (r *reader) commandDriver(values map[string]document.Node) Driver {
	d := Driver{Command: r.command("driver.command", values["command"], "./drive")}
	for _, key := range driverKeys() {
		if _, also := values[key]; also {
			r.Addf("driver."+key, "the command makes the calls; %s: belongs to a driver without one", key)
		}
	}
	if n, given := values["also"]; given {
		members := r.Ordered("driver.also", n)
		for _, path := range members.Paths {
			d.Also = append(d.Also, r.Word(path, "call", members.ByPath[path], seldomKeys()))
		}
	}
	return d
}

func (r *reader) driver(n document.Node, catalogue bool) Driver {
	var d Driver
	values := r.Fields("driver", n, append([]string{"command", "also"}, driverKeys()...))
	if values == nil {
		return d
	}
	if _, given := values["command"]; given {
		return r.commandDriver(values)
	}
	if _, given := values["also"]; given {
		r.Add("driver.also", "it is for a driver with a command:; without one, the calls that there are say what the merchant offers")
	}
	session := Vars{}
	if n, given := values["login"]; given {
		login := r.call("driver.login", n, Vars{"shopper": "shopper-1"}, reading{free: true})
		d.Login = &login
		for name := range login.Take.Values {
			session[name] = name
		}
	}
	with := func(vars Vars) Vars { vars["session"] = session; return vars }
	if n, given := values["headers"]; given {
		d.Headers = r.headers("driver.headers", n, with(Vars{"shopper": "shopper-1"}))
	}
	for _, call := range []struct {
		key   string
		into  *Call
		vars  Vars
		reads reading
	}{
		{"place", &d.Place, orderVars(), reading{values: []string{"order", "state"}}},
		{"start", &d.Start, startVars(), reading{values: []string{"state", "code"}}},
		{"read", &d.Read, readVars(), orderReading()},
	} {
		n, given := values[call.key]
		if !given {
			r.Addf("driver", "%s: is missing; shoppers cannot do without", call.key)
			continue
		}
		*call.into = r.call("driver."+call.key, n, with(call.vars), call.reads)
	}
	if n, given := values["refund"]; given {
		refund := r.call("driver.refund", n, with(refundVars()), reading{values: []string{"state"}})
		d.Refund = &refund
	}
	for key, into := range map[string]**Call{"cancel": &d.Cancel, "change": &d.Change, "return": &d.Return} {
		if n, given := values[key]; given {
			vars := with(readVars())
			if key == "change" {
				vars = with(changeVars())
			}
			call := r.call("driver."+key, n, vars, reading{values: []string{"state"}})
			*into = &call
		}
	}
	if n, given := values["reset"]; given {
		reset := r.call("driver.reset", n, Vars{}, reading{})
		d.Reset = &reset
	}
	if n, given := values["books"]; given {
		d.Books = r.books(n)
	}
	d.Words = r.words(values["states"])
	r.needs(d, catalogue)
	return d
}

// orderReading is what an order's page shows.
func orderReading() reading {
	return reading{values: []string{"state"}, payments: []string{"key", "state", "code"}, refunds: []string{"key", "state"}}
}

// needs checks that the driver can learn what it must.
func (r *reader) needs(d Driver, catalogue bool) {
	for _, need := range []struct{ at, key, why string }{
		{"driver.place.take", "order", "without the order's number nothing more can be done with it"},
		{"driver.start.take", "code", "without the code nobody can pay"},
		{"driver.read.take", "state", "without the order's state nobody knows whether it is paid"},
	} {
		call := map[string]Call{"driver.place.take": d.Place, "driver.start.take": d.Start, "driver.read.take": d.Read}[need.at]
		inPayments := need.key == "code" && d.Read.Take.Payments != nil && !d.Read.Take.Payments.Values["code"].IsZero()
		if call.Method != "" && call.Take.Values[need.key].IsZero() && !inPayments {
			r.Addf(strings.TrimSuffix(need.at, ".take"), "take: does not say where %s is; %s", need.key, need.why)
		}
	}
	if catalogue && d.Place.Method != "" && !d.Place.uses("product") && !d.Place.uses("lines") {
		r.Add("driver.place", "there is a catalogue, but no ${product} is sent: place one of the products, or lines with their product")
	}
}

// uses reports whether a call sends a variable.
func (c Call) uses(word string) bool {
	uses := c.Path.Uses(word)
	for _, body := range []*Template{c.JSON, c.Form} {
		uses = uses || body != nil && body.Uses(word)
	}
	for _, header := range c.Headers {
		uses = uses || header.Value.Uses(word)
	}
	return uses
}

// call reads one call: what is sent with these variables, and what is read.
func (r *reader) call(at string, n document.Node, vars Vars, reads reading) Call {
	var c Call
	values := r.Fields(at, n, callKeys())
	if values == nil {
		return c
	}
	for _, verb := range verbs() {
		n, given := values[verb]
		switch {
		case !given:
		case c.Method != "":
			r.Addf(document.Under(at, verb), "a call has one method: %s: or %s:", strings.ToLower(c.Method), verb)
		default:
			c.Method = strings.ToUpper(verb)
			c.Path = r.template(document.Under(at, verb), n, vars)
			if !strings.HasPrefix(n.Text, "/") {
				r.Add(document.Under(at, verb), "a path begins with /; the host is the merchant's")
			}
		}
	}
	if c.Method == "" {
		r.Addf(at, "this call has no method; give its path as one of %s, such as post: /orders", document.Joined(verbs()))
		c.Method = http.MethodGet
	}
	if n, given := values["headers"]; given {
		c.Headers = r.headers(at+".headers", n, vars)
	}
	if n, given := values["json"]; given {
		body := r.template(at+".json", n, vars)
		c.JSON = &body
	}
	if n, given := values["form"]; given {
		body := r.template(at+".form", n, vars)
		c.Form = &body
		switch {
		case c.JSON != nil:
			r.Add(at+".form", "a body is json: or form:, not both")
		case n.Kind != document.Mapping:
			r.Add(at+".form", "a form is a map of fields")
		}
	}
	answer := answerVars()
	if n, given := values["ok"]; given {
		c.OK = r.expression(at+".ok", n, answer)
	}
	if n, given := values["failed"]; given {
		c.Failed = r.expression(at+".failed", n, answer)
	}
	if n, given := values["take"]; given {
		c.Take = r.take(at+".take", n, reads)
	}
	return c
}

func (r *reader) headers(at string, n document.Node, vars Vars) []Field {
	var headers []Field
	for name, value := range r.ordered(at, n) {
		headers = append(headers, Field{Name: name, Value: r.template(document.Under(at, name), value, vars)})
	}
	return headers
}

// take reads what is read of an answer.
func (r *reader) take(at string, n document.Node, reads reading) Take {
	take := Take{Values: map[string]Expression{}}
	known := slices.Clone(reads.values)
	if reads.payments != nil {
		known = append(known, "payments", "refunds")
	}
	if reads.free {
		for _, e := range n.Keys {
			known = append(known, e.Key)
		}
	}
	for key, n := range r.Fields(at, n, known) {
		where := document.Under(at, key)
		switch {
		case reads.payments != nil && key == "payments":
			take.Payments = r.each(where, n, reads.payments)
		case reads.payments != nil && key == "refunds":
			take.Refunds = r.each(where, n, reads.refunds)
		default:
			take.Values[key] = r.expression(where, n, answerVars())
		}
	}
	return take
}

// each reads a list of an answer, item by item.
func (r *reader) each(at string, n document.Node, known []string) *Each {
	each := &Each{Values: map[string]Expression{}}
	values := r.Fields(at, n, append([]string{"from"}, known...))
	if values == nil {
		return each
	}
	if n, given := values["from"]; given {
		each.From = r.expression(at+".from", n, answerVars())
	} else {
		r.Add(at, "from: is missing; it is where the list is, such as body.payments")
	}
	for key, n := range values {
		if key != "from" {
			each.Values[key] = r.expression(document.Under(at, key), n, itemVars())
		}
	}
	return each
}

// books reads how the books are read. The keys of each part are those of the
// journal's entries.
func (r *reader) books(n document.Node) *Books {
	b := &Books{}
	parts := map[string]**Each{"orders": &b.Orders, "payments": &b.Payments, "refunds": &b.Refunds, "handedOver": &b.HandedOver,
		"credits": &b.Credits, "balances": &b.Balances}
	values := r.Fields("driver.books", n, append(callKeys(), slices.Sorted(maps.Keys(parts))...))
	if values == nil {
		return b
	}
	call := document.Node{Kind: document.Mapping, At: n.At}
	for _, e := range n.Keys {
		if parts[e.Key] == nil {
			call.Keys = append(call.Keys, e)
		}
	}
	b.Call = r.call("driver.books", call, Vars{}, reading{})
	for key, into := range parts {
		if n, given := values[key]; given {
			*into = r.each("driver.books."+key, n, bookKeys()[key])
		}
	}
	for _, key := range []string{"orders", "payments"} {
		if *parts[key] == nil {
			r.Addf("driver.books", "%s: is missing; books without them say nothing about money", key)
		}
	}
	return b
}

// bookKeys are what is read of each part of the books.
func bookKeys() map[string][]string {
	return map[string][]string{
		"orders":     {"id", "key", "state", "total", "refunded"},
		"payments":   {"id", "order", "provider", "reference", "theirs", "state", "captured"},
		"refunds":    {"id", "order", "payment", "request", "reference", "theirs", "state", "amount"},
		"handedOver": {"order", "payment", "reference", "amount", "reason"},
		"credits":    {"order", "payment", "reference", "account", "amount"},
		"balances":   {"account", "amount"},
	}
}

// words reads what the merchant's words for states mean.
func (r *reader) words(n document.Node) Words {
	words := Words{}
	if n.Kind == document.Nothing {
		r.Add("driver", "states: is missing; it says what the merchant's words for states mean, such as order: {NEW: open, PAID: paid}")
		return words
	}
	values := r.Fields("driver.states", n, []string{"order", "payment", "refund"})
	words.Order = meanings(r, "order", values["order"], payment.OrderOpen, payment.OrderPaid, payment.OrderRefunded, payment.OrderClosed)
	words.Payment = meanings(r, "payment", values["payment"], payment.Pending, payment.Captured, payment.Declined, payment.Closed,
		payment.Returned, payment.HandedOver)
	words.Refund = meanings(r, "refund", values["refund"], payment.RefundRequested, payment.RefundProcessing, payment.RefundDone,
		payment.RefundRefused, payment.RefundHandedOver)
	if values == nil {
		return words
	}
	for _, state := range []payment.OrderState{payment.OrderOpen, payment.OrderPaid, payment.OrderClosed} {
		found := false
		for _, meant := range words.Order {
			found = found || meant == state
		}
		if !found && len(r.Found) == 0 {
			r.Addf("driver.states.order", "none of the merchant's words means %q; an order that can never be that cannot be judged", state)
		}
	}
	return words
}

// meanings reads one map of words. A word that is not listed means itself, if it
// is one of payquake's own.
func meanings[S ~string](r *reader, kind string, n document.Node, known ...S) map[string]S {
	meant := map[string]S{}
	for _, state := range known {
		meant[string(state)] = state
	}
	if n.Kind == document.Nothing {
		return meant
	}
	at := "driver.states." + kind
	clear(meant)
	words := make([]string, len(known))
	for i, state := range known {
		words[i] = string(state)
	}
	for word, value := range r.ordered(at, n) {
		state := r.Text(document.Under(at, word), value)
		if !slices.Contains(words, state) {
			r.Unknown(document.Under(at, word), "state", state, words)
		}
		meant[word] = S(state)
	}
	return meant
}
