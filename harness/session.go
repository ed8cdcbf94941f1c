// Package harness conducts: it opens a session (one warm environment, one run
// folder), observes batches of trials in it, and closes it. What happened is
// judged elsewhere, from the folder alone.
package harness

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/payquake/payquake/clock"
	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/harness/driver"
	"github.com/payquake/payquake/harness/environment"
	"github.com/payquake/payquake/harness/quiesce"
	"github.com/payquake/payquake/harness/roles"
	"github.com/payquake/payquake/journal"
	"github.com/payquake/payquake/payment"
	"github.com/payquake/payquake/scenarios"
	"github.com/payquake/payquake/telemetry"
)

// Setting is what a session is opened with.
type Setting struct {
	Environment string // docker, local or auto
	Topology    environment.Topology
	Folder      journal.Folder
	Header      journal.Header // completed by Open
	// Progress is told what goes on, in words for people.
	Progress Progress
	Clock    clock.Clock
	// WatchFor is how long payments of other people's shoppers are waited for; 0
	// for ten minutes.
	WatchFor time.Duration
}

// Progress follows a run. Its methods are called from several goroutines.
type Progress interface {
	// Tell says something once.
	Tell(text string)
	// Trials says how many trials of a batch have come to rest.
	Trials(batch string, rested, all int)
}

// Session is one warm environment with its run folder.
type Session struct {
	setting  Setting
	env      environment.Environment
	merchant driver.Merchant
	walker   *driver.Walker
	feed     *journal.Feed // of the harness itself
	writer   *journal.Writer
	spool    *telemetry.Spool
	tracing  *sdktrace.TracerProvider
	gather   *gatherer
	rule     quiesce.Rule
	plan     scenarios.Plan // of all that was run
	watch    *watch         // nil if payquake's own shoppers buy

	mu        sync.Mutex
	triggered map[string]faults.Pin // process pins in play, by id
	fired     map[string]bool       // pins of any kind that fired
	kept      map[faults.Trial]bool // trials kept back
	broken    error                 // why the environment cannot be trusted any more
	outages   sync.WaitGroup
	down      int // processes that are down at the moment
	closing   bool
	// interrupting is held while a process is stopped and started. It is taken
	// before mu, never while holding it.
	interrupting sync.Mutex
}

// startUp bounds how long the environment and the reference merchant may take to
// serve. A described merchant has its own patience, and may have to be built.
func (s Setting) startUp() time.Duration {
	const usual, build = 60 * time.Second, 10 * time.Minute
	described := s.Topology.Merchant.Described
	switch {
	case described == nil:
		return usual
	case described.Merchant.Build != nil || described.Merchant.Prepare != "":
		return usual + build + described.Merchant.Patience
	default:
		return usual + described.Merchant.Patience
	}
}

// Open starts the environment and the run folder. All or nothing: on failure
// nothing runs any more, and the error wraps environment.ErrNotUp if something
// did not come up.
func Open(ctx context.Context, setting Setting) (_ *Session, err error) {
	if setting.Clock == nil {
		setting.Clock = clock.System{}
	}
	setting.Header.Run = setting.Topology.Run
	s := &Session{setting: setting, feed: journal.NewFeed(journal.Harness), spool: telemetry.NewSpool(),
		triggered: map[string]faults.Pin{}, fired: map[string]bool{}, kept: map[faults.Trial]bool{},
		rule: quiesce.Rule{Longest: setting.Header.LongestTimer.Std()}}
	limited, cancel := context.WithTimeout(ctx, setting.startUp())
	defer cancel()
	s.env, err = environment.Open(limited, setting.Environment, setting.Topology, setting.Progress.Tell)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.env.Close(context.WithoutCancel(ctx)))
		}
	}()
	if err = s.openRecord(ctx); err != nil {
		return nil, err
	}
	if s.merchant, err = s.drive(); err != nil {
		return nil, errors.Join(err, s.gather.stop(), s.writer.Close())
	}
	s.walker = &driver.Walker{Run: setting.Header.Run, Merchant: s.merchant, Feed: s.feed, Clock: setting.Clock,
		Tracer: s.tracing.Tracer("payquake/driver"), Scanned: s.env.Gateway().Scanned,
		Wallet: func(name payment.ProviderName) driver.Wallet { return s.env.Gateway().Wallet(name) }}
	if described := setting.Topology.Merchant.Described; described != nil && len(described.Goods) > 0 {
		s.walker.Turns = s.env.Gateway()
	}
	if err = errors.Join(s.awaitMerchant(limited), s.reset(limited)); err != nil {
		return nil, errors.Join(err, s.endDriver(limited), s.gather.stop(), s.writer.Close())
	}
	s.stage(journal.Stage{Name: journal.RunOpened, Detail: s.env.Name()})
	if err = s.beginWatch(); err != nil {
		return nil, errors.Join(err, s.gather.stop(), s.writer.Close())
	}
	return s, nil
}

