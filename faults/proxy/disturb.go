package proxy

import (
	"context"

	"github.com/payquake/payquake/faults"
)

// AddStream makes a link of bytes known, for pins that harm it.
func (r *Register) AddStream(link faults.Link, stream *Stream) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.streams[link] = stream
}

func (r *Register) stream(link faults.Link) *Stream {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.streams[link]
}

// disturbance is a harm that a pin of a message does to a stream.
type disturbance struct {
	part
	stream *Stream
	harm   *harm
}

// disturb begins what the pins of a request do to links of bytes while it is
// handled.
func (a *legActions) disturb() {
	for _, p := range a.parts {
		place, is := p.streamPlace()
		if !is {
			continue
		}
		stream := a.x.Register.stream(place.Link)
		if stream == nil {
			a.x.Register.miss(p.armed, faults.PreEmpted, "the run has no link of bytes "+string(place.Link))
			continue
		}
		made := &harm{effect: faults.StreamEffect{StreamPlace: place}, touched: func() {}}
		if p.effect.Stream != nil {
			made.effect = *p.effect.Stream
			made.touched = func() { a.fire(p, string(made.effect.Harm)) }
		} else {
			made.atCommit = func() { a.interrupt(p) }
		}
		stream.begin(made)
		a.disturbances = append(a.disturbances, disturbance{p, stream, made})
		a.x.serving.Go(func() { // it reverts by itself
			limited, cancel := a.x.Register.limited(context.Background(), p.pin.Limit.Std())
			defer cancel()
			select {
			case <-made.ended:
			case <-limited.Done():
			case <-a.x.Register.healedChannel(a.x.trial):
			}
			made.end()
		})
	}
}

// calm ends what disturb began. It reports whether the callee felt any of it.
func (a *legActions) calm() (felt bool) {
	for _, d := range a.disturbances {
		if d.stream.finish(d.harm) {
			felt = true
			continue
		}
		why := "nothing crossed " + string(d.harm.effect.Link) + " while the message was handled"
		if d.harm.effect.Commit > 0 {
			why = "fewer commits crossed " + string(d.harm.effect.Link) + " while the message was handled"
		}
		a.x.Register.miss(d.armed, faults.PreEmpted, why)
	}
	a.disturbances = nil
	return felt
}

// streamPlace is where on a link of bytes a part acts, if it does.
func (p part) streamPlace() (faults.StreamPlace, bool) {
	switch {
	case p.effect.Stream != nil:
		return p.effect.Stream.StreamPlace, true
	case p.interruption != nil && p.interruption.Moment == faults.AtCommit:
		return p.interruption.Commit, true
	default:
		return faults.StreamPlace{}, false
	}
}
