package main

import (
	"bytes"
	"context"
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// host is WeChat Pay.
const host = "https://api.mch.weixin.qq.com"

// account is what WeChat Pay knows the shop by, and how both prove who they are.
type account struct {
	MchID, AppID, Serial, APIv3Key, PublicKeyID string
	private                                     *rsa.PrivateKey // signs what is sent
	public                                      *rsa.PublicKey  // proves what comes
}

func (a *account) keys(private, public []byte) error {
	block, _ := pem.Decode(private)
	if block == nil {
		return errors.New("WECHAT_KEY_FILE holds no PEM")
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return fmt.Errorf("WECHAT_KEY_FILE: %w", err)
	}
	if block, _ = pem.Decode(public); block == nil {
		return errors.New("WECHAT_PUBLIC_KEY_FILE holds no PEM")
	}
	theirs, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return fmt.Errorf("WECHAT_PUBLIC_KEY_FILE: %w", err)
	}
	var isPrivate, isPublic bool
	a.private, isPrivate = key.(*rsa.PrivateKey)
	a.public, isPublic = theirs.(*rsa.PublicKey)
	if !isPrivate || !isPublic {
		return errors.New("WeChat Pay's keys are RSA keys")
	}
	return nil
}

// client calls WeChat Pay.
type client struct {
	account
	settings
	http *http.Client
}

func newClient(s settings) *client {
	return &client{account: s.WeChat, settings: s, http: &http.Client{Timeout: s.Timers.Call,
		Transport: &http.Transport{Proxy: http.ProxyFromEnvironment, MaxIdleConnsPerHost: 64}}}
}

// refusal is an answer that WeChat Pay surely gave, and that is no success.
type refusal struct {
	Status  int
	Code    string `json:"code"`
	Message string `json:"message"`
}

func (r refusal) Error() string { return fmt.Sprintf("%d %s %s", r.Status, r.Code, r.Message) }

// final reports whether the same call will never be taken: it was understood, and
// neither the moment nor the other side's state was to blame.
func (r refusal) final() bool {
	return r.Status/100 == 4 && r.Status != http.StatusTooManyRequests && r.Status != http.StatusUnauthorized && r.Code != "SYSTEM_ERROR"
}

// isRefused reports whether an error is a refusal with this code.
func isRefused(err error, code string) bool {
	var r refusal
	return errors.As(err, &r) && r.Code == code
}

// call sends bytes and reads the answer into out. Any error that is not a refusal
// leaves open whether WeChat Pay acted.
func (c *client) call(ctx context.Context, method, path string, body []byte, out any) error {
	request, err := http.NewRequestWithContext(ctx, method, host+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	authorization, err := c.authorization(method, path, body, time.Now())
	if err != nil {
		return err
	}
	request.Header.Set("Authorization", authorization)
	request.Header.Set("Accept", "application/json")
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Wechatpay-Serial", c.PublicKeyID)
	answer, err := c.http.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, 1<<20))
	if err != nil {
		return err
	}
	if err := c.verify(answer.Header, text, time.Now()); err != nil {
		return fmt.Errorf("answer %d: %w", answer.StatusCode, err)
	}
	switch {
	case answer.StatusCode/100 != 2:
		refused := refusal{Status: answer.StatusCode}
		_ = json.Unmarshal(text, &refused) // a body that says nothing is a refusal all the same
		return refused
	case out == nil || len(text) == 0:
		return nil
	default:
		return json.Unmarshal(text, out)
	}
}

// authorization signs a request.
func (c *client) authorization(method, path string, body []byte, now time.Time) (string, error) {
	var random [16]byte
	if _, err := rand.Read(random[:]); err != nil {
		return "", err
	}
	nonce, timestamp := hex.EncodeToString(random[:]), strconv.FormatInt(now.Unix(), 10)
	signature, err := sign(c.private, method, path, timestamp, nonce, string(body))
	if err != nil {
		return "", err
	}
	return fmt.Sprintf(`WECHATPAY2-SHA256-RSA2048 mchid="%s",nonce_str="%s",signature="%s",timestamp="%s",serial_no="%s"`,
		c.MchID, nonce, signature, timestamp, c.Serial), nil
}

// sign signs lines, each with its end.
func sign(key *rsa.PrivateKey, lines ...string) (string, error) {
	sum := sha256.Sum256([]byte(strings.Join(lines, "\n") + "\n"))
	signature, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:])
	return base64.StdEncoding.EncodeToString(signature), err
}

// mostSkew is how old a signature may be.
const mostSkew = 5 * time.Minute

var errNotProven = errors.New("not proven to be from WeChat Pay")

// verify proves that a message is WeChat Pay's, and fresh.
func (c *client) verify(header http.Header, body []byte, now time.Time) error {
	timestamp, nonce := header.Get("Wechatpay-Timestamp"), header.Get("Wechatpay-Nonce")
	seconds, err := strconv.ParseInt(timestamp, 10, 64)
	if err != nil || header.Get("Wechatpay-Serial") != c.PublicKeyID {
		return errNotProven
	}
	if age := now.Sub(time.Unix(seconds, 0)); age > mostSkew || age < -mostSkew {
		return fmt.Errorf("%w: it is stale", errNotProven)
	}
	signature, err := base64.StdEncoding.DecodeString(header.Get("Wechatpay-Signature"))
	if err != nil {
		return errNotProven
	}
	sum := sha256.Sum256([]byte(timestamp + "\n" + nonce + "\n" + string(body) + "\n"))
	if rsa.VerifyPKCS1v15(c.public, crypto.SHA256, sum[:], signature) != nil {
		return errNotProven
	}
	return nil
}

