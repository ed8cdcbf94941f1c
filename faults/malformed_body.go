package faults

import "fmt"

// MalformedBody spoils a message's body: bytes that are no text, or a text in
// another charset than its head says.
type MalformedBody struct {
	How   string `json:"how,omitempty"`   // garbage if unset
	Bytes int    `json:"bytes,omitempty"` // bytes of the body that stay as they are; half of it if unset
}

func malformedBody() Definition {
	return Definition{Name: "malformed-body", Kind: OnMessage, Class: Legal,
		Experience: "The message's content cannot be read, and its signature does not hold.",
		Example:    "{fault: malformed-body, at: merchant->provider query answer, how: wrong-charset}",
		Settings: []Setting{
			{Name: "how", Type: WordSetting, Words: []string{"garbage", "wrong-charset"},
				Meaning: "bytes that are no text, or UTF-16 whatever the head says (garbage)"},
			{Name: "bytes", Type: CountSetting, Meaning: "how many bytes of the body stay as they are before the garbage (half of it)"},
		},
		New: func() Fault { return &MalformedBody{} }}
}

// Check implements Fault.
func (f *MalformedBody) Check() error {
	switch {
	case f.How != "" && f.How != "garbage" && f.How != "wrong-charset":
		return fmt.Errorf("how %q is none of garbage, wrong-charset", f.How)
	case f.Bytes < 0:
		return errBytes
	default:
		return nil
	}
}

// NeedsBody says that there must be something to spoil.
func (*MalformedBody) NeedsBody() {}

// Bite implements MessageFault.
func (f *MalformedBody) Bite(effect *Effect) {
	kind := DamageGarbage
	if f.How == "wrong-charset" {
		kind = DamageCharset
	}
	effect.Damage = &Damage{Kind: kind, At: f.Bytes}
}
