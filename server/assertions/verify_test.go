package assertions_test

import (
	"context"
	"crypto"
	"crypto/elliptic"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"kiket.dev/auth/server/assertions"
)

// Every algorithm that is listed verifies, with the right key and with no other, as
// the standard library and as the JOSE library sign.
func TestAlgorithms(t *testing.T) {
	for _, algorithm := range assertions.Algorithms {
		t.Run(algorithm, func(t *testing.T) {
			key := privateOf(algorithm)
			for name, keys := range map[string]assertions.Keys{
				"named":              parsed(t, named(t, key, "mine")),
				"named and confined": parsed(t, members(t, key, map[string]any{"kid": "mine", "alg": algorithm, "use": "sig"})),
			} {
				for _, text := range []string{
					sign(t, algorithm, key, header(t, algorithm, map[string]any{"kid": "mine"}), claims(t, nil)),
					sign(t, algorithm, key, header(t, algorithm, nil), claims(t, nil)),
					signedByLibrary(t, algorithm, key),
				} {
					got, err := verifier().Verify(t.Context(), expecting(keys), text)
					want := assertions.Verified{JTI: "one", ExpiresAt: now.Add(90 * time.Second), KeyID: "mine", Algorithm: algorithm}
					if err != nil || got != want {
						t.Errorf("%s: got %+v, error %v; want %+v", name, got, err, want)
					}
				}
			}
			refusesOtherAlgorithms(t, algorithm, key)
		})
	}
}

func signedByLibrary(t *testing.T, algorithm string, key crypto.Signer) string {
	t.Helper()
	if algorithm == "Ed25519" { // which the library does not know under that name
		return sign(t, algorithm, key, header(t, algorithm, map[string]any{"typ": "client-authentication+jwt", "kid": "mine"}), claims(t, nil))
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.SignatureAlgorithm(algorithm), Key: key},
		(&jose.SignerOptions{}).WithType("client-authentication+jwt").WithHeader("kid", "mine"))
	if err != nil {
		t.Fatal(err)
	}
	signed, err := signer.Sign([]byte(claims(t, nil)))
	if err != nil {
		t.Fatal(err)
	}
	compact, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return compact
}

// What is signed with one algorithm does not pass as signed with another, nor for a
// key that is confined to another.
func refusesOtherAlgorithms(t *testing.T, algorithm string, key crypto.Signer) {
	t.Helper()
	for _, other := range assertions.Algorithms {
		if other == algorithm {
			continue
		}
		if kindOf(other) == "Ed25519" && kindOf(algorithm) == "Ed25519" { // two names of one
			keys := parsed(t, members(t, key, map[string]any{"alg": other}))
			text := sign(t, algorithm, key, header(t, algorithm, nil), claims(t, nil))
			if _, err := verifier().Verify(t.Context(), expecting(keys), text); err != nil {
				t.Errorf("%s of a key for %s: %v", algorithm, other, err)
			}
			continue
		}
		text := sign(t, algorithm, key, header(t, other, nil), claims(t, nil))
		refused(t, algorithm+" as "+other, parsed(t, members(t, key, nil), members(t, privateOf(other), nil)), text, "signed by none")
		if kindOf(other) == kindOf(algorithm) {
			text := sign(t, algorithm, key, header(t, algorithm, nil), claims(t, nil))
			refused(t, algorithm+" of a key for "+other, parsed(t, members(t, key, map[string]any{"alg": other})), text, "signed by none")
		}
	}
}

// refused checks that an assertion is, with a reason.
func refused(t *testing.T, name string, keys assertions.Source, text, reason string) {
	t.Helper()
	got, err := verifier().Verify(t.Context(), expecting(keys), text)
	if !errors.Is(err, assertions.ErrInvalid) || !strings.Contains(err.Error(), reason) || got != (assertions.Verified{}) {
		t.Errorf("%s: got %+v, error %v; want %q", name, got, err, reason)
	}
	if errors.Is(err, assertions.ErrKeysUnavailable) {
		t.Errorf("%s: the keys are to blame: %v", name, err)
	}
}

// Which keys are tried for an assertion.
func TestKeysThatAreTried(t *testing.T) {
	mine, other := newP256(t), newP256(t)
	ed := private()["Ed25519"]
	confined := members(t, mine, map[string]any{"alg": "ES256", "kid": "a"})
	for _, tt := range []struct {
		name string
		kid  any // of the header
		keys []map[string]any
		want string // the kid that verified
		ok   bool
	}{
		{"named", "a", []map[string]any{named(t, mine, "a")}, "a", true},
		{"named, among others", "b", []map[string]any{named(t, other, "a"), named(t, mine, "b"), named(t, ed, "c")}, "b", true},
		{"one of two of the same name", "a", []map[string]any{named(t, other, "a"), named(t, mine, "a")}, "a", true},
		{"the other of two of the same name", "a", []map[string]any{named(t, mine, "a"), named(t, other, "a")}, "a", true},
		{"two kinds of the same name", "a", []map[string]any{named(t, ed, "a"), named(t, mine, "a")}, "a", true},
		{"registered without a name", "a", []map[string]any{members(t, mine, nil)}, "", true},
		{"registered without a name, beside the named", "a", []map[string]any{named(t, other, "a"), members(t, mine, nil)}, "", true},
		{"no name in the header", nil, []map[string]any{named(t, other, "a"), named(t, mine, "b")}, "b", true},
		{"an empty name in the header", "", []map[string]any{named(t, mine, "b")}, "b", true},
		{"no names at all", nil, []map[string]any{members(t, ed, nil), members(t, other, nil), members(t, mine, nil)}, "", true},
		{"confined to the algorithm", "a", []map[string]any{confined}, "a", true},

		{"another name", "b", []map[string]any{named(t, mine, "a")}, "", false},
		{"the name in another case", "A", []map[string]any{named(t, mine, "a")}, "", false},
		{"named, but the key of another", "a", []map[string]any{named(t, other, "a"), named(t, mine, "b")}, "", false},
		{"a key of another kind", "a", []map[string]any{named(t, ed, "a")}, "", false},
		{"nobody's", nil, []map[string]any{members(t, other, nil)}, "", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			assertion := sign(t, "ES256", mine, header(t, "ES256", map[string]any{"kid": tt.kid}), claims(t, nil))
			keys := parsed(t, tt.keys...)
			if !tt.ok {
				refused(t, tt.name, keys, assertion, "signed by")
				return
			}
			got, err := verifier().Verify(t.Context(), expecting(keys), assertion)
			if err != nil || got.KeyID != tt.want {
				t.Errorf("got key %q, error %v; want %q", got.KeyID, err, tt.want)
			}
		})
	}
}

