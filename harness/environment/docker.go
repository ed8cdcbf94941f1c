package environment

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"
	dockernet "github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"
	"github.com/testcontainers/testcontainers-go"
	"github.com/testcontainers/testcontainers-go/network"
	"golang.org/x/sync/errgroup"

	"github.com/payquake/payquake/clock"
	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/harness/roles"
	"github.com/payquake/payquake/payment"
)

// Ports inside the run's own network. Every container has an address of its
// own there, so they are fixed.
const (
	controlPort   = 7000
	firstLinkPort = 7100
	frontPort     = 443
	wirePort      = 8000
	shopPort      = 8080
)

// docker is the environment of containers: one gateway that holds all links,
// one container per provider, and the merchant's.
type docker struct {
	topology Topology
	provider *testcontainers.DockerProvider
	watchdog *watchdog
	inner    *testcontainers.DockerNetwork // has no way out
	edge     *testcontainers.DockerNetwork // only the gateway is on it, to publish its ports
	control  *roles.Client
	shopLink string
	image    string // of payquake

	mu         sync.Mutex
	containers map[string]string // id by role
	host       string            // of the merchant in the run's network
	beside     []replica
	born       int // replicas that there were
	closed     bool
}

// OpenDocker starts the environment of containers. On failure nothing is left
// behind. What dead owners left is swept first.
func OpenDocker(ctx context.Context, topology Topology, tell func(string)) (_ Environment, err error) {
	d := &docker{topology: topology, containers: map[string]string{}, host: "merchant"}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("docker environment: %w: %w", ErrNotUp, err), d.Close(context.WithoutCancel(ctx)))
		}
	}()
	prepareTestcontainers()
	if d.provider, err = testcontainers.NewDockerProvider(); err != nil {
		return nil, err
	}
	if swept, err := Sweep(ctx); err != nil {
		tell("what earlier runs left could not be removed: " + err.Error())
	} else if len(swept) > 0 {
		tell("removed what dead runs had left: " + strings.Join(swept, ", "))
	}
	if d.watchdog, err = startWatchdog(topology.Program); err != nil {
		return nil, err
	}
	if err = d.watchdog.guardRun(topology.Run); err != nil {
		return nil, err
	}
	if d.image, err = buildImage(ctx, d.provider, topology.Program, tell); err != nil {
		return nil, err
	}
	if err = d.openNetworks(ctx); err != nil {
		return nil, err
	}
	if err = d.openContainers(ctx, d.image); err != nil {
		return nil, err
	}
	if err = d.connect(ctx); err != nil {
		return nil, err
	}
	if err = d.openServices(ctx); err != nil {
		return nil, err
	}
	return d, d.openDescribed(ctx)
}

func (d *docker) openNetworks(ctx context.Context) (err error) {
	labels := network.WithLabels(ownLabels(d.topology.Run))
	if d.inner, err = network.New(ctx, labels, network.WithInternal()); err != nil {
		return fmt.Errorf("create network: %w", err)
	}
	if d.edge, err = network.New(ctx, labels); err != nil {
		return fmt.Errorf("create network: %w", err)
	}
	return nil
}

// openContainers starts all containers side by side: each knows the others by
// name beforehand.
func (d *docker) openContainers(ctx context.Context, image string) error {
	requests := map[string]testcontainers.ContainerRequest{}
	add := func(role string, config any, arguments ...string) error {
		request, err := d.request(image, role, config, arguments...)
		requests[role] = request
		return err
	}
	errs := []error{add("gateway", d.gatewayConfig(), "role", "gateway", "--config", configPath)}
	for _, provider := range d.topology.Providers {
		name := string(provider.Name())
		errs = append(errs, add(name, d.providerConfig(provider), "role", "provider", "--config", configPath))
	}
	if d.topology.Merchant.Described == nil {
		shop, err := shopConfig(d.topology, d.merchantReach())
		errs = append(errs, err, add("merchant", shop, "role", "merchant", "--config", configPath))
		request := requests["merchant"]
		request.HostConfigModifier = func(host *container.HostConfig) { // a volume, which replicas share
			host.Mounts = []mount.Mount{{Type: mount.TypeVolume, Target: dataFolder}}
		}
		requests["merchant"] = request
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("configure containers: %w", err)
	}
	d.extendGateway(requests)
	group, ctx := errgroup.WithContext(ctx)
	for role, request := range requests {
		group.Go(func() error {
			_, err := d.startContainer(ctx, role, request)
			return err
		})
	}
	return group.Wait()
}

