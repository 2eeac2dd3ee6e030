package sessions

import (
	"context"
	"errors"
	"fmt"
	"time"

	"kiket.dev/auth/server/access"
	"kiket.dev/auth/storage"
)

// RecentFor is how long after its beginning a session is proof that the person is
// there, and not somebody who found their browser open.
const RecentFor = 10 * time.Minute

// Recent reports whether the token is a session that began, with a password, no longer
// than [RecentFor] ago. Where it did not, [Service.Confirm] begins another.
func (s *Service) Recent(token storage.Token) bool {
	return token.Kind == storage.Session && s.Clock().Sub(token.CreatedAt) < RecentFor
}

// Confirm begins another session for the person whose session calls, in the same
// organization, once they have given their password again, and ends the one that calls.
// It returns access.ErrDenied unless that is a session, and still one; storage.ErrInvalid
// naming password; or a *clients.ThrottledError after too many wrong passwords, also of
// sign-ins.
func (s *Service) Confirm(ctx context.Context, caller access.Caller, password storage.Secret) (SignedIn, error) {
	calling, err := own(caller)
	if err != nil {
		return SignedIn{}, err
	}
	calling.ID = caller.Party.ID
	user, err := s.Store.UserByID(ctx, caller.OrganizationID, caller.UserID)
	if err != nil {
		return SignedIn{}, fmt.Errorf("finding the user: %w", err)
	}
	attempt, err := s.Guard.admit(caller.Origin.Address, user.Email)
	if err != nil {
		return SignedIn{}, err
	}
	matched, err := s.Passwords.Matches(ctx, password, user.PasswordHash)
	if err != nil {
		attempt.notMade()
		return SignedIn{}, err
	}
	claimed := claimed{user, caller.Party.Name, caller.OrganizationID}
	var signed SignedIn
	err = ErrInvalidCredentials
	if matched {
		signed, err = s.replace(ctx, caller, calling, claimed)
	}
	switch {
	case errors.Is(err, ErrInvalidCredentials):
		s.failed(caller.Origin, claimed)
		return SignedIn{}, storage.Invalidf("password", "is wrong")
	case err != nil:
		attempt.notMade()
		return SignedIn{}, err
	}
	attempt.succeeded()
	return signed, nil
}

// replace ends the session that calls and begins another. If it has ended in the
// meantime, that was for a reason, and nothing begins.
func (s *Service) replace(ctx context.Context, caller access.Caller, calling storage.TokenFilter, c claimed) (SignedIn, error) {
	var signed SignedIn
	err := s.Store.Transaction(ctx, func(ctx context.Context) error {
		if err := s.unchanged(ctx, c.organizationID, c.user); err != nil {
			return err
		}
		switch ended, err := s.Tokens.RevokeAll(ctx, caller, calling); {
		case err != nil:
			return err
		case len(ended) == 0:
			return fmt.Errorf("%w: the session has ended", access.ErrDenied)
		}
		// By the person, as when they sign in: the log says whose session each is.
		person := caller
		person.Party = storage.Party{Kind: "user", ID: c.user.ID, Name: c.name}
		var err error
		signed, err = s.issue(ctx, person, c)
		return err
	})
	if err != nil {
		return SignedIn{}, err
	}
	return signed, nil
}
