package wechatpay

import (
	"context"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"sync"
	"time"

	"github.com/payquake/payquake/merchant/internal/clients"
)

// knownKey is one of the provider's keys with the time it is good for; a zero
// expiry is for ever.
type knownKey struct {
	public             *rsa.PublicKey
	effective, expires time.Time
}

// keys are the provider's keys by serial. A key stays until it expires: while
// certificates rotate, messages signed with the old one are still under way.
type keys struct {
	mu    sync.RWMutex
	known map[string]knownKey

	refreshing sync.Mutex // held while certificates are fetched; taken before mu
	lastTry    time.Time  // guarded by refreshing
}

func (k *keys) find(serial string, now time.Time) (*rsa.PublicKey, bool) {
	k.mu.RLock()
	defer k.mu.RUnlock()
	key, known := k.known[serial]
	if !known || (!key.expires.IsZero() && now.After(key.expires)) {
		return nil, false
	}
	return key.public, true
}

// newest is the serial of the certificate effective last, "" if there is none.
func (k *keys) newest() string {
	k.mu.RLock()
	defer k.mu.RUnlock()
	serial, effective := "", time.Time{}
	for candidate, key := range k.known {
		if key.effective.After(effective) {
			serial, effective = candidate, key.effective
		}
	}
	return serial
}

func (k *keys) add(fetched map[string]knownKey) {
	k.mu.Lock()
	defer k.mu.Unlock()
	joined := maps.Clone(k.known)
	maps.Copy(joined, fetched)
	k.known = joined
}

// refreshGap keeps strangers who send unknown serials from making us call, and
// refreshTimeout keeps a silent provider from holding up their answers: they
// are due within 5 s (section 5).
const (
	refreshGap     = time.Second
	refreshTimeout = 3 * time.Second
)

// refresh fetches the certificates, unless the wanted serial has come in
// meanwhile or the last try is too recent. A failure leaves the keys as they
// are: the message that wanted one does not verify, and will come again.
func (c *Client) refresh(ctx context.Context, wanted string) {
	c.keys.refreshing.Lock()
	defer c.keys.refreshing.Unlock()
	now := c.clock.Now()
	if _, known := c.keys.find(wanted, now); known {
		return
	}
	if wanted != "" && now.Sub(c.keys.lastTry) < refreshGap {
		return
	}
	c.keys.lastTry = now
	ctx, cancel := context.WithTimeout(ctx, refreshTimeout)
	defer cancel()
	fetched, err := c.fetchCertificates(ctx)
	if err != nil {
		slog.Warn("fetch platform certificates", "error", err)
		return
	}
	c.keys.add(fetched)
}

// certificateList is the answer of GET /v3/certificates (section 2.4).
type certificateList struct {
	Data []struct {
		SerialNo           string `json:"serial_no"`
		EffectiveTime      string `json:"effective_time"`
		ExpireTime         string `json:"expire_time"`
		EncryptCertificate sealed `json:"encrypt_certificate"`
	} `json:"data"`
}

// fetchCertificates downloads the certificates. They prove themselves: only
// the provider has the APIv3 key they are encrypted with, and the answer must
// be signed by one of them or by a key we know.
func (c *Client) fetchCertificates(ctx context.Context) (map[string]knownKey, error) {
	response, err := c.exchange(ctx, http.MethodGet, "/v3/certificates", "")
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return nil, fmt.Errorf("read certificates: %w", err)
	}
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("certificates answered %s: %.200s", response.Status, body)
	}
	fetched, err := c.readCertificates(body)
	if err != nil {
		return nil, err
	}
	serial := response.Header.Get("Wechatpay-Serial")
	public, known := c.keys.find(serial, c.clock.Now())
	if inside, found := fetched[serial]; found && !known {
		public, known = inside.public, true
	}
	if !known {
		return nil, fmt.Errorf("certificates signed by %.64q: %w", serial, errUnknown)
	}
	if err := c.fresh(response.Header.Get("Wechatpay-Timestamp")); err != nil {
		return nil, err
	}
	return fetched, checkSignature(public, response.Header, body)
}

func (c *Client) readCertificates(body []byte) (map[string]knownKey, error) {
	var list certificateList
	if err := json.Unmarshal(body, &list); err != nil {
		return nil, fmt.Errorf("read certificates: %w", err)
	}
	fetched := make(map[string]knownKey, len(list.Data))
	for _, entry := range list.Data {
		text, err := entry.EncryptCertificate.open(c.config.APIv3Key)
		if err != nil {
			return nil, fmt.Errorf("open certificate %.64q: %w", entry.SerialNo, err)
		}
		public, err := clients.PublicKey(string(text))
		if err != nil {
			return nil, fmt.Errorf("read certificate %.64q: %w", entry.SerialNo, err)
		}
		key := knownKey{public: public}
		if key.effective, err = time.Parse(time.RFC3339, entry.EffectiveTime); err != nil {
			return nil, fmt.Errorf("read effective_time of %.64q: %w", entry.SerialNo, err)
		}
		if key.expires, err = time.Parse(time.RFC3339, entry.ExpireTime); err != nil {
			return nil, fmt.Errorf("read expire_time of %.64q: %w", entry.SerialNo, err)
		}
		fetched[entry.SerialNo] = key
	}
	return fetched, nil
}
