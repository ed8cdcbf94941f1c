package manifest

import (
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/payquake/payquake/internal/document"
	"github.com/payquake/payquake/payment"
	"github.com/payquake/payquake/scenarios"
)

// reader turns nodes into a manifest and notes what is wrong.
type reader struct {
	document.Notes
	systems scenarios.Systems
	folder  string
	// composed are the services that the merchant's compose file adds.
	composed []Service
}

func (r *reader) manifest(root document.Node) Manifest {
	m := Manifest{Folder: r.folder}
	values := r.Fields("", root, []string{"name", "merchant", "providers", "services", "catalogue", "driver", "traffic"})
	if values == nil {
		return m
	}
	for _, key := range []string{"name", "merchant", "providers"} {
		if _, given := values[key]; !given {
			r.Addf("", "%s: is missing; %s", key, missing()[key])
		}
	}
	if n, given := values["name"]; given {
		m.Name = r.Text("name", n)
	}
	if n, given := values["providers"]; given {
		m.Providers = r.providers(n)
	}
	if n, given := values["services"]; given {
		m.Services = r.services(n)
	}
	if n, given := values["merchant"]; given {
		m.Merchant = r.merchant(n, settingVars(m.Providers, m.Services))
		m.Services = append(m.Services, r.composed...)
	}
	if n, given := values["catalogue"]; given {
		m.Goods = r.goods(n)
	}
	r.shoppers(&m, values)
	return m
}

// shoppers reads who buys: payquake's shoppers, by a driver, or other people's.
func (r *reader) shoppers(m *Manifest, values map[string]document.Node) {
	driver, driven := values["driver"]
	traffic, watched := values["traffic"]
	switch {
	case driven && watched:
		r.Add("traffic", "a run has payquake's shoppers or your own: with driver: there is no traffic:")
	case driven:
		made := r.driver(driver, len(m.Goods) > 0)
		m.Driver = &made
	case len(m.Goods) > 0:
		r.Add("catalogue", "it is for payquake's shoppers; without driver: your own traffic chooses what is bought")
	case watched:
		m.Traffic = r.command("traffic", traffic, "npm, run, e2e")
	}
}

// command reads a command line as a list of its words.
func (r *reader) command(at string, n document.Node, example string) []string {
	if n.Kind == document.Scalar {
		r.Addf(at, `a command is a list, such as [%s]; for a shell line: [sh, -c, "…"]`, example)
	}
	return r.texts(at, n)
}

// missing says what a section is for.
func missing() map[string]string {
	return map[string]string{
		"name":      "it names the merchant in reports",
		"merchant":  "it says how to start the merchant: command:, build:, image: or url:",
		"providers": "it lists whom the merchant takes payments with, such as providers: [wechatpay]",
	}
}

// starters are the ways to have a merchant; one of them is used.
func starters() []string { return []string{"command", "build", "image", "compose", "url"} }

func (r *reader) merchant(n document.Node, vars Vars) Merchant {
	m := Merchant{Port: 8080, Ready: "/", Patience: 30 * time.Second, PublicURL: "https://shop.example"}
	values := r.Fields("merchant", n, append(starters(), "keys", "prepare", "directory", "port", "environment", "ready", "patience", "longestTimer", "publicURL"))
	if values == nil {
		return m
	}
	r.starter(&m, values)
	m.Keys = r.keys(values["keys"], m.URL != "")
	if n, given := values["prepare"]; given {
		m.Prepare = r.Text("merchant.prepare", n)
	}
	m.Directory = r.path("merchant.directory", values["directory"], true)
	if n, given := values["port"]; given {
		m.Port = r.Positive("merchant.port", n, false, "a port is from 1 to 65535")
		if m.Port > 65535 {
			r.Add("merchant.port", "a port is from 1 to 65535")
		}
	}
	if n, given := values["ready"]; given {
		if m.Ready = r.Text("merchant.ready", n); !strings.HasPrefix(m.Ready, "/") {
			r.Add("merchant.ready", "this is the path that answers once the merchant serves; it begins with /")
		}
	}
	if n, given := values["patience"]; given {
		m.Patience = r.duration("merchant.patience", n)
	}
	if n, given := values["longestTimer"]; given {
		m.LongestTimer = r.duration("merchant.longestTimer", n)
	} else {
		r.Add("merchant", "longestTimer: is missing; it is after how much quiet the merchant is sure to do nothing more by itself, such as 5s")
	}
	if n, given := values["publicURL"]; given {
		m.PublicURL = r.Text("merchant.publicURL", n)
		if u, err := url.Parse(m.PublicURL); err != nil || u.Host == "" {
			r.Add("merchant.publicURL", "this should be a URL such as https://shop.example")
		}
	}
	if n, given := values["environment"]; given {
		m.Environment = r.environment("merchant.environment", n, vars)
	}
	return m
}

