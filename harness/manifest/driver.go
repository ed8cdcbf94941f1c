package manifest

import (
	"slices"

	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/payment"
)

// Driver says how payquake acts as the merchant's shoppers: a call for each thing
// that a shopper does, with what is sent and what is read from the answer.
type Driver struct {
	// Command is a program that makes the calls instead, one JSON line each. It
	// knows the usual ones; Also are the seldom ones that it knows too: cancel, change,
	// return.
	Command []string
	Also    []string
	// Login is made once for each shopper, before anything else; its Take fills
	// the variable session.
	Login *Call
	// Headers go with every call.
	Headers []Field
	Place   Call
	Start   Call
	Read    Call
	Refund  *Call // nil: shoppers get no money back
	// Cancel, Change and Return are nil for a merchant whose orders cannot be
	// cancelled or changed, or that has no page to come back to.
	Cancel, Change, Return *Call
	Books                  *Books
	Reset                  *Call // made once before the first trial
	Words                  Words
}

// Refunds reports whether shoppers can ask for money back.
func (d Driver) Refunds() bool { return d.Command != nil || d.Refund != nil }

// Offers reports whether shoppers can do what an operation of their link stands for.
func (d Driver) Offers(operation faults.Operation) bool {
	switch operation {
	case faults.AskRefund:
		return d.Refunds()
	case faults.CancelOrder:
		return d.Cancel != nil || slices.Contains(d.Also, "cancel")
	case faults.ChangeOrder:
		return d.Change != nil || slices.Contains(d.Also, "change")
	case faults.ReturnPage:
		return d.Return != nil || slices.Contains(d.Also, "return")
	default:
		return true
	}
}

// ExportsBooks reports whether the merchant's books can be read.
func (d Driver) ExportsBooks() bool { return d.Command != nil || d.Books != nil }

// Call is one call on the merchant's API.
type Call struct {
	Method  string
	Path    Template
	Headers []Field
	// JSON or Form is the body; neither is none.
	JSON, Form *Template
	// OK and Failed decide the outcome from the answer: by default success is
	// ok, and a refusal (400 to 499, but for 408, 425 and 429) surely had no
	// effect. Everything else is indeterminate.
	OK, Failed Expression
	// Take reads the answer.
	Take Take
}

// Field is a named template.
type Field struct {
	Name  string
	Value Template
}

// Take says where the parts of an answer are. Lists come with what to read from
// each item.
type Take struct {
	Values   map[string]Expression
	Payments *Each
	Refunds  *Each
}

// Each reads a list, item by item.
type Each struct {
	From   Expression
	Values map[string]Expression
}

// Books is how the merchant's books are read, past all faults.
type Books struct {
	Call                                                     Call
	Orders, Payments, Refunds, HandedOver, Credits, Balances *Each
}

// Words turns the merchant's own words for states into payquake's.
type Words struct {
	Order   map[string]payment.OrderState
	Payment map[string]payment.State
	Refund  map[string]payment.RefundState
}

// The variables of each call, with values of the kinds that they will have. Every
// expression is compiled against them, so that a slip is told before a run.
func orderVars() Vars {
	return Vars{"key": "order-1", "shopper": "shopper-1", "total": int64(1234), "session": Vars{},
		"lines":   []any{Vars{"product": "p1", "name": "tea", "quantity": int64(1), "price": int64(1234)}},
		"product": "p1", "quantity": int64(1)}
}

func startVars() Vars {
	return Vars{"key": "start-1", "shopper": "shopper-1", "order": "1", "provider": "wechatpay", "method": "code",
		"barcode": "", "payer": "shopper-1", "session": Vars{}}
}

func readVars() Vars { return Vars{"order": "1", "shopper": "shopper-1", "session": Vars{}} }

func changeVars() Vars {
	vars := orderVars()
	delete(vars, "key")
	vars["order"] = "1"
	return vars
}

func refundVars() Vars {
	return Vars{"key": "refund-1", "order": "1", "shopper": "shopper-1", "amount": int64(1234), "session": Vars{}}
}

// answerVars are what is known of an answer: its status, its headers (by lower
// case name), its text, and its body if that is JSON. Numbers with decimals are
// texts, so that no digit is lost. Item is the part of a list that is read.
func answerVars() Vars {
	return Vars{"status": 200, "headers": map[string]string{}, "text": "", "body": any(nil)}
}

func itemVars() Vars {
	vars := answerVars()
	vars["item"] = any(nil)
	return vars
}
