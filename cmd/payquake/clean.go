package main

import (
	"fmt"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"

	"github.com/payquake/payquake/harness/environment"
)

func cleanCommand(flags *global) *cobra.Command {
	return &cobra.Command{
		Use:   "clean",
		Short: "remove what dead runs left at the Docker engine",
		Long: `clean removes containers and networks whose payquake is no longer alive. What a
running payquake owns, and everything else at the engine, is left alone. (Every
run does the same when it starts.)`,
		Args: arguments(cobra.NoArgs),
		RunE: func(command *cobra.Command, _ []string) error {
			if err := environment.EngineAnswers(command.Context()); err != nil {
				return err
			}
			removed, err := environment.Sweep(command.Context())
			if err != nil {
				return err
			}
			if flags.json {
				return printJSON(command.OutOrStdout(), map[string][]string{"removed": removed})
			}
			if len(removed) == 0 {
				_, err = fmt.Fprintln(command.OutOrStdout(), "nothing was left")
				return err
			}
			_, err = fmt.Fprintln(command.OutOrStdout(), "removed "+strings.Join(removed, ", "))
			return err
		},
	}
}

func versionCommand(flags *global) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "show the version",
		Args:  arguments(cobra.NoArgs),
		RunE: func(command *cobra.Command, _ []string) error {
			version := buildVersion()
			if flags.json {
				return printJSON(command.OutOrStdout(), version)
			}
			_, err := fmt.Fprintf(command.OutOrStdout(), "payquake %s (%s)\n", version["version"], version["go"])
			return err
		},
	}
}

// buildVersion is what the Go tool wrote into the binary.
func buildVersion() map[string]string {
	version := map[string]string{"version": "unknown", "go": ""}
	if info, known := debug.ReadBuildInfo(); known {
		version["go"] = info.GoVersion
		version["version"] = info.Main.Version
		for _, setting := range info.Settings {
			if setting.Key == "vcs.revision" {
				version["revision"] = setting.Value
			}
		}
	}
	return version
}
