package assertions

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"strings"
)

// Algorithms are the JWS algorithms that an assertion may be signed with, by their
// registered names (RFC 7518 section 3.1, RFC 8037 section 3.1, RFC 9864 section 2.2),
// as the metadata document lists them (RFC 8414 section 2). Ed25519 and EdDSA are two
// names of one: of the curves of EdDSA, keys are on no other.
var Algorithms = []string{
	"ES256", "ES384", "ES512", "Ed25519", "EdDSA",
	"RS256", "RS384", "RS512", "PS256", "PS384", "PS512",
}

// curveAlgorithms are the algorithms of the curves, which have one each.
var curveAlgorithms = map[string]string{"P-256": "ES256", "P-384": "ES384", "P-521": "ES512"}

func isEdDSA(algorithm string) bool { return algorithm == "EdDSA" || algorithm == "Ed25519" }

// sameAlgorithm compares two names of algorithms.
func sameAlgorithm(a, b string) bool { return a == b || isEdDSA(a) && isEdDSA(b) }

// fits reports whether the algorithm, one of [Algorithms], is for the key.
func fits(algorithm string, public any) bool {
	switch key := public.(type) {
	case *ecdsa.PublicKey:
		return algorithm == curveAlgorithms[key.Curve.Params().Name]
	case ed25519.PublicKey:
		return isEdDSA(algorithm)
	case *rsa.PublicKey:
		return strings.HasPrefix(algorithm, "RS") || strings.HasPrefix(algorithm, "PS")
	}
	return false
}
