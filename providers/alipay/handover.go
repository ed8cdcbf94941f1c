package alipay

import (
	"html"
	"regexp"
	"strings"
)

// readHandover reads a signed request as the merchant gave it to a shopper's
// browser or app: a URL with everything in its query, a form that submits
// itself, or parameters alone (§3).
func readHandover(text string) (parameters, error) {
	text = strings.TrimSpace(text)
	if strings.HasPrefix(text, "<") {
		return readHTMLForm(text)
	}
	if strings.HasPrefix(text, "https://") || strings.HasPrefix(text, "http://") {
		_, query, _ := strings.Cut(text, "?")
		return readParameters(query, "")
	}
	return readParameters("", text)
}

// readHTMLForm reads the action's query and the inputs, as a browser would
// submit them.
func readHTMLForm(text string) (parameters, error) {
	_, query, _ := strings.Cut(attribute(text, "form", "action"), "?")
	read, err := readParameters(query, "")
	if err != nil {
		return nil, err
	}
	for _, tag := range tags(text, "input") {
		if name := valueOf(tag, "name"); name != "" {
			read[name] = valueOf(tag, "value")
		}
	}
	return read, nil
}

// tags are the opening tags of a kind. A > inside a quoted value does not end
// one.
func tags(text, kind string) []string {
	return regexp.MustCompile(`(?is)<`+kind+`\b(?:"[^"]*"|'[^']*'|[^>"'])*>`).FindAllString(text, -1)
}

// attribute is the value of an attribute of the first tag of a kind.
func attribute(text, kind, name string) string {
	for _, tag := range tags(text, kind) {
		return valueOf(tag, name)
	}
	return ""
}

// valueOf is the value of an attribute of a tag.
func valueOf(tag, name string) string {
	found := regexp.MustCompile(`(?is)\s` + name + `\s*=\s*(?:"([^"]*)"|'([^']*)')`).FindStringSubmatch(tag)
	if found == nil {
		return ""
	}
	return html.UnescapeString(found[1] + found[2])
}
