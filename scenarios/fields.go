package scenarios

import (
	"fmt"
	"slices"

	"github.com/payquake/payquake/faults"
)

// fields notes where each key of a map stands, refuses keys that are not
// known, and returns the values of those that are.
func (r *reader) fields(path string, n node, known []string) map[string]node {
	if n.kind != mapping {
		r.source.spots[path] = n.at
		r.addf(path, "this should be a map with some of the keys %s", joined(known))
		return nil
	}
	values := map[string]node{}
	for _, e := range n.keys {
		at := under(path, e.key)
		_, again := values[e.key]
		if !slices.Contains(known, e.key) || again {
			r.source.spots[at] = e.at
			if again {
				r.addf(at, "the key %q stands here twice", e.key)
			} else {
				r.unknown(at, "key", e.key, known)
			}
			continue
		}
		r.source.spots[at] = e.at
		if e.value.kind != nothing && e.value.kind != mapping {
			r.source.spots[at] = e.value.at
		}
		values[e.key] = e.value
	}
	return values
}

// under is the path of a key in the map at another path.
func under(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// ordered are the members of a list with their paths.
type ordered struct {
	paths  []string
	byPath map[string]node
}

// ordered reads a list. A scalar counts as a list of one, which is pleasant to
// type.
func (r *reader) ordered(path string, n node) ordered {
	made := ordered{byPath: map[string]node{}}
	members := n.list
	switch n.kind {
	case scalar:
		members = []node{n}
	case sequence:
	default:
		r.add(path, "this should be a list")
		return made
	}
	for i, member := range members {
		at := fmt.Sprintf("%s[%d]", path, i)
		r.source.spots[at] = member.at
		made.paths = append(made.paths, at)
		made.byPath[at] = member
	}
	return made
}

// defined reads a map that names a catalogue entry under one key and may hold
// the entry's settings besides its own fields.
func (r *reader) defined(path string, n node, key string, names []string, own ...[]field) (faults.Definition, map[string]node) {
	known := keysOf(own...)
	var definition faults.Definition
	named := false
	for _, e := range n.keys {
		if e.key == key && e.value.kind == scalar {
			named = true
			definition, _ = faults.Lookup(e.value.text)
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
	values := r.fields(path, n, known)
	if value, given := values[key]; given && definition.Name != "" && !slices.Contains(names, definition.Name) {
		r.add(under(path, key), misplaced(definition))
	} else if given {
		r.word(under(path, key), key, value, names)
	} else if values != nil {
		r.addf(path, "%s: is missing here", key)
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
