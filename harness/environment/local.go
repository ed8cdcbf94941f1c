package environment

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"

	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/harness/manifest"
	"github.com/payquake/payquake/harness/roles"
	"github.com/payquake/payquake/payment"
)

// local is the environment without Docker: gateway and providers live in this
// process and listen on 127.0.0.1; the merchant is a child process, so that it
// can be killed.
type local struct {
	topology  Topology
	tell      func(string)
	folder    string // the merchant's database and configuration; removed by Close
	gateway   *roles.Gateway
	providers map[payment.ProviderName]*roles.Provider
	control   *roles.Client
	watchdog  *watchdog
	shopAt    string
	process   process // that is the merchant
	services  []*child
	database  *database // nil unless the reference merchant's is a server

	mu       sync.Mutex
	merchant *child
	beside   []instance // further instances of the reference merchant
	paused   bool
	closed   bool
}

// OpenLocal starts the local environment. On failure nothing is left behind.
func OpenLocal(ctx context.Context, topology Topology, tell func(string)) (_ Environment, err error) {
	l := &local{topology: topology, tell: tell, providers: map[payment.ProviderName]*roles.Provider{}}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("local environment: %w: %w", ErrNotUp, err), l.Close(context.WithoutCancel(ctx)))
		}
	}()
	if l.folder, err = os.MkdirTemp("", "payquake-merchant-"); err != nil {
		return nil, err
	}
	if l.watchdog, err = startWatchdog(topology.Program); err != nil {
		return nil, err
	}
	if err = l.watchdog.guardFolder(l.folder); err != nil {
		return nil, err
	}
	for _, open := range []func(context.Context) error{l.openGateway, l.openProviders, l.openServices, l.openMerchant} {
		if err = open(ctx); err != nil {
			return nil, err
		}
	}
	return l, nil
}

func (l *local) openGateway(ctx context.Context) error {
	gateway, err := roles.OpenGateway(ctx, roles.GatewayConfig{Run: l.topology.Run, Token: l.topology.Token,
		Host: "127.0.0.1", Front: l.topology.Front, Providers: l.topology.Providers, Authority: l.topology.Authority,
		Services: l.topology.services()})
	if err != nil {
		return fmt.Errorf("start gateway: %w", err)
	}
	l.gateway = gateway
	l.control = roles.NewClient(gateway.Addresses().Control, l.topology.Token)
	return nil
}

func (l *local) openProviders(ctx context.Context) error {
	at := l.gateway.Addresses()
	for _, config := range l.topology.Providers {
		name := config.Name()
		opened, err := roles.OpenProvider(ctx, roles.ProviderRoleConfig{Run: l.topology.Run, Token: l.topology.Token,
			Host: "127.0.0.1", Provider: config, Spans: "http://" + at.Control,
			Gateway: at.Links[faults.LinkBetween(string(name), "merchant")]})
		if err != nil {
			return fmt.Errorf("start provider: %w", err)
		}
		l.providers[name] = opened
		wire, control := opened.Addresses()
		if err := l.control.SetCallee(ctx, string(name), wire, control); err != nil {
			return fmt.Errorf("start provider: %w", err)
		}
	}
	return nil
}

func (l *local) openMerchant(ctx context.Context) error {
	described := l.topology.Merchant.Described
	if described != nil && described.Merchant.URL != "" {
		l.shopAt = hostOf(described.Merchant.URL)
		return l.control.SetCallee(ctx, "merchant", l.shopAt, "")
	}
	address, err := freeAddress()
	if err != nil {
		return fmt.Errorf("start merchant: %w", err)
	}
	l.shopAt = address
	if described != nil {
		if err := prepare(ctx, *described); err != nil {
			return err
		}
		l.process, err = l.describedProcess(*described)
	} else {
		l.process, err = l.referenceProcess(address, false)
	}
	if err != nil {
		return fmt.Errorf("configure merchant: %w", err)
	}
	return l.Start(ctx, "merchant")
}

