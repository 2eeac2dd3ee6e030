package tokens

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"hash/crc32"
	"strings"

	"kiket.dev/auth/storage"
)

// Prefix begins a generated secret and tells what it is for.
type Prefix string

// The prefixes of the secrets that this server makes.
const (
	PrefixWorkspaceAPIToken Prefix = "wksp_"
	PrefixExtensionKey      Prefix = "kext_"
	PrefixSession           Prefix = "ksess_"
	PrefixClientSecret      Prefix = "kcs_"
)

const (
	randomLength   = 40 // hex digits, 160 bits
	checksumLength = 8  // hex digits of CRC-32 (IEEE) over all before them
	shownLength    = 8  // hex digits that may be shown after the prefix
)

var prefixOfKind = map[storage.TokenKind]Prefix{
	storage.WorkspaceAPIToken: PrefixWorkspaceAPIToken,
	storage.ExtensionKey:      PrefixExtensionKey,
	storage.Session:           PrefixSession,
}

// PrefixOf returns the prefix of an opaque kind and false for access tokens.
func PrefixOf(kind storage.TokenKind) (Prefix, bool) {
	p, ok := prefixOfKind[kind]
	return p, ok
}

// Generate makes a secret: the prefix, 40 random lower-case hex digits
// (160 bits) and 8 of a checksum over everything before them.
func Generate(prefix Prefix) storage.Secret {
	random := make([]byte, randomLength/2)
	_, _ = rand.Read(random) // never fails, see crypto/rand
	text := string(prefix) + hex.EncodeToString(random)
	return storage.NewSecret(text + checksum(text))
}

// Shown returns what of a generated secret may be shown: its prefix and eight
// digits.
func Shown(prefix Prefix, secret storage.Secret) string {
	return secret.Reveal()[:len(prefix)+shownLength]
}

// WellFormed reports whether the text could have been made by [Generate] with
// this prefix. It needs no secret, so that scanners can do the same offline.
func WellFormed(prefix Prefix, text string) bool {
	if len(text) != len(prefix)+randomLength+checksumLength || !strings.HasPrefix(text, string(prefix)) {
		return false
	}
	for _, c := range []byte(text[len(prefix):]) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	body := text[:len(text)-checksumLength]
	return text[len(body):] == checksum(body)
}

func checksum(text string) string {
	return fmt.Sprintf("%08x", crc32.ChecksumIEEE([]byte(text)))
}

// KindOf tells an opaque token's kind by its prefix alone. False means that the
// text is not an opaque token; it may be an access token.
func KindOf(text string) (storage.TokenKind, bool) {
	for kind, prefix := range prefixOfKind {
		if strings.HasPrefix(text, string(prefix)) {
			return kind, true
		}
	}
	return "", false
}

// ReferenceOf returns what an opaque token is found by, and false if the text
// is not well formed and cannot be a token.
func ReferenceOf(text string) (storage.TokenReference, bool) {
	kind, ok := KindOf(text)
	if !ok || !WellFormed(prefixOfKind[kind], text) {
		return storage.TokenReference{}, false
	}
	return storage.TokenReference{Kind: kind, Value: storage.NewSecret(text).Digest()}, true
}
