package assertions_test

import (
	"errors"
	"strings"
	"testing"

	"kiket.dev/auth/server/assertions"
)

// ed25519Keys are keys whose signatures have one spelling, and what signs with them.
func ed25519Keys(tb testing.TB) (keys assertions.Keys, signed func(header, claims string) string) {
	tb.Helper()
	key := private()["Ed25519"]
	return parsed(tb, named(tb, key, "a")), func(header, claims string) string {
		return sign(tb, "EdDSA", key, header, claims)
	}
}

func TestForm(t *testing.T) {
	keys, signed := ed25519Keys(t)
	good := signed(header(t, "EdDSA", nil), claims(t, nil))
	parts := strings.Split(good, ".")
	for _, tt := range []struct{ name, text, reason string }{
		{"nothing", "", "compact form"},
		{"no dot", "abc", "compact form"},
		{"one dot", parts[0] + "." + parts[1], "compact form"},
		{"three dots", good + ".", "compact form"},
		{"encrypted", good + "." + parts[0] + "." + parts[1], "compact form"},
		{"JSON", `{"payload":"e30","signatures":[]}`, "compact form"},
		{"as long as can be, without a dot", strings.Repeat("A", assertions.MaxBytes), "compact form"},
		{"one byte longer", strings.Repeat("A", assertions.MaxBytes+1), "longer than 8192 bytes"},
		{"too long", good + strings.Repeat("A", assertions.MaxBytes), "longer than 8192 bytes"},
		{"dots alone", "..", "header"},
		{"header not base64", "!." + parts[1] + "." + parts[2], "header"},
		{"header no JSON", base64url.EncodeToString([]byte("{")) + "." + parts[1] + "." + parts[2], "header"},
		{"header with something behind", base64url.EncodeToString([]byte(`{"alg":"EdDSA"} {}`)) + "." + parts[1] + "." + parts[2], "header"},
		{"header null", base64url.EncodeToString([]byte("null")) + "." + parts[1] + "." + parts[2], "header"},
		{"header an array", base64url.EncodeToString([]byte("[]")) + "." + parts[1] + "." + parts[2], "header"},
		{"header not UTF-8", base64url.EncodeToString([]byte("{\"alg\":\"EdDSA\",\"x\":\"\xff\"}")) + "." + parts[1] + "." + parts[2], "header"},
		{"no claims", parts[0] + ".." + parts[2], "claims"},
		{"claims null", signed(header(t, "EdDSA", nil), "null"), "claims"},
		{"claims a string", signed(header(t, "EdDSA", nil), `"x"`), "claims"},
		{"claims not UTF-8", signed(header(t, "EdDSA", nil), strings.Replace(claims(t, nil), "one", "\xff", 1)), "claims"},
		{"claims too deep", signed(header(t, "EdDSA", nil), strings.Repeat("[", 4000)), "claims"},
		{"no signature", parts[0] + "." + parts[1] + ".", "signature"},
		{"signature not base64", parts[0] + "." + parts[1] + ".!", "signature"},
		{"signature of zeros", parts[0] + "." + parts[1] + "." + base64url.EncodeToString(make([]byte, 64)), "signed by none"},
		{"signature too short", parts[0] + "." + parts[1] + "." + base64url.EncodeToString(make([]byte, 63)), "signed by none"},
		{"claims of another", parts[0] + "." + base64url.EncodeToString([]byte(claims(t, map[string]any{"jti": "two"}))) + "." + parts[2], "signed by none"},
	} {
		refused(t, tt.name, keys, tt.text, tt.reason)
	}
	// As long as can be.
	padding := assertions.MaxBytes - len(signed(header(t, "EdDSA", nil), claims(t, map[string]any{"x": ""})))
	long := signed(header(t, "EdDSA", nil), claims(t, map[string]any{"x": strings.Repeat("x", padding*3/4)}))
	if _, err := verifier().Verify(t.Context(), expecting(keys), long); err != nil || len(long) < assertions.MaxBytes-3 {
		t.Errorf("%d bytes: %v", len(long), err)
	}
}

// No assertion has a second spelling that verifies.
func TestSpellings(t *testing.T) {
	keys, signed := ed25519Keys(t)
	good := signed(header(t, "EdDSA", map[string]any{"kid": "a"}), claims(t, nil))
	if _, err := verifier().Verify(t.Context(), expecting(keys), good); err != nil {
		t.Fatal(err)
	}
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	for i, was := range []byte(good) {
		others := "+/=.\r\n \x00" + string(alphabet[i%len(alphabet)])
		if i+1 == len(good) || good[i+1] == '.' {
			others += alphabet // the last one of a part, where bits may be left over
		}
		for _, c := range []byte(others) {
			for _, text := range []string{good[:i] + string(c) + good[i+1:], good[:i] + string(c) + good[i:]} {
				if _, err := verifier().Verify(t.Context(), expecting(keys), text); c != was && !errors.Is(err, assertions.ErrInvalid) {
					t.Fatalf("%q at %d of %q verifies: %v", c, i, good, err)
				}
			}
		}
	}
	for _, text := range []string{good + "=", good + "==", good + "A", " " + good, good + "\n", strings.ReplaceAll(good, ".", "=.")} {
		if _, err := verifier().Verify(t.Context(), expecting(keys), text); !errors.Is(err, assertions.ErrInvalid) {
			t.Errorf("%q verifies: %v", text, err)
		}
	}
}

