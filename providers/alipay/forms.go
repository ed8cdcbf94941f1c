package alipay

import (
	"errors"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/payquake/payquake/payment"
)

// orderParams is what the mock acts on of a request that begins a trade (§4).
type orderParams struct {
	OutTradeNo, Subject, Body, Passback string
	Total                               payment.Money
	Buyer                               string // of create: buyer_id or buyer_open_id
	AuthCode                            string // of pay
	StoreID, TerminalID                 string
	NotifyURL                           string
	Life                                string // timeout_express
	Until                               time.Time
	CodeLife                            string // qr_code_timeout_express
}

// The bounds of an amount in fen (§1).
const (
	leastFen = 1
	mostFen  = 100_000_000 * 100
)

// invalid refuses a business parameter (§5).
func invalid(name string) *failure { return because(subParameter, "参数无效："+name) }

// readOrder checks what every request that begins a trade must satisfy before
// the state of its number is looked at.
func (p *Provider) readOrder(c call) (orderParams, *failure) {
	b := c.business
	o := orderParams{OutTradeNo: b.text("out_trade_no"), Subject: b.text("subject"), Body: b.text("body"),
		Passback: b.text("passback_params"), Buyer: b.text("buyer_id"), AuthCode: b.text("auth_code"),
		StoreID: b.text("store_id"), TerminalID: b.text("terminal_id"), NotifyURL: c.notifyURL,
		Life: b.text("timeout_express"), CodeLife: b.text("qr_code_timeout_express")}
	if o.Buyer == "" {
		o.Buyer = b.text("buyer_open_id")
	}
	switch {
	case !validNumber(o.OutTradeNo):
		return o, invalid("out_trade_no")
	case o.Subject == "" || utf8.RuneCountInString(o.Subject) > 256 || (!p.options.AnySubject && strings.ContainsAny(o.Subject, "/=&")):
		return o, invalid("subject")
	case utf8.RuneCountInString(o.Body) > 128:
		return o, invalid("body")
	case len(o.Passback) > 512:
		return o, invalid("passback_params")
	case strings.ContainsAny(o.StoreID+o.TerminalID, "{}"): // answers show them, and some clients count braces (§3)
		return o, invalid("store_id")
	case len(o.NotifyURL) > 256:
		return o, because("isv.invalid-parameter", "notify_url过长")
	case !played(b.text("trans_currency")) || !played(b.text("settle_currency")):
		return o, invalid("trans_currency")
	case b.text("seller_id") != "" && b.text("seller_id") != c.account.SellerID:
		return o, refuse(subSeller)
	}
	var refused *failure
	if o.Total, refused = readAmount(b, "total_amount"); refused != nil {
		return o, refused
	}
	if o.Until, refused = p.readUntil(b.text("time_expire")); refused != nil {
		return o, refused
	}
	if refused := checkLives(o); refused != nil {
		return o, refused
	}
	return o, checkProduct(c.method, b, o)
}

// played reports whether a currency is the one that the mock plays, which is
// also the one that is meant when none is named (§1).
func played(currency string) bool { return currency == "" || currency == string(payment.CNY) }

// validNumber reports whether a merchant's number has 1 to 64 letters, digits
// and underscores (§1).
func validNumber(number string) bool {
	return number != "" && len(number) <= 64 && strings.IndexFunc(number, func(r rune) bool {
		letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
		return !letter && (r < '0' || r > '9') && r != '_'
	}) < 0
}

// readAmount reads an amount in yuan with at most two decimals (§1).
func readAmount(b reading, name string) (payment.Money, *failure) {
	read, err := payment.ParseDecimal(b.text(name), payment.CNY)
	switch {
	case errors.Is(err, payment.ErrOverflow) || read.Minor > mostFen:
		return payment.Money{}, refuse(subTooMuch)
	case err != nil || read.Minor < leastFen:
		return payment.Money{}, invalid(name)
	default:
		return read, nil
	}
}

// readUntil reads time_expire, the last moment to pay. It wins over
// timeout_express (§6).
func (p *Provider) readUntil(text string) (time.Time, *failure) {
	if text == "" {
		return time.Time{}, nil
	}
	at, err := parseTime(text)
	if err != nil {
		return time.Time{}, invalid("time_expire")
	}
	if !at.After(p.ports.Clock.Now()) {
		return time.Time{}, refuse(subPast)
	}
	return at, nil
}

func checkLives(o orderParams) *failure {
	for name, text := range map[string]string{"timeout_express": o.Life, "qr_code_timeout_express": o.CodeLife} {
		if _, ok := lifeEnd(time.Time{}, text); text != "" && !ok {
			return invalid(name)
		}
	}
	return nil
}

// lifeEnd is when a life of the form 90m, 3h, 15d or 1c (the end of the day)
// that begins at from is over (§6); false if it has no such form or is longer
// than 15 days.
func lifeEnd(from time.Time, text string) (time.Time, bool) {
	if text == "1c" {
		day := beijing(from)
		return time.Date(day.Year(), day.Month(), day.Day()+1, 0, 0, 0, 0, day.Location()), true
	}
	if text == "" {
		return time.Time{}, false
	}
	units := map[byte]time.Duration{'m': time.Minute, 'h': time.Hour, 'd': 24 * time.Hour}
	unit, known := units[text[len(text)-1]]
	count, err := strconv.ParseUint(text[:len(text)-1], 10, 16)
	life := time.Duration(count) * unit
	return from.Add(life), known && err == nil && count > 0 && life <= longLife
}

// checkProduct checks what each method demands beside (§1, §4).
func checkProduct(m method, b reading, o orderParams) *failure {
	product := b.text("product_code")
	bad := false
	switch m {
	case pagePay:
		bad = product != "FAST_INSTANT_TRADE_PAY"
	case wapPay:
		bad = product != "QUICK_WAP_WAY" && product != "QUICK_WAP_PAY"
	case appPay:
		bad = product != "" && product != "QUICK_MSECURITY_PAY"
	case precreate:
		bad = product != "" && product != "QR_CODE_OFFLINE" && product != "FACE_TO_FACE_PAYMENT"
	case create:
		if o.Buyer == "" {
			return invalid("buyer_id")
		}
	case pay:
		if scene := b.text("scene"); scene != "" && scene != "bar_code" && scene != "security_code" && scene != "wave_code" {
			return invalid("scene")
		}
		if o.AuthCode == "" {
			return invalid("auth_code")
		}
		bad = product != "" && product != "FACE_TO_FACE_PAYMENT" && product != "OFFLINE_PAYMENT"
	}
	if bad {
		return invalid("product_code")
	}
	return nil
}
