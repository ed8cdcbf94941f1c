// Command measure makes the tables of docs/detection.md and
// docs/performance.md by running the payquake binary as a user would. It is
// for `make detection` and `make bench`, and needs nothing but that binary.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	program := flag.String("program", "bin/payquake", "the payquake binary")
	environment := flag.String("environment", "local", "docker or local, for detection")
	scenario := flag.String("scenario", "suite", "what detection runs")
	seeds := flag.Int("seeds", 3, "with how many seeds detection runs each bug")
	keep := flag.Bool("keep", false, "detection keeps what earlier builds of the binary showed, and the page says so")
	flag.Parse()
	m := measuring{ctx: ctx, program: *program}
	var err error
	switch flag.Arg(0) {
	case "detection":
		err = m.detect(*environment, *scenario, *seeds, *keep)
	case "speed":
		err = m.speed()
	default:
		err = fmt.Errorf("measure what? want detection or speed, not %q", flag.Arg(0))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "measure:", err)
		os.Exit(1)
	}
}
