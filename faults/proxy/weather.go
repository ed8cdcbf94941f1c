package proxy

import "github.com/payquake/payquake/journal"

// Weather is what a link is like for all who use it, beside what pins do to single
// messages. The zero value is fair.
type Weather struct {
	// Stalled: the callee, or the caller, stands still; what is sent waits.
	Stalled bool `json:"stalled,omitempty"`
	// LosesRequests and LosesAnswers: the network loses them, and nobody is told.
	LosesRequests bool `json:"losesRequests,omitempty"`
	LosesAnswers  bool `json:"losesAnswers,omitempty"`
}

// SetWeather changes the link's weather. What waits for a change goes on.
func (l *Link) SetWeather(weather Weather) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.weather = weather
	l.changeWeather()
}

// changeWeather tells those that wait. The lock is held.
func (l *Link) changeWeather() {
	if l.weatherChanged != nil {
		close(l.weatherChanged)
		l.weatherChanged = nil
	}
}

// outside is the weather, and what is closed when it changes.
func (l *Link) outside() (Weather, <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.weatherChanged == nil {
		l.weatherChanged = make(chan struct{})
		if l.closed {
			close(l.weatherChanged)
		}
	}
	return l.weather, l.weatherChanged
}

// sitOut waits while the link is stalled, whoever has hung up meanwhile: what was
// sent is there when the callee goes on.
func (x *exchange) sitOut() {
	for {
		weather, changed := x.outside()
		if !weather.Stalled || x.isClosed() {
			return
		}
		<-changed
	}
}

func (l *Link) isClosed() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.closed
}

// vanish lets the caller wait in silence for what was lost, until it gives up or
// the weather changes.
func (x *exchange) vanish(changed <-chan struct{}) {
	ctx, stop := x.caller.watch()
	select {
	case <-changed:
	case <-ctx.Done():
	}
	stop()
	x.caller.conn.Close()
}

// losesRequest reports whether the network took the request.
func (x *exchange) losesRequest(request *Request) bool {
	weather, changed := x.outside()
	if !weather.LosesRequests {
		return false
	}
	x.recordRequest(request, journal.Lost, nil, 0)
	x.vanish(changed)
	return true
}

// losesAnswer reports whether the network took the answer.
func (x *exchange) losesAnswer(answer *Answer, leg *legActions) bool {
	weather, changed := x.outside()
	if !weather.LosesAnswers {
		return false
	}
	x.recordAnswer(answer, answerOutcome{fate: journal.Lost}, leg)
	x.vanish(changed)
	return true
}
