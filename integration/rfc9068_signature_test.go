package integration

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var base64url = base64.RawURLEncoding

// jws is a token taken apart.
type jws struct {
	header, claims  map[string]any
	signed, payload string
	signature       []byte
}

func parseJWS(t testing.TB, token string) jws {
	t.Helper()
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		t.Fatalf("%d parts in %q", len(parts), token)
	}
	parsed := jws{signed: parts[0] + "." + parts[1], payload: parts[1], signature: unbase64(t, parts[2])}
	for n, to := range []*map[string]any{&parsed.header, &parsed.claims} {
		if err := json.Unmarshal(unbase64(t, parts[n]), to); err != nil {
			t.Fatal(err)
		}
	}
	return parsed
}

func unbase64(t testing.TB, text any) []byte {
	t.Helper()
	s, _ := text.(string)
	raw, err := base64url.Strict().DecodeString(s)
	if err != nil || len(raw) == 0 {
		t.Fatalf("%v is not base64url: %v", text, err)
	}
	return raw
}

// Every algorithm: the header is what RFC 9068 section 2.1 asks for, and who has
// nothing but the standard library and the key set can verify the signature.
func TestAccessTokenSignature(t *testing.T) {
	t.Parallel()
	for alg, kty := range map[string]struct {
		name   string
		public []string
	}{
		"ES256": {"EC", []string{"crv", "x", "y"}}, "EdDSA": {"OKP", []string{"crv", "x"}}, "RS256": {"RSA", []string{"n", "e"}},
	} {
		t.Run(alg, func(t *testing.T) {
			t.Parallel()
			i := start(t, sqlite, "KIKET_AUTH_SIGNING_ALGORITHM="+alg)
			application := i.application("issues")
			token := i.fetch(t, application)
			keys := keySet(t, i.get(t, pathJWKS))
			if len(keys) != 1 || keys[0]["alg"] != alg {
				t.Fatalf("published %v", keys)
			}
			checkKeyMembers(t, keys[0], kty.name, kty.public...)
			if diff := cmp.Diff(map[string]any{"alg": alg, "typ": "at+jwt", "kid": keys[0]["kid"]}, parseJWS(t, token).header); diff != "" {
				t.Errorf("header (-want +got):\n%s", diff)
			}
			public := publicKey(t, keys[0])
			if !verifies(t, public, token) {
				t.Error("the signature does not verify with the published key")
			}
			checkForgeries(t, i, forgeries(t, token, keys[0], public))
			if !i.active(t, token) {
				t.Error("the token itself is not active")
			}
			if alg == "ES256" {
				checkTwin(t, i, application, public)
			}
		})
	}
}

// publicKey reads a key of the set with the standard library alone.
func publicKey(t testing.TB, key map[string]any) crypto.PublicKey {
	t.Helper()
	switch key["kty"] {
	case "EC":
		point := append([]byte{4}, append(unbase64(t, key["x"]), unbase64(t, key["y"])...)...)
		public, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point)
		if err != nil {
			t.Fatal(err)
		}
		return public
	case "OKP":
		return ed25519.PublicKey(unbase64(t, key["x"]))
	case "RSA":
		e := new(big.Int).SetBytes(unbase64(t, key["e"]))
		return &rsa.PublicKey{N: new(big.Int).SetBytes(unbase64(t, key["n"])), E: int(e.Int64())}
	}
	t.Fatalf("key type %v", key["kty"])
	return nil
}

func verifies(t testing.TB, public crypto.PublicKey, token string) bool {
	t.Helper()
	parsed := parseJWS(t, token)
	sum := sha256.Sum256([]byte(parsed.signed))
	switch key := public.(type) {
	case *ecdsa.PublicKey:
		if len(parsed.signature) != 64 {
			t.Fatalf("the signature has %d bytes", len(parsed.signature))
		}
		r, s := new(big.Int).SetBytes(parsed.signature[:32]), new(big.Int).SetBytes(parsed.signature[32:])
		return ecdsa.Verify(key, sum[:], r, s)
	case ed25519.PublicKey:
		return ed25519.Verify(key, []byte(parsed.signed), parsed.signature)
	case *rsa.PublicKey:
		return rsa.VerifyPKCS1v15(key, crypto.SHA256, sum[:], parsed.signature) == nil
	}
	return false
}
