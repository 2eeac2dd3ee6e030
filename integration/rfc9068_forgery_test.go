package integration

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"maps"
	"math/big"
	"net/http"
	"strings"
	"testing"
)

// inactive is all that introspection says of a token that does not work.
const inactive = `{"active":false}`

// checkForgeries wants the answer that says nothing.
func checkForgeries(t *testing.T, i *instance, forged map[string]string) {
	t.Helper()
	for name, token := range forged {
		a := i.post(t, "/oauth/introspect", i.resourceServer(), "token", token)
		if a.status != http.StatusOK || a.body != inactive {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
}

// checkTwin revokes tokens of which there is a twin: whichever of the two is
// revoked, both are.
func checkTwin(t *testing.T, i *instance, application credentials, public crypto.PublicKey) {
	t.Helper()
	for _, revokeTwin := range []bool{false, true} {
		token := i.fetch(t, application)
		other := twin(t, token)
		if !verifies(t, public, other) || !i.active(t, token) {
			t.Fatal("the twin does not verify, or the token is not active")
		}
		revoked := token
		if revokeTwin {
			revoked = other
		}
		if a := i.post(t, "/oauth/revoke", application, "token", revoked); a.status != http.StatusOK {
			t.Errorf("revocation: %d %s", a.status, a.body)
		}
		if i.active(t, token) || i.active(t, other) {
			t.Errorf("active after the revocation: the token %t, its twin %t", i.active(t, token), i.active(t, other))
		}
	}
}

// twin returns the token with the other signature that ECDSA has for the same
// content: n-s in the place of s, which anybody can compute.
func twin(t testing.TB, token string) string {
	t.Helper()
	genuine := parseJWS(t, token)
	s := new(big.Int).SetBytes(genuine.signature[32:])
	s.Sub(elliptic.P256().Params().N, s)
	return genuine.signed + "." + base64url.EncodeToString(append(genuine.signature[:32:32], s.FillBytes(make([]byte, 32))...))
}

// forgeries returns tokens that a careless verifier might take for good: without
// a signature, with one that anybody can make, and second spellings.
func forgeries(t testing.TB, token string, key map[string]any, public crypto.PublicKey) map[string]string {
	t.Helper()
	genuine := parseJWS(t, token)
	parts := strings.Split(token, ".")
	forged := map[string]string{
		"signature cut off":       genuine.signed + ".",
		"signature left out":      genuine.signed,
		"signature of zeros":      genuine.signed + "." + base64url.EncodeToString(make([]byte, len(genuine.signature))),
		"last character replaced": token[:len(token)-1] + sibling(t, token[len(token)-1], len(genuine.signature)),
		"padding":                 token + strings.Repeat("=", (4-len(parts[2])%4)%4),
		"line break":              token[:len(token)-4] + "\r\n" + token[len(token)-4:],
		"a fourth part":           token + ".",
		"other claims":            parts[0] + "." + encode(t, changed(genuine.claims, map[string]any{"scope": "admin"})) + "." + parts[2],
	}
	for _, none := range []string{"none", "None", "NONE", "nOnE", ""} {
		unsigned := encode(t, changed(genuine.header, map[string]any{"alg": none})) + "." + genuine.payload + "."
		forged["alg "+none] = unsigned
		forged["alg "+none+" with the signature"] = unsigned + parts[2]
	}
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	jwk, err := json.Marshal(key)
	if err != nil {
		t.Fatal(err)
	}
	for name, secret := range map[string][]byte{
		"JWK": jwk, "DER": der, "PEM": pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), "nothing": nil,
	} {
		forged["HS256 with the public key as "+name] = hs256(encode(t, changed(genuine.header, map[string]any{"alg": "HS256"}))+"."+genuine.payload, secret)
	}
	mine := newECDSAKey(t)
	point, err := mine.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	own := map[string]any{"kty": "EC", "crv": "P-256", "x": base64url.EncodeToString(point[1:33]), "y": base64url.EncodeToString(point[33:])}
	for name, header := range map[string]map[string]any{
		"under the key's id": {"alg": "ES256"}, "brought along": {"alg": "ES256", "jwk": own}, "without an id": {"alg": "ES256", "kid": nil},
	} {
		forged["another's key "+name] = es256(t, encode(t, changed(genuine.header, header))+"."+genuine.payload, mine)
	}
	return forged
}

// sibling returns another last character for the same bytes, or an impossible
// one where every bit of the last counts.
func sibling(t testing.TB, last byte, length int) string {
	t.Helper()
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	if length%3 == 0 {
		return "!"
	}
	other := alphabet[strings.IndexByte(alphabet, last)+1]
	prefix := strings.Repeat("A", length%3)
	a, errA := base64url.DecodeString(prefix + string(last))
	b, errB := base64url.DecodeString(prefix + string(other))
	if errA != nil || errB != nil || !bytes.Equal(a, b) {
		t.Fatalf("%c and %c are not the same: %x %x", last, other, a, b)
	}
	return string(other)
}

// changed returns a copy with some members replaced, or removed where nil.
func changed(members, change map[string]any) map[string]any {
	changed := maps.Clone(members)
	for name, value := range change {
		changed[name] = value
		if value == nil {
			delete(changed, name)
		}
	}
	return changed
}

func encode(t testing.TB, members map[string]any) string {
	t.Helper()
	document, err := json.Marshal(members)
	if err != nil {
		t.Fatal(err)
	}
	return base64url.EncodeToString(document)
}

func hs256(signed string, secret []byte) string {
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(signed))
	return signed + "." + base64url.EncodeToString(mac.Sum(nil))
}

func es256(t testing.TB, signed string, key *ecdsa.PrivateKey) string {
	t.Helper()
	sum := sha256.Sum256([]byte(signed))
	r, s, err := ecdsa.Sign(rand.Reader, key, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	return signed + "." + base64url.EncodeToString(append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...))
}

func newECDSAKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}
