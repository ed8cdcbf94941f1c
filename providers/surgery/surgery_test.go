package surgery

import (
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/faults/proxy"
)

func TestLocate_KeepsEveryOtherByte(t *testing.T) {
	const text = "{ \"a\" : {\"x\":[1,{\"b\":2}], \"b\" :\t7 , \"c\":null},\n\"b\":\"no\" }"
	where, err := Locate([]byte(text), "a", "b")
	require.NoError(t, err)
	require.Equal(t, strings.Replace(text, "\t7", "\t8", 1), string(where.Replaced([]byte(text), "8")))
	require.Equal(t, "{ \"a\" : {\"x\":[1,{\"b\":2}] , \"c\":null},\n\"b\":\"no\" }", string(where.Removed([]byte(text))))
	first, err := Locate([]byte(text), "a", "x")
	require.NoError(t, err)
	require.True(t, json.Valid(first.Removed([]byte(text))))
	for _, bad := range []string{"", "[]", `{"a":1`, `{"a":{}}`, `{"b":{"b":1}}`} {
		_, err := Locate([]byte(bad), "a", "b")
		require.True(t, errors.Is(err, ErrNoMember), bad)
	}
}

func TestChanged_SaysWhatAnAmountBecomes(t *testing.T) {
	for change, want := range map[faults.AmountChange]Amount{
		faults.AmountPlusOne: {true, "102"}, faults.AmountMinusOne: {true, "100"}, faults.AmountTimes100: {true, "10100"},
		faults.AmountDividedBy100: {true, "1"}, faults.AmountNegative: {true, "-101"}, faults.AmountZero: {true, "0"},
		faults.AmountCentsDropped: {true, "100"}, faults.AmountEmpty: {}, faults.AmountNotANumber: {false, "one yuan"},
		faults.AmountOverflow: {true, "9223372036854775808"},
	} {
		becomes, err := Changed(101, change)
		require.NoError(t, err, change)
		require.Equal(t, want, becomes, change)
	}
}

// A pin must not count as fired by a change that changes nothing, and what is
// no matter of the number is the dialect's.
func TestChanged_RefusesWhatChangesNothing(t *testing.T) {
	for _, c := range []struct {
		was    int64
		change faults.AmountChange
	}{
		{0, faults.AmountZero}, {0, faults.AmountNegative}, {200, faults.AmountCentsDropped}, {math.MaxInt64, faults.AmountTimes100},
		{1, faults.AmountMissing}, {1, faults.AmountOtherCurrency}, {1, "no such change"},
	} {
		_, err := Changed(c.was, c.change)
		require.ErrorIs(t, err, proxy.ErrCannotEdit, c)
	}
}
