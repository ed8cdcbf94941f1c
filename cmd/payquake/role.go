package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"

	"github.com/spf13/cobra"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/propagation"

	"github.com/payquake/payquake/harness/environment"
	"github.com/payquake/payquake/harness/roles"
	"github.com/payquake/payquake/merchant/shop"
	"github.com/payquake/payquake/telemetry"
)

// roleCommand is how payquake starts itself as the parts of a run. Users never
// need it, so help does not show it.
func roleCommand() *cobra.Command {
	role := &cobra.Command{Use: "role", Hidden: true, Short: "play a part of a run (used by payquake itself)"}
	role.AddCommand(
		configuredRole("gateway", func(ctx context.Context, path string) error {
			return serveRole(ctx, path, func(ctx context.Context, config roles.GatewayConfig) (closer, error) {
				return roles.OpenGateway(ctx, config)
			})
		}),
		configuredRole("provider", func(ctx context.Context, path string) error {
			return serveRole(ctx, path, func(ctx context.Context, config roles.ProviderRoleConfig) (closer, error) {
				return roles.OpenProvider(ctx, config)
			})
		}),
		configuredRole("stand", func(ctx context.Context, path string) error {
			return serveRole(ctx, path, func(ctx context.Context, config roles.StandConfig) (closer, error) {
				return roles.OpenStand(ctx, config)
			})
		}),
		configuredRole("merchant", func(ctx context.Context, path string) error { return shop.Run(ctx, path, merchantTracing) }),
		&cobra.Command{Use: "watchdog", Args: cobra.NoArgs, RunE: func(command *cobra.Command, _ []string) error {
			return environment.Watch(context.WithoutCancel(command.Context()), os.Stdin)
		}},
		encloseRole(),
	)
	return role
}

// encloseRole becomes another program, with files of its own in the place of some
// of the machine's.
func encloseRole() *cobra.Command {
	var over []string
	command := &cobra.Command{Use: "enclose", Args: cobra.MinimumNArgs(1), RunE: func(_ *cobra.Command, command []string) error {
		return environment.Enclose(over, command)
	}}
	command.Flags().StringArrayVar(&over, "over", nil, "file:path pairs to mount")
	return command
}

func configuredRole(name string, run func(context.Context, string) error) *cobra.Command {
	var path string
	command := &cobra.Command{Use: name, Args: cobra.NoArgs, RunE: func(command *cobra.Command, _ []string) error {
		return run(command.Context(), path)
	}}
	command.Flags().StringVar(&path, "config", "", "configuration file")
	return command
}

type closer interface{ Close() error }

// serveRole opens a role from its configuration file and runs it until the
// process is told to end.
func serveRole[Config any](ctx context.Context, path string, open func(context.Context, Config) (closer, error)) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("read role configuration: %w", err)
	}
	var config Config
	if err := json.Unmarshal(text, &config); err != nil {
		return fmt.Errorf("read role configuration: %w", err)
	}
	opened, err := open(ctx, config)
	if err != nil {
		return err
	}
	<-ctx.Done()
	return opened.Close()
}

// merchantTracing lets the reference merchant send spans of its own.
func merchantTracing(ctx context.Context, endpoint string) (func(context.Context) error, error) {
	tracing, err := telemetry.Tracing(ctx, "merchant", telemetry.Upload{Endpoint: endpoint, Client: &http.Client{}})
	if err != nil {
		return nil, err
	}
	otel.SetTracerProvider(tracing)
	otel.SetTextMapPropagator(propagation.TraceContext{})
	return func(ctx context.Context) error { return errors.Join(tracing.ForceFlush(ctx), tracing.Shutdown(ctx)) }, nil
}
