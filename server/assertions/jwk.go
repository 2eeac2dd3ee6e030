package assertions

import (
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"unicode"

	"github.com/go-jose/go-jose/v4"
)

// jwk is a public key as it is stored and shown (RFC 7517 section 4): whatever else
// its owner wrote is left behind.
type jwk struct {
	KeyType   string `json:"kty"`
	Curve     string `json:"crv,omitempty"`
	X         string `json:"x,omitempty"`
	Y         string `json:"y,omitempty"`
	N         string `json:"n,omitempty"`
	E         string `json:"e,omitempty"`
	KeyID     string `json:"kid,omitempty"`
	Use       string `json:"use,omitempty"`
	Algorithm string `json:"alg,omitempty"`
}

// key is a key that can verify.
type key struct {
	jwk
	public any // *ecdsa.PublicKey, *rsa.PublicKey or ed25519.PublicKey
}

// privateMembers are those that only whoever signs may know (RFC 7518 sections
// 6.2.2, 6.3.2 and 6.4.1, RFC 9964).
var privateMembers = []string{"d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"}

// maxKeyIDBytes bounds what is stored and shown as the name of a key.
const maxKeyIDBytes = 255

// readKey reads a key out of the members of a JWK. A member that is null counts as
// absent. Errors say what is wrong without repeating any of it.
func readKey(members map[string]any) (key, error) {
	var k key
	var err error
	if k.KeyType, err = textOf(members, "kty"); err != nil {
		return key{}, err
	}
	if k.KeyType == "oct" {
		return key{}, errors.New("kty: a secret shared with the server is no key for assertions")
	}
	if slices.ContainsFunc(privateMembers, func(name string) bool { return members[name] != nil }) {
		return key{}, errors.New("holds a private key")
	}
	if err := k.readPurpose(members); err != nil {
		return key{}, err
	}
	switch k.KeyType {
	case "EC":
		err = k.readCurve(members, "P-256", "P-384", "P-521")
	case "OKP":
		err = k.readCurve(members, "Ed25519")
	case "RSA":
		err = k.readRSA(members)
	default:
		err = errors.New("kty: want EC, OKP or RSA")
	}
	if err != nil {
		return key{}, err
	}
	return k, k.readAlgorithm(members)
}

// readPurpose reads what the key is called, and that it is for signatures.
func (k *key) readPurpose(members map[string]any) (err error) {
	if k.KeyID, err = textOf(members, "kid"); err != nil {
		return err
	}
	if len(k.KeyID) > maxKeyIDBytes || strings.ContainsFunc(k.KeyID, unicode.IsControl) {
		return fmt.Errorf("kid: want at most %d bytes without control characters", maxKeyIDBytes)
	}
	if k.Use, err = textOf(members, "use"); err != nil {
		return err
	}
	if k.Use != "" && k.Use != "sig" {
		return errors.New("use: want sig")
	}
	if operations := members["key_ops"]; operations != nil {
		list, _ := operations.([]any)
		if !slices.Contains(list, any("verify")) {
			return errors.New("key_ops: want an array with verify")
		}
	}
	return nil
}

// readCurve reads a key that is a point on one of the curves.
func (k *key) readCurve(members map[string]any, curves ...string) (err error) {
	if k.Curve, err = textOf(members, "crv"); err != nil {
		return err
	}
	if !slices.Contains(curves, k.Curve) {
		return fmt.Errorf("crv: want %s", strings.Join(curves, ", "))
	}
	if k.X, err = encodedOf(members, "x"); err != nil {
		return err
	}
	if k.KeyType == "EC" {
		if k.Y, err = encodedOf(members, "y"); err != nil {
			return err
		}
	}
	// The library checks that the point is of full length and on the curve, and
	// that one of Ed25519 is not of low order.
	document, err := json.Marshal(k.jwk)
	if err != nil {
		return errors.New("cannot be read")
	}
	var parsed jose.JSONWebKey
	if err := parsed.UnmarshalJSON(document); err != nil {
		return fmt.Errorf("no public key on %s", k.Curve)
	}
	k.public = parsed.Key
	return nil
}

// Limits of RSA keys. Below them a key can be broken, above them verifying with it
// costs too much; crypto/rsa has the limit of the exponent.
const (
	minRSABits  = 2048
	maxRSABits  = 8192
	minExponent = 3
	maxExponent = 1<<31 - 1
)

// readRSA reads an RSA key: on our own, since the library has a lower limit.
func (k *key) readRSA(members map[string]any) error {
	n, err := numberOf(members, "n")
	if err != nil {
		return err
	}
	e, err := numberOf(members, "e")
	if err != nil {
		return err
	}
	if bits := n.BitLen(); bits < minRSABits || bits > maxRSABits {
		return fmt.Errorf("n: want %d to %d bits", minRSABits, maxRSABits)
	}
	if n.Bit(0) == 0 {
		return errors.New("n: want an odd number")
	}
	if !e.IsInt64() || e.Int64() < minExponent || e.Int64() > maxExponent || e.Bit(0) == 0 {
		return fmt.Errorf("e: want an odd number of %d to %d", minExponent, maxExponent)
	}
	// Written anew, since some write zeros in front (RFC 7518 section 2 has none).
	k.N = base64.RawURLEncoding.EncodeToString(n.Bytes())
	k.E = base64.RawURLEncoding.EncodeToString(e.Bytes())
	k.public = &rsa.PublicKey{N: n, E: int(e.Int64())}
	return nil
}

// readAlgorithm reads the algorithm to which the key is confined, if it is.
func (k *key) readAlgorithm(members map[string]any) (err error) {
	if k.Algorithm, err = textOf(members, "alg"); err != nil {
		return err
	}
	switch {
	case k.Algorithm == "":
		return nil
	case !slices.Contains(Algorithms, k.Algorithm):
		return fmt.Errorf("alg: want one of %s", strings.Join(Algorithms, ", "))
	case !fits(k.Algorithm, k.public):
		return errors.New("alg: not an algorithm of this kind of key")
	}
	return nil
}

// textOf returns a member that is a text, "" if there is none.
func textOf(members map[string]any, name string) (string, error) {
	switch value := members[name].(type) {
	case nil:
		return "", nil
	case string:
		return value, nil
	}
	return "", fmt.Errorf("%s: want a string", name)
}

// encodedOf returns a member that is base64url.
func encodedOf(members map[string]any, name string) (string, error) {
	text, err := textOf(members, name)
	if err != nil {
		return "", err
	}
	if raw, ok := decode(text); !ok || len(raw) == 0 {
		return "", fmt.Errorf("%s: want base64url without padding", name)
	}
	return text, nil
}

// numberOf returns a member that is a number of any size (Base64urlUInt of RFC 7518
// section 2).
func numberOf(members map[string]any, name string) (*big.Int, error) {
	text, err := encodedOf(members, name)
	if err != nil {
		return nil, err
	}
	raw, _ := decode(text)
	return new(big.Int).SetBytes(raw), nil
}
