package keys_test

import (
	"crypto"
	"encoding/json"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"
)

// A verifier of others that has nothing but the published document accepts the
// tokens of every algorithm, across a rotation.
func TestTokensPassAnotherVerifier(t *testing.T) {
	for _, a := range algorithms {
		t.Run(string(a), func(t *testing.T) {
			i := newInstallation(t)
			i.clock.Set(time.Unix(1772366400, 0)) // when the claims are issued
			r := i.loaded(t, withAlgorithm(a))
			before, _ := sign(t, r)
			_, activeAt := rotate(t, r)
			i.clock.Set(activeAt)
			after, _ := sign(t, r)

			published, err := r.PublicKeys(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			var document jose.JSONWebKeySet
			if err := json.Unmarshal(published.JSON, &document); err != nil {
				t.Fatal(err)
			}
			known := &oidc.StaticKeySet{}
			for _, key := range document.Keys {
				known.PublicKeys = append(known.PublicKeys, key.Key.(crypto.PublicKey))
			}
			verifier := oidc.NewVerifier("https://auth.example", known, &oidc.Config{
				ClientID: "https://auth.example/api", SupportedSigningAlgs: []string{string(a)}, Now: i.clock.Now,
			})
			for name, token := range map[string]string{"before": before, "after": after} {
				got, err := verifier.Verify(t.Context(), token)
				if err != nil {
					t.Fatalf("signed %s the rotation: %v", name, err)
				}
				check(t, "subject", got.Subject, "application")
			}
		})
	}
}

// The header says what RFC 9068 section 2.1 asks for, and nothing else.
func TestHeaderOfAToken(t *testing.T) {
	for _, a := range algorithms {
		r := newInstallation(t).loaded(t, withAlgorithm(a))
		token, keyID := sign(t, r)
		parsed, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.SignatureAlgorithm(a)})
		if err != nil {
			t.Fatal(err)
		}
		header := parsed.Signatures[0].Protected
		check(t, "alg", header.Algorithm, string(a))
		check(t, "kid", header.KeyID, keyID)
		check(t, "others", header.ExtraHeaders, map[jose.HeaderKey]any{jose.HeaderType: accessToken})
	}
}
