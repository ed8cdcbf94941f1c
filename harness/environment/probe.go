package environment

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/moby/moby/client"

	"github.com/payquake/payquake/clock"
	"github.com/payquake/payquake/harness/roles"
)

// Runtime is a language's runtime, and how it is made to call a URL.
type Runtime struct {
	Name    string
	Program string
	call    func(url, folder string) ([]string, error)
}

// Runtimes are those whose way to the gateway can be tried.
func Runtimes() []Runtime {
	inline := func(arguments ...string) func(string, string) ([]string, error) {
		return func(url, _ string) ([]string, error) { return append(arguments, url), nil }
	}
	return []Runtime{
		{"Python", "python3", inline("-c", "import sys, urllib.request\nurllib.request.urlopen(urllib.request.Request(sys.argv[1], method='HEAD'), timeout=10)")},
		{"Node.js", "node", inline("-e", "fetch(process.argv[1], {method: 'HEAD'}).catch(e => { console.error(e.cause ?? e); process.exit(1) })")},
		{"curl", "curl", inline("-sS", "-o", os.DevNull, "--max-time", "10")},
		{"Java", "java", func(url, folder string) ([]string, error) {
			source := filepath.Join(folder, "Probe.java")
			const text = "class Probe { public static void main(String[] a) throws Exception {" +
				" System.exit(((java.net.HttpURLConnection) java.net.URI.create(a[0]).toURL().openConnection()).getResponseCode() > 0 ? 0 : 1); } }"
			return []string{source, url}, os.WriteFile(source, []byte(text), 0o600)
		}},
		{"PHP", "php", inline("-r", "$c = curl_init($argv[1]); curl_setopt($c, CURLOPT_NOBODY, 1); if (!curl_exec($c)) { fwrite(STDERR, curl_error($c)); exit(1); }")},
		{"Ruby", "ruby", inline("-rnet/http", "-e", "u = URI(ARGV[0]); p = URI(ENV['https_proxy']); "+
			"Net::HTTP.start(u.host, 443, p.host, p.port, use_ssl: true) { |h| h.head('/') }")},
	}
}

// ErrNoRuntime: the program of a runtime is not on this machine.
var ErrNoRuntime = errors.New("it is not on this machine")

// probePatience is how long one call of a runtime may take; Java compiles first.
const probePatience = 20 * time.Second

// Probe tries whether a runtime, started as a merchant would be, reaches a
// provider's real host name at the gateway and trusts it. The error says what the
// runtime said.
func Probe(ctx context.Context, runtime Runtime, provider roles.ProviderConfig) error {
	program, err := exec.LookPath(runtime.Program)
	if err != nil {
		return ErrNoRuntime
	}
	authority, err := roles.NewAuthority(clock.System{}.Now())
	if err != nil {
		return err
	}
	gateway, err := roles.OpenGateway(ctx, roles.GatewayConfig{Run: "probe", Token: "probe", Host: "127.0.0.1",
		Providers: []roles.ProviderConfig{provider}, Authority: authority})
	if err != nil {
		return err
	}
	// In the provider's place, somebody who answers everything.
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return errors.Join(err, gateway.Close())
	}
	answering := &http.Server{Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}), ReadHeaderTimeout: probePatience}
	go func() { _ = answering.Serve(listener) }() // ends with Close
	defer answering.Close()
	folder, err := os.MkdirTemp("", "payquake-probe-")
	if err != nil {
		return errors.Join(err, gateway.Close())
	}
	err = roles.NewClient(gateway.Addresses().Control, "probe").SetCallee(ctx, string(provider.Name()), listener.Addr().String(), "")
	if err == nil {
		err = probe(ctx, program, runtime, probing{gateway, authority, folder, provider.Hosts()[0]})
	}
	return errors.Join(err, gateway.Close(), os.RemoveAll(folder))
}

type probing struct {
	gateway   *roles.Gateway
	authority roles.Authority
	folder    string
	host      string
}

func probe(ctx context.Context, program string, runtime Runtime, p probing) error {
	file := func(name, text string) (string, error) {
		kept := filepath.Join(p.folder, name)
		return kept, os.WriteFile(kept, []byte(text), 0o600)
	}
	preloaded, err := file("preload.cjs", preload)
	if err != nil {
		return err
	}
	variables := map[string]string{}
	if err := errors.Join(trust(variables, p.authority, file), detour(variables, p.gateway.Addresses().Front, preloaded)); err != nil {
		return err
	}
	arguments, err := runtime.call("https://"+p.host+"/", p.folder)
	if err != nil {
		return err
	}
	limited, cancel := context.WithTimeout(ctx, probePatience)
	defer cancel()
	command := exec.CommandContext(limited, program, arguments...)
	command.Env = inherited(variables)
	said, err := command.CombinedOutput()
	if err == nil {
		return nil
	}
	lines := strings.Split(strings.TrimSpace(string(said)), "\n")
	return fmt.Errorf("%s: %w: %s", runtime.Program, err, lines[len(lines)-1])
}

// EngineClock is how far the engine's clock is ahead of this machine's.
func EngineClock(ctx context.Context) (time.Duration, error) {
	engine, err := newEngine()
	if err != nil {
		return 0, err
	}
	defer engine.Close()
	info, err := engine.Info(ctx, client.InfoOptions{})
	if err != nil {
		return 0, fmt.Errorf("ask the engine for its time: %w", err)
	}
	theirs, err := time.Parse(time.RFC3339Nano, info.Info.SystemTime)
	if err != nil {
		return 0, fmt.Errorf("ask the engine for its time: %w", err)
	}
	return theirs.Sub(clock.System{}.Now()), nil
}
