package sessions

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"kiket.dev/auth/server/access"
	"kiket.dev/auth/server/tokens"
	"kiket.dev/auth/storage"
)

// ErrInvalidCredentials says that nobody can sign in like that; it does not say
// whether the address, the password or the organization is wrong.
var ErrInvalidCredentials = errors.New("the e-mail address or the password is wrong")

// Credentials are what somebody signs in with.
type Credentials struct {
	Email    string
	Password storage.Secret
	// Organization is the slug of the one to sign in to; empty: the one that they
	// joined first.
	Organization string
}

// SignedIn is a new session, and whose.
type SignedIn struct {
	Session      tokens.Issued
	Member       storage.Member
	Organization storage.Organization
}

// SignIn begins a session. It returns ErrInvalidCredentials, a
// *clients.ThrottledError after too many of those, or an error that wraps
// storage.ErrUnavailable.
func (s *Service) SignIn(ctx context.Context, origin access.Origin, c Credentials) (SignedIn, error) {
	attempt, err := s.Guard.admit(origin.Address, account(c.Email))
	if err != nil {
		return SignedIn{}, err
	}
	claimed, err := s.find(ctx, c)
	if err != nil {
		attempt.notMade()
		return SignedIn{}, err
	}
	matched, err := s.Passwords.Matches(ctx, c.Password, claimed.user.PasswordHash)
	if err != nil {
		attempt.notMade()
		return SignedIn{}, err
	}
	var signed SignedIn
	err = ErrInvalidCredentials
	if matched && claimed.organizationID != 0 {
		signed, err = s.begin(ctx, origin, claimed)
	}
	if errors.Is(err, ErrInvalidCredentials) {
		s.failed(origin, claimed)
		return SignedIn{}, err
	}
	if err != nil {
		attempt.notMade()
		return SignedIn{}, err
	}
	attempt.succeeded()
	return signed, nil
}

// account is what failures at an address are counted under, whether or not there is
// such a person. No address is longer than what is kept of it.
func account(email string) string {
	const most = 254
	email = strings.ToLower(strings.TrimSpace(email))
	return email[:min(len(email), most)]
}

// claimed is somebody who says they are a user; zero fields if there is none.
type claimed struct {
	user           storage.User
	name           string // that the organization calls them
	organizationID int64
}

// find looks up whom the credentials name. It asks the store the same questions about
// those who do not exist.
func (s *Service) find(ctx context.Context, c Credentials) (claimed, error) {
	user, err := absent(s.Store.UserByEmail(ctx, account(c.Email)))
	if err != nil {
		return claimed{}, fmt.Errorf("finding the user: %w", err)
	}
	var wanted storage.Organization
	if c.Organization != "" {
		if wanted, err = absent(s.Store.OrganizationBySlug(ctx, c.Organization)); err != nil {
			return claimed{}, fmt.Errorf("finding the organization: %w", err)
		}
	}
	memberships, err := s.Store.MembershipsOf(ctx, user.ID)
	if err != nil {
		return claimed{}, fmt.Errorf("finding the memberships: %w", err)
	}
	for _, m := range memberships {
		if c.Organization == "" || m.OrganizationID == wanted.ID {
			return claimed{user, cmp.Or(m.Name, user.Name), m.OrganizationID}, nil
		}
	}
	return claimed{user: user, name: user.Name}, nil
}

// absent makes nothing found a zero value.
func absent[T any](found T, err error) (T, error) {
	if errors.Is(err, storage.ErrNotFound) {
		var zero T
		return zero, nil
	}
	return found, err
}

// begin issues the session, unless the password or the membership has changed since
// it was checked: then it returns ErrInvalidCredentials.
func (s *Service) begin(ctx context.Context, origin access.Origin, c claimed) (SignedIn, error) {
	caller := access.Caller{
		Party:          storage.Party{Kind: "user", ID: c.user.ID, Name: c.name},
		OrganizationID: c.organizationID, UserID: c.user.ID, Origin: origin,
	}
	var signed SignedIn
	err := s.Store.Transaction(ctx, func(ctx context.Context) error {
		if err := s.unchanged(ctx, c.organizationID, c.user); err != nil {
			return err
		}
		var err error
		signed, err = s.issue(ctx, caller, c)
		return err
	})
	return signed, err
}

// issue issues a session to a member, in a transaction.
func (s *Service) issue(ctx context.Context, caller access.Caller, c claimed) (SignedIn, error) {
	var signed SignedIn
	var err error
	if signed.Member, err = s.Store.MemberOf(ctx, c.organizationID, c.user.ID); err != nil {
		return SignedIn{}, fmt.Errorf("reading the member: %w", err)
	}
	if signed.Organization, err = s.Store.OrganizationByID(ctx, c.organizationID); err != nil {
		return SignedIn{}, fmt.Errorf("reading the organization: %w", err)
	}
	signed.Session, err = s.Tokens.IssueSession(ctx, caller, tokens.SessionRequest{
		OrganizationID: c.organizationID, UserID: c.user.ID, Lifetime: s.Lifetime, IdleTimeout: s.IdleTimeout,
	})
	return signed, err
}

// unchanged locks the user and returns ErrInvalidCredentials if the password is not
// the one that was checked any more, or the user not a member.
func (s *Service) unchanged(ctx context.Context, organizationID int64, checked storage.User) error {
	if err := s.Store.LockUser(ctx, checked.ID); err != nil {
		return fmt.Errorf("locking the user: %w", err)
	}
	user, err := absent(s.Store.UserByID(ctx, organizationID, checked.ID))
	if err != nil {
		return fmt.Errorf("reading the user: %w", err)
	}
	if user.ID == 0 || !user.PasswordHash.Equal(checked.PasswordHash) {
		return ErrInvalidCredentials
	}
	return nil
}

// failed has it written down that somebody could not sign in: in the organization
// concerned, or in the platform's log if there is none. What was typed is not kept: it
// may be a password in the wrong place.
func (s *Service) failed(origin access.Origin, c claimed) {
	s.Failures.SignIn(c.organizationID, storage.Party{Kind: "user", ID: c.user.ID, Name: c.name}, origin)
}
