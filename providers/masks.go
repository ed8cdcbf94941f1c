package providers

// Masked hides people and secrets in a decoded JSON value, at any depth, in
// place: personal names the members that say who somebody is or let somebody
// pay.
func Masked(value any, personal func(member string) bool) any {
	switch read := value.(type) {
	case map[string]any:
		for name, inner := range read {
			read[name] = Masked(inner, personal)
			if text, ok := inner.(string); ok && personal(name) {
				read[name] = Hint(text)
			}
		}
	case []any:
		for i, inner := range read {
			read[i] = Masked(inner, personal)
		}
	}
	return value
}

// Hint leaves enough of a personal text to tell two apart by eye, and no more.
func Hint(text string) string {
	const kept = 3
	runes := []rune(text)
	if len(runes) <= 2*kept {
		return "***"
	}
	return string(runes[:kept]) + "***"
}
