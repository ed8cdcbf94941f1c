package manifest

import (
	_ "embed" // draft.tmpl
	"fmt"
	"slices"
	"strconv"
	"strings"
	"text/template"

	"github.com/payquake/payquake/payment"
)

// Sketch is what is known of a merchant before anybody has described it.
type Sketch struct {
	Name string
	// One of these says how it is started.
	Command   []string
	Image     string
	Compose   string // a compose file that has it as Service
	Service   string
	URL       string
	Providers []payment.ProviderName
	// Calls are those that an OpenAPI description tells of, by what they do: place,
	// start, read, refund.
	Calls map[string]SketchedCall
}

// SketchedCall is a call as an OpenAPI description tells it.
type SketchedCall struct {
	Verb, Path string
	Body       []SketchedField
	Form       bool
}

// SketchedField is a field of a body with the expression that probably belongs
// there; "" if nobody can tell.
type SketchedField struct{ Name, Value string }

//go:embed draft.tmpl
var draft string

// Draft writes a payquake.yaml for a merchant of which this is known. What must be
// filled in by a person is marked with TODO.
func Draft(s Sketch) (string, error) {
	parsed, err := template.New("draft").Funcs(template.FuncMap{"quote": quoted, "call": s.call, "settings": settingsFor}).Parse(draft)
	if err != nil {
		return "", fmt.Errorf("draft a manifest: %w", err)
	}
	var text strings.Builder
	if err := parsed.Execute(&text, s); err != nil {
		return "", fmt.Errorf("draft a manifest: %w", err)
	}
	return text.String(), nil
}

// quoted writes a text as YAML takes it.
func quoted(text string) string {
	if text != "" && strings.Trim(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._/-") == "" &&
		!slices.Contains([]string{"true", "false", "null", "yes", "no"}, text) {
		if _, err := strconv.ParseFloat(text, 64); err != nil {
			return text
		}
	}
	return strconv.Quote(text)
}

// Order is the order in which a driver's calls are written. Where an OpenAPI
// description has no refund, there is none.
func (s Sketch) Order() []string {
	names := []string{"place", "start", "read", "refund"}
	if _, refunds := s.Calls["refund"]; s.Calls != nil && !refunds {
		names = names[:3]
	}
	return names
}

// call is the sketched call of a name, or the usual one.
func (s Sketch) call(name string) SketchedCall {
	if known, is := s.Calls[name]; is {
		return known
	}
	usual := map[string]SketchedCall{
		"place":  {Verb: "post", Path: "/orders", Body: []SketchedField{{"key", "${key}"}, {"lines", "${lines}"}, {"total", "${total}"}}},
		"start":  {Verb: "post", Path: "/orders/${order}/payments", Body: []SketchedField{{"key", "${key}"}, {"provider", "${provider}"}}},
		"read":   {Verb: "get", Path: "/orders/${order}"},
		"refund": {Verb: "post", Path: "/orders/${order}/refunds", Body: []SketchedField{{"key", "${key}"}, {"amount", "${amount}"}}},
	}
	return usual[name]
}

// settingsFor are the settings that a provider's client needs, under likely names.
func settingsFor(provider payment.ProviderName) []SketchedField {
	var fields []SketchedField
	for _, fact := range map[payment.ProviderName][]string{
		"wechatpay": {"mchid", "appid", "serial", "privateKey", "apiV3Key", "publicKeyID", "publicKey"},
		"alipay":    {"appID", "sellerID", "privateKey", "alipayPublicKey"},
		"unionpay":  {"merId", "certId", "privateKey", "certificate", "root", "middle"},
	}[provider] {
		value := "${" + string(provider) + "." + fact + "}"
		if isPEM(fact) {
			value = "${file(" + string(provider) + "." + fact + ")}"
		}
		fields = append(fields, SketchedField{VariableFor(provider, fact), value})
	}
	return fields
}

// VariableFor is the usual name of the variable for a fact.
func VariableFor(provider payment.ProviderName, fact string) string {
	return strings.ToUpper(string(provider) + "_" + snake(fact))
}

func isPEM(fact string) bool {
	return slices.Contains([]string{"privateKey", "publicKey", "alipayPublicKey", "certificate", "root", "middle"}, fact)
}

// snake writes a name with underscores: apiV3Key is api_v3_key.
func snake(name string) string {
	var text strings.Builder
	for i, r := range name {
		if i > 0 && r >= 'A' && r <= 'Z' && !(name[i-1] >= 'A' && name[i-1] <= 'Z') {
			text.WriteByte('_')
		}
		text.WriteRune(r)
	}
	return text.String()
}

// likely is the variable that a field of a body probably takes.
func likely(field string) string {
	for _, guess := range []struct{ part, value string }{
		{"idempot", "${key}"}, {"request_id", "${key}"}, {"requestid", "${key}"}, {"key", "${key}"}, {"product", "${product}"},
		{"sku", "${product}"}, {"quantity", "${quantity}"}, {"lines", "${lines}"}, {"items", "${lines}"}, {"total", "${total}"},
		{"amount", "${amount}"}, {"provider", "${provider}"}, {"channel", "${provider}"}, {"method", "${method}"},
		{"shopper", "${shopper}"}, {"customer", "${shopper}"}, {"user", "${shopper}"}, {"order", "${order}"},
	} {
		if strings.Contains(strings.ToLower(field), guess.part) {
			return guess.value
		}
	}
	return ""
}
