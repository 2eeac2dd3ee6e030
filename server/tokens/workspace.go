package tokens

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"kiket.dev/auth/server/access"
	"kiket.dev/auth/server/audit"
	"kiket.dev/auth/storage"
)

// WorkspaceTokenRequest asks for a workspace API token.
type WorkspaceTokenRequest struct {
	OrganizationID int64
	OwnerID        int64  // an admin of the organization; 0: the caller's user
	Name           string // 1 to 100 characters
	Scopes         storage.Scopes
	ExpiresAt      time.Time // zero: never
}

// IssueWorkspaceToken issues a token to an admin of the organization. No scopes
// means full access. It returns access.ErrDenied if the caller may not issue it: the
// caller is no admin, is nobody's, or has less than the token would. It returns
// storage.ErrInvalid if the request is wrong, or asks for more time than the organization
// gives its tokens, and storage.ErrNotFound if the owner is not a member.
func (s *Service) IssueWorkspaceToken(ctx context.Context, caller access.Caller, r WorkspaceTokenRequest) (Issued, error) {
	if err := caller.Require(storage.ScopeAdmin, r.OrganizationID); err != nil {
		return Issued{}, err
	}
	if r.OwnerID == 0 {
		r.OwnerID = caller.UserID
	}
	if r.OwnerID == 0 {
		return Issued{}, fmt.Errorf("%w: only a person who is an admin, or a credential of theirs, issues workspace API tokens", access.ErrDenied)
	}
	now := s.Clock()
	if err := errors.Join(storage.CheckName("name", r.Name), s.Catalogue.CheckScopes("scopes", r.Scopes), validExpiry(r.ExpiresAt, now)); err != nil {
		return Issued{}, err
	}
	if err := requireAtMost(caller, r.Scopes); err != nil {
		return Issued{}, err
	}
	var issued Issued
	err := s.Store.Transaction(ctx, func(ctx context.Context) error {
		owner, err := s.admin(ctx, r.OrganizationID, r.OwnerID)
		if err != nil {
			return err
		}
		if err := s.requireWithinLifetime(ctx, r, now); err != nil {
			return err
		}
		issued, err = s.issue(ctx, caller, r.token(now))
		issued.Owner = owner
		return err
	})
	if err != nil {
		return Issued{}, err
	}
	return issued, nil
}

func (r WorkspaceTokenRequest) token(now time.Time) storage.Token {
	return storage.Token{
		Kind:           storage.WorkspaceAPIToken,
		OrganizationID: r.OrganizationID,
		Name:           strings.TrimSpace(r.Name),
		Scopes:         r.Scopes,
		FullAccess:     len(r.Scopes) == 0,
		UserID:         r.OwnerID,
		CreatedAt:      now,
		ExpiresAt:      r.ExpiresAt,
	}
}

// requireWithinLifetime holds that a token expires no later than the organization's limit
// says. The organization is locked, so that a limit that was set before holds.
func (s *Service) requireWithinLifetime(ctx context.Context, r WorkspaceTokenRequest, now time.Time) error {
	o, err := s.Store.OrganizationByID(ctx, r.OrganizationID)
	if err != nil {
		return fmt.Errorf("finding the organization: %w", err)
	}
	most := o.WorkspaceTokenMaxLifetime
	if most == 0 {
		return nil
	}
	last := now.Add(most).UTC().Truncate(time.Second).Format(time.RFC3339)
	switch {
	case r.ExpiresAt.IsZero():
		return storage.Invalidf("expires_at", "is needed, since the organization's tokens live for at most %d seconds: want %s at the latest", most/time.Second, last)
	case r.ExpiresAt.Sub(now) > most:
		return storage.Invalidf("expires_at", "is too far away, since the organization's tokens live for at most %d seconds: want %s at the latest", most/time.Second, last)
	}
	return nil
}

// requireAtMost holds that a token never makes one that may do more than itself.
func requireAtMost(caller access.Caller, scopes storage.Scopes) error {
	if len(scopes) == 0 {
		return caller.RequireFullAccess()
	}
	return caller.RequireAtMost(scopes)
}

// admin returns a member who is an admin, access.ErrDenied for another. It waits for
// whoever is changing the members, so that nobody who is being demoted or removed
// comes to own something meanwhile.
func (s *Service) admin(ctx context.Context, organizationID, userID int64) (storage.Member, error) {
	if err := s.Store.LockOrganization(ctx, organizationID); err != nil {
		return storage.Member{}, err
	}
	member, err := s.Store.MemberOf(ctx, organizationID, userID)
	if err != nil {
		return storage.Member{}, fmt.Errorf("finding the owner: %w", err)
	}
	if member.Role != storage.RoleAdmin {
		return storage.Member{}, fmt.Errorf("%w: only an admin can own a workspace API token", access.ErrDenied)
	}
	return member, nil
}

// State is a part of the life of a token.
type State string

// The states that a token may be in.
const (
	StateActive  State = "active"
	StateRevoked State = "revoked"
	StateExpired State = "expired" // and not revoked
	// StateNotRevoked is active or expired.
	StateNotRevoked State = ""
)

