package environment

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	_ "embed" // preload
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"software.sslmate.com/src/go-pkcs12"

	"github.com/payquake/payquake/harness/manifest"
	"github.com/payquake/payquake/harness/roles"
	"github.com/payquake/payquake/internal/document"
	"github.com/payquake/payquake/payment"
)

// surroundings are what the settings of a described merchant are made of, beside
// its credentials.
type surroundings struct {
	host, port string // where it listens
	data       string // a folder that outlives its restarts
	spans      string // base URL of the receiver for its own spans
	baseURL    func(payment.ProviderName) string
	service    func(name string) string // host:port of the link to a service
	// file keeps a text for the merchant and returns the path it finds it at.
	file func(name, text string) (string, error)
}

// settings adds the variables that a manifest gives the merchant.
func settings(variables map[string]string, topology Topology, around surroundings) error {
	described := topology.Merchant.Described
	var problem error
	vars := manifest.Vars{"host": around.host, "port": around.port, "data": around.data, "spans": around.spans,
		"publicURL": described.Merchant.PublicURL,
		"file": func(text string) string {
			kind := ".p12"
			if strings.HasPrefix(text, "-----BEGIN") {
				kind = ".pem"
			}
			kept, err := around.file(fmt.Sprintf("%x", sha256.Sum256([]byte(text)))[:12]+kind, text)
			problem = errors.Join(problem, err)
			return kept
		}}
	maps.Copy(vars, manifest.Shapes())
	for _, provider := range topology.Providers {
		facts, err := credentials(provider)
		if err != nil {
			return err
		}
		facts["baseURL"] = around.baseURL(provider.Name())
		vars[string(provider.Name())] = facts
	}
	for _, service := range described.Services {
		host, port, err := net.SplitHostPort(around.service(service.Name))
		if err != nil {
			return fmt.Errorf("link to %s: %w", service.Name, err)
		}
		vars[service.Name] = manifest.ServiceFacts(host, port)
	}
	for _, setting := range described.Merchant.Environment {
		value, err := setting.Value.Text(vars)
		if err = errors.Join(err, problem); err != nil {
			return fmt.Errorf("merchant.environment.%s: %w", setting.Name, err)
		}
		variables[setting.Name] = value
	}
	return nil
}

// Credentials are what a provider gives its merchant, by the names of
// manifest.Facts, as texts.
func Credentials(provider roles.ProviderConfig) (map[string]string, error) {
	given, err := credentials(provider)
	if err != nil {
		return nil, err
	}
	texts := map[string]string{}
	for name, value := range given {
		texts[name] = fmt.Sprint(value)
	}
	return texts, nil
}

// credentials are the same as settings have them.
func credentials(provider roles.ProviderConfig) (manifest.Vars, error) {
	var given any
	var err error
	switch {
	case provider.WeChatPay != nil:
		given, err = provider.WeChatPay.Credentials(provider.WeChatPay.Merchants[0].MchID)
	case provider.Alipay != nil:
		given, err = provider.Alipay.Credentials(provider.Alipay.Merchants[0].AppID)
	case provider.UnionPay != nil:
		given, err = provider.UnionPay.Credentials(provider.UnionPay.Merchants[0].MerID)
	}
	if err != nil {
		return nil, fmt.Errorf("credentials at %s: %w", provider.Name(), err)
	}
	text, err := json.Marshal(given)
	if err != nil {
		return nil, fmt.Errorf("credentials at %s: %w", provider.Name(), err)
	}
	facts := manifest.Vars{}
	for _, name := range manifest.Facts(provider.Name()) {
		facts[name] = "" // what this mode has no use for
	}
	return facts, json.Unmarshal(text, &facts)
}

//go:embed preload.cjs
var preload string

// trustStorePassword opens the Java trust store, which holds nothing secret.
const trustStorePassword = "payquake"

// trust adds the variables that make a merchant believe the run's authority, and
// nobody else: a call that escapes must fail rather than pay. Every variable that
// its runtime may know is set, since one that is inherited would win. File keeps
// a text under a name and gives the path at which the merchant finds it.
func trust(variables map[string]string, authority roles.Authority, file func(name, text string) (string, error)) error {
	store, err := javaTrustStore(authority)
	if err != nil {
		return err
	}
	bundle, err := file("authority.pem", authority.CertificatePEM)
	if err != nil {
		return err
	}
	java, err := file("authority.p12", store)
	if err != nil {
		return err
	}
	for _, name := range []string{"SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH"} {
		variables[name] = bundle
	}
	variables["SSL_CERT_DIR"] = path.Dir(bundle)
	variables["JAVA_TOOL_OPTIONS"] = "-Djavax.net.ssl.trustStore=" + java +
		" -Djavax.net.ssl.trustStoreType=PKCS12 -Djavax.net.ssl.trustStorePassword=" + trustStorePassword
	return nil
}

