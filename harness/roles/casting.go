package roles

import (
	"errors"

	"github.com/payquake/payquake/clock"
	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/faults/proxy"
	"github.com/payquake/payquake/payment"
	"github.com/payquake/payquake/providers"
	"github.com/payquake/payquake/providers/wechatpay"
)

// ProviderConfig is the configuration of one provider for a run: exactly one
// member is set. A new provider is added here and nowhere else in the harness.
type ProviderConfig struct {
	WeChatPay *wechatpay.Config `json:"wechatpay,omitempty"`
}

// errNoProvider says that a configuration names no provider.
var errNoProvider = errors.New("the configuration names no provider")

// Name is the provider's name as users type it.
func (c ProviderConfig) Name() payment.ProviderName {
	return wechatpay.Name
}

// Hosts are the real host names that merchants call.
func (c ProviderConfig) Hosts() []string { return wechatpay.Hosts() }

// dialect reads and changes what merchants and the provider say to each other.
func (c ProviderConfig) dialect() (proxy.Dialect, error) {
	if c.WeChatPay == nil {
		return nil, errNoProvider
	}
	return wechatpay.NewDialect(*c.WeChatPay)
}

// open starts the provider itself.
func (c ProviderConfig) open(recorder providers.Recorder, courier providers.Courier, system clock.Clock) (providers.Provider, error) {
	if c.WeChatPay == nil {
		return nil, errNoProvider
	}
	return wechatpay.New(*c.WeChatPay, providers.Ports{Recorder: recorder, Courier: courier, Clock: system})
}

// callLink and notifyLink are a provider's two links.
func callLink(name payment.ProviderName) faults.Link {
	return faults.LinkBetween("merchant", string(name))
}
func notifyLink(name payment.ProviderName) faults.Link {
	return faults.LinkBetween(string(name), "merchant")
}
