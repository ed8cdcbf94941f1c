package unionpay

import (
	"crypto/x509"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/payquake/payquake/providers/keys"
)

// The worked vectors of protocol unionpay §6: one TEST-ONLY key plays merchant
// and platform. PKCS#1 v1.5 is deterministic, so strings are compared.

type vector struct {
	Message, Hex, HexWithLF, Signature, Sealed string
}

func vectors(t testing.TB) (read map[string]vector, key, certificate string) {
	t.Helper()
	file := func(name string) string {
		text, err := os.ReadFile("testdata/" + name)
		require.NoError(t, err)
		return string(text)
	}
	require.NoError(t, json.Unmarshal([]byte(file("vectors.json")), &read))
	return read, file("TEST-ONLY-key.pem"), file("TEST-ONLY-certificate.pem")
}

func TestVectors_Request(t *testing.T) {
	read, pem, certificate := vectors(t)
	key, err := keys.ReadPrivate(pem)
	require.NoError(t, err)
	one := read["request"]
	require.Len(t, one.Message, 292)
	values, err := plain.parse(one.Message)
	require.NoError(t, err)
	require.Equal(t, one.Message, values.signed(), "sorted as it stands")
	require.Equal(t, one.Hex, digest(values.signed()))
	signature, err := values.sign(key)
	require.NoError(t, err)
	require.Equal(t, one.Signature, signature)

	parsed, public, err := keys.CertificateKey(certificate)
	require.NoError(t, err)
	require.Equal(t, "69678957876", parsed.SerialNumber.String())
	who := &account{Merchant: Merchant{MerID: values["merId"], CertID: "69678957876", SecureKey: "payquake-test-secure-key"}, key: public}
	values["signature"] = signature
	require.True(t, who.proves(values))
	values["extra"] = ""
	require.False(t, who.proves(values), "a field that the merchant did not sign, also an empty one")
	delete(values, "extra")

	delete(values, "certId")
	values["signMethod"] = bySecureKey
	require.Equal(t, one.Sealed, values.seal("payquake-test-secure-key"))
	values["signature"] = one.Sealed
	require.True(t, who.proves(values))
	values["signature"] = strings.ToUpper(one.Sealed)
	require.False(t, who.proves(values))
}

func TestVectors_Answer(t *testing.T) {
	read, pem, certificate := vectors(t)
	key, err := keys.ReadPrivate(pem)
	require.NoError(t, err)
	inline := onWire(certificate)
	require.Len(t, inline, 846)
	require.Equal(t, "714dc5836ffc5fa9bd39319a1bd7caf047f81f9d7f42715ac30bd80ce8015f49", digest(inline))
	require.Equal(t, inline, onWire(inline), "once more changes nothing")

	two := read["answer"]
	message := strings.Replace(two.Message, "<PEM>", inline, 1)
	require.Len(t, message, 1256)
	values, err := plain.parse(message)
	require.NoError(t, err)
	require.Equal(t, two.Hex, digest(values.signed()))
	signature, err := values.sign(key)
	require.NoError(t, err)
	require.Equal(t, two.Signature, signature)
	values["signature"] = signature
	require.Equal(t, message+"&signature="+signature, string(plain.write(values)), "the wire is what is signed, and the signature")

	values["signPubKeyCert"] = strings.ReplaceAll(inline, "\r\n", "\n")
	require.Equal(t, two.HexWithLF, digest(values.signed()), "the certificate is signed byte for byte")
}

// What is empty is neither sent nor signed: some clients drop it before they
// verify, others do not (§4).
func TestSign_LeavesEmptyValuesOut(t *testing.T) {
	b := open(t, nil)
	values := fields{"merId": b.merchant.MerID, "signMethod": "01", "reqReserved": "", "orderId": "order0001"}
	require.NoError(t, b.provider.ring.sign(values))
	sent := split(string(plain.write(values)))
	require.NotContains(t, sent, "reqReserved")
	require.True(t, b.believes(sent))
}

// The identity that poses in the vectors is believed where its certificate is
// the root, and nowhere else.
func TestVectors_Trust(t *testing.T) {
	_, _, certificate := vectors(t)
	parsed, _, err := keys.CertificateKey(certificate)
	require.NoError(t, err)
	ring := &keyring{roots: x509.NewCertPool(), middles: x509.NewCertPool()}
	at := parsed.NotBefore.AddDate(6, 0, 0)
	_, _, err = ring.trusted(onWire(certificate), at)
	require.ErrorIs(t, err, errUntrusted)
	ring.roots.AddCert(parsed)
	_, _, err = ring.trusted(onWire(certificate), at)
	require.NoError(t, err)
	_, _, err = ring.trusted(onWire(certificate), parsed.NotAfter.AddDate(0, 0, 1))
	require.ErrorIs(t, err, errUntrusted)
	_, _, err = ring.trusted("no certificate", at)
	require.ErrorIs(t, err, errUntrusted)
}