// A key that the assertion brings along, or says where to find, does not count.
func TestEmbeddedKeys(t *testing.T) {
	mine, foreign := newP256(t), newP256(t)
	keys := parsed(t, named(t, mine, "a"))
	for name, change := range map[string]map[string]any{
		"jwk":           {"jwk": members(t, foreign, nil)},
		"jwk and a kid": {"jwk": members(t, foreign, nil), "kid": "a"},
		"jku":           {"jku": "https://foreign.example/keys"},
		"x5u":           {"x5u": "https://foreign.example/chain"},
	} {
		refused(t, name, keys, sign(t, "ES256", foreign, header(t, "ES256", change), claims(t, nil)), "signed")
		if _, err := verifier().Verify(t.Context(), expecting(keys), sign(t, "ES256", mine, header(t, "ES256", change), claims(t, nil))); err != nil {
			t.Errorf("%s, signed by the client: %v", name, err)
		}
	}
	for name, change := range map[string]map[string]any{
		"a private jwk": {"jwk": map[string]any{"kty": "oct", "k": "AA"}},
		"x5c":           {"x5c": []string{"no certificate"}},
		"nonce":         {"nonce": 1},
	} {
		refused(t, name, keys, sign(t, "ES256", mine, header(t, "ES256", change), claims(t, nil)), "header cannot be read")
	}
}

// A client without keys, or that does not exist, is refused like one whose
// signature is wrong.
func TestNoKeys(t *testing.T) {
	for _, algorithm := range assertions.Algorithms {
		text := sign(t, algorithm, privateOf(algorithm), header(t, algorithm, map[string]any{"kid": "a"}), claims(t, nil))
		refused(t, "no source, "+algorithm, nil, text, "signed by none")
		refused(t, "no keys, "+algorithm, assertions.Keys{}, text, "signed by none")
	}
}

// brokenSource is one that cannot be reached, at first or for newer keys.
type brokenSource struct {
	assertions.Keys
	current, newer error
}

func (s brokenSource) Current(context.Context) (assertions.Keys, error) { return s.Keys, s.current }

func (s brokenSource) Newer(context.Context, assertions.Keys) (assertions.Keys, error) {
	return assertions.Keys{}, s.newer
}

func TestKeysUnavailable(t *testing.T) {
	key, cause := newP256(t), errors.New("no route to host")
	text := sign(t, "ES256", key, header(t, "ES256", map[string]any{"kid": "a"}), claims(t, nil))
	for name, source := range map[string]brokenSource{
		"no keys":      {current: cause},
		"no newer key": {Keys: parsed(t, named(t, newP256(t), "b")), newer: cause},
	} {
		_, err := verifier().Verify(t.Context(), expecting(source), text)
		if !errors.Is(err, assertions.ErrKeysUnavailable) || !errors.Is(err, assertions.ErrInvalid) || !errors.Is(err, cause) {
			t.Errorf("%s: got error %v", name, err)
		}
	}
	// Where the right key is known, or a wrong one of that name, nobody is asked.
	good := brokenSource{Keys: parsed(t, named(t, key, "a")), newer: cause}
	if _, err := verifier().Verify(t.Context(), expecting(good), text); err != nil {
		t.Error(err)
	}
	wrong := brokenSource{Keys: parsed(t, named(t, newP256(t), "a")), newer: cause}
	refused(t, "a wrong key of that name", wrong, text, "not signed by the key that it names")
}

// Refusing a client that does not exist takes the time of refusing one that does.
// Without a signature to check it would be a hundredth.
func TestTimeOfRefusal(t *testing.T) {
	key := privateOf("ES512")
	text := sign(t, "ES512", newKey(t, elliptic.P521()), header(t, "ES512", map[string]any{"kid": "a"}), claims(t, nil))
	fastest := func(source assertions.Source) time.Duration {
		best := time.Hour
		for range 20 {
			started := time.Now()
			if _, err := verifier().Verify(t.Context(), expecting(source), text); err == nil {
				t.Fatal("verified")
			}
			best = min(best, time.Since(started))
		}
		return best
	}
	real := fastest(parsed(t, named(t, key, "a")))
	for name, source := range map[string]assertions.Source{
		"no client":           nil,
		"another key id":      parsed(t, named(t, key, "b")),
		"another kind of key": parsed(t, named(t, private()["Ed25519"], "a")),
		"keys that are away":  brokenSource{current: errors.New("away")},
	} {
		if took := fastest(source); took < real/3 || took > 3*real {
			t.Errorf("%s: refused in %s, a wrong signature in %s", name, took, real)
		}
	}
}