// trade is a payment as WeChat Pay sees it.
type trade struct {
	AppID         string `json:"appid"`
	MchID         string `json:"mchid"`
	OutTradeNo    string `json:"out_trade_no"`
	TransactionID string `json:"transaction_id"`
	TradeState    string `json:"trade_state"`
	Amount        struct {
		Total    int64  `json:"total"`
		Currency string `json:"currency"`
	} `json:"amount"`
}

// back is a refund as WeChat Pay sees it.
type back struct {
	MchID        string `json:"mchid"`
	OutTradeNo   string `json:"out_trade_no"`
	OutRefundNo  string `json:"out_refund_no"`
	RefundID     string `json:"refund_id"`
	Status       string `json:"status"`        // in answers
	RefundStatus string `json:"refund_status"` // in notifications
}

// prepay asks for a code. The bytes of one payment are always the same, so that
// WeChat Pay takes a repetition for what it is.
func (c *client) prepay(ctx context.Context, p payment, o order) (code string, err error) {
	body, err := json.Marshal(map[string]any{"appid": c.AppID, "mchid": c.MchID, "description": o.Description, "out_trade_no": p.ID,
		"notify_url": c.PublicURL + "/wechat/notify", "amount": map[string]any{"total": o.Total, "currency": "CNY"}})
	if err != nil {
		return "", err
	}
	var answer struct {
		CodeURL string `json:"code_url"`
	}
	err = c.call(ctx, http.MethodPost, "/v3/pay/transactions/native", body, &answer)
	return answer.CodeURL, err
}

func (c *client) query(ctx context.Context, outTradeNo string) (trade, error) {
	var answer trade
	err := c.call(ctx, http.MethodGet, "/v3/pay/transactions/out-trade-no/"+outTradeNo+"?mchid="+c.MchID, nil, &answer)
	if err == nil && (answer.OutTradeNo != outTradeNo || answer.MchID != c.MchID) {
		err = errors.New("the answer is about another payment")
	}
	return answer, err
}

func (c *client) close(ctx context.Context, outTradeNo string) error {
	body, err := json.Marshal(map[string]string{"mchid": c.MchID})
	if err != nil {
		return err
	}
	return c.call(ctx, http.MethodPost, "/v3/pay/transactions/out-trade-no/"+outTradeNo+"/close", body, nil)
}

func (c *client) refund(ctx context.Context, r refund, total int64) (back, error) {
	body, err := json.Marshal(map[string]any{"out_trade_no": r.PaymentID, "out_refund_no": r.ID, "notify_url": c.PublicURL + "/wechat/notify",
		"amount": map[string]any{"refund": r.Amount, "total": total, "currency": "CNY"}})
	if err != nil {
		return back{}, err
	}
	var answer back
	err = c.call(ctx, http.MethodPost, "/v3/refund/domestic/refunds", body, &answer)
	return answer, c.about(answer, r, err)
}

func (c *client) queryRefund(ctx context.Context, r refund) (back, error) {
	var answer back
	err := c.call(ctx, http.MethodGet, "/v3/refund/domestic/refunds/"+r.ID, nil, &answer)
	return answer, c.about(answer, r, err)
}

func (c *client) about(answer back, r refund, err error) error {
	if err == nil && (answer.OutRefundNo != r.ID || answer.OutTradeNo != r.PaymentID) {
		return errors.New("the answer is about another refund")
	}
	return err
}

// notice is a notification, opened.
type notice struct {
	Kind   string // transaction or refund
	Trade  trade
	Refund back
}

// open proves and decrypts a notification.
func (c *client) open(header http.Header, body []byte) (notice, error) {
	if err := c.verify(header, body, time.Now()); err != nil {
		return notice{}, err
	}
	var sealed struct {
		Resource struct {
			Algorithm      string `json:"algorithm"`
			Ciphertext     string `json:"ciphertext"`
			AssociatedData string `json:"associated_data"`
			OriginalType   string `json:"original_type"`
			Nonce          string `json:"nonce"`
		} `json:"resource"`
	}
	if err := json.Unmarshal(body, &sealed); err != nil {
		return notice{}, err
	}
	r := sealed.Resource
	text, err := decrypt(c.APIv3Key, r.Nonce, r.AssociatedData, r.Ciphertext)
	if err != nil {
		return notice{}, err
	}
	opened := notice{Kind: r.OriginalType}
	if r.OriginalType == "refund" {
		err = json.Unmarshal(text, &opened.Refund)
	} else {
		err = json.Unmarshal(text, &opened.Trade)
	}
	return opened, err
}

// decrypt opens AES-256-GCM.
func decrypt(key, nonce, associated, ciphertext string) ([]byte, error) {
	sealed, err := base64.StdEncoding.DecodeString(ciphertext)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher([]byte(key))
	if err != nil {
		return nil, err
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		return nil, err
	}
	if len(nonce) != gcm.NonceSize() {
		return nil, errNotProven
	}
	return gcm.Open(nil, []byte(nonce), sealed, []byte(associated))
}
