package roles

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/payquake/payquake/clock"
	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/faults/proxy"
	"github.com/payquake/payquake/journal"
	"github.com/payquake/payquake/payment"
	"github.com/payquake/payquake/telemetry"
)

// GatewayConfig is what a gateway needs to begin. It holds the run's keys.
type GatewayConfig struct {
	Run   string `json:"run"`
	Token string `json:"token"`
	// Host is the address to listen on: 127.0.0.1, or empty in a container,
	// whose interfaces are all private.
	Host string `json:"host"`
	// Ports are fixed in a container and free (0) elsewhere, in the order of
	// Links; Control and Front likewise.
	Control   int              `json:"control"`
	Front     int              `json:"front"`
	FirstLink int              `json:"firstLink"`
	Providers []ProviderConfig `json:"providers"`
	Authority Authority        `json:"authority"`
	// Services are what else the merchant calls.
	Services []Service `json:"services,omitempty"`
}

// Service is a system beside the providers that the merchant calls through a link
// of its own: over HTTP, so that its messages are known, or in bytes.
type Service struct {
	Name string `json:"name"`
	HTTP bool   `json:"http"`
	// Port is where its link listens in a container; 0 for one in the order of Links.
	Port int `json:"port,omitempty"`
}

// Link is the merchant's link to the service.
func (s Service) Link() faults.Link { return faults.LinkBetween("merchant", s.Name) }

// Links lists the links that the gateway of these providers has.
func (c GatewayConfig) Links() []faults.Link {
	links := []faults.Link{ShopLink, FulfilmentLink}
	for _, provider := range c.Providers {
		links = append(links, callLink(provider.Name()), notifyLink(provider.Name()))
	}
	for _, service := range c.Services {
		links = append(links, service.Link())
	}
	return links
}

// Port is the fixed port of a link, or 0.
func (c GatewayConfig) Port(link faults.Link) int {
	for _, service := range c.Services {
		if service.Link() == link && service.Port != 0 && c.FirstLink != 0 {
			return service.Port
		}
	}
	for i, known := range c.Links() {
		if known == link && c.FirstLink != 0 {
			return c.FirstLink + i
		}
	}
	return 0
}

// The links that every gateway has.
const (
	ShopLink       faults.Link = "shopper->merchant"
	FulfilmentLink faults.Link = "merchant->fulfilment"
)

// Gateway holds all link proxies of a run, the fulfilment service, the
// receiver for spans, and the control API.
type Gateway struct {
	config   GatewayConfig
	feed     *journal.Feed
	spool    *telemetry.Spool
	tracing  *sdktrace.TracerProvider
	register *proxy.Register
	links    map[faults.Link]*proxy.Link
	streams  map[faults.Link]*proxy.Stream
	listens  map[faults.Link]string
	front    *proxy.Front
	tlsAt    string
	names    *nameServer // nil unless it listens near
	goods    *http.Server
	control  *server

	mu      sync.Mutex
	callees map[string]string // address by role, as the harness gave it
}

// OpenGateway starts a gateway. Callees are made known later, by the harness.
func OpenGateway(ctx context.Context, config GatewayConfig) (*Gateway, error) {
	g := &Gateway{config: config, feed: journal.NewFeed(journal.Gateway), spool: telemetry.NewSpool(),
		links: map[faults.Link]*proxy.Link{}, streams: map[faults.Link]*proxy.Stream{}, listens: map[faults.Link]string{}, callees: map[string]string{}}
	g.register = proxy.NewRegister(clock.System{}, g.feed)
	tracing, err := telemetry.Tracing(ctx, "payquake-gateway", g.spool)
	if err != nil {
		return nil, err
	}
	g.tracing = tracing
	runTrace := proxy.Casting{Trial: faults.RunTrial, TraceID: telemetry.TraceID(config.Run, string(faults.RunTrial)).String()}
	if err := g.register.Cast([]proxy.Casting{runTrace}); err != nil {
		return nil, err
	}
	for _, open := range []func() error{g.openLinks, g.openFulfilment, g.openFront, g.openControl} {
		if err := open(); err != nil {
			return nil, errors.Join(err, g.Close())
		}
	}
	return g, nil
}

