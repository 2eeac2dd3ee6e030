package members

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"kiket.dev/auth/server/access"
	"kiket.dev/auth/server/passwords"
	"kiket.dev/auth/storage"
)

// Addition asks for a member.
type Addition struct {
	Email string
	Name  string // what the organization calls them, 1 to 100 characters
	Role  storage.Role
	// Password is what they sign in with; empty: one is made.
	Password storage.Secret
}

// Added is a new member.
type Added struct {
	Member storage.Member
	// InitialPassword was made for the account, and is known here and never again; empty
	// if a password was given.
	InitialPassword storage.Secret
}

var errMember = access.Refuse("already_member", "the person is a member already")

// errAccount keeps an organization from taking in somebody whose password another one
// knows: whoever knows it would get in with them.
var errAccount = access.Refuse("account_exists", "the address has an account in another organization: the operator of the server can add it")

// Add makes a person a member, and the account if they have none. A member may do
// everything, or everything but manage, so that it takes full access to add one. An
// account that is in another organization only the operator may add; it gets a new
// password then. It returns access.ErrDenied, storage.ErrInvalid, or an access.Refusal
// already_member or account_exists.
func (s *Service) Add(ctx context.Context, caller access.Caller, organizationID int64, a Addition) (Added, error) {
	if err := caller.Require(storage.ScopeAdmin, organizationID); err != nil {
		return Added{}, err
	}
	if err := caller.RequireFullAccess(); err != nil {
		return Added{}, err
	}
	email, err := storage.ParseEmail("email", a.Email)
	if err := errors.Join(err, storage.CheckName("name", a.Name), checkRole(a.Role), checkPassword(a.Password, email)); err != nil {
		return Added{}, err
	}
	a.Email, a.Name = email, strings.TrimSpace(a.Name)
	return s.add(ctx, caller, organizationID, a)
}

func checkPassword(password storage.Secret, email string) error {
	if password.Empty() {
		return nil
	}
	return passwords.Check("password", password, email)
}

func (s *Service) add(ctx context.Context, caller access.Caller, organizationID int64, a Addition) (Added, error) {
	// Hashed before the transaction, in which others would wait for it.
	account, initial, err := s.newAccount(ctx, a)
	if err != nil {
		return Added{}, err
	}
	added := Added{InitialPassword: initial}
	err = s.Store.Transaction(ctx, func(ctx context.Context) error {
		if err := s.Store.LockOrganization(ctx, organizationID); err != nil {
			return fmt.Errorf("locking the organization: %w", err)
		}
		if err := s.join(ctx, caller, organizationID, a, &account); err != nil {
			return err
		}
		if added.Member, err = s.member(ctx, organizationID, account.ID); err != nil {
			return err
		}
		return s.record(ctx, caller, organizationID, "user.created", added.Member, map[string]any{
			"email": a.Email, "role": string(a.Role),
		})
	})
	if err != nil {
		return Added{}, err
	}
	return added, nil
}

// newAccount returns an account that is not stored yet, and its password if one was
// made.
func (s *Service) newAccount(ctx context.Context, a Addition) (storage.User, storage.Secret, error) {
	initial := storage.Secret{}
	password := a.Password
	if password.Empty() {
		initial = passwords.Generate()
		password = initial
	}
	hash, err := s.Passwords.Hash(ctx, password)
	if err != nil {
		return storage.User{}, storage.Secret{}, err
	}
	return storage.User{Email: a.Email, Name: a.Name, PasswordHash: hash, CreatedAt: s.Clock()}, initial, nil
}

// join stores the account, or the new password of one that exists, and the membership.
func (s *Service) join(ctx context.Context, caller access.Caller, organizationID int64, a Addition, account *storage.User) error {
	existing, err := s.Store.UserByEmail(ctx, a.Email)
	switch {
	case err == nil:
		account.ID = existing.ID
		err = s.takeIn(ctx, caller, organizationID, *account)
	case errors.Is(err, storage.ErrNotFound):
		err = s.create(ctx, account)
	}
	if err != nil {
		return err
	}
	return s.Store.CreateMembership(ctx, storage.Membership{
		OrganizationID: organizationID, UserID: account.ID, Name: a.Name, Role: a.Role, CreatedAt: s.Clock(),
	})
}

func (s *Service) create(ctx context.Context, account *storage.User) error {
	err := s.Store.CreateUser(ctx, account)
	if errors.Is(err, storage.ErrConflict) { // another organization was faster
		return errAccount
	}
	if err != nil {
		return fmt.Errorf("creating the account: %w", err)
	}
	return nil
}

// takeIn gives an account that exists a new password, unless somebody else uses it.
func (s *Service) takeIn(ctx context.Context, caller access.Caller, organizationID int64, account storage.User) error {
	if err := s.Store.LockUser(ctx, account.ID); err != nil {
		return fmt.Errorf("locking the user: %w", err)
	}
	memberships, err := s.Store.MembershipsOf(ctx, account.ID)
	if err != nil {
		return fmt.Errorf("finding the memberships: %w", err)
	}
	for _, m := range memberships {
		if m.OrganizationID == organizationID {
			return errMember
		}
	}
	operator := caller.Require(storage.ScopeAdmin, 0) == nil
	if len(memberships) > 0 && !operator {
		return errAccount
	}
	if err := s.Store.SetPassword(ctx, account.ID, account.PasswordHash); err != nil {
		return fmt.Errorf("setting the password: %w", err)
	}
	return nil
}
