package unionpay

import (
	"sync"
	"time"

	"github.com/payquake/payquake/clock"
	"github.com/payquake/payquake/providers"
	"github.com/payquake/payquake/providers/backoffice"
	"github.com/payquake/payquake/providers/ledger"
)

// Provider is the mock of UnionPay's gateway.
//
// Its lock guards trades and codes and is taken before the book's own. Nothing
// is signed and nothing sent while it is held.
type Provider struct {
	*backoffice.Office

	ring    *keyring
	options Options
	delay   time.Duration // of a refund, scaled
	ports   providers.Ports
	desk    desk

	mu        sync.Mutex
	trades    map[ledger.Key]*trade
	byQueryID map[string]*trade
	codes     map[string]*order   // what a wallet is shown: a tn, a qrCode, a cashier page
	barcodes  map[string]*barcode // what wallets show
	trace     int
}

var _ providers.Provider = (*Provider)(nil)

// patience is how long a merchant may take to answer a notification (§9).
const patience = 10 * time.Second

// Calendar is the gaps between the deliveries of a notification in real life:
// five deliveries (protocol unionpay §9).
func Calendar() clock.Calendar {
	return clock.Calendar{0, time.Minute, 2 * time.Minute, 4 * time.Minute}
}

// calendar is the same as the options have it.
func (o Options) calendar() clock.Calendar {
	if o.LongRetries {
		return clock.Calendar{time.Minute, 2 * time.Minute, 4 * time.Minute, 5 * time.Minute}
	}
	return Calendar()
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
	office := backoffice.Open(backoffice.Terms{Name: Name, Calendar: config.Options.calendar().Scaled(config.Factor), Patience: patience,
		UsualDecline: codeBalance}, ports)
	return &Provider{Office: office, ring: ring, options: config.Options, delay: clock.Scale(delay.Std(), config.Factor),
		ports: ports, desk: desk{ring, ports.Clock},
		trades:    map[ledger.Key]*trade{},
		byQueryID: map[string]*trade{},
		codes:     map[string]*order{},
		barcodes:  map[string]*barcode{},
	}, nil
}