// openDescribed starts a merchant that is not ours last: it may call its providers
// at once, and need not be patient with them.
func (d *docker) openDescribed(ctx context.Context) error {
	if d.topology.Merchant.Described == nil {
		return nil
	}
	request, err := d.describedMerchant(ctx)
	if err != nil {
		return fmt.Errorf("configure the merchant's container: %w", err)
	}
	_, err = d.startContainer(ctx, "merchant", request)
	return err
}

func (d *docker) startContainer(ctx context.Context, role string, request testcontainers.ContainerRequest) (testcontainers.Container, error) {
	started, err := testcontainers.GenericContainer(ctx, testcontainers.GenericContainerRequest{ContainerRequest: request, Started: true})
	if started != nil {
		d.mu.Lock()
		d.containers[role] = started.GetContainerID()
		d.mu.Unlock()
	}
	if err != nil {
		return started, fmt.Errorf("start container %s: %w", role, err)
	}
	return started, nil
}

// configPath and trustPath are where a container finds its configuration and
// the run's authority, dataFolder is where the reference merchant keeps its database.
const (
	dataFolder = "/data"
	configPath = "/payquake.json"
	trustPath  = "/payquake-authority.pem"
)

func (d *docker) request(image, role string, config any, arguments ...string) (testcontainers.ContainerRequest, error) {
	text, err := json.Marshal(config)
	if err != nil {
		return testcontainers.ContainerRequest{}, fmt.Errorf("%s: %w", role, err)
	}
	return testcontainers.ContainerRequest{
		Image: image, Cmd: arguments, Labels: ownLabels(d.topology.Run),
		Networks: []string{d.inner.Name}, NetworkAliases: map[string][]string{d.inner.Name: {role}},
		Env: map[string]string{"SSL_CERT_FILE": trustPath},
		Files: []testcontainers.ContainerFile{
			{Reader: strings.NewReader(string(text)), ContainerFilePath: configPath, FileMode: 0o600},
			{Reader: strings.NewReader(d.topology.Authority.CertificatePEM), ContainerFilePath: trustPath, FileMode: 0o644},
		},
	}, nil
}

// extendGateway gives the gateway the names of the real hosts, and publishes
// its two ports that the harness dials, on loopback only.
func (d *docker) extendGateway(requests map[string]testcontainers.ContainerRequest) {
	request := requests["gateway"]
	names := []string{"gateway"}
	for _, provider := range d.topology.Providers {
		names = append(names, provider.Hosts()...)
	}
	for _, service := range d.topology.services() {
		names = append(names, service.Name)
	}
	request.Networks = []string{d.edge.Name, d.inner.Name}
	request.NetworkAliases = map[string][]string{d.inner.Name: names}
	ports := []string{tcp(controlPort), tcp(d.shopLinkPort())}
	request.ExposedPorts = ports
	request.HostConfigModifier = func(host *container.HostConfig) {
		host.PortBindings = dockernet.PortMap{}
		for _, port := range ports {
			host.PortBindings[dockernet.MustParsePort(port)] = []dockernet.PortBinding{{HostIP: netip.MustParseAddr("127.0.0.1")}}
		}
	}
	requests["gateway"] = request
}

func tcp(port int) string { return strconv.Itoa(port) + "/tcp" }

func (d *docker) gatewayConfig() roles.GatewayConfig {
	return roles.GatewayConfig{Run: d.topology.Run, Token: d.topology.Token, Control: controlPort, Front: frontPort,
		FirstLink: firstLinkPort, Providers: d.topology.Providers, Authority: d.topology.Authority, Services: d.topology.services()}
}

func (d *docker) shopLinkPort() int { return d.gatewayConfig().Port(roles.ShopLink) }

