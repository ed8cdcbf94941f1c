package manifest

import (
	"maps"
	"slices"
	"strconv"

	"github.com/payquake/payquake/payment"
)

// Facts are what a provider gives a merchant to configure its client with, by the
// names under which settings ask for them: the provider's own words. BaseURL is
// where the provider's link is, for merchants that can be told; those that have
// its host in their source need no telling.
func Facts(provider payment.ProviderName) []string {
	switch provider {
	case "wechatpay":
		return []string{"baseURL", "mode", "mchid", "appid", "serial", "certificate", "privateKey", "apiV3Key", "apiV2Key",
			"publicKeyID", "publicKey", "platformSerial", "platformCertificate"}
	case "alipay":
		return []string{"baseURL", "mode", "appID", "sellerID", "privateKey", "aesKey", "alipayPublicKey", "appCertificate",
			"appCertSN", "alipayCertificate", "alipayCertSN", "alipayRoots", "alipayRootCertSN"}
	case "unionpay":
		return []string{"baseURL", "merId", "name", "certId", "certificate", "privateKey", "secureKey", "root", "middle"}
	default:
		return nil
	}
}

// settingVars are the variables of settings, with stand-ins for their values.
func settingVars(providers []Provider, services []Service) Vars {
	vars := Vars{"port": "8080", "host": "127.0.0.1", "publicURL": "https://shop.example", "data": "/data",
		"spans": "http://127.0.0.1:4318", "file": func(string) string { return "/file" }}
	for _, provider := range providers {
		facts := Vars{}
		for _, name := range Facts(provider.Name) {
			facts[name] = name
		}
		vars[string(provider.Name)] = facts
	}
	// While a file is read there are no keys to reshape yet.
	asIs := func(text string) (string, error) { return text, nil }
	vars["bare"], vars["pkcs1"] = asIs, asIs
	vars["p12"] = func(certificate, _, _ string) (string, error) { return certificate, nil }
	for _, service := range services {
		vars[service.Name] = ServiceFacts("127.0.0.1", "8080")
	}
	return vars
}

// serviceVars are the variables of a service's own settings.
func serviceVars() Vars { return Vars{"port": "8080", "host": "127.0.0.1", "data": "/data"} }

// ServiceFacts are what a merchant is told of a service: where its link is.
func ServiceFacts(host, port string) Vars {
	return Vars{"host": host, "port": port, "address": host + ":" + port, "url": "http://" + host + ":" + port}
}

// wholeNumber reads a bare whole number. Others stay texts: a float would lose
// digits of a price.
func wholeNumber(text string) (any, bool) {
	number, err := strconv.ParseInt(text, 10, 64)
	if err != nil || strconv.FormatInt(number, 10) != text {
		return nil, false
	}
	return number, true
}

// Literals are settings with fixed values, in the order of their names.
func Literals(values map[string]string) []Setting {
	var settings []Setting
	for _, name := range slices.Sorted(maps.Keys(values)) {
		settings = append(settings, Setting{Name: name, Value: Template{parts: []part{{literal: values[name]}}}})
	}
	return settings
}
