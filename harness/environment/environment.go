// Package environment starts and stops what a session needs: the gateway, the
// providers and the merchant, as containers (docker) or on this machine
// (local). It is the only importer of testcontainers-go.
package environment

import (
	"context"
	"errors"
	"fmt"

	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/harness/roles"
	"github.com/payquake/payquake/merchant"
)

// Environment is what a session runs in. Roles are "merchant" and the
// providers' names.
type Environment interface {
	// Name is docker or local.
	Name() string
	// Gateway is the gateway's control API.
	Gateway() *roles.Client
	// ShopLink is the base URL of the shopper->merchant link.
	ShopLink() string
	// Stop ends a role's process and returns when it is down.
	Stop(ctx context.Context, role string, manner faults.Manner) error
	// Start starts a stopped role again and makes it known to the gateway. It
	// does not wait until the role serves.
	Start(ctx context.Context, role string) error
	// Close removes everything. It is safe to call twice.
	Close(ctx context.Context) error
}

// Topology is what to start.
type Topology struct {
	Run       string // its id: unique on this machine
	Token     string // of the control APIs
	Providers []roles.ProviderConfig
	Authority roles.Authority
	Merchant  MerchantSpec
	// Program is the payquake binary, which plays every role.
	Program string
	// Logs is the folder for the processes' output.
	Logs string
}

// MerchantSpec is the reference merchant as it shall run.
type MerchantSpec struct {
	Bug    string // of merchant/bugs; "" for the correct one
	Traced bool   // it sends spans of its own
	// Database is a postgres:// URL; "" for SQLite beside the process.
	Database string
	Timers   merchant.Timers
}

// Errors that the conductor must tell apart.
var (
	// ErrNotUp: the environment or the merchant did not come up.
	ErrNotUp = errors.New("did not come up")
	// ErrNoEngine: no Docker engine answers.
	ErrNoEngine = errors.New("no Docker engine answers")
)

// Open starts the environment of that name: docker, local, or auto, which is
// docker when an engine answers and local else. The reason for local is told.
func Open(ctx context.Context, name string, topology Topology, tell func(string)) (Environment, error) {
	switch name {
	case "docker":
		if err := EngineAnswers(ctx); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrNotUp, err)
		}
		return OpenDocker(ctx, topology, tell)
	case "local":
		return OpenLocal(ctx, topology)
	case "auto", "":
		if err := EngineAnswers(ctx); err != nil {
			tell("no Docker engine answers (" + err.Error() + "): running in the local environment")
			return OpenLocal(ctx, topology)
		}
		return OpenDocker(ctx, topology, tell)
	default:
		return nil, fmt.Errorf("environment %q is none of auto, docker, local", name)
	}
}
