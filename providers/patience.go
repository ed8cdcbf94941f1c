package providers

import (
	"context"
	"net/http"
	"sync"
)

// patienceKey is the key of a call's waits in its context.
type patienceKey struct{}

// waits are what an answer waits for.
type waits struct {
	mu      sync.Mutex
	pending []<-chan struct{}
}

// AnswerAfter has the answer to the call of ctx wait until done is closed or the
// caller is gone. It does nothing for calls that are not served Patiently.
func AnswerAfter(ctx context.Context, done <-chan struct{}) {
	if w, served := ctx.Value(patienceKey{}).(*waits); served {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.pending = append(w.pending, done)
	}
}

// Patiently serves calls whose answers may have to wait for something else to
// happen first, such as a notification that overtakes them.
func Patiently(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		waiting := &waits{}
		ctx := context.WithValue(r.Context(), patienceKey{}, waiting)
		next.ServeHTTP(&patientWriter{ResponseWriter: w, waiting: waiting, ctx: ctx}, r.WithContext(ctx))
	})
}

// patientWriter writes nothing before all waits are over.
type patientWriter struct {
	http.ResponseWriter
	waiting *waits
	ctx     context.Context
}

// WriteHeader implements http.ResponseWriter.
func (w *patientWriter) WriteHeader(status int) {
	w.await()
	w.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (w *patientWriter) Write(part []byte) (int, error) {
	w.await()
	return w.ResponseWriter.Write(part)
}

func (w *patientWriter) await() {
	w.waiting.mu.Lock()
	pending := w.waiting.pending
	w.waiting.pending = nil
	w.waiting.mu.Unlock()
	for _, done := range pending {
		select {
		case <-done:
		case <-w.ctx.Done():
		}
	}
}
