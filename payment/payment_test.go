package payment

import (
	"errors"
	"math"
	"math/big"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// TestParseDecimal_Exact: the amounts that floats get wrong.
func TestParseDecimal_Exact(t *testing.T) {
	for text, minor := range map[string]int64{"0.29": 29, "1.15": 115, "8.20": 820, "19.99": 1999, "64.1": 6410, "1128.60": 112860,
		"0": 0, "-0.01": -1, "7": 700, "92233720368547758.07": math.MaxInt64} {
		got, err := ParseDecimal(text, CNY)
		require.NoError(t, err, text)
		require.Equal(t, Fen(minor), got, text)
	}
	for _, text := range []string{"", ".", "1.", ".5", "1.234", "1e3", "+1", "1,000", "--1", " 1", "１"} {
		_, err := ParseDecimal(text, CNY)
		require.ErrorIs(t, err, ErrBadAmount, "%q", text)
	}
	_, err := ParseDecimal("92233720368547758.08", CNY)
	require.ErrorIs(t, err, ErrOverflow)
}

// TestDecimal_RoundTrip: what is written is read again, in every exponent.
func TestDecimal_RoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		currency := rapid.SampledFrom([]Currency{CNY, "JPY", "KWD"}).Draw(t, "currency")
		money := Money{Minor: rapid.Int64().Draw(t, "minor"), Currency: currency}
		again, err := ParseDecimal(money.Decimal(), currency)
		require.NoError(t, err)
		require.Equal(t, money, again)
	})
}

// TestAdd_IsExactOrAnError: never a wrapped-around sum.
func TestAdd_IsExactOrAnError(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := rapid.Int64().Draw(t, "a"), rapid.Int64().Draw(t, "b")
		exact := new(big.Int).Add(big.NewInt(a), big.NewInt(b))
		sum, err := Fen(a).Add(Fen(b))
		if exact.IsInt64() {
			require.NoError(t, err)
			require.Equal(t, exact.Int64(), sum.Minor)
		} else {
			require.ErrorIs(t, err, ErrOverflow)
		}
		difference, err := Fen(a).Sub(Fen(b))
		exact.Sub(big.NewInt(a), big.NewInt(b))
		if err == nil {
			require.Equal(t, exact.Int64(), difference.Minor)
		} else {
			require.True(t, errors.Is(err, ErrOverflow))
		}
	})
}

// TestMoney_CurrenciesDoNotMix, except with the zero value, which is no money.
func TestMoney_CurrenciesDoNotMix(t *testing.T) {
	_, err := Fen(1).Add(Money{Minor: 1, Currency: "USD"})
	require.ErrorIs(t, err, ErrCurrencyMismatch)
	_, err = Fen(1).Compare(Money{Minor: 1, Currency: "USD"})
	require.ErrorIs(t, err, ErrCurrencyMismatch)
	sum, err := Sum(Fen(1), Money{}, Fen(2))
	require.NoError(t, err)
	require.Equal(t, Fen(3), sum)
}

// TestStates_NoWayBack: from a terminal state an order never becomes open, a
// payment never pending, a refund never under way.
func TestStates_NoWayBack(t *testing.T) {
	for _, state := range []OrderState{OrderPaid, OrderRefunded, OrderClosed} {
		require.True(t, state.Terminal())
		require.False(t, state.MayBecome(OrderOpen), state)
	}
	for _, state := range []State{Captured, Declined, Closed, Returned, HandedOver} {
		require.True(t, state.Terminal())
		require.False(t, state.MayBecome(Pending), state)
	}
	for _, state := range []RefundState{RefundDone, RefundRefused, RefundHandedOver} {
		require.True(t, state.Terminal())
		require.False(t, state.MayBecome(RefundProcessing), state)
	}
	require.False(t, OrderPaid.MayBecome(OrderClosed))
	require.True(t, Closed.MayBecome(Captured), "a late success")
	require.False(t, OrderState("").Terminal())
	require.False(t, State("").MayBecome(""), "nothing is not a state")
}
