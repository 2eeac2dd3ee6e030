package members

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"kiket.dev/auth/server/access"
	"kiket.dev/auth/server/audit"
	"kiket.dev/auth/server/passwords"
	"kiket.dev/auth/server/tokens"
	"kiket.dev/auth/storage"
)

// Service holds the verbs. All fields are required.
type Service struct {
	Store interface {
		storage.Transactor
		storage.OrganizationStore
		storage.UserStore
		storage.TokenStore
	}
	Tokens    *tokens.Service
	Passwords *passwords.Hasher
	Audit     *audit.Recorder
	Clock     func() time.Time
}

// ErrLastAdmin refuses to leave an organization without an admin.
var ErrLastAdmin = access.Refuse("last_admin", "the organization needs an admin: make somebody else one first")

// List returns a page of the members, newest account first. It returns
// access.ErrDenied.
func (s *Service) List(ctx context.Context, caller access.Caller, organizationID int64, page storage.Page) ([]storage.Member, error) {
	if err := caller.Require(storage.ScopeAdmin, organizationID); err != nil {
		return nil, err
	}
	found, err := s.Store.Members(ctx, organizationID, page)
	if err != nil {
		return nil, fmt.Errorf("listing members: %w", err)
	}
	return found, nil
}

// Show returns a member. It returns access.ErrDenied, or storage.ErrNotFound if the
// user is not one.
func (s *Service) Show(ctx context.Context, caller access.Caller, organizationID, userID int64) (storage.Member, error) {
	if err := caller.Require(storage.ScopeAdmin, organizationID); err != nil {
		return storage.Member{}, err
	}
	return s.member(ctx, organizationID, userID)
}

// ByEmail returns the member with an address. It returns access.ErrDenied, or
// storage.ErrNotFound if no member has it.
func (s *Service) ByEmail(ctx context.Context, caller access.Caller, organizationID int64, email string) (storage.Member, error) {
	if err := caller.Require(storage.ScopeAdmin, organizationID); err != nil {
		return storage.Member{}, err
	}
	user, err := s.Store.UserByEmail(ctx, strings.TrimSpace(email))
	if err != nil {
		return storage.Member{}, fmt.Errorf("finding the user: %w", err)
	}
	return s.member(ctx, organizationID, user.ID)
}

func (s *Service) member(ctx context.Context, organizationID, userID int64) (storage.Member, error) {
	found, err := s.Store.MemberOf(ctx, organizationID, userID)
	if err != nil {
		return storage.Member{}, fmt.Errorf("finding the member: %w", err)
	}
	return found, nil
}

// change runs f in a transaction that nobody else changes the members in, with the
// member as they are.
func (s *Service) change(ctx context.Context, organizationID, userID int64, f func(context.Context, storage.Member) error) error {
	return s.Store.Transaction(ctx, func(ctx context.Context) error {
		if err := s.Store.LockOrganization(ctx, organizationID); err != nil {
			return fmt.Errorf("locking the organization: %w", err)
		}
		m, err := s.member(ctx, organizationID, userID)
		if err != nil {
			return err
		}
		return f(ctx, m)
	})
}

// notLastAdmin returns ErrLastAdmin if the organization would have none without the
// member. The organization is locked.
func (s *Service) notLastAdmin(ctx context.Context, organizationID int64, m storage.Member) error {
	if m.Role != storage.RoleAdmin {
		return nil
	}
	admins, err := s.Store.CountAdmins(ctx, organizationID)
	if err != nil {
		return fmt.Errorf("counting admins: %w", err)
	}
	if admins <= 1 {
		return ErrLastAdmin
	}
	return nil
}

// Update is a change of a member; nil leaves as it is.
type Update struct {
	Name *string // what the organization calls them, 1 to 100 characters
	Role *storage.Role
}

// Update changes what a member is called, or their role, and returns them. A demoted
// admin's credentials permit no more than a member's at once. It returns
// access.ErrDenied, storage.ErrInvalid, storage.ErrNotFound, or ErrLastAdmin.
func (s *Service) Update(ctx context.Context, caller access.Caller, organizationID, userID int64, u Update) (storage.Member, error) {
	if err := caller.Require(storage.ScopeAdmin, organizationID); err != nil {
		return storage.Member{}, err
	}
	if err := errors.Join(u.checkName(), u.checkRole()); err != nil {
		return storage.Member{}, err
	}
	var after storage.Member
	err := s.change(ctx, organizationID, userID, func(ctx context.Context, before storage.Member) error {
		if u.promotes(before) {
			if err := caller.RequireFullAccess(); err != nil {
				return err
			}
		}
		details := map[string]any{}
		err := errors.Join(
			s.rename(ctx, organizationID, before, u.Name, details),
			s.setRole(ctx, organizationID, before, u.Role, details))
		if err != nil {
			return err
		}
		if after, err = s.member(ctx, organizationID, userID); err != nil || len(details) == 0 {
			return err
		}
		return s.record(ctx, caller, organizationID, "user.updated", after, details)
	})
	return after, err
}

// promotes reports whether somebody becomes an admin by it, who may do everything.
func (u Update) promotes(before storage.Member) bool {
	return u.Role != nil && *u.Role == storage.RoleAdmin && before.Role != storage.RoleAdmin
}

func (u Update) checkName() error {
	if u.Name == nil {
		return nil
	}
	return storage.CheckName("name", *u.Name)
}

func (u Update) checkRole() error {
	if u.Role == nil {
		return nil
	}
	return checkRole(*u.Role)
}

func checkRole(role storage.Role) error {
	if !role.Valid() {
		return storage.Invalidf("role", "want %s or %s", storage.RoleAdmin, storage.RoleMember)
	}
	return nil
}

// rename and setRole change one thing, if it is to be changed, and note it in details.
func (s *Service) rename(ctx context.Context, organizationID int64, before storage.Member, name *string, details map[string]any) error {
	if name == nil || strings.TrimSpace(*name) == before.Name {
		return nil
	}
	after := strings.TrimSpace(*name)
	details["name"] = map[string]any{"before": before.Name, "after": after}
	return s.Store.SetMemberName(ctx, organizationID, before.UserID, after)
}

func (s *Service) setRole(ctx context.Context, organizationID int64, before storage.Member, role *storage.Role, details map[string]any) error {
	if role == nil || *role == before.Role {
		return nil
	}
	if *role != storage.RoleAdmin {
		if err := s.notLastAdmin(ctx, organizationID, before); err != nil {
			return err
		}
	}
	details["role"] = map[string]any{"before": string(before.Role), "after": string(*role)}
	return s.Store.SetRole(ctx, organizationID, before.UserID, *role)
}

func (s *Service) record(ctx context.Context, caller access.Caller, organizationID int64, action string, m storage.Member, details map[string]any) error {
	return s.Audit.Record(ctx, caller, audit.Event{
		OrganizationID: organizationID, Action: action,
		Target:  storage.Party{Kind: "user", ID: m.UserID, Name: m.Name},
		Details: details,
	})
}
