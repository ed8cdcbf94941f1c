package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/payquake/payquake/harness/environment"
)

func imageCommand(flags *global) *cobra.Command {
	name := "payquake:latest"
	command := &cobra.Command{
		Use:   "image",
		Short: "make a container image of this binary",
		Long: `image makes a container image of the payquake binary, FROM scratch, at the local
Docker engine; no registry is asked. It is what modules/payquake starts, the module
for testcontainers-go. Runs make their own image and do not need it.`,
		Example: "  payquake image\n  payquake image --tag payquake:1.2",
		Args:    arguments(cobra.NoArgs),
		RunE: func(command *cobra.Command, _ []string) error {
			program, err := os.Executable()
			if err != nil {
				return fmt.Errorf("find the payquake binary: %w", err)
			}
			err = environment.BuildImage(command.Context(), program, name, func(text string) { fmt.Fprintln(os.Stderr, text) })
			if errors.Is(err, environment.ErrNoEngine) || errors.Is(err, environment.ErrNotStandalone) {
				return fmt.Errorf("%w: %w", environment.ErrNotUp, err)
			}
			if err != nil {
				return usageError{fmt.Errorf("--tag: %w", err)}
			}
			if flags.json {
				return printJSON(command.OutOrStdout(), map[string]string{"image": name})
			}
			_, err = fmt.Fprintln(command.OutOrStdout(), name)
			return err
		},
	}
	command.Flags().StringVar(&name, "tag", name, "the image's name")
	return command
}
