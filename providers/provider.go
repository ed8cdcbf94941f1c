// Package providers is the contract between payquake and the mock payment
// providers: what each is asked to play (Provider), what shoppers do with it
// (Wallet), and how it behaves towards a trial (Part). A provider keeps real
// books; its own words exist only in its package.
package providers

import (
	"context"
	"errors"
	"net/http"

	"github.com/payquake/payquake/clock"
	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/faults/proxy"
	"github.com/payquake/payquake/journal"
	"github.com/payquake/payquake/payment"
)

// TrialHeader carries the trial between gateway and provider, in both
// directions: on a call that the gateway attributed, and on a delivery, whose
// trial the provider knows. The gateway lets it reach no merchant.
const TrialHeader = proxy.TrialHeader

// ClientCertificateHeader carries what TLS says of a caller from the gateway,
// which ends the TLS, to a provider that demands mutual TLS. It is absent where
// there is no TLS.
const ClientCertificateHeader = proxy.ClientCertificateHeader

// Provider is a mock payment provider. All methods are safe for concurrent use.
type Provider interface {
	Wallet
	// Wire serves the provider's own protocol to merchants.
	Wire() http.Handler
	// Cast prepares the provider for trials: it funds their wallets and notes
	// how it shall behave towards them. Recasting a trial is an error.
	Cast([]Part) error
	// Heal gives the payments that these trials begin from now on the usual
	// conduct. A payment that was begun keeps its own: a provider is consistent.
	Heal([]faults.Trial)
	// Outstanding counts, per trial, the deliveries and refunds that are still
	// on the calendar. Trials without any are left out.
	Outstanding() map[faults.Trial]int
	// Hurry does what is due next for each of these trials now, instead of when
	// the calendar says, one thing after another, and returns when that is done.
	Hurry(context.Context, []faults.Trial) error
	// Close stops deliveries and waits for those under way.
	Close() error
}

// Rotator is a provider that can change the certificate it signs with.
type Rotator interface {
	// Rotate publishes the next certificate and signs with it from now on. After
	// the last one comes the first again, which is still published. It fails if
	// merchants know the provider by something that does not rotate.
	Rotate() error
}

// ErrNoRotation says that there is no further certificate to sign with.
var ErrNoRotation = errors.New("the provider has no further certificate")

// Part is how a provider plays in one trial.
type Part struct {
	Trial   faults.Trial  `json:"trial"`
	Balance payment.Money `json:"balance"` // of the shopper's wallet
	// Conducts are for the trial's payments in the order in which they begin;
	// the last one holds for all further ones. None: the usual conduct.
	Conducts []faults.Conduct `json:"conducts,omitempty"`
	// Pins are the pins behind each of the conducts, by the name of the fault
	// that bent it ("notify-never", "query-lag"), because one conduct may merge
	// several. Each is reported as fired when its own part of the conduct shows.
	Pins []map[string]string `json:"pins,omitempty"`
}

// Wallet is what a shopper does at the provider. Codes are what the merchant
// showed: the content of a QR code, or what its page handed to the wallet app.
type Wallet interface {
	// Open scans a code and returns what the wallet shows before paying.
	Open(ctx context.Context, trial faults.Trial, code string) (Checkout, error)
	// Pay confirms the payment that the code stands for.
	Pay(ctx context.Context, trial faults.Trial, code string) (Receipt, error)
	// Cancel closes the payment sheet without paying.
	Cancel(ctx context.Context, trial faults.Trial, code string) error
	// Barcode shows a fresh barcode that a merchant may scan once.
	Barcode(ctx context.Context, trial faults.Trial) (string, error)
	// Balance is what the trial's wallet holds.
	Balance(trial faults.Trial) (payment.Money, error)
}

// Checkout is what a wallet shows before the shopper confirms.
type Checkout struct {
	Payee             string                    `json:"payee"`
	Description       string                    `json:"description"`
	Amount            payment.Money             `json:"amount"`
	MerchantReference payment.MerchantReference `json:"merchantReference"`
}

// Receipt is what a wallet shows after the shopper paid.
type Receipt struct {
	MerchantReference payment.MerchantReference `json:"merchantReference"`
	ProviderReference payment.ProviderReference `json:"providerReference"`
	Amount            payment.Money             `json:"amount"`
}

// Errors of the wallet, wrapped with the particulars. Each means that no money
// moved.
var (
	ErrUnknownCode = errors.New("the code is unknown")
	ErrNotPayable  = errors.New("the payment can no longer be paid")
	ErrDeclined    = errors.New("the payment was declined")
	ErrUnknownPart = errors.New("the trial is not cast")
)

// Ports is what a provider needs of its surroundings.
type Ports struct {
	Recorder Recorder
	Courier  Courier
	Clock    clock.Clock
}

// Recorder takes the records a provider makes: the source's number, the time
// and the trace are the recorder's business.
type Recorder interface {
	Record(context.Context, faults.Trial, journal.Record)
}

// Courier takes a notification to the gateway's link, in its own goroutine's
// time, and returns the merchant's answer, of which at least the status and the
// body are set: providers differ in what acknowledges. An error means that no
// answer came. The courier adds the trial header and the trace context.
type Courier interface {
	Deliver(context.Context, faults.Trial, *proxy.Request) (*proxy.Answer, error)
}
