package assertions_test

import (
	"crypto/rand"
	"crypto/sha256"
	"math/big"
	"slices"
	"testing"
)

// largeRSA returns the modulus and the private exponent of a key of 8192 bits or
// almost, for the exponent 65537. It is of many primes, which are found faster.
func largeRSA(t *testing.T) (n, d *big.Int) {
	t.Helper()
	one := big.NewInt(1)
	for {
		phi := big.NewInt(1)
		n = big.NewInt(1)
		for range 8 {
			p, err := rand.Prime(rand.Reader, 1024)
			if err != nil {
				t.Fatal(err)
			}
			n.Mul(n, p)
			phi.Mul(phi, p.Sub(p, one))
		}
		if d = new(big.Int).ModInverse(big.NewInt(65537), phi); d != nil {
			return n, d
		}
	}
}

// The largest RSA keys that can be registered verify, too: the JOSE library would
// refuse to read them.
func TestLargeRSAKey(t *testing.T) {
	n, d := largeRSA(t)
	keys := parsed(t, map[string]any{"kty": "RSA", "e": "AQAB", "n": base64url.EncodeToString(n.Bytes())})
	input := unsigned(header(t, "RS256", nil), claims(t, nil))
	sum := sha256.Sum256([]byte(input))
	// EMSA-PKCS1-v1_5, RFC 8017 section 9.2.
	prefix := []byte{0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20}
	size := len(n.Bytes())
	padded := slices.Concat([]byte{0, 1}, slices.Repeat([]byte{0xff}, size-3-len(prefix)-len(sum)), []byte{0}, prefix, sum[:])
	made := new(big.Int).Exp(new(big.Int).SetBytes(padded), d, n).FillBytes(make([]byte, size))
	if _, err := verifier().Verify(t.Context(), expecting(keys), input+"."+base64url.EncodeToString(made)); err != nil {
		t.Errorf("a key of %d bits: %v", n.BitLen(), err)
	}
}
