package unionpay

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/faults/proxy"
	"github.com/payquake/payquake/providers/keys"
)

// errNoForgery says that an exchange begins no payment to forge about.
var errNoForgery = errors.New("the exchange begins no payment")

// Forge implements proxy.Dialect. The forged notification is right in every
// way: all that it says an outsider can know or guess, who has seen the
// merchant's request.
func (d *Dialect) Forge(r *proxy.Request, _ *proxy.Answer) (*proxy.Request, error) {
	facts := d.Request(r)
	asked, err := encoded.parse(string(r.Body))
	_, isCall := endpointOf(r.Target)
	begins := facts.Operation == faults.Create || facts.Operation == faults.PayCode
	if err != nil || !isCall || !begins || facts.Amount.Minor == 0 || d.ring.merchants[facts.Account] == nil {
		return nil, fmt.Errorf("forge a notification: %w: %w", errNoForgery, proxy.ErrCannotEdit)
	}
	to := or(asked["backUrl"], d.memory.address(facts.Account))
	if to == "" {
		return nil, fmt.Errorf("forge a notification: no backUrl is known: %w", proxy.ErrCannotEdit)
	}
	values := d.fiction(asked)
	if err := d.ring.sign(values); err != nil {
		return nil, err
	}
	return notificationTo(to, values)
}

// fiction is the news that the payment succeeded.
func (d *Dialect) fiction(asked fields) fields {
	now, trace := d.clock.Now(), keys.Digits(6)
	made := &trade{asked: asked, queryID: d.options.newQueryID(trace, now), traceNo: trace, at: now}
	values := made.result(true)
	for _, name := range []string{"version", "encoding", "signMethod"} {
		values[name] = asked[name]
	}
	values["settleAmt"] = strconv.FormatInt(asked.money("txnAmt").Minor, 10)
	values["respCode"], values["respMsg"] = codeOK, message(codeOK, "", values.chinese())
	return values
}
