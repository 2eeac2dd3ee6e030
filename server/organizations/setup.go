package organizations

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"kiket.dev/auth/server/access"
	"kiket.dev/auth/server/clients"
	"kiket.dev/auth/server/codes"
	"kiket.dev/auth/server/passwords"
	"kiket.dev/auth/server/throttle"
	"kiket.dev/auth/storage"
)

// SetupGuesses is how many setup codes a network may try.
var SetupGuesses = throttle.Limit{Burst: 10, Recovery: 30 * time.Second}

// SetupRequest asks for the first organization and all that a deployment begins with.
type SetupRequest struct {
	Organization string // its name, 1 to 100 characters
	Email        string // of the first admin
	Name         string // of the first admin, 1 to 100 characters
	Password     storage.Secret
}

// errSetUp says that the code has done its work.
var errSetUp = access.Refuse("already_set_up", "this server has an organization already: sign in, or ask the operator for another one")

// NeedsSetup reports whether there is no organization yet.
func (s *Service) NeedsSetup(ctx context.Context) (bool, error) {
	n, err := s.Store.CountOrganizations(ctx)
	if err != nil {
		return false, fmt.Errorf("counting organizations: %w", err)
	}
	return n == 0, nil
}

// SetupCode returns what [Service.Setup] asks for: who reads the server's terminal knows
// it, and who has only found the page does not. It follows from the master key, so that
// all replicas have the same, and says nothing of that.
func (s *Service) SetupCode() (storage.Secret, error) {
	raw, err := s.Sealer.Derive("setup code", codes.Bytes)
	if err != nil {
		return storage.Secret{}, err
	}
	return codes.From(raw), nil
}

// Setup is [Service.Bootstrap] for whoever has the setup code, with a password of their
// own and without a workspace token, if there is no organization yet: of two at once, one
// makes it. It returns an access.Refusal already_set_up, a *clients.ThrottledError after
// too many wrong codes, or storage.ErrInvalid naming code, organization, email, name or
// password.
func (s *Service) Setup(ctx context.Context, origin access.Origin, code storage.Secret, r SetupRequest) (Bootstrapped, error) {
	if err := s.admitSetup(ctx, origin, code); err != nil {
		return Bootstrapped{}, err
	}
	email, err := storage.ParseEmail("email", r.Email)
	err = errors.Join(storage.CheckName("organization", r.Organization), checkSlug("organization", slugOf(r.Organization)),
		err, storage.CheckName("name", r.Name), passwords.Check("password", r.Password, email))
	if err != nil {
		return Bootstrapped{}, err
	}
	operator := access.Operator()
	operator.Party.Name, operator.Origin = "setup code", origin
	var b Bootstrapped
	err = s.Store.Transaction(ctx, func(ctx context.Context) error {
		if err := s.Store.Lock(ctx, storage.LockBootstrap); err != nil {
			return err
		}
		switch open, err := s.NeedsSetup(ctx); {
		case err != nil:
			return err
		case !open:
			return errSetUp
		}
		b, err = s.bootstrap(ctx, operator, Creation{
			Name: r.Organization, Email: email, AdminName: strings.TrimSpace(r.Name), Password: r.Password,
		})
		return err
	})
	if err != nil {
		return Bootstrapped{}, err
	}
	return b, nil
}

// admitSetup lets through who has the code, while it is good for something.
func (s *Service) admitSetup(ctx context.Context, origin access.Origin, code storage.Secret) error {
	switch open, err := s.NeedsSetup(ctx); {
	case err != nil:
		return err
	case !open:
		return errSetUp
	}
	want, err := s.SetupCode()
	if err != nil {
		return err
	}
	network := throttle.Network(origin.Address)
	if wait := s.Guesses.Take(network); wait > 0 {
		return &clients.ThrottledError{RetryAfter: wait}
	}
	if !codes.Typed(code).Equal(want) {
		return storage.Invalidf("code", "is not the setup code that the server prints when it starts")
	}
	s.Guesses.Restore(network)
	return nil
}
