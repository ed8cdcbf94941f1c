// Command payquake shakes a payment system the way real payment networks do
// and proves from the record what became of the money.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	root := &cobra.Command{Use: "payquake", SilenceUsage: true, SilenceErrors: true}
	root.AddCommand(roleCommand())
	if err := root.ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "payquake:", err)
		os.Exit(6)
	}
}
