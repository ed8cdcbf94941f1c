package keys

import (
	"math/big"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestKeys_ManyPrimesSignAsOrdinaryOnes(t *testing.T) {
	for name, generate := range map[string]func() (Key, error){"many primes": GenerateFast, "standard": GenerateStandard} {
		t.Run(name, func(t *testing.T) {
			key, err := generate()
			require.NoError(t, err)
			pair, err := key.Signer()
			require.NoError(t, err)
			require.Equal(t, 2048, pair.Key().N.BitLen())
			for range 20 {
				message := Letters(50)
				signature, err := Sign(pair, message)
				require.NoError(t, err)
				require.True(t, Verifies(pair.Key(), message, signature))
				require.False(t, Verifies(pair.Key(), message+".", signature))
			}
		})
	}
}

func TestKeys_BadOnesAreRefused(t *testing.T) {
	good, err := GenerateFast()
	require.NoError(t, err)
	for name, primes := range map[string][]string{
		"none": nil, "too few": good.Primes[:7], "no number": {"xyz"}, "no prime": {"10"}, "one twice": {good.Primes[0], good.Primes[0]},
		"no private exponent": {big.NewInt(65537*2 + 1).Text(16)},
	} {
		_, err := Key{Primes: primes}.Signer()
		require.Error(t, err, name)
	}
}

func TestPEM_WhatIsWrittenIsRead(t *testing.T) {
	pair, err := NewPair()
	require.NoError(t, err)
	private, err := ReadPrivate(pair.Private)
	require.NoError(t, err)
	require.True(t, private.Equal(pair.Key))
	public, err := ReadPublic(pair.Public)
	require.NoError(t, err)
	require.True(t, public.Equal(&pair.Key.PublicKey))
	for _, bad := range []string{"", "no PEM", PEM("PUBLIC KEY", []byte("no key"))} {
		_, err := ReadPublic(bad)
		require.Error(t, err)
		_, err = ReadPrivate(bad)
		require.Error(t, err)
		_, _, err = CertificateKey(bad)
		require.Error(t, err)
	}
}

func TestBroken_IsNeverTheSignature(t *testing.T) {
	key, err := GenerateFast()
	require.NoError(t, err)
	pair, err := key.Signer()
	require.NoError(t, err)
	signature, err := Sign(pair, "message")
	require.NoError(t, err)
	require.Len(t, Broken(signature), len(signature))
	require.False(t, Verifies(pair.Key(), "message", Broken(signature)))
	require.NotEqual(t, "no base64!", Broken("no base64!"))
}
