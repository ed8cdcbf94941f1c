package manifest

import (
	"net"
	"regexp"
	"slices"
	"strings"

	"github.com/payquake/payquake/internal/document"
)

// services reads what else the merchant calls.
func (r *reader) services(n document.Node) []Service {
	var services []Service
	for name, value := range r.ordered("services", n) {
		at := document.Under("services", name)
		taken := slices.Contains(append(r.providerNames(), "merchant", "shopper", "fulfilment", "gateway", "provider"), name)
		if taken || !regexp.MustCompile("^[a-z]{2,20}$").MatchString(name) {
			r.Addf(at, "a service's name is 2 to 20 lower case letters and none of payquake's own roles, not %q", document.Clip(name))
			continue
		}
		services = append(services, r.service(at, name, value))
	}
	return services
}

// compose reads the merchant, and what it depends on, from a compose file.
func (r *reader) compose(m *Merchant, n document.Node) {
	const at = "merchant.compose"
	values := r.Fields(at, n, []string{"file", "service"})
	if values == nil {
		return
	}
	service := ""
	if n, given := values["service"]; given {
		service = r.Text(at+".service", n)
	}
	file, given := values["file"]
	if !given {
		r.Add(at, "file: is missing; it is the compose file, such as docker-compose.yml")
		return
	}
	before := len(r.Found)
	path := r.path(at+".file", file, false)
	if len(r.Found) > before {
		return
	}
	composition, err := Compose(path, service)
	if err != nil {
		r.Add(at, document.Clip(err.Error()))
		return
	}
	c := composition.Merchant
	m.Image, m.Build, m.Entrypoint, m.Arguments, m.Given = c.Image, c.Build, c.Entrypoint, c.Command, c.Environment
	if c.Port != 0 {
		m.Port = c.Port
	}
	for _, c := range composition.Services {
		if c.Port == 0 {
			r.Addf(at, "the merchant depends on %s, and nothing says where that listens; give it expose: or ports: in %s", c.Name, path)
		}
		r.composed = append(r.composed, Service{Name: c.Name, Image: c.Image, Build: c.Build, Port: c.Port,
			Entrypoint: c.Entrypoint, Arguments: c.Command, Given: c.Environment})
	}
}

func (r *reader) service(at, name string, n document.Node) Service {
	s := Service{Name: name, Port: 8080, Directory: r.folder}
	values := r.Fields(at, n, []string{"command", "build", "image", "address", "directory", "port", "protocol", "ready", "environment"})
	if values == nil {
		return s
	}
	s.Directory = r.path(at+".directory", values["directory"], true)
	var given []string
	for _, key := range []string{"command", "build", "image", "address"} {
		if n, is := values[key]; is {
			given = append(given, key)
			r.serviceWay(&s, at, key, n)
		}
	}
	both := slices.Equal(given, []string{"command", "build"}) || slices.Equal(given, []string{"command", "image"})
	if len(given) != 1 && !both {
		r.Add(at, "a service is had in one way: command:, build:, image:, or address: of one that runs already (command: may stand beside build: or image:)")
	}
	if n, is := values["port"]; is {
		s.Port = r.Positive(at+".port", n, false, "a port is from 1 to 65535")
	}
	if n, is := values["protocol"]; is {
		s.HTTP = r.Word(at+".protocol", "protocol", n, []string{"http", "tcp"}) == "http"
	}
	if n, is := values["ready"]; is {
		if s.Ready = r.Text(at+".ready", n); !strings.HasPrefix(s.Ready, "/") {
			r.Add(at+".ready", "this is the path that answers once the service serves; it begins with /")
		}
		s.HTTP = true
	}
	if n, is := values["environment"]; is {
		s.Environment = r.environment(at+".environment", n, serviceVars())
	}
	return s
}

// serviceWay reads one way to have a service.
func (r *reader) serviceWay(s *Service, at, key string, n document.Node) {
	where := document.Under(at, key)
	switch key {
	case "command":
		s.Command = r.command(where, n, "python3, loyalty.py")
	case "build":
		s.Build = &Build{Dockerfile: "Dockerfile"}
		values := r.Fields(where, n, []string{"context", "dockerfile"})
		s.Build.Context = r.path(where+".context", values["context"], true)
		if n, is := values["dockerfile"]; is {
			s.Build.Dockerfile = r.Text(where+".dockerfile", n)
		}
	case "image":
		s.Image = r.Text(where, n)
	case "address":
		s.Address = r.Text(where, n)
		if _, _, err := net.SplitHostPort(s.Address); err != nil {
			r.Add(where, "this should be where the service runs, such as 127.0.0.1:5432")
		}
	}
}
