package keys_test

import (
	"errors"
	"strings"
	"testing"

	"kiket.dev/auth/keys"
)

func TestVerify(t *testing.T) {
	for _, a := range algorithms {
		t.Run(string(a), func(t *testing.T) {
			r := newInstallation(t).loaded(t, withAlgorithm(a))
			token, keyID := sign(t, r)
			for _, typ := range []string{"at+jwt", "AT+JWT", "application/at+jwt", "Application/At+JWT"} {
				got, err := r.Verify(t.Context(), token, typ)
				if err != nil {
					t.Fatalf("as %s: %v", typ, err)
				}
				if got.KeyID != keyID || !strings.Contains(string(got.Claims), `"scope":"issues:read projects"`) {
					t.Errorf("as %s: got %s, %s", typ, got.KeyID, got.Claims)
				}
			}
			for _, typ := range []string{"", "jwt", "at", "at+jwt ", "text/at+jwt", "secevent+jwt"} {
				if _, err := r.Verify(t.Context(), token, typ); !errors.Is(err, keys.ErrInvalidToken) {
					t.Errorf("as %q: got error %v, want ErrInvalidToken", typ, err)
				}
			}
		})
	}
}

// Each of these is signed, mostly with the very key of the ring, and yet no token
// that the ring has made.
func TestForgedTokens(t *testing.T) {
	i := newInstallation(t)
	private, foreign := newECDSA(t), newECDSA(t)
	keyID := i.plant(t, private, keys.ES256)
	r := i.loaded(t)
	_, foreignPublic := jwk(t, foreign)
	ours := func(change map[string]any) string {
		return es256(t, private, headerOf(t, keyID, change), payload)
	}
	if _, err := r.Verify(t.Context(), ours(nil), accessToken); err != nil {
		t.Fatalf("the key of the test does not sign as the ring does: %v", err)
	}
	tokens := map[string]string{
		"foreign key":                 es256(t, foreign, headerOf(t, keyID, nil), payload),
		"foreign key and id":          es256(t, foreign, headerOf(t, foreignPublic.KeyID, nil), payload),
		"foreign key, embedded":       es256(t, foreign, headerOf(t, keyID, map[string]any{"jwk": foreignPublic}), payload),
		"foreign key, only embedded":  es256(t, foreign, headerOf(t, keyID, map[string]any{"kid": nil, "jwk": foreignPublic}), payload),
		"alg none, no signature":      unsigned(headerOf(t, keyID, map[string]any{"alg": "none"}), payload) + ".",
		"alg None, no signature":      unsigned(headerOf(t, keyID, map[string]any{"alg": "None"}), payload) + ".",
		"alg none, a signature":       ours(map[string]any{"alg": "none"}),
		"no signature":                unsigned(headerOf(t, keyID, nil), payload) + ".",
		"signature of zeros":          unsigned(headerOf(t, keyID, nil), payload) + "." + base64url.EncodeToString(make([]byte, 64)),
		"signature in ASN.1":          es256ASN1(t, private, headerOf(t, keyID, nil), payload),
		"alg of another curve":        ours(map[string]any{"alg": "ES384"}),
		"alg of another family":       ours(map[string]any{"alg": "EdDSA"}),
		"alg in lower case":           ours(map[string]any{"alg": "es256"}),
		"no alg":                      ours(map[string]any{"alg": nil}),
		"alg a number":                ours(map[string]any{"alg": 256}),
		"no kid":                      ours(map[string]any{"kid": nil}),
		"empty kid":                   ours(map[string]any{"kid": ""}),
		"kid of no thumbprint":        ours(map[string]any{"kid": "../../etc/passwd"}),
		"no typ":                      ours(map[string]any{"typ": nil}),
		"typ of an id token":          ours(map[string]any{"typ": "JWT"}),
		"crit":                        ours(map[string]any{"crit": []string{"exp"}}),
		"b64":                         ours(map[string]any{"b64": false, "crit": []string{"b64"}}),
		"jku":                         ours(map[string]any{"jku": "https://attacker.example/keys"}),
		"x5u":                         ours(map[string]any{"x5u": "https://attacker.example/certificate"}),
		"own key embedded":            ours(map[string]any{"jwk": map[string]string{"kty": "EC"}}),
		"member of unknown name":      ours(map[string]any{"x": "y"}),
		"alg twice":                   es256(t, private, plain(`{"alg":"none","alg":"ES256","typ":"at+jwt","kid":"%s"}`, keyID), payload),
		"ALG instead of alg":          es256(t, private, plain(`{"ALG":"ES256","typ":"at+jwt","kid":"%s"}`, keyID), payload),
		"text after the header":       es256(t, private, plain(`{"alg":"ES256","typ":"at+jwt","kid":"%s"} x`, keyID), payload),
		"header of no object":         es256(t, private, `["ES256"]`, payload),
		"header null":                 es256(t, private, `null`, payload),
		"empty header":                es256(t, private, ``, payload),
		"no payload":                  es256(t, private, headerOf(t, keyID, nil), ""),
		"too long":                    es256(t, private, headerOf(t, keyID, nil), `{"sub":"`+strings.Repeat("x", keys.MaxTokenBytes)+`"}`),
		"four parts":                  ours(nil) + ".",
		"two parts":                   unsigned(headerOf(t, keyID, nil), payload),
		"nothing":                     "",
		"dots":                        "..",
		"JSON serialization":          `{"payload":"e30","protected":"e30","signature":"e30"}`,
		"binary":                      "\x00\xff.\x00.\x00",
		"space before":                " " + ours(nil),
		"line break after":            ours(nil) + "\n",
		"padding after":               ours(nil) + "==",
		"line break in the signature": ours(nil)[:len(ours(nil))-3] + "\n" + ours(nil)[len(ours(nil))-3:],
	}
	for n, secret := range publicSecrets(t, private) {
		tokens["HS256 with the public key "+string(rune('0'+n))] = hs256(secret, headerOf(t, keyID, map[string]any{"alg": "HS256"}), payload)
		tokens["HMAC said to be ES256 "+string(rune('0'+n))] = hs256(secret, headerOf(t, keyID, nil), payload)
	}
	for name, token := range tokens {
		t.Run(name, func(t *testing.T) {
			if got, err := r.Verify(t.Context(), token, accessToken); !errors.Is(err, keys.ErrInvalidToken) {
				t.Errorf("got %s, error %v, want ErrInvalidToken", got.Claims, err)
			}
		})
	}
}