// starter reads in which ways there is the merchant.
func (r *reader) starter(m *Merchant, values map[string]document.Node) {
	var given []string
	for _, key := range starters() {
		if _, is := values[key]; is {
			given = append(given, key)
		}
	}
	switch {
	case len(given) == 0 && len(r.Found) > 0: // one of the unknown keys may be it
		return
	case len(given) == 0:
		r.Add("merchant", "nothing says how to start the merchant: give one of command:, build:, image:, compose: or url:")
		return
	case len(given) > 1 && !slices.Equal(given, []string{"command", "build"}) && !slices.Equal(given, []string{"command", "image"}) &&
		!slices.Equal(given, []string{"command", "compose"}):
		r.Addf("merchant."+given[1], "a run has one merchant: give %s: or %s:, not both (command: may stand beside build:, image: or compose:, for the two environments)",
			given[0], given[1])
		return
	}
	for _, key := range given {
		r.way(m, key, values[key])
	}
}

// keys reads where the keys are of a merchant that runs already.
func (r *reader) keys(n document.Node, running bool) string {
	const at = "merchant.keys"
	switch {
	case n.Kind == document.Nothing && running:
		r.Add("merchant.url", "a merchant that runs already was given its credentials beforehand: make some with payquake keys, and name their folder with keys:")
		return ""
	case n.Kind == document.Nothing:
		return ""
	case !running:
		r.Add(at, "a merchant that payquake starts is given fresh keys by its environment:; keys: belongs to url:")
		return ""
	}
	folder := r.Text(at, n)
	if !filepath.IsAbs(folder) {
		folder = filepath.Join(r.folder, folder)
	}
	return folder
}

// way reads one way to have the merchant.
func (r *reader) way(m *Merchant, key string, n document.Node) {
	at := "merchant." + key
	switch key {
	case "command":
		m.Command = r.command(at, n, "python3, shop.py")
	case "image":
		m.Image = r.Text(at, n)
	case "compose":
		r.compose(m, n)
	case "url":
		m.URL = r.Text(at, n)
		if u, err := url.Parse(m.URL); err != nil || u.Scheme != "http" || u.Port() == "" {
			r.Add(at, "this should be where the merchant runs, with its port, such as http://127.0.0.1:8080")
		}
	case "build":
		m.Build = &Build{Dockerfile: "Dockerfile"}
		values := r.Fields(at, n, []string{"context", "dockerfile"})
		m.Build.Context = r.path(at+".context", values["context"], true)
		if n, given := values["dockerfile"]; given {
			m.Build.Dockerfile = r.Text(at+".dockerfile", n)
		}
		if _, err := os.Stat(filepath.Join(m.Build.Context, m.Build.Dockerfile)); err != nil {
			r.Addf(at, "there is no %s in %s", m.Build.Dockerfile, m.Build.Context)
		}
	}
}

// path reads a path relative to the manifest, of a file or a folder that must
// exist; "" stands for the manifest's own.
func (r *reader) path(at string, n document.Node, folder bool) string {
	if n.Kind == document.Nothing {
		return r.folder
	}
	text := r.Text(at, n)
	if !filepath.IsAbs(text) {
		text = filepath.Join(r.folder, text)
	}
	info, err := os.Stat(text)
	switch {
	case err != nil:
		r.Addf(at, "there is no %s", text)
	case folder && !info.IsDir():
		r.Addf(at, "%s is not a folder", text)
	case !folder && info.IsDir():
		r.Addf(at, "%s is a folder", text)
	}
	return text
}

func (r *reader) texts(at string, n document.Node) []string {
	var texts []string
	members := r.Ordered(at, n)
	for _, path := range members.Paths {
		texts = append(texts, r.Text(path, members.ByPath[path]))
	}
	if len(texts) == 0 {
		r.Add(at, "this should be a list with at least one member")
	}
	return texts
}

