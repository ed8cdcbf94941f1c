// Package environment starts and stops what a session needs: the gateway, the
// providers and the merchant, as containers (docker) or on this machine
// (local). It is the only importer of testcontainers-go.
package environment

import (
	"context"
	"errors"
	"fmt"

	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/harness/manifest"
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
	// Stop ends a role's process, or pauses it, and returns when it is down.
	Stop(ctx context.Context, role string, manner faults.Manner) error
	// Start starts a stopped role again, or lets a paused one go on, and makes it known to the gateway. It
	// does not wait until the role serves.
	Start(ctx context.Context, role string) error
	// Grow starts further instances of the reference merchant beside it, over the same
	// database, and returns when they serve in turn with it.
	Grow(ctx context.Context, further int) error
	// Shrink ends all instances but one in an orderly way: the newest is kept instead of
	// the first, if the first is to be replaced.
	Shrink(ctx context.Context, replace bool) error
	// Traffic starts the command that makes the merchant's own shoppers buy.
	Traffic() (*Traffic, error)
	// MerchantEnded says why the merchant does not run although nobody stopped it;
	// nil while it runs, or if that cannot be known.
	MerchantEnded(ctx context.Context) error
	// Close removes everything. It is safe to call twice.
	Close(ctx context.Context) error
}

// Topology is what to start.
type Topology struct {
	Run       string // its id: unique on this machine
	Token     string // of the control APIs
	Providers []roles.ProviderConfig
	Authority roles.Authority
	Front     int // the port of the gateway's TLS and proxy, in the local environment; 0 for any
	Merchant  MerchantSpec
	// Program is the payquake binary, which plays every role.
	Program string
	// Logs is the folder for the processes' output.
	Logs string
}

// MerchantSpec is the merchant under test as it shall run: the one that a
// manifest describes, or the reference merchant.
type MerchantSpec struct {
	Described *manifest.Manifest // nil for the reference merchant, whom the rest is about
	Bug       string             // of merchant/bugs; "" for the correct one
	Twin      string             // of merchant/twins; "" for none
	Traced    bool               // it sends spans of its own
	// Database is a postgres:// URL; "" for SQLite beside the process.
	Database string
	Timers   merchant.Timers
}

// Errors that the conductor must tell apart.
var (
	// ErrNotUp: the environment or the merchant did not come up.
	ErrNotUp = errors.New("did not come up")
	// errOneInstance: what several instances of a merchant share is for its people to say.
	errOneInstance = errors.New("payquake knows how to run several instances of its reference merchant only")
	// ErrNoEngine: no Docker engine answers.
	ErrNoEngine = errors.New("no Docker engine answers")
)

// Open starts the environment of that name: docker, local, or auto, which is
// docker when an engine answers and local else. The reason for local is told.
func Open(ctx context.Context, name string, topology Topology, tell func(string)) (Environment, error) {
	described := topology.Merchant.Described
	onlyLocal := described != nil && !described.Merchant.AsContainer()
	onlyDocker := described != nil && !described.Merchant.AsProcess()
	if described != nil && described.Traffic != nil && described.Merchant.Prepare == "" { // which may make it
		if err := isThere(described.Traffic[0], described.Folder); err != nil {
			return nil, fmt.Errorf("%w: %s: traffic: %w", ErrNotUp, described.Path, err)
		}
	}
	switch name {
	case "docker":
		if onlyLocal {
			return nil, fmt.Errorf("%w: %s starts a process, which containers cannot reach: run it with --environment local, or give merchant.build or merchant.image",
				ErrNotUp, described.Path)
		}
		if err := EngineAnswers(ctx); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrNotUp, err)
		}
		return OpenDocker(ctx, topology, tell)
	case "local":
		if onlyDocker {
			return nil, fmt.Errorf("%w: %s makes a container of the merchant, which needs a Docker engine: run it with --environment docker, or give merchant.command",
				ErrNotUp, described.Path)
		}
		return OpenLocal(ctx, topology, tell)
	case "auto", "":
		if onlyLocal {
			return OpenLocal(ctx, topology, tell)
		}
		if err := EngineAnswers(ctx); err != nil {
			if onlyDocker {
				return nil, fmt.Errorf("%w: %w; %s makes a container of the merchant", ErrNotUp, err, described.Path)
			}
			tell("no Docker engine answers (" + err.Error() + "): running in the local environment")
			return OpenLocal(ctx, topology, tell)
		}
		return OpenDocker(ctx, topology, tell)
	default:
		return nil, fmt.Errorf("environment %q is none of auto, docker, local", name)
	}
}
