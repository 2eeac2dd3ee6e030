// Package codes makes the codes that people type in, or paste: twenty letters and
// digits, in groups of five, of 100 random bits. What so many bits say cannot be guessed,
// so that a plain digest may be kept of them.
package codes

import (
	"crypto/rand"
	"encoding/base32"
	"strings"

	"kiket.dev/auth/storage"
)

const (
	characters = 20
	group      = 5
	// Bytes is how many bytes [From] needs.
	Bytes = 13
)

// New returns a random code.
func New() storage.Secret {
	raw := make([]byte, Bytes)
	_, _ = rand.Read(raw) // never fails: it ends the program instead
	return From(raw)
}

// From returns the code that [Bytes] bytes make, which are as secret as the code.
func From(raw []byte) storage.Secret {
	return grouped(base32.StdEncoding.EncodeToString(raw)[:characters]) // RFC 4648 section 6
}

// Typed returns a code that somebody typed in as [New] returns it: in capitals, grouped,
// with nothing else around. The digits that look like letters are not in the alphabet and
// become those.
func Typed(text storage.Secret) storage.Secret {
	return grouped(strings.Map(func(c rune) rune {
		switch {
		case c == '0':
			return 'O'
		case c == '1':
			return 'I'
		case c == '8':
			return 'B'
		case c >= 'A' && c <= 'Z', c >= '2' && c <= '7':
			return c
		case c >= 'a' && c <= 'z':
			return c - 'a' + 'A'
		}
		return -1
	}, text.Reveal()))
}

func grouped(letters string) storage.Secret {
	var b strings.Builder
	for i := range len(letters) {
		if i > 0 && i%group == 0 {
			b.WriteByte('-')
		}
		b.WriteByte(letters[i])
	}
	return storage.NewSecret(b.String())
}
