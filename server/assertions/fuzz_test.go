package assertions_test

import (
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"kiket.dev/auth/server/assertions"
	"kiket.dev/auth/storage"
)

// FuzzVerify looks for a text that verifies and was not signed by one of the keys,
// for one that was signed and says something else than it must, and for one that
// fails in another way than by being refused.
func FuzzVerify(f *testing.F) {
	var all []map[string]any
	for kind, key := range private() {
		all = append(all, named(f, key, kind))
	}
	keys := parsed(f, all...)
	key := private()["Ed25519"]
	signed := map[string]bool{} // header and claims
	for _, algorithm := range assertions.Algorithms {
		text := sign(f, algorithm, privateOf(algorithm), header(f, algorithm, nil), claims(f, nil))
		parts := strings.Split(text, ".")
		signed[parts[0]+"."+parts[1]] = true
		f.Add(parts[0], parts[1], parts[2])
		f.Add(parts[0], parts[1], "")
	}
	f.Add(header(f, "EdDSA", map[string]any{"kid": "Ed25519"}), claims(f, nil), "A")
	f.Add(header(f, "EdDSA", map[string]any{"crit": []string{"b64"}, "b64": false}), claims(f, map[string]any{"aud": []string{issuer}}), "A")
	f.Add(`{"alg":"EdDSA","alg":"none"}`, `{"sub":"app_other",`+claims(f, nil)[1:], "")
	f.Add(`{"alg":"EdDSA"}`, claims(f, map[string]any{"exp": 1772366460.5, "nbf": 0, "iat": nil}), "")
	f.Add("e30", "e30", "e30")
	f.Add(".", "\n", "=")
	f.Fuzz(func(t *testing.T, head, body, tail string) {
		text := head + "." + body + "." + tail
		got, err := verifier().Verify(t.Context(), expecting(keys), text)
		checkOutcome(t, text, got, err)
		if err == nil && !signed[text[:strings.LastIndexByte(text, '.')]] {
			t.Errorf("%q verifies", text)
		}
		// The same as header and claims that the client signs.
		text = sign(t, "EdDSA", key, head, body)
		got, err = verifier().Verify(t.Context(), expecting(keys), text)
		checkOutcome(t, text, got, err)
		if err == nil {
			checkVerified(t, head, body, got)
		}
		if _, err := verifier().Verify(t.Context(), expecting(nil), text); err == nil {
			t.Errorf("%q verifies for nobody", text)
		}
	})
}

func checkOutcome(t *testing.T, text string, got assertions.Verified, err error) {
	t.Helper()
	if err != nil && (!errors.Is(err, assertions.ErrInvalid) || got != (assertions.Verified{})) {
		t.Errorf("%q: got %+v, error %v", text, got, err)
	}
	id, claimed := assertions.ClaimedClient(text)
	if err == nil && (claimed != nil || id != clientID) {
		t.Errorf("%q verifies, and claims to be of %q, error %v", text, id, claimed)
	}
	if claimed != nil && !errors.Is(claimed, assertions.ErrInvalid) {
		t.Errorf("%q: got error %v", text, claimed)
	}
}

// checkVerified reads once more, with another decoder, what has been verified.
func checkVerified(t *testing.T, head, body string, got assertions.Verified) {
	t.Helper()
	var h struct {
		Algorithm string           `json:"alg"`
		KeyID     string           `json:"kid"`
		Critical  *json.RawMessage `json:"crit"`
	}
	var c struct {
		Issuer   string          `json:"iss"`
		Subject  string          `json:"sub"`
		Audience json.RawMessage `json:"aud"`
		ID       string          `json:"jti"`
		Expires  float64         `json:"exp"`
	}
	// That decoder also takes names in another case, of which it sees the last.
	if looseNames(t, head, "alg", "kid", "crit") || looseNames(t, body, "iss", "sub", "aud", "jti", "exp") {
		return
	}
	if err := errors.Join(json.Unmarshal([]byte(head), &h), json.Unmarshal([]byte(body), &c)); err != nil {
		t.Errorf("%s %s verifies: %v", head, body, err)
	}
	if h.Algorithm != "EdDSA" || h.Critical != nil || h.KeyID != "" && h.KeyID != "Ed25519" {
		t.Errorf("header %s verifies", head)
	}
	audience := strings.TrimSpace(strings.Trim(strings.TrimSpace(string(c.Audience)), "[]"))
	var sole string
	if err := json.Unmarshal([]byte(audience), &sole); err != nil || sole != issuer {
		t.Errorf("audience %s verifies", c.Audience)
	}
	until := float64(now.Unix())
	if c.Issuer != clientID || c.Subject != clientID || c.Expires <= until-30 || c.Expires > until+3630 || c.ID == "" || len(c.ID) > 255 {
		t.Errorf("claims %s verify", body)
	}
	late := float64(got.ExpiresAt.Unix()) - c.Expires - 30
	if got.JTI != c.ID || got.KeyID != "Ed25519" || got.Algorithm != "EdDSA" || late < -1e-6 || late > 1 {
		t.Errorf("%s: got %+v", body, got)
	}
}

