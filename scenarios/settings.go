package scenarios

import (
	"encoding/json"

	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/internal/document"
)

// settings reads a catalogue entry's own settings. If they may be taken in
// turn, one of them may be a list.
func (r *reader) settings(path string, d faults.Definition, values map[string]document.Node, turns bool) []json.RawMessage {
	first := map[string]any{}
	listed, variants := "", []any(nil)
	for _, s := range d.Settings {
		n, given := values[s.Name]
		if !given {
			continue
		}
		at := document.Under(path, s.Name)
		if n.Kind != document.Sequence || !turns {
			first[s.Name] = r.setting(at, s, n)
			continue
		}
		if listed != "" {
			r.Addf(at, "only one setting of a fault may be a list; %s is one already", listed)
			continue
		}
		listed = s.Name
		members := r.Ordered(at, n)
		for _, member := range members.Paths {
			variants = append(variants, r.setting(member, s, members.ByPath[member]))
		}
	}
	if listed == "" {
		if len(first) == 0 {
			return nil
		}
		return r.encoded(path, d, []map[string]any{first})
	}
	var all []map[string]any
	for _, variant := range variants {
		with := map[string]any{listed: variant}
		for key, value := range first {
			with[key] = value
		}
		all = append(all, with)
	}
	return r.encoded(path, d, all)
}

// setting reads one value as JSON would hold it.
func (r *reader) setting(path string, s faults.Setting, n document.Node) any {
	switch s.Type {
	case faults.DurationSetting:
		return r.duration(path, n).String()
	case faults.CountSetting:
		return r.Count(path, n)
	case faults.FlagSetting:
		return r.Flag(path, n)
	case faults.WordSetting:
		return r.Word(path, s.Name, n, s.Words)
	default:
		return r.Text(path, n)
	}
}

// encoded writes settings in the one way that the catalogue writes them.
func (r *reader) encoded(path string, d faults.Definition, all []map[string]any) []json.RawMessage {
	var made []json.RawMessage
	for _, settings := range all {
		text, err := json.Marshal(settings)
		if err != nil {
			r.Add(path, err.Error())
			continue
		}
		fault, err := faults.Decode(d.Name, text)
		if err != nil {
			r.Add(path, document.Clip(err.Error()))
			continue
		}
		encoded, err := faults.Encode(fault)
		if err != nil {
			r.Add(path, err.Error())
			continue
		}
		made = append(made, encoded)
	}
	return made
}
