package driver_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/payquake/payquake/harness/driver"
	"github.com/payquake/payquake/journal"
	"github.com/payquake/payquake/payment"
	"github.com/payquake/payquake/scenarios"
)

// TestMain lets this binary be the program of a command driver.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == "drive" {
		drive()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// drive answers each line with what it was told, so that tests see what crosses.
func drive() {
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		var asked map[string]any
		if err := json.Unmarshal(lines.Bytes(), &asked); err != nil {
			panic(err)
		}
		said := map[string]any{"id": asked["id"], "outcome": "ok"}
		switch asked["call"] {
		case "place":
			said["order"], said["state"] = fmt.Sprint(asked["key"], " at ", asked["link"]), "open"
		case "start":
			said["state"], said["code"] = "pending", fmt.Sprint(asked["provider"], "/", asked["method"], "/", asked["headers"].(map[string]any)["Payquake-Trial"])
		case "read":
			said["state"], said["payments"], said["refunds"] = "paid", []any{map[string]any{"key": "s.run1", "state": "captured", "code": asked["link"]}}, []any{"done"}
		case "refund":
			said["outcome"], said["reason"] = "failed", fmt.Sprint("no \x1b[31m", asked["amount"])
		case "books":
			said["books"] = []any{map[string]any{"kind": "order", "orderId": "1", "state": fmt.Sprint(asked["headers"].(map[string]any)["Secret"])}}
		}
		switch asked["order"] {
		case "silent":
			continue
		case "babble":
			fmt.Println("no JSON")
			continue
		case "die":
			os.Exit(3)
		}
		text, err := json.Marshal(said)
		if err != nil {
			panic(err)
		}
		fmt.Println(string(text))
	}
}

func command(t *testing.T) *driver.Command {
	t.Helper()
	c, err := driver.NewCommand(driver.CommandPlan{Command: []string{os.Args[0], "drive"}, Folder: t.TempDir(), Links: "http://link", Past: "http://past",
		Token: http.Header{"Secret": {"token"}}, Ready: func(context.Context) error { return nil }, Patience: 500 * time.Millisecond, Mark: "run1",
		Log: filepath.Join(t.TempDir(), "driver.log")})
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		require.NoError(t, c.Close(ctx))
	})
	return c
}

// TestCommand_Speaks: each call is a line, with where to make it and the headers
// that make it the trial's; calls past the links have the run's token instead.
func TestCommand_Speaks(t *testing.T) {
	c := command(t)
	ctx := t.Context()
	require.NoError(t, c.Ready(ctx))
	placed := c.Place(ctx, "t1", driver.Order{Key: "k1", Total: payment.Fen(1), Lines: []scenarios.Line{{Name: "tea", Quantity: 1, Price: payment.Fen(1)}}})
	require.Equal(t, driver.Result{Outcome: journal.OK, OrderID: "k1.run1 at http://link", Order: payment.OrderOpen}, placed)
	started := c.Start(ctx, "t1", driver.Start{OrderID: "1", Key: "s", Provider: "alipay", Method: payment.MethodCode})
	require.Equal(t, driver.Result{Outcome: journal.OK, OrderID: "1", Payment: payment.Pending, Code: "alipay/code/t1"}, started)
	page := driver.Result{Outcome: journal.OK, OrderID: "1", Order: payment.OrderPaid, Refunds: []payment.RefundState{payment.RefundDone}}
	for at, seen := range map[string]driver.Result{"http://link": c.Read(ctx, "t1", "1"), "http://past": c.Observe(ctx, "1")} {
		page.Payments = []driver.PagePayment{{Key: "s", State: payment.Captured, Code: at}}
		require.Equal(t, page, seen)
	}
	refused := c.Refund(ctx, "t1", driver.Refund{OrderID: "1", RequestID: "r", Amount: payment.Fen(29)})
	require.Equal(t, driver.Result{Outcome: journal.Failed, Reason: "no ·[31m29", OrderID: "1"}, refused)
	books, err := c.Books(ctx)
	require.NoError(t, err)
	require.Equal(t, []journal.Entry{{Owner: "merchant", Kind: journal.OrderEntry, OrderID: "1", State: "token"}}, books.Entries)
}

// TestCommand_Breaks: a program that is silent, babbles or dies leaves calls
// indeterminate, and those after its end failed, with the reason.
func TestCommand_Breaks(t *testing.T) {
	silent := command(t).Read(t.Context(), "t1", "silent")
	require.Equal(t, driver.Result{Reason: "no answer in time", OrderID: "silent"}, silent)
	babble := command(t).Read(t.Context(), "t1", "babble")
	require.Equal(t, journal.Indeterminate, babble.Outcome)
	require.Contains(t, babble.Reason, "no JSON")
	c := command(t)
	died := c.Read(t.Context(), "t1", "die")
	require.Equal(t, journal.Indeterminate, died.Outcome)
	require.Contains(t, died.Reason, "ended")
	after := c.Read(t.Context(), "t1", "1")
	require.Equal(t, journal.Failed, after.Outcome)
	_, err := driver.NewCommand(driver.CommandPlan{Command: []string{"no-such-program"}, Log: filepath.Join(t.TempDir(), "log")})
	require.Error(t, err)
	require.False(t, errors.Is(err, os.ErrPermission))
}
