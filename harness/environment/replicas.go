package environment

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/moby/moby/api/types/container"
	"github.com/testcontainers/testcontainers-go"

	"github.com/payquake/payquake/faults"
)

// replica is a further instance of the reference merchant in a container of its own.
type replica struct {
	role      string // also its host in the run's network
	container testcontainers.Container
}

// Grow implements Environment.
func (d *docker) Grow(ctx context.Context, further int) error {
	if d.topology.Merchant.Described != nil {
		return errOneInstance
	}
	var addresses []string
	for range further {
		started, err := d.startReplica(ctx)
		if err != nil {
			return err
		}
		addresses = append(addresses, fmt.Sprintf("%s:%d", started.role, shopPort))
	}
	return d.control.SetInstances(ctx, "merchant", d.merchantAt(), addresses...)
}

func (d *docker) startReplica(ctx context.Context) (replica, error) {
	d.mu.Lock()
	d.born++
	started := replica{role: fmt.Sprintf("merchant-%d", d.born+1)}
	first := d.containers["merchant"]
	d.mu.Unlock()
	config, err := d.replicaConfig(true)
	if err != nil {
		return started, fmt.Errorf("configure %s: %w", started.role, err)
	}
	request, err := d.request(d.image, started.role, config, "role", "merchant", "--config", configPath)
	if err != nil {
		return started, fmt.Errorf("configure %s: %w", started.role, err)
	}
	request.HostConfigModifier = func(host *container.HostConfig) { host.VolumesFrom = []string{first} }
	if started.container, err = d.startContainer(ctx, started.role, request); err != nil {
		return started, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.beside = append(d.beside, started)
	return started, nil
}

func (d *docker) replicaConfig(joins bool) (any, error) {
	reach := d.merchantReach()
	reach.Joins = joins
	return shopConfig(d.topology, reach)
}

// Shrink implements Environment.
func (d *docker) Shrink(ctx context.Context, replace bool) error {
	d.mu.Lock()
	beside := d.beside
	d.beside = nil
	d.mu.Unlock()
	ending := make([]string, len(beside))
	for i, further := range beside {
		ending[i] = further.role
	}
	var errs []error
	if replace && len(beside) > 0 {
		newest := beside[len(beside)-1]
		ending[len(ending)-1] = d.succeed(newest)
		errs = append(errs, d.leaveAlone(ctx, newest))
	}
	errs = append(errs, d.control.SetCallee(ctx, "merchant", d.merchantAt(), ""))
	for _, role := range ending {
		errs = append(errs, d.Stop(ctx, role, faults.Stopped))
	}
	return errors.Join(errs...)
}

// succeed makes a replica the merchant, and gives the one before it another role.
func (d *docker) succeed(newest replica) (before string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	before = "replaced-by-" + newest.role
	d.containers[before] = d.containers["merchant"]
	d.containers["merchant"] = d.containers[newest.role]
	delete(d.containers, newest.role)
	d.host = newest.role
	return before
}

// leaveAlone has a replica that is the merchant now join nobody, once it is started
// again.
func (d *docker) leaveAlone(ctx context.Context, newest replica) error {
	config, err := d.replicaConfig(false)
	if err != nil {
		return fmt.Errorf("configure %s: %w", newest.role, err)
	}
	text, err := json.Marshal(config)
	if err != nil {
		return fmt.Errorf("configure %s: %w", newest.role, err)
	}
	if err := newest.container.CopyToContainer(ctx, text, configPath, 0o600); err != nil {
		return fmt.Errorf("configure %s: %w", newest.role, err)
	}
	return nil
}
