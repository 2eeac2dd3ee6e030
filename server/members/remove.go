package members

import (
	"context"
	"errors"
	"fmt"

	"kiket.dev/auth/server/access"
	"kiket.dev/auth/storage"
)

// Remove ends a membership. The person's sessions in the organization end in any case;
// their workspace API tokens go to another admin if reassignTo is one, and end if it is
// 0. It returns access.ErrDenied, storage.ErrNotFound if the user is not a member,
// storage.ErrInvalid naming reassign_tokens_to, or ErrLastAdmin.
func (s *Service) Remove(ctx context.Context, caller access.Caller, organizationID, userID, reassignTo int64) error {
	if err := caller.Require(storage.ScopeAdmin, organizationID); err != nil {
		return err
	}
	return s.change(ctx, organizationID, userID, func(ctx context.Context, m storage.Member) error {
		if err := s.notLastAdmin(ctx, organizationID, m); err != nil {
			return err
		}
		// Whoever is signing in now is either done, and the session ends below, or
		// finds that the membership has ended.
		if err := s.Store.LockUser(ctx, userID); err != nil {
			return fmt.Errorf("locking the user: %w", err)
		}
		details, err := s.settle(ctx, caller, organizationID, userID, reassignTo)
		if err != nil {
			return err
		}
		if err := s.Store.DeleteMembership(ctx, organizationID, userID); err != nil {
			return fmt.Errorf("ending the membership: %w", err)
		}
		details["email"], details["role"] = m.Email, string(m.Role)
		return s.record(ctx, caller, organizationID, "user.removed", m, details)
	})
}

// settle hands over or ends what a member has, and returns what it did.
func (s *Service) settle(ctx context.Context, caller access.Caller, organizationID, userID, reassignTo int64) (map[string]any, error) {
	details := map[string]any{}
	if reassignTo != 0 {
		heir, err := s.heir(ctx, organizationID, userID, reassignTo)
		if err != nil {
			return nil, err
		}
		moved, err := s.Store.ReassignTokens(ctx, organizationID, userID, heir.UserID)
		if err != nil {
			return nil, fmt.Errorf("reassigning tokens: %w", err)
		}
		details["tokens_reassigned"] = moved
		details["reassigned_to"] = map[string]any{"id": heir.UserID, "name": heir.Name}
	}
	ended, err := s.Tokens.RevokeAll(ctx, caller, storage.TokenFilter{OrganizationID: organizationID, UserID: userID})
	if err != nil {
		return nil, err
	}
	details["credentials_revoked"] = len(ended)
	return details, nil
}

// heir returns the admin who gets somebody's tokens.
func (s *Service) heir(ctx context.Context, organizationID, userID, heirID int64) (storage.Member, error) {
	heir, err := s.Store.MemberOf(ctx, organizationID, heirID)
	switch {
	case err != nil && !errors.Is(err, storage.ErrNotFound):
		return storage.Member{}, fmt.Errorf("finding the heir: %w", err)
	case err != nil, heir.UserID == userID, heir.Role != storage.RoleAdmin:
		return storage.Member{}, storage.Invalidf("reassign_tokens_to", "want another admin of the organization")
	}
	return heir, nil
}
