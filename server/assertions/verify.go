package assertions

import (
	"context"
	"fmt"
	"time"
)

// Source is where the keys of a client are: [Keys] that are registered themselves,
// or [RemoteKeys].
type Source interface {
	// Current returns the keys that are known.
	Current(ctx context.Context) (Keys, error)
	// Newer is asked when the signer may be a key that is not among those that
	// Current returned. It returns other keys, or none if there is nothing newer
	// to try.
	Newer(ctx context.Context, than Keys) (Keys, error)
}

// Expectation is what an assertion must say.
type Expectation struct {
	// ClientID is whose it must be.
	ClientID string
	// Audiences are those of which it must name one: the issuer.
	Audiences []string
	// Keys is where the client's keys are; nil for a client that does not exist or
	// has none. Refusing that costs a check of a signature like any other.
	Keys Source
}

// Verified is an assertion that proves who the client is, if it is the first one
// with its id.
type Verified struct {
	// JTI is the id of the assertion: 1 to 255 bytes, of which the client uses no
	// two alike.
	JTI string
	// ExpiresAt is when the id may be forgotten, since the assertion is refused
	// from then on. It is a whole second.
	ExpiresAt time.Time
	// KeyID is the kid that the key is registered with, "" if it has none.
	KeyID     string
	Algorithm string
}

// Verifier verifies assertions. All fields are required.
type Verifier struct {
	Clock func() time.Time
}

// Verify checks that the client which e names signed the assertion for this server,
// and that it is in time. It does not know whether the assertion has been used before.
// An assertion has one spelling only, but for the signature: with some algorithms a
// second one can be computed. The error is an [ErrInvalid], and also an
// [ErrKeysUnavailable] if the keys could not be had.
func (v *Verifier) Verify(ctx context.Context, e Expectation, text string) (Verified, error) {
	a, err := parse(text)
	if err != nil {
		return Verified{}, err
	}
	id, until, err := checkClaims(a.claims, e.ClientID, e.Audiences, v.Clock())
	if err != nil {
		return Verified{}, err
	}
	signer, err := a.signer(ctx, e.Keys)
	if err != nil {
		return Verified{}, err
	}
	return Verified{JTI: id, ExpiresAt: ceiling(until), KeyID: signer.KeyID, Algorithm: a.algorithm}, nil
}

// ceiling rounds up to the second, so that storing it cannot make it earlier.
func ceiling(t time.Time) time.Time {
	if whole := t.Truncate(time.Second); !whole.Equal(t) {
		return whole.Add(time.Second)
	}
	return t
}

// signer returns the key that signed.
func (a assertion) signer(ctx context.Context, source Source) (key, error) {
	if source == nil {
		source = Keys{}
	}
	known, err := source.Current(ctx)
	if err != nil {
		a.tryStandIn()
		return key{}, fmt.Errorf("%w: %w", ErrKeysUnavailable, err)
	}
	if k, ok := a.signedBy(known); ok {
		return k, nil
	}
	if a.keyID != "" && known.has(a.keyID) {
		return key{}, invalidf("not signed by the key that it names")
	}
	newer, err := source.Newer(ctx, known)
	if err != nil {
		return key{}, fmt.Errorf("%w: %w", ErrKeysUnavailable, err)
	}
	if k, ok := a.signedByOneOf(newer.candidates(a.algorithm, a.keyID)); ok {
		return k, nil
	}
	return key{}, invalidf("signed by none of the client's keys")
}

// signedBy returns the key that signed, and whether one of them did. If none could
// have, the time is spent nevertheless.
func (a assertion) signedBy(keys Keys) (key, bool) {
	candidates := keys.candidates(a.algorithm, a.keyID)
	if len(candidates) == 0 {
		a.tryStandIn()
	}
	return a.signedByOneOf(candidates)
}