// referenceProcess is the reference merchant, which listens at an address; it may join
// one that works already.
func (l *local) referenceProcess(address string, joins bool) (process, error) {
	at := l.gateway.Addresses()
	reach := merchantReach{Listen: address, Joins: joins, Database: filepath.Join(l.folder, "shop.db"),
		FulfilmentURL: "http://" + at.Links[roles.FulfilmentLink] + "/releases", Spans: "http://" + at.Control,
		ProviderURL: l.linkTo}
	if l.database != nil {
		reach.Database = l.database.through(l.databaseLink())
	}
	config, err := shopConfig(l.topology, reach)
	if err != nil {
		return process{}, err
	}
	text, err := json.Marshal(config)
	if err != nil {
		return process{}, err
	}
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return process{}, err
	}
	path := filepath.Join(l.folder, "shop-"+port+".json")
	return process{command: []string{l.topology.Program, "role", "merchant", "--config", path}, environment: os.Environ()},
		os.WriteFile(path, text, 0o600)
}

// linkTo is the base URL of the link to a provider.
func (l *local) linkTo(name payment.ProviderName) string {
	return "http://" + l.gateway.Addresses().Links[faults.LinkBetween("merchant", string(name))]
}

// describedProcess is the merchant of a manifest, whose calls to other machines
// are led to the gateway.
func (l *local) describedProcess(described manifest.Manifest) (process, error) {
	if err := isThere(described.Merchant.Command[0], described.Merchant.Directory); err != nil {
		return process{}, fmt.Errorf("%s: merchant.command: %w", described.Path, err)
	}
	at := l.gateway.Addresses()
	file := func(name, text string) (string, error) {
		kept := filepath.Join(l.folder, name)
		return kept, os.WriteFile(kept, []byte(text), 0o600)
	}
	host, port, err := net.SplitHostPort(l.shopAt)
	if err != nil {
		return process{}, err
	}
	data := filepath.Join(l.folder, "data")
	if err := os.Mkdir(data, 0o700); err != nil {
		return process{}, err
	}
	preloaded, err := file("preload.cjs", preload)
	if err != nil {
		return process{}, err
	}
	variables := map[string]string{}
	traced(variables, "http://"+at.Control)
	if err := errors.Join(trust(variables, l.topology.Authority, file), detour(variables, at.Front, preloaded),
		settings(variables, l.topology, surroundings{host: host, port: port, data: data, spans: "http://" + at.Control, baseURL: l.linkTo, file: file,
			service: func(name string) string { return at.Links[faults.LinkBetween("merchant", name)] }})); err != nil {
		return process{}, err
	}
	plain := process{command: described.Merchant.Command, folder: described.Merchant.Directory, environment: inherited(variables)}
	var hosts []string
	for _, provider := range l.topology.Providers {
		hosts = append(hosts, provider.Hosts()...)
	}
	enclosed, err := enclose(plain, l.topology.Program, l.folder, l.gateway, hosts)
	if err != nil {
		l.tell("the merchant's calls are led to the gateway by proxy variables alone: " + err.Error())
	}
	return enclosed, nil
}

// Ports for the merchant are below those that systems give to whoever asks for
// any port: between this choice and the merchant's own listening, and while it
// is killed and started again, nobody else gets the same one.
const lowestPort, highestPort = 10_000, 32_000

// freeAddress finds a free port for the merchant on loopback.
func freeAddress() (string, error) {
	var problem error
	for range 100 {
		drawn, err := rand.Int(rand.Reader, big.NewInt(highestPort-lowestPort))
		if err != nil {
			return "", fmt.Errorf("choose a port: %w", err)
		}
		listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", lowestPort+drawn.Int64()))
		if err != nil {
			problem = err
			continue
		}
		return listener.Addr().String(), listener.Close()
	}
	return "", fmt.Errorf("find a free port: %w", problem)
}

// Name implements Environment.
func (l *local) Name() string { return "local" }