func (d *docker) providerConfig(provider roles.ProviderConfig) roles.ProviderRoleConfig {
	notify := faults.LinkBetween(string(provider.Name()), "merchant")
	return roles.ProviderRoleConfig{Run: d.topology.Run, Token: d.topology.Token, Control: controlPort, Wire: wirePort,
		Provider: provider, Gateway: fmt.Sprintf("gateway:%d", d.gatewayConfig().Port(notify)),
		Spans: fmt.Sprintf("http://gateway:%d", controlPort)}
}

// merchantReach: the merchant calls the providers by their real host names.
func (d *docker) merchantReach() merchantReach {
	return merchantReach{Listen: fmt.Sprintf(":%d", shopPort), Database: dataFolder + "/shop.db",
		FulfilmentURL: fmt.Sprintf("http://gateway:%d/releases", d.gatewayConfig().Port(roles.FulfilmentLink)),
		Spans:         fmt.Sprintf("http://gateway:%d", controlPort),
		ProviderURL:   func(payment.ProviderName) string { return "" }}
}

// connect finds the gateway's published ports, waits until it serves, and
// tells it where everybody is.
func (d *docker) connect(ctx context.Context) error {
	control, err := d.published(ctx, controlPort)
	if err != nil {
		return err
	}
	shop, err := d.published(ctx, d.shopLinkPort())
	if err != nil {
		return err
	}
	d.control, d.shopLink = roles.NewClient(control, d.topology.Token), "http://"+shop
	if err := d.control.AwaitHealthy(ctx, clock.System{}); err != nil {
		return fmt.Errorf("gateway: %w", err)
	}
	for _, provider := range d.topology.Providers {
		name := string(provider.Name())
		if err := d.control.SetCallee(ctx, name, fmt.Sprintf("%s:%d", name, wirePort), fmt.Sprintf("%s:%d", name, controlPort)); err != nil {
			return err
		}
		if err := d.control.Relay(name).AwaitHealthy(ctx, clock.System{}); err != nil {
			return fmt.Errorf("provider %s: %w", name, err)
		}
	}
	return d.control.SetCallee(ctx, "merchant", d.merchantAt(), "")
}

// merchantAt is where the merchant listens in the run's network.
func (d *docker) merchantAt() string {
	port := shopPort
	if described := d.topology.Merchant.Described; described != nil {
		port = described.Merchant.Port
	}
	return fmt.Sprintf("%s:%d", d.host, port)
}

// published is the loopback address at which a port of the gateway is.
func (d *docker) published(ctx context.Context, port int) (string, error) {
	inspected, err := d.provider.Client().ContainerInspect(ctx, d.id("gateway"), client.ContainerInspectOptions{})
	if err != nil {
		return "", fmt.Errorf("inspect gateway: %w", err)
	}
	settings := inspected.Container.NetworkSettings
	if settings == nil || len(settings.Networks) < 2 {
		return "", errors.New("inspect gateway: it is not on both networks")
	}
	for _, binding := range settings.Ports[dockernet.MustParsePort(tcp(port))] {
		return "127.0.0.1:" + binding.HostPort, nil
	}
	return "", fmt.Errorf("inspect gateway: port %d is not published", port)
}

func (d *docker) id(role string) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.containers[role]
}

// Name implements Environment.
func (d *docker) Name() string { return "docker" }

// Gateway implements Environment.
func (d *docker) Gateway() *roles.Client { return d.control }

// ShopLink implements Environment.
func (d *docker) ShopLink() string { return d.shopLink }

// stopPatience is how long a process may take to end in an orderly way.
const stopPatience = 10 * time.Second

