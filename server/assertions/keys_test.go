package assertions_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"kiket.dev/auth/server/assertions"
	"kiket.dev/auth/storage"
)

// rsaOf is an RSA key of that many bits, for which nobody has the private one.
func rsaOf(bits int, change map[string]any) map[string]any {
	n := new(big.Int).Lsh(big.NewInt(1), uint(bits-1))
	n.SetBit(n, 0, 1)
	return changed(map[string]any{"kty": "RSA", "e": "AQAB", "n": base64url.EncodeToString(n.Bytes())}, change)
}

// Every rule for a key: the first error it breaks is named, and in a set that was
// fetched it is passed over.
func TestKeyRules(t *testing.T) {
	p256, p384, p521 := private()["P-256"], private()["P-384"], private()["P-521"]
	ed, rsa := private()["Ed25519"], private()["RSA"]
	of := func(change map[string]any) map[string]any { return members(t, p256, change) }
	number := func(n int64) string { return base64url.EncodeToString(big.NewInt(n).Bytes()) }
	for _, tt := range []struct {
		name    string
		key     any
		problem string // "" if it is accepted
	}{
		{"P-256", of(nil), ""},
		{"P-384", members(t, p384, nil), ""},
		{"P-521", members(t, p521, nil), ""},
		{"Ed25519", members(t, ed, nil), ""},
		{"RSA", members(t, rsa, nil), ""},
		{"RSA of 2048 bits", rsaOf(2048, nil), ""},
		{"RSA of 8192 bits", rsaOf(8192, nil), ""},
		{"RSA of an odd number of bits", rsaOf(3071, nil), ""},
		{"kid", of(map[string]any{"kid": "a key"}), ""},
		{"kid as long as can be", of(map[string]any{"kid": strings.Repeat("k", 255)}), ""},
		{"kid empty", of(map[string]any{"kid": ""}), ""},
		{"use", of(map[string]any{"use": "sig"}), ""},
		{"key_ops", of(map[string]any{"key_ops": []string{"verify"}}), ""},
		{"key_ops, several", of(map[string]any{"key_ops": []string{"sign", "verify"}}), ""},
		{"alg", of(map[string]any{"alg": "ES256"}), ""},
		{"alg of Ed25519", members(t, ed, map[string]any{"alg": "EdDSA"}), ""},
		{"alg of Ed25519, fully specified", members(t, ed, map[string]any{"alg": "Ed25519"}), ""},
		{"alg of RSA", members(t, rsa, map[string]any{"alg": "PS512"}), ""},
		{"members that mean nothing", of(map[string]any{"ext": true, "x5u": "no address", "x5c": []string{"no certificate"}, "x5t": 1, "iat": 1}), ""},
		{"null is absent", json.RawMessage(strings.Replace(text(t, of(nil)), "{", `{"d":null,"use":null,"kid":null,"alg":null,"key_ops":null,`, 1)), ""},

		{"no object", "key", "want an object"},
		{"null", nil, "want an object"},
		{"empty", map[string]any{}, "kty: want EC, OKP or RSA"},
		{"no kty", of(map[string]any{"kty": nil}), "kty: want EC, OKP or RSA"},
		{"kty a number", of(map[string]any{"kty": 1}), "kty: want a string"},
		{"kty in lower case", of(map[string]any{"kty": "ec"}), "kty: want EC, OKP or RSA"},
		{"a secret", map[string]any{"kty": "oct", "k": "c2VjcmV0"}, "kty: a secret"},
		{"post-quantum", map[string]any{"kty": "AKP", "alg": "ML-DSA-44", "pub": "AA"}, "kty: want EC, OKP or RSA"},

		{"kid a number", of(map[string]any{"kid": 1}), "kid: want a string"},
		{"kid too long", of(map[string]any{"kid": strings.Repeat("k", 256)}), "kid: want at most 255"},
		{"kid with a zero", of(map[string]any{"kid": "a\x00"}), "kid: want at most 255"},
		{"use for encryption", of(map[string]any{"use": "enc"}), "use: want sig"},
		{"use in upper case", of(map[string]any{"use": "SIG"}), "use: want sig"},
		{"use a list", of(map[string]any{"use": []string{"sig"}}), "use: want a string"},
		{"key_ops to sign", of(map[string]any{"key_ops": []string{"sign"}}), "key_ops"},
		{"key_ops empty", of(map[string]any{"key_ops": []string{}}), "key_ops"},
		{"key_ops a string", of(map[string]any{"key_ops": "verify"}), "key_ops"},
		{"alg none", of(map[string]any{"alg": "none"}), "alg: want one of"},
		{"alg HS256", of(map[string]any{"alg": "HS256"}), "alg: want one of"},
		{"alg to encrypt", of(map[string]any{"alg": "ECDH-ES"}), "alg: want one of"},
		{"alg of another curve", of(map[string]any{"alg": "ES384"}), "alg: not an algorithm"},
		{"alg of another kind", members(t, rsa, map[string]any{"alg": "ES256"}), "alg: not an algorithm"},
		{"alg of Ed25519 for a curve", of(map[string]any{"alg": "EdDSA"}), "alg: not an algorithm"},
		{"alg of RSA for Ed25519", members(t, ed, map[string]any{"alg": "RS256"}), "alg: not an algorithm"},
		{"alg a number", of(map[string]any{"alg": 256}), "alg: want a string"},

		{"no crv", of(map[string]any{"crv": nil}), "crv: want P-256, P-384, P-521"},
		{"crv of Bitcoin", of(map[string]any{"crv": "secp256k1"}), "crv: want P-256, P-384, P-521"},
		{"crv of the other kty", of(map[string]any{"crv": "Ed25519"}), "crv: want P-256, P-384, P-521"},
		{"crv to agree on keys", members(t, ed, map[string]any{"crv": "X25519"}), "crv: want Ed25519"},
		{"crv Ed448", members(t, ed, map[string]any{"crv": "Ed448"}), "crv: want Ed25519"},
		{"crv of another length", of(map[string]any{"crv": "P-384"}), "no public key on P-384"},
		{"no x", of(map[string]any{"x": nil}), "x: want base64url"},
		{"x empty", of(map[string]any{"x": ""}), "x: want base64url"},
		{"x a number", of(map[string]any{"x": 1}), "x: want a string"},
		{"x with padding", of(map[string]any{"x": members(t, p256, nil)["x"].(string) + "="}), "x: want base64url"},
		{"no y", of(map[string]any{"y": nil}), "y: want base64url"},
		{"y not base64url", of(map[string]any{"y": "++"}), "y: want base64url"},
		{"off the curve", of(map[string]any{"y": members(t, newP256(t), nil)["y"]}), "no public key on P-256"},
		{"the origin", of(map[string]any{"x": base64url.EncodeToString(make([]byte, 32)), "y": base64url.EncodeToString(make([]byte, 32))}), "no public key on P-256"},
		{"of low order", members(t, ed, map[string]any{"x": base64url.EncodeToString(make([]byte, 32))}), "no public key on Ed25519"},
		{"Ed25519 too short", members(t, ed, map[string]any{"x": "AAAA"}), "no public key on Ed25519"},

		{"RSA of 2047 bits", rsaOf(2047, nil), "n: want 2048 to 8192 bits"},
		{"RSA of 8193 bits", rsaOf(8193, nil), "n: want 2048 to 8192 bits"},
		{"RSA, even", rsaOf(2048, map[string]any{"n": base64url.EncodeToString(new(big.Int).Lsh(big.NewInt(1), 2047).Bytes())}), "n: want an odd number"},
		{"RSA without n", rsaOf(2048, map[string]any{"n": nil}), "n: want base64url"},
		{"RSA without e", rsaOf(2048, map[string]any{"e": nil}), "e: want base64url"},
		{"e of 3", rsaOf(2048, map[string]any{"e": number(3)}), ""},
		{"e as large as can be", rsaOf(2048, map[string]any{"e": number(1<<31 - 1)}), ""},
		{"e of 0", rsaOf(2048, map[string]any{"e": "AA"}), "e: want an odd number"},
		{"e of 1", rsaOf(2048, map[string]any{"e": number(1)}), "e: want an odd number"},
		{"e even", rsaOf(2048, map[string]any{"e": number(65536)}), "e: want an odd number"},
		{"e too large", rsaOf(2048, map[string]any{"e": number(1<<31 + 1)}), "e: want an odd number"},
		{"e too large by much", rsaOf(2048, map[string]any{"e": base64url.EncodeToString([]byte{1, 0, 0, 0, 0, 0, 1, 0, 1})}), "e: want an odd number"},
		{"e beyond all numbers", rsaOf(2048, map[string]any{"e": base64url.EncodeToString(slices.Repeat([]byte{0xff}, 256))}), "e: want an odd number"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			good := named(t, newP256(t), "good")
			document := []byte(text(t, map[string]any{"keys": []any{good, tt.key}}))
			got, err := assertions.ParseKeys(document)
			fetched, errFetched := assertions.ParseFetchedKeys(document)
			if errFetched != nil {
				t.Errorf("fetched: %v", errFetched)
			}
			if tt.problem == "" {
				if err != nil || string(fetched.JSON()) != string(got.JSON()) {
					t.Errorf("got %s, error %v; fetched %s", got.JSON(), err, fetched.JSON())
				}
				return
			}
			invalidKeys(t, err, "keys[1]: "+tt.problem)
			if diff := cmp.Diff(string(parsed(t, good).JSON()), string(fetched.JSON())); diff != "" {
				t.Errorf("fetched (-want +got):\n%s", diff)
			}
			alone := []byte(text(t, map[string]any{"keys": []any{tt.key}}))
			if _, err := assertions.ParseFetchedKeys(alone); err == nil || !strings.Contains(err.Error(), "no key can be used: keys[0]: "+tt.problem) {
				t.Errorf("fetched alone: got error %v", err)
			}
		})
	}
}