func javaTrustStore(authority roles.Authority) (string, error) {
	block, _ := pem.Decode([]byte(authority.CertificatePEM))
	if block == nil {
		return "", errors.New("make a trust store: the run's authority is no certificate")
	}
	certificate, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return "", fmt.Errorf("make a trust store: %w", err)
	}
	store, err := pkcs12.Modern.EncodeTrustStore([]*x509.Certificate{certificate}, trustStorePassword)
	if err != nil {
		return "", fmt.Errorf("make a trust store: %w", err)
	}
	return string(store), nil
}

// detour adds the variables that lead a process's calls to other machines to the
// gateway: as its proxy in both spellings, for Java by its own properties, and
// for Node, which knows none, by a module that it loads first. What the process
// calls on this machine goes there directly.
func detour(variables map[string]string, front, preloaded string) error {
	host, port, err := net.SplitHostPort(front)
	if err != nil {
		return fmt.Errorf("lead the merchant's calls to the gateway: %w", err)
	}
	for _, name := range []string{"HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"} {
		variables[name] = "http://" + front
	}
	for _, name := range []string{"NO_PROXY", "no_proxy"} {
		variables[name] = "127.0.0.1,localhost,::1"
	}
	variables["ALL_PROXY"], variables["all_proxy"] = "", ""
	variables["PAYQUAKE_FRONT"] = front
	variables["NODE_OPTIONS"] = strings.TrimSpace(os.Getenv("NODE_OPTIONS") + " --require=" + preloaded)
	variables["JAVA_TOOL_OPTIONS"] += fmt.Sprintf(" -Dhttps.proxyHost=%s -Dhttps.proxyPort=%s -Dhttp.proxyHost=%[1]s -Dhttp.proxyPort=%[2]s", host, port)
	return nil
}

// traced adds the variables by which a merchant that sends spans of its own finds
// the receiver for them.
func traced(variables map[string]string, spans string) {
	variables["OTEL_EXPORTER_OTLP_ENDPOINT"], variables["OTEL_EXPORTER_OTLP_PROTOCOL"] = spans, "http/protobuf"
}

// inherited is this process's own environment with some variables replaced.
func inherited(variables map[string]string) []string {
	all := slices.DeleteFunc(os.Environ(), func(own string) bool {
		name, _, _ := strings.Cut(own, "=")
		_, replaced := variables[name]
		return replaced
	})
	for _, name := range slices.Sorted(maps.Keys(variables)) {
		all = append(all, name+"="+variables[name])
	}
	return all
}

// hostOf is the host and port of a merchant that runs already.
func hostOf(address string) string {
	parsed, err := url.Parse(address)
	if err != nil {
		return address
	}
	return parsed.Host
}

// lastWords are the last lines of a log, for an error.
func lastWords(log string) string {
	text, err := os.ReadFile(log)
	if err != nil || len(text) == 0 {
		return "  (none)"
	}
	lines := strings.Split(strings.TrimRight(string(text), "\n"), "\n")
	lines = lines[max(0, len(lines)-8):]
	for i, line := range lines {
		lines[i] = "  " + document.Clip(strconv.QuoteToGraphic(line)[1:max(1, len(strconv.QuoteToGraphic(line))-1)])
	}
	return strings.Join(lines, "\n")
}

// prepare does what a manifest wants done before the merchant is started.
func prepare(ctx context.Context, described manifest.Manifest) error {
	if described.Merchant.Prepare == "" {
		return nil
	}
	command := exec.CommandContext(ctx, "/bin/sh", "-c", described.Merchant.Prepare)
	command.Dir = described.Merchant.Directory
	if said, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: merchant.prepare: %w\n%s", described.Path, err, said)
	}
	return nil
}

// isThere fails if a program that is started in a folder cannot be found.
func isThere(program, folder string) error {
	if strings.Contains(program, "/") && !filepath.IsAbs(program) {
		absolute, err := filepath.Abs(filepath.Join(folder, program))
		if err != nil {
			return err
		}
		program = absolute
	}
	_, err := exec.LookPath(program)
	return err
}

// Variables are what a merchant that payquake does not start is to be started
// with, for it to reach the gateway of a run at that port and to be known to the
// providers: its credentials under names made of the provider's and the fact's,
// those that are PEM as paths of files that are written into the folder.
func Variables(providers []roles.ProviderConfig, authority roles.Authority, front int, folder string) (map[string]string, error) {
	file := func(name, text string) (string, error) {
		kept := filepath.Join(folder, name)
		return kept, os.WriteFile(kept, []byte(text), 0o600)
	}
	preloaded, err := file("preload.cjs", preload)
	if err != nil {
		return nil, err
	}
	variables := map[string]string{}
	if err := errors.Join(trust(variables, authority, file), detour(variables, fmt.Sprintf("127.0.0.1:%d", front), preloaded)); err != nil {
		return nil, err
	}
	for _, provider := range providers {
		facts, err := credentials(provider)
		if err != nil {
			return nil, err
		}
		for fact, value := range facts {
			text, name := fmt.Sprint(value), manifest.VariableFor(provider.Name(), fact)
			switch {
			case text == "":
				continue
			case strings.HasPrefix(text, "-----BEGIN"):
				if text, err = file(strings.ToLower(name)+".pem", text); err != nil {
					return nil, err
				}
				name += "_FILE"
			}
			variables[name] = text
		}
	}
	return variables, nil
}
