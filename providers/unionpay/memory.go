package unionpay

import (
	"net/url"
	"sync"

	"github.com/payquake/payquake/payment"
)

// memory is what a dialect must remember of earlier messages: a UnionPay
// message names a payment by its queryId alone where others name both sides'
// references, and a refund's orderId does not look different from a payment's.
// Each part keeps the latest so many; what is older is forgotten, and messages
// about it say less.
type memory struct {
	mu       sync.Mutex
	notifyAt map[string]string // by merId: where it last wanted to be notified
	origins  recent            // the orderId of a payment, by its queryId
	undone   recent            // the queryId of the original, by merId/orderId of a refund or void
	kinds    recent            // refund or void, likewise
}

// remembered is how many refunds and payments a dialect keeps in mind.
const remembered = 100_000

func newMemory() *memory {
	return &memory{notifyAt: map[string]string{}, origins: newRecent(), undone: newRecent(), kinds: newRecent()}
}

// recent is a map that forgets what was put in first.
type recent struct {
	values map[string]string
	order  []string
}

func newRecent() recent { return recent{values: map[string]string{}} }

// put keeps a value, and forgets the oldest beyond the limit.
func (r *recent) put(key, value string) {
	if key == "" || value == "" {
		return
	}
	if _, known := r.values[key]; !known {
		r.order = append(r.order, key)
	}
	r.values[key] = value
	if len(r.order) > remembered {
		delete(r.values, r.order[0])
		r.order = r.order[1:]
	}
}

// notified keeps where a merchant wants to be notified, for forgeries about
// payments that name no address.
func (m *memory) notified(merID, backURL string) {
	if read, err := url.Parse(backURL); err != nil || read.Host == "" || merID == "" {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.notifyAt[merID] = backURL
}

// address is where a merchant last wanted to be notified.
func (m *memory) address(merID string) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.notifyAt[merID]
}

// paid keeps which order a queryId stands for.
func (m *memory) paid(queryID, orderID string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.origins.put(queryID, orderID)
}

// origin is the order that a queryId stands for, as far as it is known.
func (m *memory) origin(queryID string) payment.MerchantReference {
	m.mu.Lock()
	defer m.mu.Unlock()
	return payment.MerchantReference(m.origins.values[queryID])
}

// undoing keeps that an orderId is a refund's or a void's.
func (m *memory) undoing(v fields) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.kinds.put(v["merId"]+"/"+v["orderId"], string(v.transaction()))
	m.undone.put(v["merId"]+"/"+v["orderId"], v["origQryId"])
	m.origins.put(v["origQryId"], v["origOrderId"])
}

// kind is what an orderId was seen as: refund, void, or nothing, which is a
// payment. original is the queryId of what it undoes.
func (m *memory) kind(v fields) (kind transaction, original string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	key := v["merId"] + "/" + v["orderId"]
	return transaction(m.kinds.values[key]), m.undone.values[key]
}