// invalidKeys checks that the field and the problem are named.
func invalidKeys(t *testing.T, err error, problem string) {
	t.Helper()
	var invalid *storage.Invalid
	if !errors.As(err, &invalid) || invalid.Field != "jwks" || !strings.HasPrefix(invalid.Problem, problem) {
		t.Errorf("got error %v, want jwks: %s", err, problem)
	}
}

func TestPrivateKeys(t *testing.T) {
	for _, name := range []string{"d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"} {
		for _, value := range []any{"Y2FuYXJ5", "", 0, false, []any{}, map[string]any{"canary": 1}} {
			for kind, key := range private() {
				_, err := assertions.ParseKeys(set(t, members(t, key, map[string]any{name: value})))
				invalidKeys(t, err, "keys[0]: holds a private key")
				if strings.Contains(fmt.Sprint(err), "anary") || strings.Contains(fmt.Sprint(err), "Y2Fu") {
					t.Errorf("%s of %s: repeated in %v", name, kind, err)
				}
			}
		}
	}
}

func TestSetRules(t *testing.T) {
	one := text(t, named(t, newP256(t), "a"))
	sized := func(bytes int) string {
		empty := `{"x":"","keys":[` + one + `]}`
		return strings.Replace(empty, `""`, `"`+strings.Repeat("x", bytes-len(empty))+`"`, 1)
	}
	for _, tt := range []struct{ name, document, problem, fetched string }{
		{"one", `{"keys":[` + one + `]}`, "", ""},
		{"with other members", `{"x":1,"keys":[` + one + `],"y":[]}`, "", ""},
		{"with spaces", "\n {\t\"keys\" : [" + one + "] } \n", "", ""},
		{"as long as can be", sized(assertions.MaxKeysBytes), "", ""},
		{"twenty", `{"keys":[` + strings.Repeat(one+",", 19) + one + `]}`, "", ""},
		{"too long", sized(assertions.MaxKeysBytes + 1), "longer than 65536 bytes", "longer than 65536 bytes"},
		{"twenty-one", `{"keys":[` + strings.Repeat(one+",", 20) + one + `]}`, "keys: want 1 to 20", "more than 20 keys"},
		{"none", `{"keys":[]}`, "keys: want 1 to 20", "no keys"},
		{"nothing", "", "not a JSON object", "not a JSON object"},
		{"null", "null", "not a JSON object", "not a JSON object"},
		{"an array", "[" + one + "]", "not a JSON object", "not a JSON object"},
		{"not UTF-8", "{\"keys\":[{\"kid\":\"\xff\"}]}", "not a JSON object", "not a JSON object"},
		{"cut off", `{"keys":[` + one, "not a JSON object", "not a JSON object"},
		{"something behind", `{"keys":[` + one + `]}]`, "not a JSON object", "not a JSON object"},
		{"a byte order mark", "\ufeff" + `{"keys":[` + one + `]}`, "not a JSON object", "not a JSON object"},
		{"keys twice", `{"keys":[` + one + `],"keys":[]}`, "not a JSON object", "not a JSON object"},
		{"a member of a key twice", `{"keys":[{"use":"sig",` + strings.Replace(one, "{", `"use":"enc",`, 1) + `]}`, "not a JSON object", "not a JSON object"},
		{"too deep", `{"keys":` + strings.Repeat("[", 50_000), "not a JSON object", "not a JSON object"},
		{"one key by itself", one, "not a JWK Set", "not a JWK Set"},
		{"keys an object", `{"keys":` + one + `}`, "not a JWK Set", "not a JWK Set"},
		{"KEYS", `{"KEYS":[` + one + `]}`, "not a JWK Set", "not a JWK Set"},
	} {
		_, err := assertions.ParseKeys([]byte(tt.document))
		_, errFetched := assertions.ParseFetchedKeys([]byte(tt.document))
		if tt.problem == "" {
			if err != nil || errFetched != nil {
				t.Errorf("%s: got errors %v, %v", tt.name, err, errFetched)
			}
			continue
		}
		invalidKeys(t, err, tt.problem)
		if errFetched == nil || !strings.HasPrefix(errFetched.Error(), tt.fetched) {
			t.Errorf("%s, fetched: got error %v, want %s", tt.name, errFetched, tt.fetched)
		}
	}
	// Keys that cannot be used do not count in a set that was fetched.
	mixed := `{"keys":[` + strings.Repeat(`{"kty":"oct"},`, 50) + one + `]}`
	if _, err := assertions.ParseFetchedKeys([]byte(mixed)); err != nil {
		t.Error(err)
	}
}

