package faults

import "errors"

// QueryLag lets the provider's query say unpaid for a while after the capture.
// A close is never fooled by it.
type QueryLag struct {
	Queries int `json:"queries,omitempty"` // 1 if unset
}

func queryLag() Definition {
	return Definition{Name: "query-lag", Kind: OnPayment, Class: Legal,
		Experience: "The first queries after the capture still say unpaid.",
		Example:    "{fault: query-lag, payment: provider, queries: 2}",
		Settings:   []Setting{{Name: "queries", Type: CountSetting, Meaning: "how many queries are behind (1)"}},
		New:        func() Fault { return &QueryLag{} }}
}

// Check implements Fault.
func (f *QueryLag) Check() error {
	if f.Queries < 0 || f.Queries > 20 {
		return errors.New("queries is a number from 1 to 20")
	}
	return nil
}

// Bend implements Behaviour.
func (f *QueryLag) Bend(conduct *Conduct) { conduct.QueryLag = max(f.Queries, 1) }