func (g *Gateway) openLinks() error {
	dialects := map[faults.Link]proxy.Dialect{
		ShopLink: shopDialect{usual: faults.Other}, FulfilmentLink: shopDialect{usual: faults.ReleaseGoods},
	}
	for _, provider := range g.config.Providers {
		dialect, err := provider.dialect()
		if err != nil {
			return fmt.Errorf("open links of %s: %w", provider.Name(), err)
		}
		dialects[callLink(provider.Name())], dialects[notifyLink(provider.Name())] = dialect, dialect
	}
	own := map[faults.Link]bool{FulfilmentLink: true} // whose callee speaks no payment protocol
	for _, service := range g.config.Services {
		own[service.Link()] = true
		if service.HTTP {
			dialects[service.Link()] = shopDialect{usual: faults.Other}
			continue
		}
		stream := &proxy.Stream{Clock: clock.System{}}
		address, err := stream.Listen(net.JoinHostPort(g.config.Host, strconv.Itoa(g.config.Port(service.Link()))))
		if err != nil {
			return err
		}
		g.streams[service.Link()], g.listens[service.Link()] = stream, address
		g.register.AddStream(service.Link(), stream)
	}
	for _, name := range g.config.Links() {
		if dialects[name] == nil {
			continue // a stream
		}
		link := proxy.NewLink(proxy.Config{
			Link: name, Dialect: dialects[name], Register: g.register, Tracer: g.tracing.Tracer("payquake/proxy"),
			Clock: clock.System{}, CallerNamesTrial: name.From() != "merchant",
			TellCallee: name.From() == "merchant" && !own[name], Forge: g.forgerFor(name),
		})
		address, err := link.Listen(net.JoinHostPort(g.config.Host, strconv.Itoa(g.config.Port(name))))
		if err != nil {
			return err
		}
		g.links[name], g.listens[name] = link, address
	}
	return nil
}

// forgerFor takes what is forged on a call link to the notify link beside it.
func (g *Gateway) forgerFor(link faults.Link) func(context.Context, faults.Trial, *proxy.Request) {
	back := faults.LinkBetween(link.To(), "merchant")
	if link.From() != "merchant" || !slices.Contains(g.config.Links(), back) {
		return nil
	}
	return func(_ context.Context, trial faults.Trial, forged *proxy.Request) {
		g.links[back].SendForged(trial, forged)
	}
}

func (g *Gateway) openFulfilment() error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listen for fulfilment: %w", err)
	}
	g.goods = &http.Server{Handler: newFulfilment()}
	go func() { _ = g.goods.Serve(listener) }() // ends with Close
	g.links[FulfilmentLink].SetCallee(listener.Addr().String())
	return nil
}

func (g *Gateway) openFront() error {
	made, err := g.config.Authority.leaves(clock.System{}.Now)
	if err != nil {
		return err
	}
	g.front = &proxy.Front{Links: map[string]*proxy.Link{}, Certificate: made.leaf, Refused: func(host string) {
		g.feed.Add(journal.Record{At: clock.System{}.Now(), Trial: faults.RunTrial,
			Stage: &journal.Stage{Name: journal.Refused, Detail: host}})
	}}
	for _, provider := range g.config.Providers {
		for _, host := range provider.Hosts() {
			g.front.Links[host] = g.links[callLink(provider.Name())]
		}
	}
	g.tlsAt, err = g.front.Listen(net.JoinHostPort(g.config.Host, strconv.Itoa(g.config.Front)))
	return err
}

// ListenNear has the gateway answer at an address of this machine as the providers
// would: on the port of TLS, and to those who ask for their names. Not everybody
// may listen there.
func (g *Gateway) ListenNear(address string) error {
	if _, err := g.front.Listen(net.JoinHostPort(address, "443")); err != nil {
		return err
	}
	names, err := serveNames(address, func(host string) bool { return g.front.Links[host] != nil }, g.front.Refused)
	g.names = names
	return err
}

// Addresses are where a gateway listens.
type Addresses struct {
	Control string                 `json:"control"`
	Front   string                 `json:"front"` // TLS, by real host name
	Links   map[faults.Link]string `json:"links"`
}

// Addresses are where the gateway listens.
func (g *Gateway) Addresses() Addresses {
	return Addresses{Control: g.control.address(), Front: g.tlsAt, Links: g.listens}
}

