package harness

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/journal"
)

// notice looks at each record as it is written: it knows which pins have
// fired, stops processes whose trigger has come, and watches over trials that
// are kept back.
func (s *Session) notice(record journal.Record) {
	switch {
	case record.Pin != nil && record.Pin.Phase == journal.PinFired:
		s.mu.Lock()
		s.fired[record.Pin.ID] = true
		s.mu.Unlock()
	case record.Pin != nil && record.Pin.Phase == journal.PinTriggered:
		s.mu.Lock()
		pin, known := s.triggered[record.Pin.ID]
		delete(s.triggered, record.Pin.ID)
		if known && !s.closing { // a session that closes stops everything anyway
			s.down++
			s.outages.Go(func() { s.outage(pin) })
		}
		s.mu.Unlock()
	case record.Stage != nil && record.Stage.Name == journal.KeptBack:
		s.mu.Lock()
		s.kept[record.Trial] = true
		s.mu.Unlock()
	}
}

// outageLimit bounds how long stopping and starting a process may take, beside
// the time it is meant to be down.
const outageLimit = 30 * time.Second

// outage stops the process of a triggered pin, confirms it, lets it be down
// for as long as asked, and starts it again. A process that does not come back
// breaks the session: nothing after it can be trusted.
func (s *Session) outage(pin faults.Pin) {
	s.interrupting.Lock() // two at a time would start what the other stopped
	err := s.interrupt(pin)
	s.interrupting.Unlock()
	s.mu.Lock()
	s.down--
	if err != nil && s.broken == nil {
		s.broken = fmt.Errorf("process fault %s: %w", pin.ID, err)
	}
	s.mu.Unlock()
	detail := "runs again"
	if err != nil {
		detail = err.Error()
	}
	s.feed.Add(journal.Record{At: s.setting.Clock.Now(), Trial: pin.Trial,
		Pin: &journal.Pin{ID: pin.ID, Fault: pin.Fault, Phase: journal.PinHealed, Detail: detail}})
}

func (s *Session) interrupt(pin faults.Pin) error {
	fault, err := pin.Decode()
	if err != nil {
		return err
	}
	process, is := fault.(faults.ProcessFault)
	if !is {
		return fmt.Errorf("%s stops no process", pin.Fault)
	}
	wanted := process.Interrupt()
	if wanted.Role == "" {
		wanted.Role = partner(pin.At.Link)
	}
	ctx, cancel := context.WithTimeout(context.Background(), outageLimit+wanted.Down)
	defer cancel()
	begin, end := s.interruption(ctx, wanted)
	if err := begin(); err != nil {
		return err
	}
	confirmed := s.env.Gateway().Confirm(ctx, pin)
	waited := s.setting.Clock.Wait(ctx, wanted.Down)
	return errors.Join(confirmed, waited, end()) // what was stopped is started, whatever else happened
}

// partner is who is not the merchant on a link.
func partner(link faults.Link) string {
	if link.To() == "merchant" {
		return link.From()
	}
	return link.To()
}

// interruption is how a process is interrupted, and how that ends.
func (s *Session) interruption(ctx context.Context, wanted faults.Interruption) (begin, end func() error) {
	gateway := s.env.Gateway()
	switch wanted.Manner {
	case faults.Refused:
		return func() error { return gateway.Refuse(ctx, wanted.Role, true) }, func() error { return gateway.Refuse(ctx, wanted.Role, false) }
	case faults.Stalled:
		return func() error { return gateway.Stall(ctx, wanted.Role, true) }, func() error { return gateway.Stall(ctx, wanted.Role, false) }
	case faults.Partitioned:
		return func() error { return gateway.Partition(ctx, wanted.Role, wanted.Direction, true) },
			func() error { return gateway.Partition(ctx, wanted.Role, wanted.Direction, false) }
	case faults.Multiplied, faults.Replaced:
		return func() error { return s.env.Grow(ctx, wanted.Instances-1) }, func() error {
			return s.env.Shrink(ctx, wanted.Manner == faults.Replaced)
		}
	case faults.Rotated:
		return func() error { return gateway.Relay(wanted.Role).Rotate(ctx) }, func() error { return nil }
	default:
		return func() error { return s.env.Stop(ctx, wanted.Role, wanted.Manner) }, func() error {
			if err := s.env.Start(ctx, wanted.Role); err != nil {
				return err
			}
			return s.awaitMerchant(ctx)
		}
	}
}

// isSound reports whether nothing is down, and why the session is broken, if
// it is.
func (s *Session) isSound() (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.down == 0, s.broken
}