// Stop implements Environment.
func (d *docker) Stop(ctx context.Context, role string, manner faults.Manner) error {
	id, engine := d.id(role), d.provider.Client()
	var err error
	if manner == faults.Paused {
		if _, err := engine.ContainerPause(ctx, id, client.ContainerPauseOptions{}); err != nil {
			return fmt.Errorf("pause container %s: %w", role, err)
		}
		return nil
	}
	if manner == faults.Killed {
		_, err = engine.ContainerKill(ctx, id, client.ContainerKillOptions{Signal: "KILL"})
	} else {
		seconds := int(stopPatience.Seconds())
		_, err = engine.ContainerStop(ctx, id, client.ContainerStopOptions{Timeout: &seconds})
	}
	if err != nil {
		return fmt.Errorf("stop container %s: %w", role, err)
	}
	for { // the engine answers a kill before the process is gone
		inspected, err := engine.ContainerInspect(ctx, id, client.ContainerInspectOptions{})
		if err != nil {
			return fmt.Errorf("stop container %s: %w", role, err)
		}
		if state := inspected.Container.State; state != nil && !state.Running {
			return nil
		}
		if err := (clock.System{}).Wait(ctx, 5*time.Millisecond); err != nil {
			return fmt.Errorf("stop container %s: %w", role, err)
		}
	}
}

// Start implements Environment. The name stays, the address may change, so the
// gateway's pooled connections are dropped by making it known again.
func (d *docker) Start(ctx context.Context, role string) error {
	inspected, err := d.provider.Client().ContainerInspect(ctx, d.id(role), client.ContainerInspectOptions{})
	if err != nil {
		return fmt.Errorf("start container %s: %w", role, err)
	}
	if state := inspected.Container.State; state != nil && state.Paused {
		if _, err := d.provider.Client().ContainerUnpause(ctx, d.id(role), client.ContainerUnpauseOptions{}); err != nil {
			return fmt.Errorf("unpause container %s: %w", role, err)
		}
		return nil
	}
	if _, err := d.provider.Client().ContainerStart(ctx, d.id(role), client.ContainerStartOptions{}); err != nil {
		return fmt.Errorf("start container %s: %w", role, err)
	}
	return d.control.SetCallee(ctx, role, d.merchantAt(), "")
}

// MerchantEnded implements Environment.
func (d *docker) MerchantEnded(ctx context.Context) error {
	inspected, err := d.provider.Client().ContainerInspect(ctx, d.id("merchant"), client.ContainerInspectOptions{})
	if err != nil {
		return fmt.Errorf("its container cannot be looked at: %w", err)
	}
	state := inspected.Container.State
	if state == nil || state.Running || state.Status == container.StateCreated {
		return nil
	}
	if err := d.keepLog(ctx, "merchant", d.id("merchant")); err != nil {
		return err
	}
	return fmt.Errorf("it ended by itself with exit code %d; its last words:\n%s", state.ExitCode,
		lastWords(filepath.Join(d.topology.Logs, "merchant.log")))
}

// Close implements Environment: it keeps the containers' output and removes
// everything of the run.
func (d *docker) Close(ctx context.Context) error {
	d.mu.Lock()
	closed := d.closed
	d.closed = true
	d.mu.Unlock()
	if closed || d.provider == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	errs := []error{d.keepLogs(ctx)}
	removed := removeRun(ctx, d.topology.Run)
	switch {
	case d.watchdog == nil:
	case removed == nil:
		errs = append(errs, d.watchdog.dismiss())
	default:
		errs = append(errs, removed, d.watchdog.release())
	}
	return errors.Join(append(errs, d.provider.Close())...)
}

func (d *docker) keepLogs(ctx context.Context) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	var errs []error
	for role, id := range d.containers {
		errs = append(errs, d.keepLog(ctx, role, id))
	}
	return errors.Join(errs...)
}

func (d *docker) keepLog(ctx context.Context, role, id string) error {
	logs, err := d.provider.Client().ContainerLogs(ctx, id, client.ContainerLogsOptions{ShowStdout: true, ShowStderr: true, Timestamps: true})
	if err != nil {
		return fmt.Errorf("keep the log of %s: %w", role, err)
	}
	defer logs.Close()
	file, err := os.Create(filepath.Join(d.topology.Logs, role+".log"))
	if err != nil {
		return fmt.Errorf("keep the log of %s: %w", role, err)
	}
	if _, err := stdcopy.StdCopy(file, file, logs); err != nil {
		return errors.Join(fmt.Errorf("keep the log of %s: %w", role, err), file.Close())
	}
	return file.Close()
}
