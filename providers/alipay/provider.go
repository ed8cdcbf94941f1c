package alipay

import (
	"fmt"
	"sync"
	"time"

	"github.com/payquake/payquake/clock"
	"github.com/payquake/payquake/providers"
	"github.com/payquake/payquake/providers/backoffice"
	"github.com/payquake/payquake/providers/ledger"
)

// Provider is the mock of Alipay.
//
// Its lock guards orders and codes and is taken before the book's own. Nothing
// is signed and nothing sent while it is held.
type Provider struct {
	*backoffice.Office

	ring    *keyring
	options Options
	ports   providers.Ports
	desk    desk

	mu     sync.Mutex
	orders map[ledger.Key]*order
	trades map[string]*order // by trade_no
	codes  map[string]*code
}

var _ providers.Provider = (*Provider)(nil)

// patience is how long a merchant may take to answer a notification. The
// documents do not say (§7).
const patience = 5 * time.Second

// Calendar is the gaps between the deliveries of a notification in real life:
// 8 deliveries within 24 hours and 24 minutes (protocol alipay §7).
func Calendar() clock.Calendar {
	return clock.Calendar{4 * time.Minute, 10 * time.Minute, 10 * time.Minute,
		time.Hour, 2 * time.Hour, 6 * time.Hour, 15 * time.Hour}
}

// calendar is the choice of the options.
func (r Retries) calendar() (clock.Calendar, error) {
	standard := Calendar()
	switch r {
	case "":
		return standard, nil
	case RetriesAtOnce:
		return append(clock.Calendar{0, 0, 0}, standard...), nil
	case RetriesOverseas:
		standard[0] = 2 * time.Minute
		return standard, nil
	default:
		return nil, fmt.Errorf("%w: there is no calendar %q", ErrBadConfig, r)
	}
}

// New opens the provider. It fails with ErrBadConfig.
func New(config Config, ports providers.Ports) (*Provider, error) {
	ring, err := newKeyring(config)
	if err != nil {
		return nil, err
	}
	calendar, err := config.Options.Retries.calendar()
	if err != nil {
		return nil, err
	}
	office := backoffice.Open(backoffice.Terms{Name: Name, Calendar: calendar.Scaled(config.Factor), Patience: patience,
		UsualDecline: subNotEnough}, ports)
	return &Provider{Office: office, ring: ring, options: config.Options, ports: ports, desk: desk{ring, ports.Clock},
		orders: map[ledger.Key]*order{},
		trades: map[string]*order{},
		codes:  map[string]*code{},
	}, nil
}
