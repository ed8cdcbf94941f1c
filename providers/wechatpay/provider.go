package wechatpay

import (
	"sync"
	"time"

	"github.com/payquake/payquake/clock"
	"github.com/payquake/payquake/providers"
	"github.com/payquake/payquake/providers/backoffice"
	"github.com/payquake/payquake/providers/ledger"
)

// Provider is the mock of WeChat Pay.
//
// Its lock guards orders and codes and is taken before the book's own. Nothing
// is signed and nothing sent while it is held.
type Provider struct {
	*backoffice.Office

	ring    *keyring
	options Options
	factor  float64
	delay   time.Duration // of a refund, scaled
	ports   providers.Ports
	desk    desk

	mu           sync.Mutex
	orders       map[ledger.Key]*order
	wholes       map[ledger.Key]*order // combined payments, by combine_out_trade_no
	transactions map[string]*order     // by transaction_id
	codes        map[string]*code
	refunds      map[ledger.RefundKey]*refund
}

var _ providers.Provider = (*Provider)(nil)

// patience is how long a merchant may take to answer a notification (§5).
const patience = 5 * time.Second

// Calendar is the gaps between the deliveries of a notification in real life:
// 15 retries within 24 hours and 4 minutes (protocol wechatpay §5).
func Calendar() clock.Calendar {
	return clock.Calendar{
		15 * time.Second, 15 * time.Second, 30 * time.Second,
		3 * time.Minute, 10 * time.Minute, 20 * time.Minute, 30 * time.Minute, 30 * time.Minute, 30 * time.Minute,
		time.Hour, 3 * time.Hour, 3 * time.Hour, 3 * time.Hour, 6 * time.Hour, 6 * time.Hour,
	}
}

// New opens the provider. It fails with ErrBadConfig.
func New(config Config, ports providers.Ports) (*Provider, error) {
	ring, err := newKeyring(config)
	if err != nil {
		return nil, err
	}
	delay := config.RefundDelay
	if delay == 0 {
		delay = DefaultRefundDelay
	}
	office := backoffice.Open(backoffice.Terms{Name: Name, Calendar: Calendar().Scaled(config.Factor), Patience: patience,
		UsualDecline: "NOT_ENOUGH"}, ports)
	return &Provider{Office: office, ring: ring, options: config.Options, factor: config.Factor,
		delay: clock.Scale(delay.Std(), config.Factor), ports: ports, desk: desk{ring, ports.Clock},
		orders:       map[ledger.Key]*order{},
		wholes:       map[ledger.Key]*order{},
		transactions: map[string]*order{},
		codes:        map[string]*code{},
		refunds:      map[ledger.RefundKey]*refund{},
	}, nil
}
