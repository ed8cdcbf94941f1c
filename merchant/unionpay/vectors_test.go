package unionpay

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/payquake/payquake/merchant"
	"github.com/payquake/payquake/payment"
)

// TestVectors_V1Request: the fields of a request, their digest and signature,
// byte for byte.
func TestVectors_V1Request(t *testing.T) {
	v := vectors(t)["V1"]
	c := newClient(t, testConfig(t), nil, fixed(now))
	f, err := parsePairs(v[0])
	require.NoError(t, err)
	require.Equal(t, v[1], f.digest())
	require.NoError(t, c.sign(f))
	require.Equal(t, v[2], f["signature"])
	require.Equal(t, v[1], f.digest(), "the signature is no part of what it signs")
}

// vector2 is the answer of vector 2, with its lines of PEM joined as given.
func vector2(tb testing.TB, name, joint string) string {
	tb.Helper()
	certificate := strings.ReplaceAll(carried(file(tb, "certificate")), "\r\n", joint)
	return strings.Replace(vectors(tb)[name][0], "<PEM>", certificate, 1)
}

func TestVectors_V2Answer(t *testing.T) {
	pem := sha256.Sum256([]byte(carried(file(t, "certificate"))))
	require.Equal(t, "714dc5836ffc5fa9bd39319a1bd7caf047f81f9d7f42715ac30bd80ce8015f49", hex.EncodeToString(pem[:]))
	for name, joint := range map[string]string{"V2": "\r\n", "V2-LF": "\n"} {
		f, err := parsePairs(vector2(t, name, joint))
		require.NoError(t, err)
		require.Equal(t, vectors(t)[name][1], f.digest(), name)
	}
}

// TestVectors_V2Read: the certificate is signed byte for byte, so a line end
// written otherwise is another message.
func TestVectors_V2Read(t *testing.T) {
	signature := "&signature=" + vectors(t)["V2"][2]
	whole := vector2(t, "V2", "\r\n") + signature
	request := merchant.Request{Path: backPath, Body: "orderId=PQ20261123000001&txnTime=20261123140233&payTimeout=20261123141733"}
	asked := merchant.Asked{Reference: "PQ20261123000001", Method: payment.MethodCode, Request: request}
	for name, row := range map[string]struct {
		body    string
		outcome merchant.Outcome
	}{
		"as it came":          {whole, merchant.OK},
		"in another order":    {strings.TrimPrefix(signature, "&") + "&" + vector2(t, "V2", "\r\n"), merchant.OK},
		"LF in the PEM":       {vector2(t, "V2", "\n") + signature, merchant.Indeterminate},
		"another amount":      {strings.Replace(whole, "txnAmt=1001", "txnAmt=1002", 1), merchant.Indeterminate},
		"a pair more":         {whole + "&x=y", merchant.Indeterminate},
		"a pair twice":        {whole + "&txnAmt=1001", merchant.Indeterminate},
		"a pair without name": {whole + "&=1", merchant.Indeterminate},
		"no pair":             {whole + "&x", merchant.Indeterminate},
		"a line end more":     {whole + "\n", merchant.OK}, // base64 ignores it
		"unsigned":            {vector2(t, "V2", "\r\n"), merchant.Indeterminate},
		"percent-encoded":     {strings.ReplaceAll(whole, "+", "%2B"), merchant.Indeterminate},
	} {
		t.Run(name, func(t *testing.T) {
			c, seen := gateway(t, answer{whole: row.body})
			got := c.Query(context.Background(), asked)
			require.Equal(t, row.outcome, got.Outcome, got.Detail)
			require.Equal(t, "20261123140233", (*seen)[0].form.Get("txnTime"), "the time that the order was sent with")
			if row.outcome == merchant.OK {
				paid := got.Trade.PaidAt
				require.True(t, paid.Equal(time.Date(2026, 11, 23, 6, 2, 33, 0, time.UTC)), paid)
				require.Equal(t, merchant.Trade{Reference: "PQ20261123000001", ProviderReference: "512611231402335616528",
					Standing: merchant.Paid, Amount: payment.Fen(1001), PaidAt: paid}, got.Trade)
			}
		})
	}
}

// TestCertificates: whoever can make a certificate can sign a message with it.
// Only those that descend from the provider's root and bear its name count
// (section 5; section 16, defect 1).
func TestCertificates(t *testing.T) {
	const ours = "041@8310000000083040@中国银联股份有限公司@00016495"
	later := now.Add(time.Hour)
	root := issue(t, "root", true, nil, later)
	middle := issue(t, "middle", true, &root, later)
	foreignRoot := issue(t, "root", true, nil, later)
	config := testConfig(t)
	config.RootPEM, config.MiddlePEM = root.signer.certificate, middle.signer.certificate
	c := newClient(t, config, nil, fixed(now))
	for name, row := range map[string]struct {
		by     authority
		reason error
	}{
		"the provider's":            {issue(t, ours, false, &middle, later), nil},
		"straight from the root":    {issue(t, ours, false, &root, later), nil},
		"of a merchant":             {issue(t, "041@1234@某某商户有限公司@1", false, &middle, later), errCertificate},
		"the name in another part":  {issue(t, "中国银联股份有限公司@1@x@1", false, &middle, later), errCertificate},
		"the name alone":            {issue(t, "中国银联股份有限公司", false, &middle, later), errCertificate},
		"the name with more":        {issue(t, "041@1@中国银联股份有限公司x@1", false, &middle, later), errCertificate},
		"signed by itself":          {issue(t, ours, false, nil, later), errCertificate},
		"signed by itself, as a CA": {issue(t, ours, true, nil, later), errCertificate},
		"from a foreign root":       {issue(t, ours, false, &foreignRoot, later), errCertificate},
		"expired":                   {issue(t, ours, false, &middle, now.Add(-time.Second)), errCertificate},
	} {
		t.Run(name, func(t *testing.T) {
			pairs := row.by.signed(t, map[string]string{"merId": testMerchant, "txnType": "01", "orderId": "P0000001", "respCode": "00"})
			err := c.Verify(context.Background(), nil, posted(pairs))
			require.ErrorIs(t, err, row.reason)
			if row.reason == nil {
				pairs["signature"] = row.by.signature(t, map[string]string{"merId": testMerchant})
				require.ErrorIs(t, c.Verify(context.Background(), nil, posted(pairs)), errSignature)
				pairs["signature"] = "not base64"
				require.ErrorIs(t, c.Verify(context.Background(), nil, posted(pairs)), errSignature)
			}
		})
	}
	for name, certificate := range map[string]string{"none": "", "no PEM": "MIIC", "no certificate": "-----BEGIN CERTIFICATE-----\nMIIC\n-----END CERTIFICATE-----"} {
		require.ErrorIs(t, c.verify(fields{"signPubKeyCert": certificate, "signature": "AAAA"}), errCertificate, name)
	}
}

// TestParsePairs: what stands in braces or brackets is one value, ampersands
// included (section 4).
func TestParsePairs(t *testing.T) {
	f, err := parsePairs("a=1&reserved={x=1&y=[2&3]}&b=p=q&c=")
	require.NoError(t, err)
	require.Equal(t, fields{"a": "1", "reserved": "{x=1&y=[2&3]}", "b": "p=q", "c": ""}, f)
	for _, text := range []string{"", "a", "=1", "a=1&a=1", "a=1&&b=2", "<html>"} {
		_, err := parsePairs(text)
		require.Error(t, err, text)
	}
}
