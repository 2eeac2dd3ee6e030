package keys

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"fmt"

	"github.com/go-jose/go-jose/v4"
)

// Algorithm is a JWS algorithm that the ring can sign with, by its registered
// name (RFC 7518 section 3.1, RFC 8037 section 3.1).
type Algorithm string

// The algorithms that exist.
const (
	ES256 Algorithm = "ES256" // ECDSA on P-256 with SHA-256; the default
	EdDSA Algorithm = "EdDSA" // Ed25519
	RS256 Algorithm = "RS256" // RSASSA-PKCS1-v1_5 of 2048 bits with SHA-256
)

const rsaBits = 2048

// ParseAlgorithm returns the algorithm of that name; the empty name is [ES256].
func ParseAlgorithm(s string) (Algorithm, error) {
	switch a := Algorithm(s); a {
	case "":
		return ES256, nil
	case ES256, EdDSA, RS256:
		return a, nil
	}
	return "", fmt.Errorf("signing algorithm %q: want ES256, EdDSA or RS256", s)
}

func (a Algorithm) jose() jose.SignatureAlgorithm { return jose.SignatureAlgorithm(a) }

// generate makes a private key.
func (a Algorithm) generate() (any, error) {
	switch a {
	case ES256:
		return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case EdDSA:
		_, private, err := ed25519.GenerateKey(rand.Reader)
		return private, err
	case RS256:
		return rsa.GenerateKey(rand.Reader, rsaBits)
	}
	return nil, fmt.Errorf("no such algorithm: %q", a)
}

// signatureBytes returns how long every signature of the public key is, or 0 if
// the key is not one of the algorithm's.
func (a Algorithm) signatureBytes(public any) int {
	switch key := public.(type) {
	case *ecdsa.PublicKey:
		if a == ES256 && key.Curve == elliptic.P256() {
			return 64
		}
	case ed25519.PublicKey:
		if a == EdDSA && len(key) == ed25519.PublicKeySize {
			return ed25519.SignatureSize
		}
	case *rsa.PublicKey:
		if a == RS256 && key.N.BitLen() >= rsaBits {
			return key.Size()
		}
	}
	return 0
}
