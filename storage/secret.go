package storage

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"log/slog"
)

// Secret is a text that must not be shown by accident: every way of formatting,
// logging or encoding it yields "[redacted]", or an address where package fmt
// does not ask for methods, as in unexported fields. Only [Secret.Reveal] gives
// it out. Secrets do not compare with ==, which takes a time that tells of them.
type Secret struct {
	_    [0]func() // not comparable
	text *string   // what fmt does not follow; nil if empty
}

const redacted = "[redacted]"

// NewSecret wraps a text.
func NewSecret(text string) Secret {
	if text == "" {
		return Secret{}
	}
	return Secret{text: &text}
}

// Reveal returns the text itself. Its callers are the places where a secret
// leaves the program or is used, and are few enough to be read.
func (s Secret) Reveal() string {
	if s.text == nil {
		return ""
	}
	return *s.text
}

// Empty reports whether there is no text.
func (s Secret) Empty() bool { return s.text == nil }

// Equal reports whether both hold the same text, in a time that says nothing of where
// they differ.
func (s Secret) Equal(other Secret) bool {
	return subtle.ConstantTimeCompare([]byte(s.Reveal()), []byte(other.Reveal())) == 1
}

// Digest returns the lower-case hex SHA-256 of the text, which is what is
// stored of a generated secret. Secrets that people choose are too weak for it.
func (s Secret) Digest() string {
	sum := sha256.Sum256([]byte(s.Reveal()))
	return hex.EncodeToString(sum[:])
}

// Format implements [fmt.Formatter] for every verb.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(redacted)) }

// MarshalText implements [encoding.TextMarshaler].
func (s Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// LogValue implements [slog.LogValuer].
func (s Secret) LogValue() slog.Value { return slog.StringValue(redacted) }
