package manifest

import (
	"fmt"
	"regexp"
	"slices"
	"sort"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

// OpenAPI sketches a merchant's calls from an OpenAPI 3 description: which paths
// place, pay, read and refund an order can mostly be told from their names.
func OpenAPI(path string) (map[string]SketchedCall, error) {
	described, err := openapi3.NewLoader().LoadFromFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the OpenAPI file %s: %w", path, err)
	}
	calls := map[string]SketchedCall{}
	paths := described.Paths.InMatchingOrder()
	sort.Slice(paths, func(i, j int) bool { return len(paths[i]) < len(paths[j]) }) // the shortest says the least beside
	for _, at := range paths {
		for verb, operation := range described.Paths.Value(at).Operations() {
			name := purpose(verb, at, operation)
			if _, taken := calls[name]; name == "" || taken {
				continue
			}
			calls[name] = sketched(name, strings.ToLower(verb), at, operation)
		}
	}
	return calls, nil
}

// purpose tells what a call does; "" for none of what a shopper does.
func purpose(verb, path string, operation *openapi3.Operation) string {
	words := strings.ToLower(path + " " + operation.OperationID + " " + operation.Summary)
	about := func(words string, any ...string) bool {
		return slices.ContainsFunc(any, func(word string) bool { return strings.Contains(words, word) })
	}
	ofOne := strings.Contains(path, "{")
	switch {
	case about(words, "notify", "webhook", "callback"):
		return ""
	case verb == "POST" && about(words, "refund"):
		return "refund"
	case verb == "POST" && about(words, "pay", "prepay", "checkout") && (ofOne || about(words, "order")) && about(path, "pay"):
		return "start"
	case verb == "POST" && about(words, "order", "checkout", "basket", "purchase") && !ofOne:
		return "place"
	case verb == "GET" && about(words, "order", "purchase") && ofOne:
		return "read"
	default:
		return ""
	}
}

func sketched(name, verb, path string, operation *openapi3.Operation) SketchedCall {
	call := SketchedCall{Verb: verb, Path: regexp.MustCompile(`\{[^}]*\}`).ReplaceAllString(path, "$${order}")}
	if operation.RequestBody == nil || operation.RequestBody.Value == nil {
		return call
	}
	for kind, media := range operation.RequestBody.Value.Content {
		if media.Schema == nil || media.Schema.Value == nil {
			continue
		}
		call.Form = strings.Contains(kind, "form")
		for field := range media.Schema.Value.Properties {
			value := likely(field)
			if name == "place" && value == "${amount}" {
				value = "${total}"
			}
			call.Body = append(call.Body, SketchedField{field, value})
		}
		break
	}
	slices.SortFunc(call.Body, func(a, b SketchedField) int { return strings.Compare(a.Name, b.Name) })
	return call
}
