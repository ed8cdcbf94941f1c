package environment

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/testcontainers/testcontainers-go"

	"github.com/payquake/payquake/clock"
	"github.com/payquake/payquake/harness/manifest"
	"github.com/payquake/payquake/harness/roles"
)

// services are the gateway's links to what else the merchant calls.
func (t Topology) services() []roles.Service {
	var services []roles.Service
	if t.Merchant.Described == nil {
		if t.Merchant.Database != "" {
			services = append(services, roles.Service{Name: databaseRole})
		}
		return services
	}
	for _, service := range t.Merchant.Described.Services {
		services = append(services, roles.Service{Name: service.Name, HTTP: service.HTTP, Port: portAt(service, t.Merchant.Described.Services)})
	}
	return services
}

// portAt is where the gateway's link to a service listens in containers: at the
// service's own port, so that a merchant which calls it by its name alone finds it
// there. Of two services with one port, none has it.
func portAt(service manifest.Service, all []manifest.Service) int {
	for _, other := range all {
		if other.Name != service.Name && other.Port == service.Port {
			return 0
		}
	}
	if service.Port == frontPort || service.Port >= controlPort && service.Port < wirePort {
		return 0
	}
	return service.Port
}

// variablesOf are the variables of a service's own settings.
func variablesOf(service manifest.Service, host, port, data string) (map[string]string, error) {
	variables := maps.Clone(service.Given)
	if variables == nil {
		variables = map[string]string{}
	}
	for _, setting := range service.Environment {
		value, err := setting.Value.Text(manifest.Vars{"host": host, "port": port, "data": data})
		if err != nil {
			return nil, fmt.Errorf("services.%s.environment.%s: %w", service.Name, setting.Name, err)
		}
		variables[setting.Name] = value
	}
	return variables, nil
}

// openServices starts what else the merchant calls, as processes, and waits until
// each serves.
func (l *local) openServices(ctx context.Context) error {
	if l.topology.Merchant.Described == nil {
		return l.openDatabase(ctx)
	}
	for _, service := range l.topology.Merchant.Described.Services {
		address := service.Address
		if address == "" {
			started, at, err := l.startService(service)
			if err != nil {
				return fmt.Errorf("start service %s: %w", service.Name, err)
			}
			l.services = append(l.services, started)
			address = at
		}
		if err := l.control.SetCallee(ctx, service.Name, address, ""); err != nil {
			return err
		}
		if err := l.awaitService(ctx, service, address); err != nil {
			return fmt.Errorf("services.%s does not serve at %s (what it said is in %s): %w", service.Name, address, l.topology.Logs, err)
		}
	}
	return nil
}

func (l *local) startService(service manifest.Service) (*child, string, error) {
	if service.Command == nil {
		return nil, "", errors.New("it makes a container, which needs --environment docker; give command: for processes")
	}
	address, err := freeAddress()
	if err != nil {
		return nil, "", err
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, "", err
	}
	data := filepath.Join(l.folder, "service-"+service.Name)
	if err := os.Mkdir(data, 0o700); err != nil {
		return nil, "", err
	}
	variables, err := variablesOf(service, host, port, data)
	if err != nil {
		return nil, "", err
	}
	started, err := startChild(process{command: service.Command, folder: service.Directory, environment: inherited(variables)},
		filepath.Join(l.topology.Logs, service.Name+".log"))
	if err != nil {
		return nil, "", err
	}
	return started, address, l.watchdog.guardProcess(started.command.Process.Pid)
}

// awaitService waits until a service answers its path, or accepts connections.
func (l *local) awaitService(ctx context.Context, service manifest.Service, address string) error {
	for {
		err := serves(ctx, service, address)
		if err == nil {
			return nil
		}
		if waited := (clock.System{}).Wait(ctx, 20*time.Millisecond); waited != nil {
			return err
		}
	}
}

func serves(ctx context.Context, service manifest.Service, address string) error {
	if service.Ready == "" {
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
		if err != nil {
			return err
		}
		return conn.Close()
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+service.Ready, nil)
	if err != nil {
		return err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode/100 != 2 {
		return fmt.Errorf("GET %s answers %s", service.Ready, answer.Status)
	}
	return nil
}

// openServices starts what else the merchant calls, as containers. A service that
// runs already is out of their reach.
func (d *docker) openServices(ctx context.Context) error {
	if d.topology.Merchant.Described == nil {
		return nil
	}
	for _, service := range d.topology.Merchant.Described.Services {
		image := service.Image
		if service.Build != nil {
			built, err := d.build(ctx, *service.Build, d.topology.Merchant.Described.Name+"-"+service.Name)
			if err != nil {
				return fmt.Errorf("services.%s.build: %w", service.Name, err)
			}
			image = built
		}
		if image == "" {
			return fmt.Errorf("services.%s is no container, and the run's network leads nowhere else: give build: or image:, or run with --environment local", service.Name)
		}
		variables, err := variablesOf(service, "0.0.0.0", strconv.Itoa(service.Port), "/data")
		if err != nil {
			return err
		}
		behind := service.Name + ".service"
		if _, err := d.startContainer(ctx, service.Name, testcontainers.ContainerRequest{Image: image, Entrypoint: service.Entrypoint, Cmd: service.Arguments, Labels: ownLabels(d.topology.Run), Env: variables,
			Networks: []string{d.inner.Name}, NetworkAliases: map[string][]string{d.inner.Name: {behind}}}); err != nil {
			return err
		}
		if err := d.control.SetCallee(ctx, service.Name, net.JoinHostPort(behind, strconv.Itoa(service.Port)), ""); err != nil {
			return err
		}
		if err := d.awaitService(ctx, service); err != nil {
			return fmt.Errorf("services.%s does not serve: %w", service.Name, err)
		}
	}
	return nil
}

// awaitService waits until a service that says when answers its path. Only the
// gateway reaches it; one of another protocol is the merchant's to wait for.
func (d *docker) awaitService(ctx context.Context, service manifest.Service) error {
	for service.Ready != "" {
		answer, err := d.control.Relay(service.Name).Do(ctx, http.MethodGet, service.Ready, nil)
		if err == nil {
			answer.Body.Close()
			if answer.StatusCode/100 == 2 {
				return nil
			}
			err = fmt.Errorf("GET %s answers %s", service.Ready, answer.Status)
		}
		if waited := (clock.System{}).Wait(ctx, 20*time.Millisecond); waited != nil {
			return err
		}
	}
	return nil
}