// drive is how shoppers reach the merchant.
func (s *Session) drive() (driver.Merchant, error) {
	past := s.env.Gateway().Relay("merchant")
	described := s.setting.Topology.Merchant.Described
	if described == nil {
		return driver.NewShop(s.env.ShopLink(), func(ctx context.Context, method, path string) (*http.Response, error) {
			return past.Do(ctx, method, path, nil)
		}, shopperPatience), nil
	}
	byTemplates := driver.NewDescribed(*described, s.env.ShopLink(), past.Send, shopperPatience)
	run := s.setting.Topology.Run
	mark := run[strings.LastIndex(run, "-")+1:]
	byTemplates.Mark(mark)
	if described.Watched() {
		return driver.Watched{Merchant: byTemplates}, nil
	}
	if described.Driver.Command == nil {
		return byTemplates, nil
	}
	base, token := past.Reach()
	return driver.NewCommand(driver.CommandPlan{Command: described.Driver.Command, Folder: described.Folder, Links: s.env.ShopLink(),
		Past: base, Token: token, Ready: byTemplates.Ready, Patience: shopperPatience, Mark: mark, Log: filepath.Join(s.setting.Topology.Logs, "driver.log")})
}

// endDriver ends the program that drives the merchant, if one does.
func (s *Session) endDriver(ctx context.Context) error {
	program, is := s.merchant.(*driver.Command)
	if !is {
		return nil
	}
	limited, cancel := context.WithTimeout(ctx, shopperPatience)
	defer cancel()
	return program.Close(limited)
}

// reset makes a merchant that was there before forget what it sold, if it can.
func (s *Session) reset(ctx context.Context) error {
	if can, is := s.merchant.(interface{ Reset(context.Context) error }); is {
		if err := can.Reset(ctx); err != nil {
			return fmt.Errorf("the merchant %w: %w", environment.ErrNotUp, err)
		}
	}
	return nil
}

// shopperPatience is how long a shopper waits for one answer of the merchant.
const shopperPatience = 5 * time.Second

func (s *Session) openRecord(ctx context.Context) (err error) {
	header := s.setting.Header
	header.MerchantTraced, header.MerchantBug = s.setting.Topology.Merchant.Traced, s.setting.Topology.Merchant.Bug
	header.MerchantTwin = s.setting.Topology.Merchant.Twin
	header.Environment, header.Started = s.env.Name(), s.setting.Clock.Now().UTC()
	for _, provider := range s.setting.Topology.Providers {
		header.Providers = append(header.Providers, string(provider.Name()))
	}
	if s.writer, err = journal.NewWriter(s.setting.Folder, header); err != nil {
		return err
	}
	if s.tracing, err = telemetry.Tracing(ctx, "payquake-shopper", s.spool); err != nil {
		return err
	}
	s.gather, err = startGatherer(s)
	return err
}