// Gateway implements Environment.
func (l *local) Gateway() *roles.Client { return l.control }

// ShopLink implements Environment.
func (l *local) ShopLink() string { return "http://" + l.gateway.Addresses().Links[roles.ShopLink] }

// Stop implements Environment. Only the merchant is a process here.
func (l *local) Stop(ctx context.Context, role string, manner faults.Manner) error {
	if role != "merchant" {
		return fmt.Errorf("stop %s: it is no process of its own in the local environment", role)
	}
	l.mu.Lock()
	running := l.merchant
	if manner == faults.Paused && running != nil {
		defer l.mu.Unlock()
		l.paused = true
		return running.signal(syscall.SIGSTOP)
	}
	l.merchant = nil
	l.mu.Unlock()
	if running == nil {
		return nil
	}
	return running.stop(ctx, manner)
}

// Start implements Environment.
func (l *local) Start(ctx context.Context, role string) error {
	if role != "merchant" {
		return fmt.Errorf("start %s: it is no process of its own in the local environment", role)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.paused && l.merchant != nil {
		l.paused = false
		return l.merchant.signal(syscall.SIGCONT)
	}
	if l.closed || l.merchant != nil || l.process.command == nil {
		return nil
	}
	started, err := startChild(l.process, filepath.Join(l.topology.Logs, "merchant.log"))
	if described := l.topology.Merchant.Described; err != nil && described != nil {
		return fmt.Errorf("%s: merchant.command: %w", described.Path, err)
	}
	if err != nil {
		return fmt.Errorf("start merchant: %w", err)
	}
	l.merchant = started
	if err := l.watchdog.guardProcess(started.command.Process.Pid); err != nil {
		return err
	}
	return l.control.SetCallee(ctx, "merchant", l.shopAt, "")
}

// Close implements Environment.
func (l *local) Close(ctx context.Context) error {
	l.mu.Lock()
	l.closed = true
	running, beside := l.merchant, l.beside
	l.merchant, l.beside = nil, nil
	l.mu.Unlock()
	var errs []error
	if running != nil {
		errs = append(errs, running.stop(ctx, faults.Killed))
	}
	for _, further := range beside {
		errs = append(errs, further.child.stop(ctx, faults.Killed))
	}
	for name, provider := range l.providers {
		errs = append(errs, provider.Close())
		delete(l.providers, name)
	}
	for _, service := range l.services {
		errs = append(errs, service.stop(ctx, faults.Killed))
	}
	l.services = nil
	if l.database != nil {
		errs = append(errs, l.database.drop(context.WithoutCancel(ctx)))
		l.database = nil
	}
	if l.gateway != nil {
		errs = append(errs, l.gateway.Close())
		l.gateway = nil
	}
	if l.folder != "" {
		errs = append(errs, os.RemoveAll(l.folder))
	}
	if l.watchdog != nil {
		errs = append(errs, l.watchdog.dismiss())
		l.watchdog = nil
	}
	return errors.Join(errs...)
}

// instance is a further instance of the reference merchant.
type instance struct {
	child   *child
	address string
}

// Grow implements Environment.
func (l *local) Grow(ctx context.Context, further int) error {
	if l.topology.Merchant.Described != nil {
		return errOneInstance
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed || l.merchant == nil {
		return errors.New("start a further merchant: there is none")
	}
	for range further {
		address, err := freeAddress()
		if err != nil {
			return fmt.Errorf("start a further merchant: %w", err)
		}
		process, err := l.referenceProcess(address, true)
		if err != nil {
			return fmt.Errorf("configure a further merchant: %w", err)
		}
		started, err := startChild(process, filepath.Join(l.topology.Logs, fmt.Sprintf("merchant-%d.log", len(l.beside)+2)))
		if err != nil {
			return fmt.Errorf("start a further merchant: %w", err)
		}
		l.beside = append(l.beside, instance{started, address})
		if err := l.watchdog.guardProcess(started.command.Process.Pid); err != nil {
			return err
		}
	}
	addresses := make([]string, len(l.beside))
	for i, further := range l.beside {
		addresses[i] = further.address
	}
	return l.control.SetInstances(ctx, "merchant", l.shopAt, addresses...)
}

// Shrink implements Environment.
func (l *local) Shrink(ctx context.Context, replace bool) error {
	l.mu.Lock()
	ending := l.beside
	l.beside = nil
	var errs []error
	if replace && len(ending) > 0 && l.merchant != nil {
		newest := ending[len(ending)-1]
		ending[len(ending)-1] = instance{l.merchant, l.shopAt}
		alone, err := l.referenceProcess(newest.address, false) // once started again, it joins nobody
		errs = append(errs, err)
		l.merchant, l.process, l.shopAt = newest.child, alone, newest.address
	}
	remaining := l.shopAt
	l.mu.Unlock()
	errs = append(errs, l.control.SetCallee(ctx, "merchant", remaining, ""))
	for _, further := range ending {
		errs = append(errs, further.child.stop(ctx, faults.Stopped))
	}
	return errors.Join(errs...)
}

// MerchantEnded implements Environment.
func (l *local) MerchantEnded(context.Context) error {
	l.mu.Lock()
	running := l.merchant
	l.mu.Unlock()
	if running == nil {
		return nil
	}
	select {
	case <-running.ended:
		return fmt.Errorf("it ended by itself: %s; its last words:\n%s", running.command.ProcessState, lastWords(running.log.Name()))
	default:
		return nil
	}
}

// process is how the merchant is started.
type process struct {
	command     []string
	folder      string // it works in; "" for this one
	environment []string
	namespaces  uintptr // of its own; 0 for none
}

// run runs the process to its end.
func (p process) run() error {
	command := p.start()
	said, err := command.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%w: %s", err, strings.TrimSpace(string(said)))
	}
	return nil
}

func (p process) start() *exec.Cmd {
	command := exec.Command(p.command[0], p.command[1:]...)
	command.Dir, command.Env, command.SysProcAttr = p.folder, p.environment, p.attributes()
	return command
}

// child is a running merchant process.
type child struct {
	command *exec.Cmd
	log     *os.File
	ended   chan struct{}
}

// startChild starts the merchant as the leader of a process group of its own,
// so that the terminal's Ctrl-C reaches payquake alone and payquake decides.
func startChild(p process, logPath string) (*child, error) {
	log, err := os.OpenFile(logPath, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return nil, err
	}
	command := p.start()
	command.Stdout, command.Stderr = log, log
	if err := command.Start(); err != nil {
		return nil, errors.Join(err, log.Close())
	}
	c := &child{command: command, log: log, ended: make(chan struct{})}
	go func() {
		defer close(c.ended)
		_ = command.Wait() // how a killed process ended is no news
		log.Close()
	}()
	return c, nil
}

// signal reaches the merchant and whatever it has started. The number of a
// process that is gone may be somebody else's by now.
func (c *child) signal(signal syscall.Signal) error {
	select {
	case <-c.ended:
		return nil
	default:
	}
	err := syscall.Kill(-c.command.Process.Pid, signal)
	if errors.Is(err, syscall.ESRCH) {
		return nil // it is gone already
	}
	return err
}

// stop ends the process and waits until it is gone. One that does not end in
// an orderly way in time is killed.
func (c *child) stop(ctx context.Context, manner faults.Manner) error {
	signal := syscall.SIGKILL
	if manner == faults.Stopped {
		signal = syscall.SIGTERM
	}
	if err := c.signal(signal); err != nil {
		return fmt.Errorf("stop merchant: %w", err)
	}
	patience, cancel := context.WithTimeout(ctx, stopPatience)
	defer cancel()
	select {
	case <-c.ended:
	case <-patience.Done(): // as an engine does with a container that will not end
		_ = c.signal(syscall.SIGKILL)
		<-c.ended
	}
	return nil
}
