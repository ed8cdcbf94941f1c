package manifest

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
)

// Composition is a merchant and what it depends on, as a compose file has them.
type Composition struct {
	Merchant Container
	Services []Container // in the order of their names
}

// Container is a service of a compose file, as far as a run needs it.
type Container struct {
	Name        string
	Image       string
	Build       *Build
	Command     []string // instead of the image's own; nil for that
	Entrypoint  []string
	Environment map[string]string
	Port        int // where it listens; 0 if nothing says so
}

// ErrNoService is a compose file in which the merchant cannot be told.
var ErrNoService = errors.New("no service that could be the merchant")

// Compose reads a compose file: the service of that name, or the only one that is
// built, and those that it depends on.
func Compose(path, service string) (Composition, error) {
	options, err := cli.NewProjectOptions([]string{path}, cli.WithOsEnv, cli.WithDotEnv, cli.WithName("payquake"),
		cli.WithWorkingDirectory(filepath.Dir(path)))
	if err != nil {
		return Composition{}, fmt.Errorf("read %s: %w", path, err)
	}
	project, err := options.LoadProject(context.Background())
	if err != nil {
		return Composition{}, fmt.Errorf("read %s: %w", path, err)
	}
	if service, err = merchantOf(project, path, service); err != nil {
		return Composition{}, err
	}
	composition := Composition{Merchant: containerOf(project.Services[service])}
	needed := map[string]bool{}
	var need func(name string)
	need = func(name string) {
		for _, other := range project.Services[name].GetDependencies() {
			if !needed[other] && other != service {
				needed[other] = true
				need(other)
			}
		}
	}
	need(service)
	for _, name := range project.ServiceNames() {
		if needed[name] {
			composition.Services = append(composition.Services, containerOf(project.Services[name]))
		}
	}
	return composition, nil
}

// merchantOf tells which service is the merchant.
func merchantOf(project *types.Project, path, service string) (string, error) {
	names := project.ServiceNames()
	slices.Sort(names)
	var built []string
	for _, name := range names {
		if project.Services[name].Build != nil {
			built = append(built, name)
		}
	}
	switch {
	case service == "" && len(built) == 1:
		return built[0], nil
	case service == "" && len(names) == 1:
		return names[0], nil
	case service == "":
		return "", fmt.Errorf("%w: %s has %s; say which", ErrNoService, path, strings.Join(names, ", "))
	case !slices.Contains(names, service):
		return "", fmt.Errorf("%w: %s has no service %q; it has %s", ErrNoService, path, service, strings.Join(names, ", "))
	}
	return service, nil
}

func containerOf(service types.ServiceConfig) Container {
	c := Container{Name: service.Name, Image: service.Image, Command: service.Command, Entrypoint: service.Entrypoint,
		Environment: map[string]string{}, Port: portOf(service)}
	if service.Build != nil {
		c.Build, c.Image = &Build{Context: service.Build.Context, Dockerfile: service.Build.Dockerfile}, ""
		if c.Build.Dockerfile == "" {
			c.Build.Dockerfile = "Dockerfile"
		}
	}
	for name, value := range service.Environment {
		if value != nil {
			c.Environment[name] = *value
		}
	}
	return c
}

// portOf is the port that a service publishes or exposes, or that its image is
// known for.
func portOf(service types.ServiceConfig) int {
	for _, published := range service.Ports {
		return int(published.Target)
	}
	for _, exposed := range service.Expose {
		var port int
		if _, err := fmt.Sscanf(exposed, "%d", &port); err == nil {
			return port
		}
	}
	image, _, _ := strings.Cut(service.Image[strings.LastIndex(service.Image, "/")+1:], ":")
	return map[string]int{"postgres": 5432, "mysql": 3306, "mariadb": 3306, "redis": 6379, "valkey": 6379, "memcached": 11211,
		"mongo": 27017, "rabbitmq": 5672}[image]
}