// awaitMerchant waits until the merchant serves, as long as its manifest grants.
// One whose process has ended is not waited for.
func (s *Session) awaitMerchant(ctx context.Context) error {
	if described := s.setting.Topology.Merchant.Described; described != nil {
		limited, cancel := context.WithTimeout(ctx, described.Merchant.Patience)
		defer cancel()
		ctx = limited
	}
	for tries := 0; ; tries++ {
		err := s.merchant.Ready(ctx)
		if err == nil {
			return nil
		}
		if tries%10 == 0 {
			if ended := s.env.MerchantEnded(ctx); ended != nil {
				return fmt.Errorf("the merchant %w: %w", environment.ErrNotUp, ended)
			}
		}
		if waited := s.setting.Clock.Wait(ctx, 10*time.Millisecond); waited != nil {
			return s.notReady(err)
		}
	}
}

// notReady says which promise of whom was not kept.
func (s *Session) notReady(last error) error {
	logs := s.setting.Topology.Logs
	described := s.setting.Topology.Merchant.Described
	if described == nil {
		return fmt.Errorf("the merchant %w (what it said is in %s): %w", environment.ErrNotUp, logs, last)
	}
	return fmt.Errorf("the merchant %w: %s: merchant.ready: GET %s was not answered with success within %s (merchant.patience); what the merchant said is in %s: %w",
		environment.ErrNotUp, described.Path, described.Merchant.Ready, described.Merchant.Patience, logs, last)
}

// stage records a stage of the run.
func (s *Session) stage(stage journal.Stage) { s.trialStage("", stage) }

func (s *Session) trialStage(trial faults.Trial, stage journal.Stage) {
	record := journal.Record{At: s.setting.Clock.Now(), Trial: trial, Stage: &stage}
	if trial != "" {
		record.TraceID = telemetry.TraceID(s.setting.Header.Run, string(trial)).String()
	}
	s.feed.Add(record)
}

// Endpoint is where the link between the merchant and a provider is reached, for
// merchants that are told a base URL; "" for a provider that is not of the run.
func (s *Session) Endpoint(ctx context.Context, provider payment.ProviderName) (string, error) {
	addresses, err := s.env.Gateway().Addresses(ctx)
	if err != nil {
		return "", err
	}
	if at := addresses.Links[faults.LinkBetween("merchant", string(provider))]; at != "" {
		return "http://" + at, nil
	}
	return "", nil
}

// Shop is the base URL of the merchant as shoppers reach it, over their link.
func (s *Session) Shop() string { return s.env.ShopLink() }

// Close ends the session: it removes the environment, gathers what is still on
// its way, and seals the journal. A run that was stopped says so in its last
// record.
func (s *Session) Close(ctx context.Context, stopped string) error {
	s.mu.Lock()
	s.closing = true
	s.mu.Unlock()
	s.outages.Wait()
	gathered := errors.Join(s.endWatch(ctx), s.env.Stop(ctx, "merchant", faults.Stopped), s.tracing.ForceFlush(ctx), s.drain(ctx), s.broken)
	switch {
	case stopped != "":
		s.stage(journal.Stage{Name: journal.RunStopped, Detail: stopped})
	case gathered != nil:
		s.stage(journal.Stage{Name: journal.RunStopped, Detail: "closing: " + gathered.Error()})
	default:
		s.stage(journal.Stage{Name: journal.RunClosed})
	}
	return errors.Join(gathered, s.endDriver(ctx), s.gather.stop(), s.tracing.Shutdown(ctx), s.gather.rest(), s.env.Close(ctx), s.writer.Close())
}

// sources are the control clients of everything that records.
func (s *Session) sources() map[journal.Source]*roles.Client {
	sources := map[journal.Source]*roles.Client{journal.Gateway: s.env.Gateway()}
	for _, provider := range s.setting.Topology.Providers {
		name := string(provider.Name())
		sources[journal.Source(name)] = s.env.Gateway().Relay(name)
	}
	return sources
}