func TestHeader(t *testing.T) {
	keys, signed := ed25519Keys(t)
	const extension = "no extension"
	for _, tt := range []struct {
		name   string
		change map[string]any
		reason string // "" if it is accepted
	}{
		{"JWT", nil, ""},
		{"no typ", map[string]any{"typ": nil}, ""},
		{"typ in lower case", map[string]any{"typ": "jwt"}, ""},
		{"typ of a client assertion", map[string]any{"typ": "client-authentication+jwt"}, ""},
		{"typ in mixed case", map[string]any{"typ": "Client-Authentication+JWT"}, ""},
		{"typ with application", map[string]any{"typ": "application/client-authentication+jwt"}, ""},
		{"typ with application, in mixed case", map[string]any{"typ": "Application/JWT"}, ""},
		{"kid", map[string]any{"kid": "a"}, ""},
		{"members that mean nothing", map[string]any{"cty": "JWT", "x": map[string]any{"y": []any{1, nil}}}, ""},

		{"typ of an access token", map[string]any{"typ": "at+jwt"}, "typ"},
		{"typ of an introspection", map[string]any{"typ": "token-introspection+jwt"}, "typ"},
		{"typ of a proof of possession", map[string]any{"typ": "dpop+jwt"}, "typ"},
		{"typ of a request object", map[string]any{"typ": "oauth-authz-req+jwt"}, "typ"},
		{"typ of a grant", map[string]any{"typ": "authorization-grant+jwt"}, "typ"},
		{"typ empty", map[string]any{"typ": ""}, "typ"},
		{"typ with application twice", map[string]any{"typ": "application/application/jwt"}, "typ"},
		{"typ of another tree", map[string]any{"typ": "text/jwt"}, "typ"},
		{"typ with a space", map[string]any{"typ": "JWT "}, "typ"},
		{"typ with a letter that looks alike", map[string]any{"typ": "JWŢ"}, "typ"},
		{"typ a list", map[string]any{"typ": []string{"JWT"}}, "typ"},
		{"alg none", map[string]any{"alg": "none"}, "alg"},
		{"alg HS256", map[string]any{"alg": "HS256"}, "alg"},
		{"alg in lower case", map[string]any{"alg": "eddsa"}, "alg"},
		{"alg of another curve", map[string]any{"alg": "ES256K"}, "alg"},
		{"alg empty", map[string]any{"alg": ""}, "alg"},
		{"alg a number", map[string]any{"alg": 1}, "alg"},
		{"no alg", map[string]any{"alg": nil}, "alg"},
		{"kid a number", map[string]any{"kid": 1}, "kid"},
		{"kid a list", map[string]any{"kid": []string{"a"}}, "kid"},
		{"crit", map[string]any{"crit": []string{"exp"}}, extension},
		{"crit, empty", map[string]any{"crit": []string{}}, extension},
		{"crit and b64", map[string]any{"crit": []string{"b64"}, "b64": true}, extension},
		{"b64", map[string]any{"b64": true}, extension},
		{"not b64", map[string]any{"b64": false}, extension},
	} {
		text := signed(header(t, "EdDSA", tt.change), claims(t, nil))
		if tt.reason != "" {
			refused(t, tt.name, keys, text, tt.reason)
		} else if _, err := verifier().Verify(t.Context(), expecting(keys), text); err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
	for name, text := range map[string]string{
		"crit null": `{"alg":"EdDSA","crit":null}`,
		"typ null":  `{"alg":"EdDSA","typ":null}`,
		"kid null":  `{"alg":"EdDSA","kid":null}`,
		"ALG":       `{"ALG":"EdDSA"}`,
	} {
		refused(t, name, keys, signed(text, claims(t, nil)), "")
	}
}

// What one reader would take for one thing and another for another is refused.
func TestMembersTwice(t *testing.T) {
	keys, signed := ed25519Keys(t)
	plain := claims(t, nil)
	for name, text := range map[string]string{
		"alg":                  signed(`{"alg":"none","alg":"EdDSA"}`, plain),
		"alg, escaped":         signed(`{"alg":"none","\u0061lg":"EdDSA"}`, plain),
		"typ":                  signed(`{"alg":"EdDSA","typ":"at+jwt","typ":"JWT"}`, plain),
		"kid":                  signed(`{"alg":"EdDSA","kid":"b","kid":"a"}`, plain),
		"sub":                  signed(`{"alg":"EdDSA"}`, `{"sub":"app_other",`+plain[1:]),
		"sub, escaped":         signed(`{"alg":"EdDSA"}`, `{"s\u0075b":"app_other",`+plain[1:]),
		"sub, afterwards":      signed(`{"alg":"EdDSA"}`, plain[:len(plain)-1]+`,"sub":"app_other"}`),
		"jti":                  signed(`{"alg":"EdDSA"}`, `{"jti":"two",`+plain[1:]),
		"one of no importance": signed(`{"alg":"EdDSA"}`, `{"x":1,"x":1,`+plain[1:]),
		"one inside":           signed(`{"alg":"EdDSA"}`, `{"x":[{"y":1,"y":1}],`+plain[1:]),
	} {
		refused(t, name, keys, text, "twice")
		if id, err := assertions.ClaimedClient(text); !errors.Is(err, assertions.ErrInvalid) {
			t.Errorf("%s: claims to be of %q, error %v", name, id, err)
		}
	}
	// Names are compared to the letter, so this is another member.
	text := signed(`{"alg":"EdDSA","ALG":"none","Kid":"b"}`, `{"SUB":"app_other","Exp":1,`+plain[1:])
	if _, err := verifier().Verify(t.Context(), expecting(keys), text); err != nil {
		t.Errorf("in another case: %v", err)
	}
}

func TestClaimedClient(t *testing.T) {
	_, signed := ed25519Keys(t)
	for _, tt := range []struct {
		name, claims, want string
	}{
		{"sub and iss", claims(t, nil), clientID},
		{"sub alone", `{"sub":"app_1"}`, "app_1"},
		{"iss alone", `{"iss":"app_1"}`, "app_1"},
		{"sub before iss", `{"iss":"app_2","sub":"app_1"}`, "app_1"},
		{"expired", claims(t, map[string]any{"exp": 0}), clientID},
		{"neither", `{"client_id":"app_1"}`, ""},
		{"empty", `{"sub":"","iss":"app_1"}`, ""},
		{"null", `{"sub":null,"iss":"app_1"}`, ""},
		{"a number", `{"sub":1,"iss":"app_1"}`, ""},
		{"no object", `[]`, ""},
	} {
		got, err := assertions.ClaimedClient(signed(header(t, "EdDSA", nil), tt.claims))
		if got != tt.want || (err == nil) != (tt.want != "") || err != nil && !errors.Is(err, assertions.ErrInvalid) {
			t.Errorf("%s: got %q, error %v; want %q", tt.name, got, err, tt.want)
		}
	}
	for name, text := range map[string]string{
		"no form":      "x",
		"alg none":     signed(header(t, "none", nil), claims(t, nil)),
		"another typ":  signed(header(t, "EdDSA", map[string]any{"typ": "at+jwt"}), claims(t, nil)),
		"too long":     signed(header(t, "EdDSA", nil), claims(t, map[string]any{"x": strings.Repeat("x", assertions.MaxBytes)})),
		"no signature": unsigned(header(t, "EdDSA", nil), claims(t, nil)) + ".",
	} {
		if got, err := assertions.ClaimedClient(text); got != "" || !errors.Is(err, assertions.ErrInvalid) {
			t.Errorf("%s: got %q, error %v", name, got, err)
		}
	}
}

// An error says nothing of what it was given.
func TestErrorsRepeatNothing(t *testing.T) {
	keys, signed := ed25519Keys(t)
	for _, text := range []string{
		signed(header(t, "EdDSA", nil), claims(t, map[string]any{"iss": "canary", "sub": "canary"})),
		signed(header(t, "EdDSA", nil), claims(t, map[string]any{"aud": "canary"})),
		signed(header(t, "EdDSA", nil), claims(t, map[string]any{"exp": "canary"})),
		signed(header(t, "EdDSA", nil), claims(t, map[string]any{"jti": strings.Repeat("canary", 50)})),
		signed(header(t, "canary", nil), claims(t, nil)),
		signed(header(t, "EdDSA", map[string]any{"typ": "canary"}), claims(t, nil)),
		signed(header(t, "EdDSA", map[string]any{"kid": "canary"}), claims(t, nil)) + "A",
		signed(header(t, "EdDSA", map[string]any{"x5c": []string{"canary"}}), claims(t, nil)),
		signed(`{"canary":1,"canary":2}`, claims(t, nil)),
		"canary.canary.canary",
	} {
		_, err := verifier().Verify(t.Context(), expecting(keys), text)
		if !errors.Is(err, assertions.ErrInvalid) || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %v", text, err)
		}
	}
}
