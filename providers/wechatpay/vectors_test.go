package wechatpay

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/payquake/payquake/providers/keys"
)

// The worked vectors of protocol wechatpay §10: one TEST-ONLY key plays
// merchant and platform. PKCS#1 v1.5 is deterministic, so strings are compared.

type vector struct{ Message, Signature, Plain, Body, Sealed string }

const vectorAPIKey = "payquakeTESTONLYapiv3key00000001"

func vectors(t testing.TB) (map[string]vector, *rsa.PrivateKey) {
	t.Helper()
	raw, err := os.ReadFile("testdata/vectors.json")
	require.NoError(t, err)
	var read map[string]vector
	require.NoError(t, json.Unmarshal(raw, &read))
	text, err := os.ReadFile("testdata/TEST-ONLY-key.pem")
	require.NoError(t, err)
	key, err := keys.ReadPrivate(string(text))
	require.NoError(t, err)
	return read, key
}

func TestVectors_Signatures(t *testing.T) {
	read, key := vectors(t)
	r1, r2, p1 := read["R1"].Message, read["R2"].Message, read["P1"].Message
	body := r1[strings.Index(r1, "{") : len(r1)-1]
	require.Equal(t, "4646c745a21a0fead1e306009151744acdcccde9d3d51ff9edd1c1fc74c4145b", digestOf(body))
	built := map[string]string{
		"R1": requestMessage("POST", "/v3/pay/transactions/native", "1767225600", "593BEC0C930BF1AFEB40B4A08C8FB242", []byte(body)),
		"R2": requestMessage("GET", "/v3/pay/transactions/out-trade-no/PQ20260101000001?mchid=1900000109", "1767225601",
			"593BEC0C930BF1AFEB40B4A08C8FB243", nil),
		"P1": answerMessage("1767225602", "c5ac7061fccab6bf3e254dcf98995b8c", []byte(`{"code_url":"weixin://wxpay/bizpayurl?pr=PQmock0001"}`)),
		"P2": answerMessage("1767225603", "d824f2e086d3c1df967785d13fcd22ef", nil),
		"J1": handover{appID: "wxd678efh567hg6787", timestamp: "1767225600", nonce: "593BEC0C930BF1AFEB40B4A08C8FB242",
			prepayID: "wx201410272009395522657a690389285100"}.message(),
	}
	require.Len(t, r1, 287)
	require.Len(t, r2, 117)
	require.Len(t, p1, 98)
	fast, err := keys.Of(key.Primes).Signer() // the two-prime case of our own signer
	require.NoError(t, err)
	for name, message := range built {
		require.Equal(t, read[name].Message, message, name)
		ours, err := keys.Sign(fast, message)
		require.NoError(t, err)
		require.Equal(t, read[name].Signature, ours, name)
		require.True(t, keys.Verifies(&key.PublicKey, message, ours), name)
	}
	app := handover{appID: "wxd678efh567hg6787", timestamp: "1767225600", nonce: "593BEC0C930BF1AFEB40B4A08C8FB242",
		prepayID: "wx201410272009395522657a690389285100", fromApp: true}.message()
	require.Len(t, app, 100)
	signed, err := keys.Sign(key, app)
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(signed, "TTIpFRLfaIQ2DoLk4XNfzK7Tom6bmNNw") && strings.HasSuffix(signed, "n4cCN9ezq07Z8w=="), "A1")
}

func digestOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

func TestVectors_Notification(t *testing.T) {
	read, key := vectors(t)
	n1 := read["N1"]
	require.Len(t, n1.Plain, 420)
	require.Equal(t, "1ca9d87f6d6c7fca8ef6635970e1bdd0c5bc803b0961e7105f9bc82781d387ef", digestOf(n1.Body))
	message := answerMessage("1767225606", "EcITOUKyl8qSkfz1fQxVZ5sRNwCwgnOw", []byte(n1.Body))
	require.Len(t, message, 942)
	ours, err := keys.Sign(key, message)
	require.NoError(t, err)
	require.Equal(t, n1.Signature, ours)

	var read1 envelope
	require.NoError(t, json.Unmarshal([]byte(n1.Body), &read1))
	plain, err := unseal(vectorAPIKey, read1.Resource.Nonce, read1.Resource.AssociatedData, read1.Resource.Ciphertext)
	require.NoError(t, err)
	require.Equal(t, n1.Plain, string(plain))
	sealed, err := seal(vectorAPIKey, "fdasflkja484", "transaction", plain)
	require.NoError(t, err)
	require.Equal(t, read1.Resource.Ciphertext, sealed)

	// Our own encoders write the same bytes: member order, no HTML escapes.
	require.Equal(t, n1.Body, string(encode(read1)))
	var trade transaction
	require.NoError(t, json.Unmarshal(plain, &trade))
	require.Equal(t, n1.Plain, string(encode(trade)))
}

func TestVectors_Sealing(t *testing.T) {
	sealed, err := seal(vectorAPIKey, "0123456789ab", "certificate", []byte("-----BEGIN CERTIFICATE-----\nTEST\n-----END CERTIFICATE-----\n"))
	require.NoError(t, err)
	require.Equal(t, "u95Zsq3+fhO7YRp3Ll6FeW7ylam/HW/HFukuwf0HaJqX0K6h8zeOxl9yMxYvaDp9qhTu6D5mJo3j+FKd6tH23mZc6yBGHUwVkaEq", sealed)
	sealed, err = seal(vectorAPIKey, "0123456789ab", "", []byte("x"))
	require.NoError(t, err)
	require.Equal(t, "7jRYuFPrxXTBm82TJ46k3jI=", sealed)
	_, err = seal(vectorAPIKey, "short", "", nil)
	require.ErrorIs(t, err, errUnsealable)
	_, err = unseal("short key", "0123456789ab", "", sealed)
	require.ErrorIs(t, err, errUnsealable)
}

// O1 is decrypt-only. No call in scope carries an encrypted member; the vector
// keeps the test key honest for the day one does.
func TestVectors_SensitiveMember(t *testing.T) {
	read, key := vectors(t)
	raw, err := base64.StdEncoding.DecodeString(read["O1"].Sealed)
	require.NoError(t, err)
	plain, err := rsa.DecryptOAEP(sha1.New(), rand.Reader, key, raw, nil)
	require.NoError(t, err)
	require.Equal(t, "张三-6225760008219524", string(plain))
}
