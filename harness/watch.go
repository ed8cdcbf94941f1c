package harness

import (
	"context"
	"fmt"
	"time"

	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/harness/environment"
	"github.com/payquake/payquake/journal"
)

// usualWatch is how long a session waits for payments of other people's shoppers
// if nobody says otherwise.
const usualWatch = 10 * time.Minute

// watch is a session's waiting for the payments of other people's shoppers.
type watch struct {
	traffic *environment.Traffic // nil if payquake does not start it
	over    context.Context
	end     context.CancelFunc
}

// beginWatch has trials wait for payments instead of making them, until the
// traffic or the time is over.
func (s *Session) beginWatch() error {
	described := s.setting.Topology.Merchant.Described
	if described == nil || !described.Watched() {
		return nil
	}
	limit := s.setting.WatchFor
	if limit == 0 {
		limit = usualWatch
	}
	w := &watch{}
	w.over, w.end = context.WithTimeout(context.Background(), limit)
	if described.Traffic != nil {
		started, err := s.env.Traffic()
		if err != nil {
			w.end()
			return err
		}
		w.traffic = started
		s.setting.Progress.Tell("watching the traffic of " + described.Traffic[0] + ", which is told where the merchant is by " + environment.MerchantVariable)
		go func() {
			<-started.Ended()
			s.stage(journal.Stage{Name: journal.TrafficEnded, Detail: started.Outcome()})
			w.end()
		}()
	} else {
		s.setting.Progress.Tell(fmt.Sprintf("watching for %s: send your traffic to %s", limit, s.env.ShopLink()))
	}
	s.watch = w
	s.walker.Arrivals, s.walker.Quiet = s.env.Gateway(), func() bool { return w.over.Err() != nil }
	return nil
}

// endWatch ends the traffic that the session started.
func (s *Session) endWatch(ctx context.Context) error {
	if s.watch == nil {
		return nil
	}
	defer s.watch.end()
	if s.watch.traffic == nil {
		return nil
	}
	return s.watch.traffic.Stop(ctx)
}

// overlooks reports whether the watch is over before a batch has begun, so that
// nothing can come for its trials.
func (s *Session) overlooks() bool { return s.watch != nil && s.watch.over.Err() != nil }

// leaveOut takes trials out of the plan for which no payment came: the run is
// about those that were there.
func (s *Session) leaveOut(missed []faults.Trial) error {
	if len(missed) == 0 {
		return nil
	}
	s.plan = s.plan.Without(missed)
	return s.plan.Write(s.setting.Folder.Path(journal.PlanFile))
}

// missed are the trials of the batch for which no payment came.
func (o *observation) missed() []faults.Trial {
	var ids []faults.Trial
	for _, trial := range o.batch.Trials {
		if o.trials[trial.ID].walk.Missed() {
			ids = append(ids, trial.ID)
		}
	}
	return ids
}
