package clients

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"kiket.dev/auth/server/assertions"
	"kiket.dev/auth/server/tokens"
	"kiket.dev/auth/storage"
)

var (
	// ErrInvalidClient says that authentication failed; whatever was wrong, the
	// answer is the same (RFC 6749 section 5.2, invalid_client).
	ErrInvalidClient = errors.New("client authentication failed")
	// ErrNoCredentials says that the request presents no client authentication.
	ErrNoCredentials = fmt.Errorf("%w: no client credentials", ErrInvalidClient)
	// ErrMalformed says that client authentication is presented in a way that
	// the specification forbids, such as two methods at once.
	ErrMalformed = errors.New("malformed client authentication")
)

// ThrottledError says that too many attempts failed and how long to wait.
type ThrottledError struct{ RetryAfter time.Duration }

func (e *ThrottledError) Error() string {
	return fmt.Sprintf("too many failed attempts, try again in %s", e.RetryAfter)
}

// Authenticated is a client that has proved who it is.
type Authenticated struct {
	Client storage.Client
	// SecretID is the secret that was used, 0: a key.
	SecretID int64
	// KeyID is the kid of the key that was used, empty: it has none, or a secret was.
	KeyID  string
	Method storage.AuthMethod
}

// Authenticator checks client authentication. All fields are required.
type Authenticator struct {
	Store interface {
		storage.ClientStore
		storage.AssertionStore
	}
	Throttle *Throttle
	// Failed is told for which client id authentication failed, whether or not there is
	// such a client.
	Failed     func(clientID, address string)
	Assertions *assertions.Verifier
	// Published are the keys that clients publish themselves.
	Published *assertions.RemoteKeys
	Issuer    string
	TokenURL  string // of the token endpoint
	Clock     func() time.Time
}

// Authenticate returns the client that p proves to be. The address is where the
// request came from. It returns ErrMalformed, ErrNoCredentials, ErrInvalidClient,
// a *ThrottledError, or storage.ErrUnavailable.
func (a *Authenticator) Authenticate(ctx context.Context, p Presented, address string) (Authenticated, error) {
	claim, err := p.claim()
	if err != nil {
		return Authenticated{}, err
	}
	found, err := a.check(ctx, claim)
	if errors.Is(err, ErrInvalidClient) {
		if validClientID(claim.clientID) {
			a.Failed(claim.clientID, address)
		}
		if wait := a.Throttle.Failed(claim.clientID, address); wait > 0 {
			return Authenticated{}, &ThrottledError{RetryAfter: wait}
		}
	}
	return found, err
}

// nobody stands in for a client that does not exist, so that comparing with it
// costs what comparing with a real one costs. No text has this digest.
var nobody = storage.Client{
	AuthMethods: []storage.AuthMethod{storage.AuthSecretBasic, storage.AuthSecretPost},
	Secrets:     []storage.ClientSecret{{Digest: hex.EncodeToString(make([]byte, sha256.Size))}},
	DisabledAt:  time.Unix(1, 0),
}

func (a *Authenticator) check(ctx context.Context, claim claim) (Authenticated, error) {
	if !validClientID(claim.clientID) {
		return Authenticated{}, ErrInvalidClient
	}
	if claim.assertion == "" && !tokens.WellFormed(tokens.PrefixClientSecret, claim.secret.Reveal()) {
		return Authenticated{}, ErrInvalidClient
	}
	client, err := a.Store.ClientByClientID(ctx, claim.clientID)
	switch {
	case errors.Is(err, storage.ErrNotFound):
		client = nobody
	case err != nil:
		return Authenticated{}, fmt.Errorf("finding the client: %w", err)
	}
	if claim.assertion != "" {
		return a.checkAssertion(ctx, client, claim)
	}
	secretID, matched := matchSecret(client.Secrets, claim.secret, a.Clock())
	if !matched || !client.Enabled() || !client.Uses(claim.method) {
		return Authenticated{}, ErrInvalidClient
	}
	return Authenticated{Client: client, SecretID: secretID, Method: claim.method}, nil
}

// checkAssertion spends the assertion's id last: one that is refused for another
// reason may be sent again.
func (a *Authenticator) checkAssertion(ctx context.Context, client storage.Client, claim claim) (Authenticated, error) {
	expected := assertions.Expectation{ClientID: claim.clientID, Audiences: []string{a.Issuer}}
	if client.TokenURLAudience {
		expected.Audiences = append(expected.Audiences, a.TokenURL)
	}
	if client.Enabled() && client.Uses(storage.AuthPrivateKeyJWT) {
		keys, err := a.keysOf(client)
		if err != nil {
			return Authenticated{}, err
		}
		expected.Keys = keys
	}
	verified, err := a.Assertions.Verify(ctx, expected, claim.assertion)
	if err != nil {
		return Authenticated{}, fmt.Errorf("%w: %w", ErrInvalidClient, err)
	}
	err = a.Store.SpendAssertion(ctx, client.ID, verified.JTI, verified.ExpiresAt)
	switch {
	case errors.Is(err, storage.ErrConflict):
		return Authenticated{}, fmt.Errorf("%w: the assertion was used before", ErrInvalidClient)
	case err != nil:
		return Authenticated{}, fmt.Errorf("noting the assertion: %w", err)
	}
	return Authenticated{Client: client, KeyID: verified.KeyID, Method: claim.method}, nil
}

// keysOf returns where the client's keys are, nil if it has none.
func (a *Authenticator) keysOf(client storage.Client) (assertions.Source, error) {
	switch {
	case client.JWKSURI != "":
		return a.Published.At(client.JWKSURI, client.OrganizationID), nil
	case len(client.JWKS) > 0:
		keys, err := assertions.ParseKeys(client.JWKS)
		if err != nil { // they were checked when they were registered
			return nil, fmt.Errorf("the keys of client %s: %w", client.ClientID, err)
		}
		return keys, nil
	}
	return nil, nil
}

// matchSecret compares with every secret in constant time. An empty or foreign
// digest matches nothing.
func matchSecret(secrets []storage.ClientSecret, presented storage.Secret, now time.Time) (id int64, matched bool) {
	digest := []byte(presented.Digest())
	for _, s := range secrets {
		if subtle.ConstantTimeCompare([]byte(s.Digest), digest) == 1 && s.Open(now) {
			id, matched = s.ID, true
		}
	}
	return id, matched
}

const maxClientIDLength = 128

// validClientID keeps everything that the server could not have made away from
// the database.
func validClientID(id string) bool {
	if id == "" || len(id) > maxClientIDLength {
		return false
	}
	for _, c := range []byte(id) {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '_', c == '-':
		default:
			return false
		}
	}
	return true
}