// States are those that can be asked for by name.
var States = []State{StateActive, StateRevoked, StateExpired}

// WorkspaceTokens returns a page of the workspace API tokens of the organization
// that are in the state, newest first, each with its owner. It returns
// access.ErrDenied.
func (s *Service) WorkspaceTokens(ctx context.Context, caller access.Caller, organizationID int64, state State, page storage.Page) ([]storage.OwnedToken, error) {
	if err := caller.Require(storage.ScopeAdmin, organizationID); err != nil {
		return nil, err
	}
	filter := workspaceTokens(organizationID)
	switch state {
	case StateActive:
		filter.ActiveAt = s.Clock()
	case StateRevoked:
		filter.Revoked = true
	case StateExpired:
		filter.NotRevoked, filter.ExpiredAt = true, s.Clock()
	case StateNotRevoked:
		filter.NotRevoked = true
	}
	found, err := s.Store.OpaqueTokens(ctx, filter, page)
	if err != nil {
		return nil, fmt.Errorf("listing workspace API tokens: %w", err)
	}
	return found, nil
}

func workspaceTokens(organizationID int64) storage.TokenFilter {
	return storage.TokenFilter{OrganizationID: organizationID, Kinds: []storage.TokenKind{storage.WorkspaceAPIToken}}
}

// WorkspaceToken returns a workspace API token in whatever state, with its owner. It
// returns access.ErrDenied, or storage.ErrNotFound if the organization has none.
func (s *Service) WorkspaceToken(ctx context.Context, caller access.Caller, organizationID, id int64) (storage.OwnedToken, error) {
	if err := caller.Require(storage.ScopeAdmin, organizationID); err != nil {
		return storage.OwnedToken{}, err
	}
	return s.workspaceToken(ctx, organizationID, id)
}

func (s *Service) workspaceToken(ctx context.Context, organizationID, id int64) (storage.OwnedToken, error) {
	if id <= 0 {
		return storage.OwnedToken{}, fmt.Errorf("workspace API token %d: %w", id, storage.ErrNotFound)
	}
	filter := workspaceTokens(organizationID)
	filter.ID = id
	found, err := s.Store.OpaqueTokens(ctx, filter, storage.Page{Limit: 1})
	if err != nil {
		return storage.OwnedToken{}, fmt.Errorf("finding a workspace API token: %w", err)
	}
	if len(found) == 0 {
		return storage.OwnedToken{}, fmt.Errorf("workspace API token %d: %w", id, storage.ErrNotFound)
	}
	return found[0], nil
}

// RenameWorkspaceToken changes what a workspace API token is called, in whatever state
// it is, and returns it. It returns access.ErrDenied, storage.ErrInvalid, or
// storage.ErrNotFound if the organization has none.
func (s *Service) RenameWorkspaceToken(ctx context.Context, caller access.Caller, organizationID, id int64, name string) (storage.OwnedToken, error) {
	if err := caller.Require(storage.ScopeAdmin, organizationID); err != nil {
		return storage.OwnedToken{}, err
	}
	if err := storage.CheckName("name", name); err != nil {
		return storage.OwnedToken{}, err
	}
	name = strings.TrimSpace(name)
	var found storage.OwnedToken
	err := s.Store.Transaction(ctx, func(ctx context.Context) error {
		if err := s.Store.LockOrganization(ctx, organizationID); err != nil {
			return fmt.Errorf("locking the organization: %w", err)
		}
		var err error
		if found, err = s.workspaceToken(ctx, organizationID, id); err != nil || found.Token.Name == name {
			return err
		}
		before := found.Token.Name
		found.Token.Name = name
		if err := s.Store.RenameToken(ctx, organizationID, found.Token.Kind, id, name); err != nil {
			return err
		}
		return s.Audit.Record(ctx, caller, audit.Event{
			OrganizationID: organizationID, Action: string(found.Token.Kind) + ".updated", Target: party(found.Token),
			Details: map[string]any{"name": map[string]any{"before": before, "after": name}},
		})
	})
	if err != nil {
		return storage.OwnedToken{}, err
	}
	return found, nil
}

// RevokeWorkspaceToken ends a workspace API token of anybody in the organization.
// Revoking again changes nothing. It returns access.ErrDenied, or
// storage.ErrNotFound if the organization has none.
func (s *Service) RevokeWorkspaceToken(ctx context.Context, caller access.Caller, organizationID, id int64) error {
	if err := caller.Require(storage.ScopeAdmin, organizationID); err != nil {
		return err
	}
	return s.Store.Transaction(ctx, func(ctx context.Context) error {
		found, err := s.workspaceToken(ctx, organizationID, id)
		if err != nil {
			return err
		}
		_, err = s.Revoke(ctx, caller, found.Token)
		return err
	})
}

// lastYear is the last that RFC 3339 can write.
const lastYear = 9999

func validExpiry(at, now time.Time) error {
	switch {
	case at.IsZero():
		return nil
	case !at.After(now):
		return storage.Invalidf("expires_at", "must be in the future")
	case at.UTC().Year() > lastYear:
		return storage.Invalidf("expires_at", "must be before the year %d", lastYear+1)
	}
	return nil
}
