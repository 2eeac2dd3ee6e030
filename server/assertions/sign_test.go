package assertions_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	_ "crypto/sha256"
	_ "crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"kiket.dev/auth/server/assertions"
)

const (
	clientID = "app_7d5c9c1a"
	issuer   = "https://auth.example"
)

var (
	now       = time.Date(2026, time.March, 1, 12, 0, 0, 0, time.UTC)
	base64url = base64.RawURLEncoding
)

// verifier is one whose clock stands at now.
func verifier() *assertions.Verifier {
	return &assertions.Verifier{Clock: func() time.Time { return now }}
}

// expecting is what the tests expect of an assertion, by these keys.
func expecting(keys assertions.Source) assertions.Expectation {
	return assertions.Expectation{ClientID: clientID, Audiences: []string{issuer}, Keys: keys}
}

// private are the keys that the tests sign with, one of each kind.
var private = sync.OnceValue(func() map[string]crypto.Signer {
	made := map[string]crypto.Signer{}
	for _, curve := range []elliptic.Curve{elliptic.P256(), elliptic.P384(), elliptic.P521()} {
		key, err := ecdsa.GenerateKey(curve, rand.Reader)
		if err != nil {
			panic(err)
		}
		made[curve.Params().Name] = key
	}
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		panic(err)
	}
	made["Ed25519"] = ed
	if made["RSA"], err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
		panic(err)
	}
	return made
})

// kindOf returns the kind of key of an algorithm.
func kindOf(algorithm string) string {
	switch algorithm {
	case "ES256":
		return "P-256"
	case "ES384":
		return "P-384"
	case "ES512":
		return "P-521"
	case "Ed25519", "EdDSA":
		return "Ed25519"
	}
	return "RSA"
}

func privateOf(algorithm string) crypto.Signer { return private()[kindOf(algorithm)] }

// newKey is a key that is none of [private].
func newKey(tb testing.TB, curve elliptic.Curve) *ecdsa.PrivateKey {
	tb.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	return key
}

func newP256(tb testing.TB) *ecdsa.PrivateKey {
	tb.Helper()
	return newKey(tb, elliptic.P256())
}

// members are those of a public key, changed; nil takes one away.
func members(tb testing.TB, key crypto.Signer, change map[string]any) map[string]any {
	tb.Helper()
	document, err := jose.JSONWebKey{Key: key.Public()}.MarshalJSON()
	if err != nil {
		tb.Fatal(err)
	}
	var all map[string]any
	if err := json.Unmarshal(document, &all); err != nil {
		tb.Fatal(err)
	}
	return changed(all, change)
}

func named(tb testing.TB, key crypto.Signer, keyID string) map[string]any {
	tb.Helper()
	return members(tb, key, map[string]any{"kid": keyID})
}

func changed(all, change map[string]any) map[string]any {
	for name, value := range change {
		all[name] = value
		if value == nil {
			delete(all, name)
		}
	}
	return all
}

// set is a JWK Set.
func set(tb testing.TB, keys ...map[string]any) []byte {
	tb.Helper()
	return []byte(text(tb, map[string]any{"keys": keys}))
}

func parsed(tb testing.TB, keys ...map[string]any) assertions.Keys {
	tb.Helper()
	result, err := assertions.ParseKeys(set(tb, keys...))
	if err != nil {
		tb.Fatal(err)
	}
	return result
}

func text(tb testing.TB, value any) string {
	tb.Helper()
	document, err := json.Marshal(value)
	if err != nil {
		tb.Fatal(err)
	}
	return string(document)
}

// header is that of a client assertion, changed.
func header(tb testing.TB, algorithm string, change map[string]any) string {
	tb.Helper()
	return text(tb, changed(map[string]any{"alg": algorithm, "typ": "JWT"}, change))
}

// claims are those of a good assertion, changed.
func claims(tb testing.TB, change map[string]any) string {
	tb.Helper()
	return text(tb, changed(map[string]any{
		"iss": clientID, "sub": clientID, "aud": issuer, "jti": "one",
		"iat": now.Unix(), "exp": now.Add(time.Minute).Unix(),
	}, change))
}

func unsigned(header, claims string) string {
	return base64url.EncodeToString([]byte(header)) + "." + base64url.EncodeToString([]byte(claims))
}

// sign signs whatever it is given, with the standard library alone (RFC 7518 section
// 3, RFC 8037 section 3.1).
func sign(tb testing.TB, algorithm string, key crypto.Signer, header, claims string) string {
	tb.Helper()
	input := unsigned(header, claims)
	signature, err := signature(algorithm, key, []byte(input))
	if err != nil {
		tb.Fatal(err)
	}
	return input + "." + base64url.EncodeToString(signature)
}

func signature(algorithm string, key crypto.Signer, input []byte) ([]byte, error) {
	if kindOf(algorithm) == "Ed25519" {
		return key.Sign(rand.Reader, input, crypto.Hash(0))
	}
	hash := map[string]crypto.Hash{"256": crypto.SHA256, "384": crypto.SHA384, "512": crypto.SHA512}[algorithm[2:]]
	h := hash.New()
	h.Write(input)
	digest := h.Sum(nil)
	switch key := key.(type) {
	case *rsa.PrivateKey:
		if strings.HasPrefix(algorithm, "PS") {
			return rsa.SignPSS(rand.Reader, key, hash, digest, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash})
		}
		return rsa.SignPKCS1v15(rand.Reader, key, hash, digest)
	case *ecdsa.PrivateKey:
		r, s, err := ecdsa.Sign(rand.Reader, key, digest)
		if err != nil {
			return nil, err
		}
		size := (key.Curve.Params().BitSize + 7) / 8
		both := make([]byte, 2*size)
		r.FillBytes(both[:size])
		s.FillBytes(both[size:])
		return both, nil
	}
	return nil, fmt.Errorf("no key for %s: %T", algorithm, key)
}
