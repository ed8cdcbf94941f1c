package roles

import (
	"encoding/json"
	"net/http"
	"sync"
)

// fulfilment is the service that the merchant tells to release goods. It does
// what a good one does: a repeated idempotency key is the same release. What
// it was told is on the record of its link.
type fulfilment struct {
	mu       sync.Mutex
	released map[string]bool
}

func newFulfilment() *fulfilment { return &fulfilment{released: map[string]bool{}} }

// ServeHTTP implements http.Handler.
func (f *fulfilment) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	key := r.Header.Get("Idempotency-Key")
	if r.Method != http.MethodPost || key == "" {
		http.Error(w, "want a POST with an Idempotency-Key", http.StatusBadRequest)
		return
	}
	f.mu.Lock()
	repeated := f.released[key]
	f.released[key] = true
	f.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{"state": "released", "repeated": repeated})
}
