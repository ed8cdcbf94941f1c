// Package bugs is the bug zoo: known real-world mistakes of merchants, one
// file each. A bug replaces one decision of merchant.Policy and nothing else,
// so that what payquake finds is what that decision costs. Numbers and names
// are those of the catalogue, and from 31 on our own; numbers without a file are not
// built yet.
package bugs

import (
	"errors"
	"fmt"
	"strings"

	"github.com/payquake/payquake/merchant"
	"github.com/payquake/payquake/payment"
)

// Bug is one mistake. Exposed is the smallest fault that shows it and
// Invariant the id of the invariant that must catch it.
type Bug struct {
	Number    int
	Name      string
	Summary   string
	Exposed   string
	Invariant string
	// Harmless says of a provider why the mistake costs nothing there.
	Harmless map[payment.ProviderName]string
	Apply    func(*merchant.Policy)
}

// ErrUnknown is a name no bug has; it is wrapped with the nearest one.
var ErrUnknown = errors.New("no such bug")

// All lists the bugs by number.
func All() []Bug {
	return []Bug{
		newReferenceWhileUndecided(), newRefundNumber(), timeoutMeansFailed(), noQueryJob(), notificationTwice(),
		notificationRace(), amountUnchecked(), fenYuanMixedUp(), floatYuan(), signatureUnchecked(), signatureOfReserialisedBody(),
		trustsBrowserReturn(), acknowledgesBeforePersisting(), acknowledgesWhatFailed(), closesWithoutAsking(), ignoresLatePayment(), keepsSecondPayment(),
		movesBackwards(), unknownOrderDropped(), anyRefundIsFullRefund(), refundAcceptedIsDone(), refundsWithoutLock(),
		dedupesByMessageID(), answerOfAnotherOrder(), certificateForEver(), twoTransactions(), newParametersOnRetry(), currencyIgnored(),
		changesWhilePaying(),
	}
}

// ByName finds a bug. For an unknown name it fails with ErrUnknown and says
// which one may be meant.
func ByName(name string) (Bug, error) {
	all := All()
	nearest, least := all[0].Name, len(name)+len(all[0].Name)
	for _, bug := range all {
		if bug.Name == name {
			return bug, nil
		}
		if d := distance(name, bug.Name); d < least {
			nearest, least = bug.Name, d
		}
	}
	if least <= max(len(name)/2, 3) {
		return Bug{}, fmt.Errorf("%w: %q; did you mean %q?", ErrUnknown, name, nearest)
	}
	names := make([]string, len(all))
	for i, bug := range all {
		names[i] = bug.Name
	}
	return Bug{}, fmt.Errorf("%w: %q; there are %s", ErrUnknown, name, strings.Join(names, ", "))
}

// distance is the number of bytes to add, drop or change to turn a into b.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			changed := diagonal
			if a[i] != b[j] {
				changed++
			}
			diagonal = row[j+1]
			row[j+1] = min(changed, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
