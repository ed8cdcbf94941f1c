package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/payquake/payquake/harness/environment"
)

// checkup is how one thing is, and what helps if it is not as it should be.
type checkup struct {
	What   string `json:"what"`
	State  string `json:"state"` // good, note or bad
	Detail string `json:"detail"`
	Remedy string `json:"remedy,omitempty"`
}

// The states of a checkup: note is worth knowing, bad is in the way of every run.
const (
	good = "good"
	note = "note"
	bad  = "bad"
)

func doctorCommand(flags *global) *cobra.Command {
	var merchant subject
	results := ""
	command := &cobra.Command{
		Use:   "doctor",
		Short: "look whether runs can work on this machine, and what helps if not",
		Long: `doctor looks at what runs need: a Docker engine, ports, the clock, disk space,
proxy variables that merchants would inherit, and whether the runtimes on this
machine reach a mock provider under its real host name and trust it. With a
payquake.yaml it looks at that merchant too. Exit code 4 means that something is
in the way of every run.`,
		Args: arguments(cobra.NoArgs),
		RunE: func(command *cobra.Command, _ []string) error {
			checkups := examine(command.Context(), &merchant, results)
			out := command.OutOrStdout()
			if flags.json {
				if err := printJSON(out, checkups); err != nil {
					return err
				}
			} else if err := printCheckups(out, checkups); err != nil {
				return err
			}
			if slices.ContainsFunc(checkups, func(c checkup) bool { return c.State == bad }) {
				return verdictError{exitNotUp}
			}
			return nil
		},
	}
	merchant.define(command)
	command.Flags().StringVar(&results, "results", "payquake-results", "folder for run folders")
	return command
}

func printCheckups(out io.Writer, checkups []checkup) error {
	marks := map[string]string{good: "ok  ", note: "note", bad: "BAD "}
	for _, c := range checkups {
		if _, err := fmt.Fprintf(out, "%s  %-10s %s\n", marks[c.State], c.What, c.Detail); err != nil {
			return err
		}
		if c.Remedy != "" {
			if _, err := fmt.Fprintf(out, "      %-10s → %s\n", "", c.Remedy); err != nil {
				return err
			}
		}
	}
	return nil
}

// examine looks at everything, the merchant first: what it needs decides what is
// in the way.
func examine(ctx context.Context, merchant *subject, results string) []checkup {
	var all []checkup
	if err := merchant.load(); err != nil {
		all = append(all, checkup{"manifest", bad, err.Error(), "payquake validate shows every problem"})
	} else if merchant.described != nil {
		all = append(all, checkup{What: "manifest", State: good, Detail: merchant.described.Path + " describes " + merchant.described.Name})
		all = append(all, examineCommand(merchant)...)
	}
	all = append(all, examineEngine(ctx, merchant)...)
	all = append(all, examinePorts(), examineDisk(results))
	all = append(all, examineProxies()...)
	return append(all, examineRuntimes(ctx, merchant)...)
}

// examineCommand looks whether the merchant's program is there.
func examineCommand(merchant *subject) []checkup {
	command := merchant.described.Merchant.Command
	if len(command) == 0 {
		return nil
	}
	program := command[0]
	if strings.Contains(program, "/") && !filepath.IsAbs(program) {
		program, _ = filepath.Abs(filepath.Join(merchant.described.Merchant.Directory, program)) // or it is not found
	}
	found, err := exec.LookPath(program)
	if err != nil {
		return []checkup{{"merchant", bad, "the program " + command[0] + " is not found", "install it, or correct merchant.command"}}
	}
	return []checkup{{What: "merchant", State: good, Detail: "starts with " + found}}
}

