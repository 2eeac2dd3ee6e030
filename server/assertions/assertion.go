package assertions

import (
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/json"
)

// MaxBytes is the length of the longest assertion that is looked at.
const MaxBytes = 8 << 10

var (
	// ErrInvalid says that an assertion proves nothing. Its text says why, for the
	// log; the client is told invalid_client whatever was wrong.
	ErrInvalid = errors.New("invalid client assertion")
	// ErrKeysUnavailable says that the keys of the client could not be had, so that
	// the assertion may be good. It is an [ErrInvalid].
	ErrKeysUnavailable = fmt.Errorf("%w: the keys of the client cannot be had", ErrInvalid)
)

// invalidf returns an [ErrInvalid] with its reason.
func invalidf(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrInvalid, fmt.Sprintf(format, args...))
}

// assertion is an assertion of the right form of which nothing has been verified.
type assertion struct {
	algorithm string // one of Algorithms
	keyID     string // "" if it names none
	claims    map[string]any
	// signed is what the library verifies. It does not know Ed25519 under that name,
	// for which there are input and signature.
	signed    *jose.JSONWebSignature
	input     string
	signature []byte
}

// parse checks the form and the header.
func parse(text string) (assertion, error) {
	if len(text) > MaxBytes {
		return assertion{}, invalidf("longer than %d bytes", MaxBytes)
	}
	parts := strings.Split(text, ".")
	if len(parts) != 3 {
		return assertion{}, invalidf("not a signed JWT in compact form")
	}
	header, ok := parsePart(parts[0])
	if !ok {
		return assertion{}, invalidf("the header is no JSON object in base64url, or has a member twice")
	}
	claims, ok := parsePart(parts[1])
	if !ok {
		return assertion{}, invalidf("the claims are no JSON object in base64url, or have a member twice")
	}
	signature, ok := decode(parts[2])
	if !ok || len(signature) == 0 {
		return assertion{}, invalidf("the signature is not base64url")
	}
	a := assertion{claims: claims, input: parts[0] + "." + parts[1], signature: signature}
	if err := a.readHeader(header); err != nil {
		return assertion{}, err
	}
	if a.algorithm == "Ed25519" {
		return a, nil
	}
	var err error
	if a.signed, err = jose.ParseSignedCompact(text, []jose.SignatureAlgorithm{jose.SignatureAlgorithm(a.algorithm)}); err != nil {
		return assertion{}, invalidf("the header cannot be read")
	}
	return a, nil
}

// types are the values of typ, as media types without "application/". The second is
// what distinguishes client assertions from other JWTs of the same signer
// (draft-ietf-oauth-rfc7523bis section 4, RFC 8725 section 3.11), the first what
// libraries have written so far.
var types = []string{"jwt", "client-authentication+jwt"}

// readHeader checks the members of the header. Members that would bring a key along
// (jwk, jku, x5c, x5u) do not count.
func (a *assertion) readHeader(header map[string]any) error {
	for _, name := range []string{"crit", "b64"} {
		if _, present := header[name]; present {
			return invalidf("%s: no extension is supported", name)
		}
	}
	if typ, present := header["typ"]; present {
		text, _ := typ.(string)
		if !slices.Contains(types, strings.TrimPrefix(strings.ToLower(text), "application/")) {
			return invalidf("typ: not that of a client assertion")
		}
	}
	if a.algorithm, _ = header["alg"].(string); !slices.Contains(Algorithms, a.algorithm) {
		return invalidf("alg: want one of %s", strings.Join(Algorithms, ", "))
	}
	if keyID, present := header["kid"]; present {
		var ok bool
		if a.keyID, ok = keyID.(string); !ok {
			return invalidf("kid: want a string")
		}
	}
	return nil
}

// signedByOneOf returns the key that signed, and whether one of them did.
func (a assertion) signedByOneOf(keys []key) (key, bool) {
	for _, k := range keys {
		if a.isSignedBy(k) {
			return k, true
		}
	}
	return key{}, false
}

func (a assertion) isSignedBy(k key) bool {
	if a.signed == nil {
		public, ok := k.public.(ed25519.PublicKey)
		return ok && ed25519.Verify(public, []byte(a.input), a.signature)
	}
	_, err := a.signed.Verify(k.public)
	return err == nil
}

// ClaimedClient returns the id of the client that an assertion claims to be of: sub,
// or iss if there is no sub. Nothing is verified: it is for looking the client up.
// The error is an [ErrInvalid].
func ClaimedClient(text string) (string, error) {
	a, err := parse(text)
	if err != nil {
		return "", err
	}
	for _, name := range []string{"sub", "iss"} {
		if value, present := a.claims[name]; present {
			if id, ok := value.(string); ok && id != "" {
				return id, nil
			}
			return "", invalidf("%s: want the client id", name)
		}
	}
	return "", invalidf("neither sub nor iss")
}

// decode is base64url (RFC 4648 section 5) without padding, line breaks or stray
// bits at the end, all of which would give one text several spellings.
func decode(s string) ([]byte, bool) {
	if strings.ContainsAny(s, "\r\n") {
		return nil, false
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(s)
	return raw, err == nil
}

func parsePart(encoded string) (map[string]any, bool) {
	raw, ok := decode(encoded)
	if !ok {
		return nil, false
	}
	return parseObject(raw)
}

// parseObject reads a JSON object. The decoder, unlike the standard library's,
// refuses to see a member twice, at any depth.
func parseObject(raw []byte) (map[string]any, bool) {
	var members map[string]any
	if !utf8.Valid(raw) || json.Unmarshal(raw, &members) != nil {
		return nil, false
	}
	return members, members != nil
}