// looseNames reports whether an object has one of the names in another spelling.
func looseNames(t *testing.T, object string, names ...string) bool {
	t.Helper()
	var all map[string]any
	if err := json.Unmarshal([]byte(object), &all); err != nil {
		t.Errorf("%s verifies: %v", object, err)
	}
	for name := range all {
		if slices.ContainsFunc(names, func(n string) bool { return n != name && strings.EqualFold(n, name) }) {
			return true
		}
	}
	return false
}

// FuzzParseKeys looks for a set that can be registered and of which something private
// is kept, or which is not read again as it was; and for one that makes reading fail
// in another way than by an error that names the field.
func FuzzParseKeys(f *testing.F) {
	for kind, key := range private() {
		f.Add(set(f, members(f, key, map[string]any{"kid": kind, "use": "sig"})))
		f.Add(set(f, members(f, key, map[string]any{"key_ops": []string{"verify"}}), members(f, key, map[string]any{"d": "AA"})))
	}
	f.Add([]byte(`{"keys":[{"kty":"oct","k":"c2VjcmV0"}]}`))
	f.Add([]byte(`{"keys":[{"kty":"RSA","n":"AA","e":"AQAB"}]}`))
	f.Add([]byte(`{"keys":[],"keys":[]}`))
	public := []string{"kty", "crv", "x", "y", "n", "e", "kid", "use", "alg"}
	f.Fuzz(func(t *testing.T, document []byte) {
		fetched, errFetched := assertions.ParseFetchedKeys(document)
		checkKept(t, fetched, errFetched, public)
		keys, err := assertions.ParseKeys(document)
		checkKept(t, keys, err, public)
		switch {
		case err != nil && !errors.Is(err, storage.ErrInvalid):
			t.Errorf("%q: got error %v", document, err)
		case err == nil && (errFetched != nil || string(keys.JSON()) != string(fetched.JSON())):
			t.Errorf("%q: kept %s; fetched %s, error %v", document, keys.JSON(), fetched.JSON(), errFetched)
		}
	})
}

// checkKept checks what would be stored.
func checkKept(t *testing.T, keys assertions.Keys, err error, public []string) {
	t.Helper()
	var kept struct{ Keys []map[string]string }
	if err := json.Unmarshal(keys.JSON(), &kept); err != nil {
		t.Errorf("kept %s: %v", keys.JSON(), err)
	}
	if err != nil {
		if len(kept.Keys) > 0 {
			t.Errorf("kept %s in spite of %v", keys.JSON(), err)
		}
		return
	}
	if len(kept.Keys) < 1 || len(kept.Keys) > assertions.MaxKeys {
		t.Errorf("kept %d keys", len(kept.Keys))
	}
	for _, key := range kept.Keys {
		for name := range maps.Keys(key) {
			if !slices.Contains(public, name) {
				t.Errorf("kept %s", keys.JSON())
			}
		}
	}
	again, err := assertions.ParseKeys(keys.JSON())
	if err != nil || string(again.JSON()) != string(keys.JSON()) {
		t.Errorf("kept %s, read again as %s, error %v", keys.JSON(), again.JSON(), err)
	}
}
