package scenarios

import (
	"slices"

	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/internal/document"
)

// defined reads a map that names a catalogue entry under one key and may hold
// the entry's settings besides its own fields.
func (r *reader) defined(path string, n document.Node, key string, names []string, own ...[]field) (faults.Definition, map[string]document.Node) {
	known := keysOf(own...)
	var definition faults.Definition
	named := false
	for _, e := range n.Keys {
		if e.Key == key && e.Value.Kind == document.Scalar {
			named = true
			definition, _ = faults.Lookup(e.Value.Text)
			if slices.Contains(names, definition.Name) {
				known = append(known, settingKeys(definition)...)
			}
		}
	}
	// Under an unknown name any setting may be meant: one slip, one problem.
	if named && !slices.Contains(names, definition.Name) {
		for _, any := range faults.Catalogue() {
			known = append(known, settingKeys(any)...)
		}
	}
	values := r.Fields(path, n, known)
	if value, given := values[key]; given && definition.Name != "" && !slices.Contains(names, definition.Name) {
		r.Add(document.Under(path, key), misplaced(definition))
	} else if given {
		r.Word(document.Under(path, key), key, value, names)
	} else if values != nil {
		r.Addf(path, "%s: is missing here", key)
	}
	if !slices.Contains(names, definition.Name) {
		definition = faults.Definition{}
	}
	return definition, values
}

// misplaced says where a catalogue entry of another kind belongs.
func misplaced(d faults.Definition) string {
	if d.Kind == faults.AsJourney {
		return d.Name + " is a shopper; it stands under shoppers: as " + d.Example
	}
	return d.Name + " is no shopper; it stands under faults: as " + d.Example
}
