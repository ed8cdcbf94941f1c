package wechatpay

// Hosts are the real host names that a domestic merchant's client calls: the
// primary, its disaster-recovery twin, and the newer aliases of both (protocol
// wechatpay §7).
func Hosts() []string {
	return []string{"api.mch.weixin.qq.com", "api2.mch.weixin.qq.com", "api.wechatpay.cn", "api2.wechatpay.cn"}
}
