package keys

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/big"
)

// Key is a private RSA-2048 key, kept as its primes in hexadecimal.
//
// A key with many small primes signs by the Chinese remainder theorem about
// four times faster than an ordinary one, and signing is what bounds how many
// trials a run can do. Its public half is an ordinary RSA-2048 key that any
// client verifies with. The modulus of such a key can be factored by anyone
// with patience: it is TEST ONLY, generated per run, and never taken from
// outside.
type Key struct {
	Primes []string `json:"primes"`
}

// Bits is the length of every key's modulus.
const Bits = 2048

// The shape of fast keys.
const (
	fastPrimes   = 8 // 8 of 256 bits: 0.25 ms a signature
	exponent     = 65537
	trialsByMR   = 20 // Miller-Rabin rounds beside Baillie-PSW
	primeBytes   = Bits / fastPrimes / 8
	topPrimeBits = 0xf8 // a prime is at least 31/32 of its range: eight of them still fill 2048 bits
)

// GenerateFast makes a key with many primes.
func GenerateFast() (Key, error) {
	primes := make([]*big.Int, 0, fastPrimes)
	for len(primes) < fastPrimes {
		prime, err := fastPrime()
		if err != nil {
			return Key{}, fmt.Errorf("find a prime: %w", err)
		}
		if !contains(primes, prime) {
			primes = append(primes, prime)
		}
	}
	return Of(primes), nil
}

// GenerateStandard makes an ordinary key.
func GenerateStandard() (Key, error) {
	made, err := rsa.GenerateKey(rand.Reader, Bits)
	if err != nil {
		return Key{}, fmt.Errorf("generate an RSA key: %w", err)
	}
	return Of(made.Primes), nil
}

// Of keeps the primes of a key.
func Of(primes []*big.Int) Key {
	key := Key{Primes: make([]string, len(primes))}
	for i, prime := range primes {
		key.Primes[i] = prime.Text(16)
	}
	return key
}

// fastPrime searches upward from a random odd number with its top bits set. A
// prime p with 65537 dividing p-1 would have no private exponent.
func fastPrime() (*big.Int, error) {
	start := make([]byte, primeBytes)
	if _, err := io.ReadFull(rand.Reader, start); err != nil {
		return nil, err
	}
	start[0] |= topPrimeBits
	start[primeBytes-1] |= 1
	candidate, two := new(big.Int).SetBytes(start), big.NewInt(2)
	rest, e := new(big.Int), big.NewInt(exponent)
	for ; candidate.BitLen() == primeBytes*8; candidate.Add(candidate, two) {
		before := new(big.Int).Sub(candidate, big.NewInt(1))
		if candidate.ProbablyPrime(trialsByMR) && rest.Mod(before, e).Sign() != 0 {
			return candidate, nil
		}
	}
	return fastPrime()
}

// contains guards against one prime twice: the modulus would then not be
// square-free, and the theorem would not hold.
func contains(primes []*big.Int, prime *big.Int) bool {
	for _, known := range primes {
		if known.Cmp(prime) == 0 {
			return true
		}
	}
	return false
}

// Signer signs with a key of any number of primes. It implements
// crypto.Signer, so that certificates can be made with it.
type Signer struct {
	public rsa.PublicKey
	crt    []residue
}

// residue is what the Chinese remainder theorem needs of one prime: to sign
// modulo it, and to lift the result into the product of the primes before it.
type residue struct {
	prime, exponent *big.Int
	product         *big.Int // of the primes before
	inverse         *big.Int // of product, modulo prime
}

// ErrBadKey says that primes do not make an RSA-2048 key.
var ErrBadKey = errors.New("not the primes of an RSA-2048 key")

// Signer prepares the key for use. It fails when the primes are not those of
// an RSA-2048 key.
func (k Key) Signer() (*Signer, error) {
	e, one, product := big.NewInt(exponent), big.NewInt(1), big.NewInt(1)
	made := &Signer{}
	for _, text := range k.Primes {
		prime, ok := new(big.Int).SetString(text, 16)
		if !ok || prime.Cmp(one) <= 0 || !prime.ProbablyPrime(0) {
			return nil, ErrBadKey
		}
		r := residue{prime: prime, product: new(big.Int).Set(product),
			exponent: new(big.Int).ModInverse(e, new(big.Int).Sub(prime, one)),
			inverse:  new(big.Int).ModInverse(product, prime)}
		if r.exponent == nil || r.inverse == nil {
			return nil, ErrBadKey
		}
		made.crt = append(made.crt, r)
		product.Mul(product, prime)
	}
	if product.BitLen() != Bits {
		return nil, ErrBadKey
	}
	made.public = rsa.PublicKey{N: product, E: exponent}
	return made, nil
}

// Key is the public half.
func (s *Signer) Key() *rsa.PublicKey { return &s.public }

// Public implements crypto.Signer.
func (s *Signer) Public() crypto.PublicKey { return &s.public }

// Sign implements crypto.Signer for SHA-256 with PKCS#1 v1.5, the one
// algorithm of the protocol.
func (s *Signer) Sign(_ io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	if opts.HashFunc() != crypto.SHA256 || len(digest) != sha256.Size {
		return nil, errors.New("only SHA-256 with PKCS#1 v1.5 is signed")
	}
	return s.power(padded(digest)).FillBytes(make([]byte, Bits/8)), nil
}

// padded is a digest as PKCS#1 v1.5 encodes it for a 2048-bit key.
func padded(digest []byte) *big.Int {
	const sha256Info = "\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x20"
	encoded := make([]byte, Bits/8)
	encoded[1] = 1
	hashed := len(encoded) - len(digest)
	info := hashed - len(sha256Info)
	for i := 2; i < info-1; i++ {
		encoded[i] = 0xff
	}
	copy(encoded[info:], sha256Info)
	copy(encoded[hashed:], digest)
	return new(big.Int).SetBytes(encoded)
}

// power is message to the private exponent: Garner's recombination adds, for
// each prime, what is missing modulo it as a multiple of the earlier primes.
func (s *Signer) power(message *big.Int) *big.Int {
	result, part := new(big.Int), new(big.Int)
	for _, r := range s.crt {
		root := new(big.Int).Mod(message, r.prime)
		root.Exp(root, r.exponent, r.prime)
		part.Sub(root, result).Mul(part, r.inverse).Mod(part, r.prime)
		result.Add(result, part.Mul(part, r.product))
	}
	return result
}

// Stranger makes a key that no party of a run knows. It fails as GenerateFast
// does.
func Stranger() (*Signer, error) {
	key, err := GenerateFast()
	if err != nil {
		return nil, err
	}
	return key.Signer()
}