func (r *reader) duration(at string, n document.Node) time.Duration {
	text := r.Text(at, n)
	d, err := time.ParseDuration(text)
	if text != "" && (err != nil || d <= 0) {
		r.Addf(at, "this should be a time with its unit, such as 5s or 300ms, not %q", document.Clip(text))
	}
	return d
}

// providers reads with whom payments are taken: names, or names with settings.
func (r *reader) providers(n document.Node) []Provider {
	var providers []Provider
	add := func(at, name string, settings document.Node) {
		i := slices.IndexFunc(r.systems.Providers, func(p scenarios.Provider) bool { return string(p.Name) == name })
		if i < 0 {
			r.Unknown(at, "provider", name, r.providerNames())
			return
		}
		providers = append(providers, r.provider(at, r.systems.Providers[i], settings))
	}
	if n.Kind == document.Mapping {
		for name, settings := range r.ordered("providers", n) {
			add("providers."+name, name, settings)
		}
	} else {
		members := r.Ordered("providers", n)
		for _, at := range members.Paths {
			add(at, r.Text(at, members.ByPath[at]), document.Node{})
		}
	}
	if len(providers) == 0 && len(r.Found) == 0 {
		r.Add("providers", "a merchant takes payments with at least one provider")
	}
	return providers
}

func (r *reader) providerNames() []string {
	var names []string
	for _, provider := range r.systems.Providers {
		names = append(names, string(provider.Name))
	}
	return names
}

func (r *reader) provider(at string, known scenarios.Provider, n document.Node) Provider {
	provider := Provider{Name: known.Name, Methods: []payment.Method{payment.MethodCode}}
	if n.Kind == document.Nothing {
		return provider
	}
	values := r.Fields(at, n, []string{"mode", "methods"})
	if n, given := values["mode"]; given {
		provider.Mode = r.Word(at+".mode", "mode", n, Modes()[known.Name])
	}
	if n, given := values["methods"]; given {
		provider.Methods = nil
		var names []string
		for _, method := range known.Methods {
			names = append(names, string(method))
		}
		members := r.Ordered(at+".methods", n)
		for _, path := range members.Paths {
			provider.Methods = append(provider.Methods, payment.Method(r.Word(path, "method", members.ByPath[path], names)))
		}
	}
	return provider
}

// Modes are the ways in which a merchant and a provider know each other's keys.
func Modes() map[payment.ProviderName][]string {
	return map[payment.ProviderName][]string{
		"wechatpay": {"public-key", "certificate"}, "alipay": {"key", "certificate"}, "unionpay": {"certificate"},
	}
}

// goods reads what the merchant sells.
func (r *reader) goods(n document.Node) []scenarios.Good {
	var goods []scenarios.Good
	members := r.Ordered("catalogue", n)
	for _, at := range members.Paths {
		values := r.Fields(at, members.ByPath[at], []string{"id", "price", "stock"})
		good := scenarios.Good{ID: r.Text(at+".id", values["id"])}
		if price, err := payment.ParseDecimal(r.Text(at+".price", values["price"]), payment.CNY); err != nil || price.Minor < 1 {
			r.Add(at+".price", "a price is in yuan, such as 12.80")
		} else {
			good.Price = price
		}
		if n, given := values["stock"]; given {
			good.Stock = r.Positive(at+".stock", n, false, "what is not in stock need not be listed")
		}
		goods = append(goods, good)
	}
	return goods
}

