package keys_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"kiket.dev/auth/keys"
	"kiket.dev/auth/storage"
)

var base64url = base64.RawURLEncoding

// jwk returns a private key as it is kept, and its id.
func jwk(tb testing.TB, private any) (document []byte, public jose.JSONWebKey) {
	tb.Helper()
	key := jose.JSONWebKey{Key: private}
	sum, err := key.Thumbprint(crypto.SHA256)
	if err != nil {
		tb.Fatal(err)
	}
	key.KeyID, key.Use = base64url.EncodeToString(sum), "sig"
	document, err = key.MarshalJSON()
	if err != nil {
		tb.Fatal(err)
	}
	return document, key.Public()
}

// plant puts a key of which the test knows the private part into the store, and
// returns its id. It signs from now on. How a key is kept must not change: there
// are databases full of it.
func (i *installation) plant(tb testing.TB, private any, a keys.Algorithm) (keyID string) {
	tb.Helper()
	document, public := jwk(tb, private)
	publicDocument, err := public.MarshalJSON()
	if err != nil {
		tb.Fatal(err)
	}
	keyID = public.KeyID
	now := i.clock.Now()
	err = i.store.CreateSigningKey(tb.Context(), storage.SigningKey{
		KeyID: keyID, Algorithm: string(a), PublicJWK: publicDocument,
		Sealed:    seal(tb, i.sealer, string(document), "signing-key:"+keyID),
		CreatedAt: now, ActiveAt: now, TokenLifetime: tokenLifetime,
	})
	if err != nil {
		tb.Fatal(err)
	}
	return keyID
}

func newECDSA(tb testing.TB) *ecdsa.PrivateKey {
	tb.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	return private
}

// unsigned is a token but for its signature.
func unsigned(header, payload string) string {
	return base64url.EncodeToString([]byte(header)) + "." + base64url.EncodeToString([]byte(payload))
}

// es256 signs whatever header and payload it is given.
func es256(tb testing.TB, private *ecdsa.PrivateKey, header, payload string) string {
	tb.Helper()
	input := unsigned(header, payload)
	sum := sha256.Sum256([]byte(input))
	r, s, err := ecdsa.Sign(rand.Reader, private, sum[:])
	if err != nil {
		tb.Fatal(err)
	}
	signature := make([]byte, 64)
	r.FillBytes(signature[:32])
	s.FillBytes(signature[32:])
	return input + "." + base64url.EncodeToString(signature)
}

// es256ASN1 signs in the encoding that other protocols use.
func es256ASN1(tb testing.TB, private *ecdsa.PrivateKey, header, payload string) string {
	tb.Helper()
	input := unsigned(header, payload)
	sum := sha256.Sum256([]byte(input))
	signature, err := ecdsa.SignASN1(rand.Reader, private, sum[:])
	if err != nil {
		tb.Fatal(err)
	}
	return input + "." + base64url.EncodeToString(signature)
}

// hs256 signs with a secret that everybody knows.
func hs256(secret []byte, header, payload string) string {
	input := unsigned(header, payload)
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(input))
	return input + "." + base64url.EncodeToString(mac.Sum(nil))
}

// publicSecrets returns the public key in the forms that a careless verifier
// might take for the secret of HS256.
func publicSecrets(tb testing.TB, private *ecdsa.PrivateKey) [][]byte {
	tb.Helper()
	_, public := jwk(tb, private)
	document, err := public.MarshalJSON()
	if err != nil {
		tb.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(private.Public())
	if err != nil {
		tb.Fatal(err)
	}
	point, err := private.PublicKey.Bytes()
	if err != nil {
		tb.Fatal(err)
	}
	return [][]byte{document, der, point, {}}
}

// headerOf writes a header: that of the ring for a key id, changed.
func headerOf(tb testing.TB, keyID string, change map[string]any) string {
	tb.Helper()
	members := map[string]any{"alg": "ES256", "typ": accessToken, "kid": keyID}
	for name, value := range change {
		members[name] = value
		if value == nil {
			delete(members, name)
		}
	}
	document, err := json.Marshal(members)
	if err != nil {
		tb.Fatal(err)
	}
	return string(document)
}

const payload = `{"sub":"application"}`

// plain is a header as text, for what a JSON encoder does not write.
func plain(format, keyID string) string { return fmt.Sprintf(format, keyID) }
