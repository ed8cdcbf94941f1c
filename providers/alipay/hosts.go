package alipay

// Hosts are the real host names that a merchant's client calls: the gateway of
// production, then those of the sandbox, today's and the older one (protocol
// alipay §1).
func Hosts() []string {
	return []string{Host, "openapi-sandbox.dl.alipaydev.com", "openapi.alipaydev.com"}
}