func examineEngine(ctx context.Context, merchant *subject) []checkup {
	err := environment.EngineAnswers(ctx)
	needed := merchant.described != nil && !merchant.described.Merchant.AsProcess()
	switch {
	case err != nil && needed:
		return []checkup{{"engine", bad, err.Error(), "start Docker, or give merchant.command: in the manifest"}}
	case err != nil:
		return []checkup{{"engine", note, err.Error(), "runs use the local environment; start Docker for containers"}}
	}
	all := []checkup{{What: "engine", State: good, Detail: "a Docker engine answers"}}
	const most = 5 * time.Second
	switch ahead, err := environment.EngineClock(ctx); {
	case err != nil:
		all = append(all, checkup{What: "clock", State: note, Detail: err.Error()})
	case ahead > most || ahead < -most:
		all = append(all, checkup{"clock", bad, fmt.Sprintf("the engine's clock is %s from this machine's", ahead.Round(time.Second)),
			"set both by NTP: providers refuse signatures that are minutes old"})
	default:
		all = append(all, checkup{What: "clock", State: good, Detail: "the engine's clock agrees with this machine's"})
	}
	return all
}

func examinePorts() checkup {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return checkup{"ports", bad, err.Error(), "free some ports on 127.0.0.1; each run needs about ten"}
	}
	listener.Close()
	return checkup{What: "ports", State: good, Detail: "127.0.0.1 has free ports"}
}

func examineDisk(results string) checkup {
	const least = 1 << 30
	folder := results
	for {
		if _, err := os.Stat(folder); err == nil || folder == "." || folder == "/" {
			break
		}
		folder = filepath.Dir(folder)
	}
	var disk syscall.Statfs_t
	if err := syscall.Statfs(folder, &disk); err != nil {
		return checkup{"disk", note, err.Error(), ""}
	}
	free := int64(disk.Bavail) * int64(disk.Bsize)
	detail := fmt.Sprintf("%.1f GiB are free where run folders go (%s)", float64(free)/(1<<30), results)
	if free < least {
		return checkup{"disk", bad, detail, "a run of the suite leaves about 50 MiB; remove old run folders, or choose another disk with --results"}
	}
	probe, err := os.CreateTemp(folder, ".payquake-")
	if err != nil {
		return checkup{"disk", bad, err.Error(), "choose a folder that you may write to with --results"}
	}
	probe.Close()
	os.Remove(probe.Name())
	return checkup{What: "disk", State: good, Detail: detail}
}

// examineProxies tells of variables that a merchant does not inherit.
func examineProxies() []checkup {
	var set []string
	for _, name := range []string{"HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "NO_PROXY",
		"SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS", "JAVA_TOOL_OPTIONS"} {
		if os.Getenv(name) != "" {
			set = append(set, name)
		}
	}
	if len(set) == 0 {
		return []checkup{{What: "variables", State: good, Detail: "no proxy or trust variables are set here"}}
	}
	return []checkup{{What: "variables", State: note, Detail: strings.Join(set, ", ") + " are set here; the merchant is given the run's own instead"}}
}

// examineRuntimes tries the runtimes: that of the merchant, or all.
func examineRuntimes(ctx context.Context, merchant *subject) []checkup {
	configs, err := environment.FreshProviders(environment.Keys{Wanted: merchant.providers()})
	if err != nil {
		return []checkup{{What: "trust", State: bad, Detail: err.Error()}}
	}
	host := configs[0].Hosts()[0]
	var all []checkup
	for _, runtime := range environment.Runtimes() {
		own := merchant.described == nil || len(merchant.described.Merchant.Command) == 0 ||
			strings.HasPrefix(filepath.Base(merchant.described.Merchant.Command[0]), strings.TrimSuffix(runtime.Program, "3"))
		if !own {
			continue
		}
		switch err := environment.Probe(ctx, runtime, configs[0]); {
		case errors.Is(err, environment.ErrNoRuntime):
		case err != nil:
			all = append(all, checkup{"trust", bad, fmt.Sprintf("%s does not reach https://%s through payquake: %v", runtime.Name, host, err),
				"give the merchant a base URL with ${" + string(configs[0].Name()) + ".baseURL}, or run it as a container"})
		default:
			all = append(all, checkup{What: "trust", State: good, Detail: fmt.Sprintf("%s reaches https://%s through payquake and trusts it", runtime.Name, host)})
		}
	}
	return all
}
