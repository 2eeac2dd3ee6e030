package sessions

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"kiket.dev/auth/server/access"
	"kiket.dev/auth/server/audit"
	"kiket.dev/auth/server/passwords"
	"kiket.dev/auth/storage"
)

// ChangePassword gives the person who calls another password and ends all of their
// sessions, in every organization, but the one that calls. It returns access.ErrDenied
// unless the caller is a session, storage.ErrInvalid naming current_password or
// new_password, or a *clients.ThrottledError after too many wrong passwords.
func (s *Service) ChangePassword(ctx context.Context, caller access.Caller, current, next storage.Secret) error {
	if _, err := own(caller); err != nil {
		return err
	}
	user, err := s.Store.UserByID(ctx, caller.OrganizationID, caller.UserID)
	if err != nil {
		return fmt.Errorf("finding the user: %w", err)
	}
	if err := passwords.Check("new_password", next, user.Email); err != nil {
		return err
	}
	if next.Equal(current) {
		return storage.Invalidf("new_password", "must not be the current one")
	}
	attempt, err := s.Guard.admit(caller.Origin.Address, user.Email)
	if err != nil {
		return err
	}
	switch matched, err := s.Passwords.Matches(ctx, current, user.PasswordHash); {
	case err != nil:
		attempt.notMade()
		return err
	case !matched:
		s.failed(caller.Origin, claimed{user, caller.Party.Name, caller.OrganizationID})
		return errWrongPassword
	}
	hash, err := s.Passwords.Hash(ctx, next)
	if err != nil {
		return err
	}
	if err := s.replacePassword(ctx, caller, user, hash); err != nil {
		return err
	}
	attempt.succeeded()
	return nil
}

var errWrongPassword = storage.Invalidf("current_password", "is wrong")

func (s *Service) replacePassword(ctx context.Context, caller access.Caller, user storage.User, hash storage.Secret) error {
	return s.Store.Transaction(ctx, func(ctx context.Context) error {
		switch err := s.unchanged(ctx, caller.OrganizationID, user); {
		case errors.Is(err, ErrInvalidCredentials):
			return errWrongPassword
		case err != nil:
			return err
		}
		return s.setPassword(ctx, caller, user, hash, "user.password_changed")
	})
}

// setPassword replaces the password of a user who is locked, and ends what the old one
// was good for: their sessions in every organization but the one that calls, and a code
// that they were sent. It writes that down in each of the organizations.
func (s *Service) setPassword(ctx context.Context, caller access.Caller, user storage.User, hash storage.Secret, action string) error {
	if err := s.Store.SetPassword(ctx, user.ID, hash); err != nil {
		return fmt.Errorf("changing the password: %w", err)
	}
	if err := s.Store.EndPasswordReset(ctx, resetAccount(user.Email), s.Clock()); err != nil {
		return fmt.Errorf("ending a password reset: %w", err)
	}
	return s.inEach(ctx, user, func(organizationID int64, person storage.Party) error {
		return s.passwordSet(ctx, caller, organizationID, person, action)
	})
}

// inEach calls f for each organization of a user, with what it calls them.
func (s *Service) inEach(ctx context.Context, user storage.User, f func(organizationID int64, person storage.Party) error) error {
	memberships, err := s.Store.MembershipsOf(ctx, user.ID)
	if err != nil {
		return fmt.Errorf("finding the memberships: %w", err)
	}
	// In one order, so that two people do not wait for each other.
	slices.SortFunc(memberships, func(a, b storage.Membership) int { return cmp.Compare(a.OrganizationID, b.OrganizationID) })
	for _, m := range memberships {
		if err := f(m.OrganizationID, storage.Party{Kind: "user", ID: user.ID, Name: cmp.Or(m.Name, user.Name)}); err != nil {
			return err
		}
	}
	return nil
}

// passwordSet ends the sessions in one organization and writes it down there. Other
// organizations than the caller's know the person and not the session.
func (s *Service) passwordSet(ctx context.Context, caller access.Caller, organizationID int64, person storage.Party, action string) error {
	sessions := storage.TokenFilter{OrganizationID: organizationID, Kinds: []storage.TokenKind{storage.Session}, UserID: person.ID}
	switch {
	case caller.UserID != person.ID: // the operator
	case organizationID == caller.OrganizationID:
		sessions.Except = caller.Party.ID
	default:
		caller.Party = person
	}
	ended, err := s.Tokens.RevokeAll(ctx, caller, sessions)
	if err != nil {
		return err
	}
	return s.Audit.Record(ctx, caller, audit.Event{
		OrganizationID: organizationID, Action: action, Target: person,
		Details: map[string]any{"sessions_ended": len(ended)},
	})
}
