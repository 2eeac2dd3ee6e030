// Package passwords hashes and checks the passwords that people choose.
//
// A [Hasher] bounds how many are hashed at once: the work is made to be heavy, and
// whoever signs in must not slow down whoever uses a token. Everyone costs the same,
// also somebody who does not exist.
package passwords

import (
	"context"
	"crypto/rand"
	"fmt"
	"runtime"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/alexedwards/argon2id"
	"golang.org/x/text/secure/precis"

	"kiket.dev/auth/storage"
)

// parameters are those that OWASP recommends for Argon2id (RFC 9106) where many
// sign in on one machine. One lane, so that one hash takes one processor.
var parameters = &argon2id.Params{Memory: 19 << 10, Iterations: 2, Parallelism: 1, SaltLength: 16, KeyLength: 32}

// nobody is hashed against for those who have no password, so that they cost what
// others cost. No password is known that has this hash.
var nobody = storage.NewSecret(fmt.Sprintf("$argon2id$v=19$m=%d,t=%d,p=%d$%s$%s",
	parameters.Memory, parameters.Iterations, parameters.Parallelism,
	strings.Repeat("A", 22), strings.Repeat("A", 43)))

// patience is how long somebody waits for their turn.
const patience = 10 * time.Second

// ErrBusy says that too many passwords are being checked. It matches
// [storage.ErrUnavailable].
var ErrBusy = fmt.Errorf("%w: too many passwords to check at once", storage.ErrUnavailable)

// Hasher hashes passwords. Make it with [NewHasher].
type Hasher struct{ turns chan struct{} }

// NewHasher returns a hasher that leaves half of the processors to others.
func NewHasher() *Hasher {
	return &Hasher{turns: make(chan struct{}, max(1, runtime.GOMAXPROCS(0)/2))}
}

// Hash returns a PHC string, or ErrBusy.
func (h *Hasher) Hash(ctx context.Context, password storage.Secret) (storage.Secret, error) {
	done, err := h.turn(ctx)
	if err != nil {
		return storage.Secret{}, err
	}
	defer done()
	hash, err := argon2id.CreateHash(prepared(password), parameters)
	if err != nil {
		return storage.Secret{}, fmt.Errorf("hashing a password: %w", err)
	}
	return storage.NewSecret(hash), nil
}

// Matches reports whether the password has the hash. An empty hash has no password
// and takes as long. It may return ErrBusy.
func (h *Hasher) Matches(ctx context.Context, password, hash storage.Secret) (bool, error) {
	if hash.Empty() {
		hash = nobody
	}
	done, err := h.turn(ctx)
	if err != nil {
		return false, err
	}
	defer done()
	matched, err := argon2id.ComparePasswordAndHash(prepared(password), hash.Reveal())
	if err != nil {
		return false, fmt.Errorf("comparing a password: %w", err)
	}
	return matched, nil
}

// turn waits until somebody may hash.
func (h *Hasher) turn(ctx context.Context) (done func(), err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	select {
	case h.turns <- struct{}{}:
		return func() { <-h.turns }, nil
	case <-ctx.Done():
		return nil, ErrBusy
	}
}

// prepared makes the ways to type one character into one (RFC 8265 section 4). What
// that forbids in a password stays as it is and is refused where it is chosen.
func prepared(password storage.Secret) string {
	text, err := precis.OpaqueString.String(password.Reveal())
	if err != nil {
		return password.Reveal()
	}
	return text
}

// How many characters a password has.
const (
	shortest = 12
	longest  = 200
)

// Check returns an *storage.Invalid for field unless the password is good enough for
// whoever has the address.
func Check(field string, password storage.Secret, email string) error {
	text, err := precis.OpaqueString.String(password.Reveal())
	switch n := utf8.RuneCountInString(text); {
	case password.Empty() || err == nil && (n < shortest || n > longest):
		return storage.Invalidf(field, "want %d to %d characters", shortest, longest)
	case err != nil:
		return storage.Invalidf(field, "has characters that a password cannot have")
	case strings.EqualFold(text, email):
		return storage.Invalidf(field, "must not be the e-mail address")
	}
	return nil
}

// Generate returns a password for somebody's first sign-in, of 130 random bits.
func Generate() storage.Secret { return storage.NewSecret(rand.Text()) }
