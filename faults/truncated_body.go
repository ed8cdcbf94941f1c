package faults

import (
	"errors"
	"fmt"
)

// TruncatedBody ends a message's body early: as a whole message with less in it
// (cut), or as one that promises more than comes (wrong-length).
type TruncatedBody struct {
	How   string `json:"how,omitempty"`   // cut if unset
	Bytes int    `json:"bytes,omitempty"` // bytes of the body that still pass; half of it if unset
}

func truncatedBody() Definition {
	return Definition{Name: "truncated-body", Kind: OnMessage, Class: Legal,
		Experience: "The end of the message's content is missing: what is left cannot be read, and its signature does not hold.",
		Example:    "{fault: truncated-body, at: merchant->provider create answer, how: wrong-length}",
		Settings: []Setting{
			{Name: "how", Type: WordSetting, Words: []string{"cut", "wrong-length"},
				Meaning: "whether its length is that of what comes, or of what should have come (cut)"},
			{Name: "bytes", Type: CountSetting, Meaning: "how many bytes of the body still pass (half of it)"},
		},
		New: func() Fault { return &TruncatedBody{} }}
}

// Check implements Fault.
func (f *TruncatedBody) Check() error {
	switch {
	case f.How != "" && f.How != "cut" && f.How != "wrong-length":
		return fmt.Errorf("how %q is none of cut, wrong-length", f.How)
	case f.Bytes < 0:
		return errBytes
	default:
		return nil
	}
}

var errBytes = errors.New("bytes is a number and cannot be negative")

// NeedsBody says that there must be something to cut.
func (*TruncatedBody) NeedsBody() {}

// Bite implements MessageFault.
func (f *TruncatedBody) Bite(effect *Effect) {
	if f.How == "wrong-length" {
		effect.Cut = &Cut{After: f.Bytes, Body: true, Half: f.Bytes == 0, Orderly: true}
		return
	}
	effect.Damage = &Damage{Kind: DamageCut, At: f.Bytes}
}