func (g *Gateway) openControl() error {
	mux := http.NewServeMux()
	handle(mux, "POST /cast", func(_ context.Context, castings []proxy.Casting) (nothing, error) {
		return nothing{}, g.register.Cast(castings)
	})
	handle(mux, "POST /heal", func(_ context.Context, trials []faults.Trial) (nothing, error) {
		g.register.Heal(trials)
		return nothing{}, nil
	})
	handle(mux, "POST /end", func(_ context.Context, trials []faults.Trial) (nothing, error) {
		g.register.End(trials)
		return nothing{}, nil
	})
	handle(mux, "GET /activity", func(context.Context, nothing) (map[faults.Trial]proxy.Activity, error) {
		return g.register.Activity(), nil
	})
	handle(mux, "POST /scanned", func(_ context.Context, scan proxy.Scan) (nothing, error) {
		g.register.Scanned(scan)
		return nothing{}, nil
	})
	handle(mux, "POST /turn/take", func(_ context.Context, asked Turn) (bool, error) {
		return g.register.TakeTurn(asked.Trial, asked.Provider, asked.Amount), nil
	})
	handle(mux, "POST /turn/held", func(_ context.Context, trial faults.Trial) (bool, error) {
		return g.register.HoldsTurn(trial), nil
	})
	handle(mux, "POST /turn/end", func(_ context.Context, trial faults.Trial) (nothing, error) {
		g.register.EndTurn(trial)
		return nothing{}, nil
	})
	handle(mux, "POST /arrival/expect", func(_ context.Context, asked Expectation) (nothing, error) {
		g.register.Expect(asked.Trial, asked.Provider)
		return nothing{}, nil
	})
	handle(mux, "POST /arrival/came", func(_ context.Context, trial faults.Trial) (*proxy.Arrival, error) {
		if arrival, came := g.register.Arrived(trial); came {
			return &arrival, nil
		}
		return nil, nil
	})
	handle(mux, "POST /confirm", func(_ context.Context, pin faults.Pin) (nothing, error) {
		g.register.Confirm(pin.Trial, pin.ID)
		return nothing{}, nil
	})
	handle(mux, "POST /letgo", func(_ context.Context, trial faults.Trial) (nothing, error) {
		g.register.LetGo(trial)
		return nothing{}, nil
	})
	handle(mux, "POST /callee", func(ctx context.Context, callee callee) (nothing, error) { return nothing{}, g.setCallee(ctx, callee) })
	handle(mux, "POST /down", func(_ context.Context, role string) (nothing, error) { return nothing{}, g.refuse(role, true) })
	handle(mux, "POST /up", func(_ context.Context, role string) (nothing, error) { return nothing{}, g.refuse(role, false) })
	handle(mux, "POST /weather", func(_ context.Context, wanted providerWeather) (nothing, error) {
		return nothing{}, g.setWeather(wanted)
	})
	handle(mux, "GET /addresses", func(context.Context, nothing) (Addresses, error) { return g.Addresses(), nil })
	handle(mux, "POST /flush", func(ctx context.Context, _ nothing) (nothing, error) { return nothing{}, g.tracing.ForceFlush(ctx) })
	serveFeed(mux, g.feed)
	mux.HandleFunc("GET /spans", g.serveSpans)
	handle(mux, "GET /spans/last", func(context.Context, nothing) (uint64, error) { return g.spool.Last(), nil })
	mux.Handle("POST /v1/traces", g.spool)
	mux.HandleFunc("/relay/{role}/", g.relay)
	control, err := serve(net.JoinHostPort(g.config.Host, strconv.Itoa(g.config.Control)), g.config.Token, mux)
	g.control = control
	return err
}

// Turn is what a trial asks for before it begins a payment of an amount that
// others have too.
type Turn struct {
	Trial    faults.Trial         `json:"trial"`
	Provider payment.ProviderName `json:"provider"`
	Amount   payment.Money        `json:"amount"`
}

// Expectation is a trial that waits for the next payment at a provider.
type Expectation struct {
	Trial    faults.Trial         `json:"trial"`
	Provider payment.ProviderName `json:"provider"`
}

// callee says where a role can be reached from the gateway. Wire is where its
// links call it; Control is for the relay, and empty for the merchant, whose
// relay goes to Wire. Beside are further instances of it.
type callee struct {
	Role    string   `json:"role"`
	Wire    string   `json:"wire"`
	Control string   `json:"control,omitempty"`
	Beside  []string `json:"beside,omitempty"`
}

