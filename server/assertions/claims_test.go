package assertions_test

import (
	"strings"
	"testing"
	"time"

	"kiket.dev/auth/server/assertions"
)

func TestClaims(t *testing.T) {
	keys, signed := ed25519Keys(t)
	at := func(d time.Duration) int64 { return now.Add(d).Unix() }
	for _, tt := range []struct {
		name   string
		change map[string]any
		reason string // "" if it is accepted
	}{
		{"as they should be", nil, ""},
		{"others, too", map[string]any{"scope": "admin", "x": nil}, ""},

		{"no iss", map[string]any{"iss": nil}, "iss"},
		{"no sub", map[string]any{"sub": nil}, "sub"},
		{"iss of another", map[string]any{"iss": "app_other"}, "iss"},
		{"sub of another", map[string]any{"sub": "app_other"}, "sub"},
		{"both of another", map[string]any{"iss": "app_other", "sub": "app_other"}, "iss"},
		{"sub in another case", map[string]any{"sub": strings.ToUpper(clientID)}, "sub"},
		{"sub with a space", map[string]any{"sub": clientID + " "}, "sub"},
		{"sub a list", map[string]any{"sub": []string{clientID}}, "sub"},
		{"iss empty", map[string]any{"iss": ""}, "iss"},

		{"aud in an array", map[string]any{"aud": []string{issuer}}, ""},
		{"no aud", map[string]any{"aud": nil}, "aud"},
		{"aud empty", map[string]any{"aud": ""}, "aud"},
		{"aud an empty array", map[string]any{"aud": []string{}}, "aud"},
		{"aud of another", map[string]any{"aud": "https://other.example"}, "aud"},
		{"aud of the token endpoint", map[string]any{"aud": issuer + "/oauth/token"}, "aud"},
		{"aud with a slash", map[string]any{"aud": issuer + "/"}, "aud"},
		{"aud of this and another", map[string]any{"aud": []string{issuer, "https://other.example"}}, "aud"},
		{"aud of this twice", map[string]any{"aud": []string{issuer, issuer}}, "aud"},
		{"aud in two arrays", map[string]any{"aud": [][]string{{issuer}}}, "aud"},
		{"aud an object", map[string]any{"aud": map[string]any{"0": issuer}}, "aud"},
		{"aud a number", map[string]any{"aud": 1}, "aud"},

		{"no exp", map[string]any{"exp": nil}, "exp: missing"},
		{"exp a moment ago", map[string]any{"exp": at(-29 * time.Second), "iat": at(-time.Minute)}, ""},
		{"exp past", map[string]any{"exp": at(-30 * time.Second), "iat": at(-time.Minute)}, "exp: past"},
		{"exp long past", map[string]any{"exp": 0, "iat": nil}, "exp: past"},
		{"exp in an hour", map[string]any{"exp": at(time.Hour)}, ""},
		{"exp in an hour, by a clock that is ahead", map[string]any{"exp": at(time.Hour + 30*time.Second), "iat": at(30 * time.Second)}, ""},
		{"exp in more than an hour", map[string]any{"exp": at(time.Hour + 31*time.Second), "iat": nil}, "exp: more than"},
		{"exp in a year", map[string]any{"exp": at(365 * 24 * time.Hour), "iat": nil}, "exp: more than"},
		{"exp with a fraction", map[string]any{"exp": float64(at(0)) + 60.25}, ""},
		{"exp a text", map[string]any{"exp": "1772366460"}, "exp: not a time"},
		{"exp in a list", map[string]any{"exp": []int64{at(time.Minute)}}, "exp: not a time"},
		{"exp negative", map[string]any{"exp": -1}, "exp: not a time"},
		{"exp beyond all years", map[string]any{"exp": 1e300}, "exp: not a time"},
		{"exp in milliseconds", map[string]any{"exp": at(0) * 1000}, "exp: not a time"},
		{"exp true", map[string]any{"exp": true}, "exp: not a time"},

		{"no iat", map[string]any{"iat": nil}, ""},
		{"iat by a clock that is ahead", map[string]any{"iat": at(30 * time.Second)}, ""},
		{"iat in the future", map[string]any{"iat": at(31 * time.Second)}, "iat: 31s from now"},
		{"iat an hour before exp", map[string]any{"iat": at(-59 * time.Minute)}, ""},
		{"iat more than an hour before exp", map[string]any{"iat": at(-59*time.Minute - time.Second)}, "exp: more than 1h0m0s after iat"},
		{"iat after exp", map[string]any{"iat": at(0), "exp": at(-time.Second)}, "iat: after exp"},
		{"iat a text", map[string]any{"iat": "now"}, "iat: not a time"},
		{"iat negative", map[string]any{"iat": -0.5}, "iat: not a time"},
		{"iat beyond all years", map[string]any{"iat": 1e19}, "iat: not a time"},

		{"nbf long ago", map[string]any{"nbf": 0}, ""},
		{"nbf by a clock that is ahead", map[string]any{"nbf": at(30 * time.Second)}, ""},
		{"nbf in the future", map[string]any{"nbf": at(31 * time.Second)}, "nbf: 31s from now"},
		{"nbf after exp", map[string]any{"nbf": at(0), "iat": nil, "exp": at(-time.Second)}, "nbf: after exp"},
		{"nbf a text", map[string]any{"nbf": ""}, "nbf: not a time"},

		{"no jti", map[string]any{"jti": nil}, "jti"},
		{"jti empty", map[string]any{"jti": ""}, "jti"},
		{"jti a number", map[string]any{"jti": 1}, "jti"},
		{"jti as long as can be", map[string]any{"jti": strings.Repeat("x", 255)}, ""},
		{"jti too long", map[string]any{"jti": strings.Repeat("x", 256)}, "jti"},
		{"jti too long in bytes", map[string]any{"jti": strings.Repeat("é", 128)}, "jti"},
		{"jti with a zero", map[string]any{"jti": "a\x00b"}, "jti"},
		{"jti with a line", map[string]any{"jti": "a\nb"}, "jti"},
	} {
		text := signed(header(t, "EdDSA", nil), claims(t, tt.change))
		if tt.reason != "" {
			refused(t, tt.name, keys, text, tt.reason)
		} else if _, err := verifier().Verify(t.Context(), expecting(keys), text); err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
	for name, test := range map[string]struct{ from, to, reason string }{
		"exp null":      {`"exp":1772366460`, `"exp":null`, "exp: not a time"},
		"iat null":      {`"iat":1772366400`, `"iat":null`, "iat: not a time"},
		"iss null":      {`"iss":"` + clientID + `"`, `"iss":null`, "iss"},
		"exp NaN":       {`"exp":1772366460`, `"exp":NaN`, "claims"},
		"exp infinite":  {`"exp":1772366460`, `"exp":1e999`, "claims"},
		"exp in hex":    {`"exp":1772366460`, `"exp":0x69A43F7C`, "claims"},
		"exp with zero": {`"exp":1772366460`, `"exp":01772366460`, "claims"},
	} {
		text := strings.Replace(claims(t, nil), test.from, test.to, 1)
		if !strings.Contains(text, test.to) {
			t.Fatalf("%s: not in %s", name, text)
		}
		refused(t, name, keys, signed(header(t, "EdDSA", nil), text), test.reason)
	}
}

// The id has to be remembered exactly as long as the assertion would be accepted,
// in whole seconds.
func TestExpiresAt(t *testing.T) {
	keys, signed := ed25519Keys(t)
	for exp, want := range map[float64]time.Time{
		float64(now.Unix()):            now.Add(30 * time.Second),
		float64(now.Unix()) + 10:       now.Add(40 * time.Second),
		float64(now.Unix()) + 10.00001: now.Add(41 * time.Second),
		float64(now.Unix()) + 10.75:    now.Add(41 * time.Second),
	} {
		text := signed(header(t, "EdDSA", nil), claims(t, map[string]any{"exp": exp, "iat": nil}))
		clock := now
		v := &assertions.Verifier{Clock: func() time.Time { return clock }}
		got, err := v.Verify(t.Context(), expecting(keys), text)
		if err != nil || !got.ExpiresAt.Equal(want) || got.ExpiresAt.Location() != time.UTC {
			t.Errorf("%f: got %s, error %v; want %s", exp, got.ExpiresAt, err, want)
		}
		clock = got.ExpiresAt
		refused := func() bool { _, err := v.Verify(t.Context(), expecting(keys), text); return err != nil }
		if !refused() {
			t.Errorf("%f: accepted when it may be forgotten", exp)
		}
		clock = got.ExpiresAt.Add(-time.Second - time.Millisecond)
		if refused() {
			t.Errorf("%f: refused more than a second before it may be forgotten", exp)
		}
	}
}

// Any of the accepted audiences will do, none if there are none; and a client id
// that is empty is nobody's.
func TestExpectation(t *testing.T) {
	keys, signed := ed25519Keys(t)
	plain := signed(header(t, "EdDSA", nil), claims(t, nil))
	second := assertions.Expectation{ClientID: clientID, Audiences: []string{"https://old.example", issuer}, Keys: keys}
	if _, err := verifier().Verify(t.Context(), second, plain); err != nil {
		t.Errorf("the second of the audiences: %v", err)
	}
	for name, test := range map[string]struct {
		expectation assertions.Expectation
		text        string
	}{
		"no audiences":      {assertions.Expectation{ClientID: clientID, Keys: keys}, plain},
		"an empty audience": {assertions.Expectation{ClientID: clientID, Audiences: []string{""}, Keys: keys}, signed(header(t, "EdDSA", nil), claims(t, map[string]any{"aud": ""}))},
		"an empty id":       {assertions.Expectation{Audiences: []string{issuer}, Keys: keys}, signed(header(t, "EdDSA", nil), claims(t, map[string]any{"iss": "", "sub": ""}))},
		"no id":             {assertions.Expectation{Audiences: []string{issuer}, Keys: keys}, signed(header(t, "EdDSA", nil), claims(t, map[string]any{"iss": nil, "sub": nil}))},
	} {
		if _, err := verifier().Verify(t.Context(), test.expectation, test.text); err == nil {
			t.Errorf("%s: verified", name)
		}
	}
}