// What is stored of a key is what it takes to verify, in one spelling.
func TestJSON(t *testing.T) {
	const x, y = "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"
	n := base64url.EncodeToString(slices.Concat([]byte{0xc1}, make([]byte, 254), []byte{1}))
	zeros := base64url.EncodeToString(slices.Concat([]byte{0, 0, 0xc1}, make([]byte, 254), []byte{1}))
	keys, err := assertions.ParseKeys([]byte(`{"issuer":"x","keys":[
		{"use":"sig","key_ops":["verify"],"kid":"a <b>","y":"` + y + `","x":"` + x + `","crv":"P-256","kty":"EC","alg":"ES256","ext":true,"x5c":["AA"],"n":"AQ","e":1},
		{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","y":"AA","kid":""},
		{"kty":"RSA","n":"` + zeros + `","e":"AAEAAQ","x":5}]}`))
	if err != nil {
		t.Fatal(err)
	}
	want := `{"keys":[{"kty":"EC","crv":"P-256","x":"` + x + `","y":"` + y + `","kid":"a \u003cb\u003e","use":"sig","alg":"ES256"},` +
		`{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},` +
		`{"kty":"RSA","n":"` + n + `","e":"AQAB"}]}`
	if diff := cmp.Diff(want, string(keys.JSON())); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	again, err := assertions.ParseKeys(keys.JSON())
	if err != nil || string(again.JSON()) != want {
		t.Errorf("read again: %s, error %v", again.JSON(), err)
	}
	if got := string(assertions.Keys{}.JSON()); got != `{"keys":[]}` {
		t.Errorf("no keys: %s", got)
	}
}
