package keys

import (
	"crypto/rand"
	"encoding/hex"
)

// Identifiers and nonces need no seed: nothing of a plan depends on them.

// Random is n random bytes. It cannot fail: since Go 1.24 the system's
// generator either answers or ends the program.
func Random(n int) []byte {
	made := make([]byte, n)
	_, _ = rand.Read(made)
	return made
}

// Hex is n hexadecimal digits, n even.
func Hex(n int) string { return hex.EncodeToString(Random(n / 2)) }

// Digits is n decimal digits. That a byte modulo ten favours some is of no
// consequence here.
func Digits(n int) string { return from("0123456789", n) }

// Letters is n letters and digits, as nonces and code URLs have them.
func Letters(n int) string {
	return from("ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz0123456789", n)
}

func from(alphabet string, n int) string {
	made := Random(n)
	for i, b := range made {
		made[i] = alphabet[int(b)%len(alphabet)]
	}
	return string(made)
}