// A token of one key of the ring does not pass as one of another.
func TestTokenUnderAnotherKeyOfTheRing(t *testing.T) {
	i := newInstallation(t)
	private := newECDSA(t)
	i.plant(t, private, keys.ES256)
	r := i.loaded(t, withAlgorithm(keys.EdDSA)) // which announces a key of its algorithm
	other := list(t, r)[1]
	for _, alg := range []string{"ES256", "EdDSA"} {
		token := es256(t, private, headerOf(t, other.KeyID, map[string]any{"alg": alg}), payload)
		if _, err := r.Verify(t.Context(), token, accessToken); !errors.Is(err, keys.ErrInvalidToken) {
			t.Errorf("%s: got error %v, want ErrInvalidToken", alg, err)
		}
	}
}

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

// A token has one spelling: no character can be changed, left out or put in, not
// even where base64 leaves bits unused.
func TestEveryCharacterCounts(t *testing.T) {
	for _, a := range algorithms {
		t.Run(string(a), func(t *testing.T) {
			r := newInstallation(t).loaded(t, withAlgorithm(a))
			token, _ := sign(t, r)
			refused := func(altered string) {
				t.Helper()
				if altered == token {
					return
				}
				if _, err := r.Verify(t.Context(), altered, accessToken); !errors.Is(err, keys.ErrInvalidToken) {
					t.Errorf("got error %v, want ErrInvalidToken for %q", err, altered)
				}
			}
			for i := range token {
				before, after := token[:i], token[i+1:]
				others := "A_\n=."
				if i+1 == len(token) || token[i+1] == '.' { // where bits may be unused
					others += alphabet
				}
				if at := strings.IndexByte(alphabet, token[i]); at >= 0 {
					others += string(alphabet[at^1]) // one bit
				}
				for _, other := range others {
					refused(before + string(other) + after)
				}
				refused(before + after)
				refused(before + "\n" + token[i:])
				refused(before + "=" + token[i:])
			}
		})
	}
}

func TestParseAlgorithm(t *testing.T) {
	for name, want := range map[string]keys.Algorithm{"": keys.ES256, "ES256": keys.ES256, "EdDSA": keys.EdDSA, "RS256": keys.RS256} {
		if got, err := keys.ParseAlgorithm(name); err != nil || got != want {
			t.Errorf("%q: got %q, %v, want %q", name, got, err, want)
		}
	}
	for _, name := range []string{"none", "HS256", "es256", "ES384", "Ed25519", " ES256"} {
		if got, err := keys.ParseAlgorithm(name); err == nil {
			t.Errorf("%q is taken for %q", name, got)
		}
	}
}
