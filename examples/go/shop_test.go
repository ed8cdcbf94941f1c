package main

import (
	"os"
	"testing"

	"github.com/payquake/payquake/quake"
)

// TestShop_KeepsTheMoneyRight runs scenarios against this shop as it is. The shop
// must hold; with its mistake switched on (SHOP_BUG=refund-again) this fails, and
// says which refund was paid twice.
func TestShop_KeepsTheMoneyRight(t *testing.T) {
	session := quake.Open(t, quake.Options{Environment: "local", Setenv: map[string]string{"SHOP_BUG": os.Getenv("SHOP_BUG")}})
	session.Run("lost-answers")
	session.Verdict().NoFindings(t)
}

// TestShop_MistakeIsFound switches the mistake on.
func TestShop_MistakeIsFound(t *testing.T) {
	session := quake.Open(t, quake.Options{Environment: "local", Setenv: map[string]string{"SHOP_BUG": "refund-again"}})
	session.Run("bugs/new-refund-number")
	session.Verdict().Finds(t, "no-refund-beyond-capture")
}

// TestShop_Watched drives nothing: the shop's own traffic makes the payments, each
// becomes the next trial, and what can be seen of it is judged.
func TestShop_Watched(t *testing.T) {
	session := quake.Open(t, quake.Options{Environment: "local", Manifest: "watch.yaml"})
	session.Run("lost-answers")
	verdict := session.Verdict()
	verdict.NoFindings(t)
	if verdict.Counts.Captures == 0 || verdict.Pins.RequiredFired == 0 {
		t.Errorf("%d captures, %d required pins fired: nothing was hurt", verdict.Counts.Captures, verdict.Pins.RequiredFired)
	}
}
