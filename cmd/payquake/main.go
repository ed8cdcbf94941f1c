// Command payquake shakes a payment system the way real payment networks do,
// watches every payment end to end, and proves from the record that none was
// lost, double-charged or altered.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := context.WithCancelCause(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		stop(stoppedBy{<-signals})
		<-signals // whoever asks twice does not want to wait for the clean-up; the watchdog does it
		os.Exit(exitInterrupted)
	}()
	command := rootCommand()
	err := command.ExecuteContext(ctx)
	code := exitCode(ctx, err)
	var signalled stoppedBy
	switch {
	case err == nil, isVerdict(err):
	case errors.As(context.Cause(ctx), &signalled):
		fmt.Fprintln(os.Stderr, "payquake: "+signalled.Error()+"; nothing of the run is left running")
	default:
		fmt.Fprintln(os.Stderr, "payquake: "+err.Error())
	}
	os.Exit(code)
}
