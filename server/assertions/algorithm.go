package assertions

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"strings"
)

// Algorithms are the JWS algorithms that an assertion may be signed with, by their
// registered names (RFC 7518 section 3.1, RFC 8037 section 3.1), as the metadata
// document lists them (RFC 8414 section 2).
var Algorithms = []string{
	"ES256", "ES384", "ES512", "EdDSA",
	"RS256", "RS384", "RS512", "PS256", "PS384", "PS512",
}

// curveAlgorithms are the algorithms of the curves, which have one each.
var curveAlgorithms = map[string]string{"P-256": "ES256", "P-384": "ES384", "P-521": "ES512"}

// fits reports whether the algorithm, one of [Algorithms], is for the key.
func fits(algorithm string, public any) bool {
	switch key := public.(type) {
	case *ecdsa.PublicKey:
		return algorithm == curveAlgorithms[key.Curve.Params().Name]
	case ed25519.PublicKey:
		return algorithm == "EdDSA"
	case *rsa.PublicKey:
		return strings.HasPrefix(algorithm, "RS") || strings.HasPrefix(algorithm, "PS")
	}
	return false
}
