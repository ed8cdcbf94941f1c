// Package payment is the domain: money, orders, payments and refunds with
// their states and legal moves. It owns these words and knows nothing of
// providers, wire formats, storage or time; it imports nothing of ours.
package payment

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Currency is an ISO 4217 alphabetic code.
type Currency string

// CNY is the renminbi; its minor unit is the fen.
const CNY Currency = "CNY"

// Exponent is the number of decimal digits of the currency's minor unit, as
// ISO 4217 lists it. Currencies not known to need another have two.
func (c Currency) Exponent() int {
	switch c {
	case "JPY", "KRW", "VND", "CLP":
		return 0
	case "BHD", "KWD", "OMR", "TND":
		return 3
	default:
		return 2
	}
}

// Money is an amount in minor units with its currency. Amounts are integers
// because a float cannot hold 0.29 and a payment system must. The zero value
// is no money of no currency, and adds to anything.
type Money struct {
	Minor    int64    `json:"minor"`
	Currency Currency `json:"currency"`
}

// Errors of money arithmetic and parsing; both are wrapped with the operands.
var (
	ErrCurrencyMismatch = errors.New("currencies differ")
	ErrOverflow         = errors.New("amount out of range")
	ErrBadAmount        = errors.New("not a decimal amount")
)

// Fen is an amount of CNY.
func Fen(minor int64) Money { return Money{Minor: minor, Currency: CNY} }

// IsZero reports whether no money is meant, whatever the currency.
func (m Money) IsZero() bool { return m.Minor == 0 }

// Add returns m + n. It fails with ErrCurrencyMismatch when both carry money
// of different currencies, and with ErrOverflow beyond int64.
func (m Money) Add(n Money) (Money, error) {
	currency, err := common(m, n)
	if err != nil {
		return Money{}, err
	}
	if (n.Minor > 0 && m.Minor > math.MaxInt64-n.Minor) || (n.Minor < 0 && m.Minor < math.MinInt64-n.Minor) {
		return Money{}, fmt.Errorf("add %s and %s: %w", m, n, ErrOverflow)
	}
	return Money{Minor: m.Minor + n.Minor, Currency: currency}, nil
}

// Sub returns m - n, with the errors of Add.
func (m Money) Sub(n Money) (Money, error) {
	if n.Minor == math.MinInt64 {
		return Money{}, fmt.Errorf("subtract %s: %w", n, ErrOverflow)
	}
	return m.Add(n.Neg())
}

// Neg returns -m.
func (m Money) Neg() Money { return Money{Minor: -m.Minor, Currency: m.Currency} }

// Sum adds all amounts, with the errors of Add. No amounts sum to the zero value.
func Sum(amounts ...Money) (Money, error) {
	var total Money
	for _, amount := range amounts {
		next, err := total.Add(amount)
		if err != nil {
			return Money{}, err
		}
		total = next
	}
	return total, nil
}

// Compare orders two amounts of one currency as -1, 0 or 1, with
// ErrCurrencyMismatch when they cannot be compared.
func (m Money) Compare(n Money) (int, error) {
	if _, err := common(m, n); err != nil {
		return 0, err
	}
	switch {
	case m.Minor < n.Minor:
		return -1, nil
	case m.Minor > n.Minor:
		return 1, nil
	default:
		return 0, nil
	}
}

// common finds the currency of an operation on two amounts. A zero value
// without a currency takes the other's.
func common(m, n Money) (Currency, error) {
	switch {
	case m.Currency == n.Currency, n == Money{}:
		return m.Currency, nil
	case m == Money{}:
		return n.Currency, nil
	default:
		return "", fmt.Errorf("%s and %s: %w", m, n, ErrCurrencyMismatch)
	}
}

// Decimal writes the amount in major units with all digits of the minor unit
// and no currency: 1234 fen are "12.34".
func (m Money) Decimal() string {
	exponent := m.Currency.Exponent()
	digits := strconv.FormatInt(m.Minor, 10)
	sign := ""
	if digits[0] == '-' {
		sign, digits = "-", digits[1:]
	}
	if exponent == 0 {
		return sign + digits
	}
	if len(digits) <= exponent {
		digits = strings.Repeat("0", exponent-len(digits)+1) + digits
	}
	point := len(digits) - exponent
	return sign + digits[:point] + "." + digits[point:]
}

// String writes the amount for people: "12.34 CNY".
func (m Money) String() string {
	if m.Currency == "" {
		return m.Decimal()
	}
	return m.Decimal() + " " + string(m.Currency)
}

// ParseDecimal reads an amount in major units, such as "12.34" or "-0.5". It
// fails with ErrBadAmount for anything but an optional minus, digits and at
// most the currency's number of decimals, and with ErrOverflow beyond int64.
func ParseDecimal(text string, currency Currency) (Money, error) {
	whole, fraction, pointed := strings.Cut(strings.TrimPrefix(text, "-"), ".")
	exponent := currency.Exponent()
	if !digitsOnly(whole) || (pointed && !digitsOnly(fraction)) || len(fraction) > exponent {
		return Money{}, fmt.Errorf("%q in %s: %w", text, currency, ErrBadAmount)
	}
	padded := whole + fraction + strings.Repeat("0", exponent-len(fraction))
	if strings.HasPrefix(text, "-") {
		padded = "-" + padded
	}
	minor, err := strconv.ParseInt(padded, 10, 64)
	if err != nil {
		return Money{}, fmt.Errorf("%q in %s: %w", text, currency, ErrOverflow)
	}
	return Money{Minor: minor, Currency: currency}, nil
}

func digitsOnly(text string) bool {
	return text != "" && strings.Trim(text, "0123456789") == ""
}