// environment reads variables.
func (r *reader) environment(path string, n document.Node, vars Vars) []Setting {
	var settings []Setting
	for name, value := range r.ordered(path, n) {
		at := document.Under(path, name)
		if !regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`).MatchString(name) {
			r.Addf(at, "%q cannot be the name of a variable", document.Clip(name))
			continue
		}
		if secret(value.Text) {
			r.Add(at, "a key has no place in this file: each run makes its own; name it, such as ${file(wechatpay.privateKey)}")
			continue
		}
		settings = append(settings, Setting{Name: name, Value: r.template(at, value, vars)})
	}
	return settings
}

// secret reports whether a text is a key that somebody pasted.
func secret(text string) bool {
	return strings.Contains(text, "-----BEGIN") || regexp.MustCompile(`\bMII[A-Za-z0-9+/]{40,}`).MatchString(text)
}

// ordered goes over the keys of a map whose keys are free, in their order. A key
// that stands twice is a problem.
func (r *reader) ordered(path string, n document.Node) func(yield func(string, document.Node) bool) {
	keys := make([]string, len(n.Keys))
	for i, e := range n.Keys {
		keys[i] = e.Key
	}
	values := r.Fields(path, n, keys)
	return func(yield func(string, document.Node) bool) {
		for i, key := range keys {
			if values != nil && slices.Index(keys, key) == i && !yield(key, values[key]) {
				return
			}
		}
	}
}

// template reads a value with expressions.
func (r *reader) template(at string, n document.Node, vars Vars) Template {
	switch n.Kind {
	case document.Mapping:
		made := Template{shape: mapShape}
		for key, value := range r.ordered(at, n) {
			made.keys = append(made.keys, key)
			made.items = append(made.items, r.template(document.Under(at, key), value, vars))
		}
		return made
	case document.Sequence:
		made := Template{shape: listShape}
		members := r.Ordered(at, n)
		for _, path := range members.Paths {
			made.items = append(made.items, r.template(path, members.ByPath[path], vars))
		}
		return made
	case document.Nothing:
		return Template{shape: constantShape, parts: []part{{}}}
	}
	if constant, is := constantOf(n); is {
		return Template{shape: constantShape, parts: []part{{constant: constant}}}
	}
	pieces, isExpression, err := split(n.Text)
	if err != nil {
		r.Add(at, err.Error())
	}
	var made Template
	for i, piece := range pieces {
		if !isExpression[i] {
			made.parts = append(made.parts, part{literal: piece})
			continue
		}
		made.parts = append(made.parts, part{expression: r.compiled(at, piece, vars)})
	}
	return made
}

// secretPattern finds the names of keys. What shoppers send is recorded and shown,
// so none belongs there.
const secretPattern = `\b(privateKey|apiV3Key|apiV2Key|aesKey|secureKey)\b`

// compiled makes an expression of a template, or notes what is wrong with it. It
// is computed once with stand-ins, so that a slip is told before anything starts.
func (r *reader) compiled(at, text string, vars Vars) Expression {
	problem := func(what string) { r.senseless(at, text, "in ${"+document.Clip(text)+"}: "+what, vars) }
	_, settings := vars["data"]
	if name := regexp.MustCompile(secretPattern).FindString(text); name != "" && !settings {
		problem("a shopper must not have the merchant's " + name + "; keys belong in merchant.environment")
		return Expression{}
	}
	expression, err := compile(text, vars)
	if err != nil {
		problem(err.Error())
		return Expression{}
	}
	switch value, err := expression.Value(vars); {
	case err != nil && !strings.Contains(err.Error(), "interface {} is nil"): // a function was given nothing
		problem(err.Error())
	case err != nil, value == nil:
		problem("this names nothing")
	}
	return expression
}

// expression reads a value that is an expression as a whole, without ${}.
func (r *reader) expression(at string, n document.Node, vars Vars) Expression {
	text := r.Text(at, n)
	if text == "" {
		return Expression{}
	}
	expression, err := compile(text, vars)
	if err != nil {
		r.senseless(at, text, "this expression makes no sense: "+err.Error(), vars)
	}
	return expression
}

// senseless notes what is wrong with an expression, with the variable that may be
// meant, or with all there are.
func (r *reader) senseless(at, text, what string, vars Vars) {
	problem := document.Problem{Message: what}
	names := known(vars)
	for _, named := range regexp.MustCompile(`[A-Za-z_][A-Za-z0-9_.]*`).FindAllString(text, -1) {
		if !slices.Contains(names, named) && problem.Suggestion == "" {
			problem.Suggestion = document.Nearest(named, names)
		}
	}
	if problem.Suggestion == "" {
		problem.Message += "; there are " + strings.Join(names, ", ")
	}
	r.Put(at, text, problem)
}

// constantOf reads a bare number, true, false or null.
func constantOf(n document.Node) (any, bool) {
	if !n.Bare {
		return nil, false
	}
	switch n.Text {
	case "true", "false":
		return n.Text == "true", true
	case "null", "~":
		return nil, true
	}
	return wholeNumber(n.Text)
}

// known are the names of variables.
func known(vars Vars) []string {
	var names []string
	for name, value := range vars {
		if inner, is := value.(Vars); is && len(inner) > 0 {
			for key := range inner {
				names = append(names, name+"."+key)
			}
			continue
		}
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
