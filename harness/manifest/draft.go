package manifest

import (
	_ "embed" // draft.tmpl
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"text/template"

	"github.com/goccy/go-yaml"

	"github.com/payquake/payquake/payment"
)

// Sketch is what is known of a merchant before anybody has described it.
type Sketch struct {
	Name string
	// One of these says how it is started.
	Command []string
	Image   string
	Build   string // a folder with a Dockerfile
	URL     string
	Port    int
	// Environment are variables that it is known to take.
	Environment []string
	Providers   []payment.ProviderName
	// Calls are those that an OpenAPI description tells of, by what they do: place,
	// start, read, refund.
	Calls map[string]SketchedCall
}

// SketchedCall is a call as an OpenAPI description tells it.
type SketchedCall struct {
	Verb, Path string
	Body       []SketchedField
	Form       bool
}

// SketchedField is a field of a body with the expression that probably belongs
// there; "" if nobody can tell.
type SketchedField struct{ Name, Value string }

//go:embed draft.tmpl
var draft string

// Draft writes a payquake.yaml for a merchant of which this is known. What must be
// filled in by a person is marked with TODO.
func Draft(s Sketch) (string, error) {
	parsed, err := template.New("draft").Funcs(template.FuncMap{"quote": quoted, "call": s.call, "settings": settingsFor, "has": s.has}).Parse(draft)
	if err != nil {
		return "", fmt.Errorf("draft a manifest: %w", err)
	}
	var text strings.Builder
	if err := parsed.Execute(&text, s); err != nil {
		return "", fmt.Errorf("draft a manifest: %w", err)
	}
	return text.String(), nil
}

// quoted writes a text as YAML takes it.
func quoted(text string) string {
	if text != "" && strings.Trim(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._/-") == "" &&
		!slices.Contains([]string{"true", "false", "null", "yes", "no"}, text) {
		if _, err := strconv.ParseFloat(text, 64); err != nil {
			return text
		}
	}
	return strconv.Quote(text)
}

// has reports whether the sketch knows a variable of some such name.
func (s Sketch) has(word string) bool {
	return slices.ContainsFunc(s.Environment, func(name string) bool { return strings.Contains(strings.ToUpper(name), word) })
}

// Order is the order in which a driver's calls are written. Where an OpenAPI
// description has no refund, there is none.
func (s Sketch) Order() []string {
	names := []string{"place", "start", "read", "refund"}
	if _, refunds := s.Calls["refund"]; s.Calls != nil && !refunds {
		names = names[:3]
	}
	return names
}

// call is the sketched call of a name, or the usual one.
func (s Sketch) call(name string) SketchedCall {
	if known, is := s.Calls[name]; is {
		return known
	}
	usual := map[string]SketchedCall{
		"place":  {Verb: "post", Path: "/orders", Body: []SketchedField{{"key", "${key}"}, {"lines", "${lines}"}, {"total", "${total}"}}},
		"start":  {Verb: "post", Path: "/orders/${order}/payments", Body: []SketchedField{{"key", "${key}"}, {"provider", "${provider}"}}},
		"read":   {Verb: "get", Path: "/orders/${order}"},
		"refund": {Verb: "post", Path: "/orders/${order}/refunds", Body: []SketchedField{{"key", "${key}"}, {"amount", "${amount}"}}},
	}
	return usual[name]
}

// settingsFor are the settings that a provider's client needs, under likely names.
func settingsFor(provider payment.ProviderName) []SketchedField {
	var fields []SketchedField
	for _, fact := range map[payment.ProviderName][]string{
		"wechatpay": {"mchid", "appid", "serial", "privateKey", "apiV3Key", "publicKeyID", "publicKey"},
		"alipay":    {"appID", "sellerID", "privateKey", "alipayPublicKey"},
		"unionpay":  {"merId", "certId", "privateKey", "certificate", "root", "middle"},
	}[provider] {
		value := "${" + string(provider) + "." + fact + "}"
		if isPEM(fact) {
			value = "${file(" + string(provider) + "." + fact + ")}"
		}
		fields = append(fields, SketchedField{VariableFor(provider, fact), value})
	}
	return fields
}

// VariableFor is the usual name of the variable for a fact.
func VariableFor(provider payment.ProviderName, fact string) string {
	return strings.ToUpper(string(provider) + "_" + snake(fact))
}

func isPEM(fact string) bool {
	return slices.Contains([]string{"privateKey", "publicKey", "alipayPublicKey", "certificate", "root", "middle"}, fact)
}

// snake writes a name with underscores: apiV3Key is api_v3_key.
func snake(name string) string {
	var text strings.Builder
	for i, r := range name {
		if i > 0 && r >= 'A' && r <= 'Z' && !(name[i-1] >= 'A' && name[i-1] <= 'Z') {
			text.WriteByte('_')
		}
		text.WriteRune(r)
	}
	return text.String()
}

// ErrNoService is a compose file in which the merchant cannot be told.
var ErrNoService = errors.New("no service that could be the merchant")

// Compose sketches the merchant from a compose file: the service of that name, or
// the only one that is built.
func Compose(path, service string) (Sketch, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return Sketch{}, fmt.Errorf("read the compose file: %w", err)
	}
	var file struct {
		Services map[string]composed `yaml:"services"`
	}
	if err := yaml.Unmarshal(text, &file); err != nil {
		return Sketch{}, fmt.Errorf("read %s: %w", path, err)
	}
	var names, built []string
	for name, found := range file.Services {
		names = append(names, name)
		if found.folder() != "" {
			built = append(built, name)
		}
	}
	slices.Sort(names)
	switch {
	case service == "" && len(built) == 1:
		service = built[0]
	case service == "" && len(names) == 1:
		service = names[0]
	case service == "":
		return Sketch{}, fmt.Errorf("%w: %s has %s; name it with --service", ErrNoService, path, strings.Join(names, ", "))
	}
	found, known := file.Services[service]
	if !known {
		return Sketch{}, fmt.Errorf("%w: %s has no service %q; it has %s", ErrNoService, path, service, strings.Join(names, ", "))
	}
	s := Sketch{Name: service, Image: found.Image, Environment: found.variables(), Port: found.port()}
	if folder := found.folder(); folder != "" {
		s.Build, s.Image = filepath.Join(filepath.Dir(path), folder), ""
	}
	return s, nil
}

