package keys

import (
	"errors"
	"fmt"

	"kiket.dev/auth/storage"
)

var (
	// ErrInvalidToken says that a token was not signed by a key of the ring, or
	// is not of the form in which the ring signs. It says no more, so that
	// whoever probes learns nothing.
	ErrInvalidToken = errors.New("invalid token")

	// ErrSealed says that something sealed cannot be opened: it was sealed under
	// another master key or for another purpose, or has been altered.
	ErrSealed = errors.New("cannot be opened with the master keys that are given")

	// ErrRotationPending says that a new key is published already and has not
	// begun to sign.
	ErrRotationPending = errors.New("a new signing key is published already and waits to sign")

	// ErrNotLoaded says that the ring has not been able to read its keys yet. It
	// is a [storage.ErrUnavailable].
	ErrNotLoaded = fmt.Errorf("signing keys not loaded: %w", storage.ErrUnavailable)

	// ErrNoSigningKey says that of the keys that are known none may sign now. The
	// next round of [Ring.Run] makes one, so it is a [storage.ErrUnavailable].
	ErrNoSigningKey = fmt.Errorf("no key may sign: %w", storage.ErrUnavailable)
)