func (g *Gateway) setCallee(ctx context.Context, c callee) error {
	for _, address := range c.Beside {
		if err := awaitListener(ctx, address); err != nil {
			return fmt.Errorf("a further instance of %s: %w", c.Role, err)
		}
	}
	known := false
	for name, link := range g.links {
		if name.To() == c.Role {
			link.SetCallee(append([]string{c.Wire}, c.Beside...)...)
			known = true
		}
	}
	for name, stream := range g.streams {
		if name.To() == c.Role {
			stream.SetCallee(c.Wire)
			known = true
		}
	}
	if !known {
		return fmt.Errorf("no link leads to role %q", c.Role)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.callees[c.Role] = c.Wire
	if c.Control != "" {
		g.callees[c.Role] = c.Control
	}
	return nil
}

// awaitListener waits until somebody takes connections at an address: an instance that
// has its turn before it serves would seem to be down.
func awaitListener(ctx context.Context, address string) error {
	for {
		var dialer net.Dialer
		conn, err := dialer.DialContext(ctx, "tcp", address)
		if err == nil {
			return conn.Close()
		}
		if waited := (clock.System{}).Wait(ctx, 20*time.Millisecond); waited != nil {
			return fmt.Errorf("does not listen: %w", err)
		}
	}
}

// refuse makes all links to a role refuse connections, or take them again.
func (g *Gateway) refuse(role string, down bool) error {
	var errs []error
	for name, stream := range g.streams {
		if name.To() == role {
			stream.Refuse(down)
		}
	}
	for name, link := range g.links {
		switch {
		case name.To() != role:
		case down:
			link.Down()
		default:
			errs = append(errs, link.Up())
		}
	}
	return errors.Join(errs...)
}

// providerWeather is the weather on both links of a provider: on that of the
// merchant's calls, and on that of its notifications.
type providerWeather struct {
	Provider string        `json:"provider"`
	Calls    proxy.Weather `json:"calls"`
	Notices  proxy.Weather `json:"notices"`
}

func (g *Gateway) setWeather(wanted providerWeather) error {
	calls, notices := g.links[faults.LinkBetween("merchant", wanted.Provider)], g.links[faults.LinkBetween(wanted.Provider, "merchant")]
	if calls == nil || notices == nil {
		return fmt.Errorf("%q is no provider of this run", wanted.Provider)
	}
	calls.SetWeather(wanted.Calls)
	notices.SetWeather(wanted.Notices)
	return nil
}

// relay passes the harness's own calls on to roles that only the gateway can
// reach: a provider's control API, and observations of the merchant, which are
// no part of any trial.
func (g *Gateway) relay(w http.ResponseWriter, r *http.Request) {
	role := r.PathValue("role")
	g.mu.Lock()
	address := g.callees[role]
	g.mu.Unlock()
	if address == "" {
		http.Error(w, "role "+role+" is not known", http.StatusNotFound)
		return
	}
	target := &url.URL{Scheme: "http", Host: address}
	forward := &httputil.ReverseProxy{ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) {
		http.Error(w, "relay to "+role+": "+err.Error(), http.StatusBadGateway)
	}, Rewrite: func(out *httputil.ProxyRequest) {
		out.SetURL(target)
		out.Out.URL.Path = strings.TrimPrefix(r.URL.Path, "/relay/"+role)
		out.Out.URL.RawPath = strings.TrimPrefix(r.URL.EscapedPath(), "/relay/"+role)
		if g.isTheirs(role) {
			out.Out.Header.Del(tokenHeader)
		}
	}}
	forward.ServeHTTP(w, r)
}

// isTheirs reports whether a role is the merchant or one of its services, who have
// no business with the run's token.
func (g *Gateway) isTheirs(role string) bool {
	return role == "merchant" || slices.ContainsFunc(g.config.Services, func(s Service) bool { return s.Name == role })
}

// serveSpans returns the lines of spans after a number, as JSON.
func (g *Gateway) serveSpans(w http.ResponseWriter, r *http.Request) {
	after, err := strconv.ParseUint(r.URL.Query().Get("after"), 10, 64)
	if err != nil {
		http.Error(w, "after: want a number", http.StatusBadRequest)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), pollFor)
	defer cancel()
	lines, last, err := g.spool.After(ctx, after)
	if err != nil {
		last = after // none came in time
	}
	taken := spanLines{Last: last}
	for _, line := range lines {
		taken.Lines = append(taken.Lines, json.RawMessage(line))
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(taken)
}

// spanLines are lines of OTLP JSON and the number of the last of them.
type spanLines struct {
	Last  uint64            `json:"last"`
	Lines []json.RawMessage `json:"lines"`
}

// Close stops everything and waits until nothing runs.
func (g *Gateway) Close() error {
	var errs []error
	if g.front != nil {
		g.front.Close()
	}
	if g.goods != nil {
		errs = append(errs, g.goods.Close())
	}
	if g.names != nil {
		errs = append(errs, g.names.close())
	}
	for _, stream := range g.streams {
		errs = append(errs, stream.Close())
	}
	for _, link := range g.links {
		link.Close()
	}
	if g.front != nil {
		g.front.Wait()
	}
	errs = append(errs, g.tracing.Shutdown(context.Background()))
	if g.control != nil {
		errs = append(errs, g.control.close())
	}
	return errors.Join(errs...)
}