// composed is a service of a compose file, as far as it matters here.
type composed struct {
	Image       string `yaml:"image"`
	Build       any    `yaml:"build"`
	Environment any    `yaml:"environment"`
	Ports       []any  `yaml:"ports"`
}

// folder is what the service is built from.
func (c composed) folder() string {
	switch build := c.Build.(type) {
	case string:
		return build
	case map[string]any:
		if context, is := build["context"].(string); is {
			return context
		}
		return "."
	default:
		return ""
	}
}

// variables are the names of its environment.
func (c composed) variables() []string {
	var names []string
	switch given := c.Environment.(type) {
	case map[string]any:
		for name := range given {
			names = append(names, name)
		}
	case []any:
		for _, pair := range given {
			name, _, _ := strings.Cut(fmt.Sprint(pair), "=")
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// port is where it listens in its container; 0 if nothing says so.
func (c composed) port() int {
	for _, published := range c.Ports {
		text := fmt.Sprint(published)
		if long, is := published.(map[string]any); is {
			text = fmt.Sprint(long["target"])
		}
		text, _, _ = strings.Cut(text, "/")
		if port, err := strconv.Atoi(text[strings.LastIndex(text, ":")+1:]); err == nil {
			return port
		}
	}
	return 0
}

// likely is the variable that a field of a body probably takes.
func likely(field string) string {
	for _, guess := range []struct{ part, value string }{
		{"idempot", "${key}"}, {"request_id", "${key}"}, {"requestid", "${key}"}, {"key", "${key}"}, {"product", "${product}"},
		{"sku", "${product}"}, {"quantity", "${quantity}"}, {"lines", "${lines}"}, {"items", "${lines}"}, {"total", "${total}"},
		{"amount", "${amount}"}, {"provider", "${provider}"}, {"channel", "${provider}"}, {"method", "${method}"},
		{"shopper", "${shopper}"}, {"customer", "${shopper}"}, {"user", "${shopper}"}, {"order", "${order}"},
	} {
		if strings.Contains(strings.ToLower(field), guess.part) {
			return guess.value
		}
	}
	return ""
}
