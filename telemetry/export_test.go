package telemetry

// NewSmallSpool is a spool that takes uploads of at most limit bytes.
func NewSmallSpool(limit int64) *Spool {
	spool := NewSpool()
	spool.limit = limit
	return spool
}
