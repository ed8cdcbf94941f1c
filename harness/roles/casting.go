package roles

import (
	"errors"

	"github.com/payquake/payquake/clock"
	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/faults/proxy"
	"github.com/payquake/payquake/payment"
	"github.com/payquake/payquake/providers"
	"github.com/payquake/payquake/providers/alipay"
	"github.com/payquake/payquake/providers/unionpay"
	"github.com/payquake/payquake/providers/wechatpay"
)

// ProviderConfig is the configuration of one provider for a run: exactly one
// member is set. A new provider is added here, and in the environment that makes
// its configuration and its client's; nowhere else in the harness.
type ProviderConfig struct {
	WeChatPay *wechatpay.Config `json:"wechatpay,omitempty"`
	Alipay    *alipay.Config    `json:"alipay,omitempty"`
	UnionPay  *unionpay.Config  `json:"unionpay,omitempty"`
}

// errNoProvider says that a configuration names no provider.
var errNoProvider = errors.New("the configuration names no provider")

// Name is the provider's name as users type it.
func (c ProviderConfig) Name() payment.ProviderName {
	switch {
	case c.WeChatPay != nil:
		return wechatpay.Name
	case c.Alipay != nil:
		return alipay.Name
	case c.UnionPay != nil:
		return unionpay.Name
	default:
		return ""
	}
}

// Hosts are the real host names that merchants call.
func (c ProviderConfig) Hosts() []string {
	switch {
	case c.WeChatPay != nil:
		return wechatpay.Hosts()
	case c.Alipay != nil:
		return alipay.Hosts()
	case c.UnionPay != nil:
		return unionpay.Hosts()
	default:
		return nil
	}
}

// dialect reads and changes what merchants and the provider say to each other.
func (c ProviderConfig) dialect() (proxy.Dialect, error) {
	switch {
	case c.WeChatPay != nil:
		return wechatpay.NewDialect(*c.WeChatPay)
	case c.Alipay != nil:
		return alipay.NewDialect(*c.Alipay)
	case c.UnionPay != nil:
		return unionpay.NewDialect(*c.UnionPay)
	default:
		return nil, errNoProvider
	}
}

// open starts the provider itself.
func (c ProviderConfig) open(recorder providers.Recorder, courier providers.Courier, system clock.Clock) (providers.Provider, error) {
	ports := providers.Ports{Recorder: recorder, Courier: courier, Clock: system}
	switch {
	case c.WeChatPay != nil:
		return wechatpay.New(*c.WeChatPay, ports)
	case c.Alipay != nil:
		return alipay.New(*c.Alipay, ports)
	case c.UnionPay != nil:
		return unionpay.New(*c.UnionPay, ports)
	default:
		return nil, errNoProvider
	}
}

// callLink and notifyLink are a provider's two links.
func callLink(name payment.ProviderName) faults.Link {
	return faults.LinkBetween("merchant", string(name))
}
func notifyLink(name payment.ProviderName) faults.Link {
	return faults.LinkBetween(string(name), "merchant")
}
