package environment

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/payquake/payquake/faults"
)

// MerchantVariable names the variable that tells a command which makes traffic
// where the merchant is reached.
const MerchantVariable = "MERCHANT_URL"

// Traffic is a running command that makes shoppers buy.
type Traffic struct {
	child *child
}

// startTraffic starts the command that a manifest names, beside the environment
// whose shoppers' link is given.
func startTraffic(topology Topology, link string, guard *watchdog) (*Traffic, error) {
	described := topology.Merchant.Described
	started, err := startChild(process{command: described.Traffic, folder: described.Folder,
		environment: append(os.Environ(), MerchantVariable+"="+link)}, filepath.Join(topology.Logs, "traffic.log"))
	if err != nil {
		return nil, fmt.Errorf("%s: traffic: %w: %w", described.Path, ErrNotUp, err)
	}
	t := &Traffic{child: started}
	if err := guard.guardProcess(started.command.Process.Pid); err != nil {
		return nil, errors.Join(err, t.Stop(context.Background()))
	}
	return t, nil
}

// Ended is closed when the command has ended.
func (t *Traffic) Ended() <-chan struct{} { return t.child.ended }

// Outcome says how it ended, once it has.
func (t *Traffic) Outcome() string { return t.child.command.ProcessState.String() }

// Stop ends the command, in an orderly way if it can.
func (t *Traffic) Stop(ctx context.Context) error { return t.child.stop(ctx, faults.Stopped) }

// Traffic implements Environment.
func (l *local) Traffic() (*Traffic, error) {
	return startTraffic(l.topology, l.ShopLink(), l.watchdog)
}

// Traffic implements Environment.
func (d *docker) Traffic() (*Traffic, error) {
	return startTraffic(d.topology, d.ShopLink(), d.watchdog)
}
