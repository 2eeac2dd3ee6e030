package tokens

import (
	"context"
	"fmt"
	"time"

	"kiket.dev/auth/server/access"
	"kiket.dev/auth/server/audit"
	"kiket.dev/auth/storage"
)

// SessionRequest asks for a session of a member who has proved to be that person.
type SessionRequest struct {
	OrganizationID int64
	UserID         int64
	Lifetime       time.Duration // must be positive
	IdleTimeout    time.Duration // 0: it may be idle for its whole life
}

// IssueSession issues a session. It permits what the member's role permits while it
// is used. It returns storage.ErrNotFound if the user is not a member.
func (s *Service) IssueSession(ctx context.Context, caller access.Caller, r SessionRequest) (Issued, error) {
	member, err := s.Store.MemberOf(ctx, r.OrganizationID, r.UserID)
	if err != nil {
		return Issued{}, fmt.Errorf("finding the member: %w", err)
	}
	now := s.Clock()
	return s.issue(ctx, caller, storage.Token{
		Kind:           storage.Session,
		OrganizationID: r.OrganizationID,
		Name:           member.Name,
		FullAccess:     true,
		UserID:         r.UserID,
		CreatedAt:      now,
		ExpiresAt:      now.Add(r.Lifetime),
		IdleTimeout:    r.IdleTimeout,
	})
}

// RevokeAll ends the opaque tokens that the filter names, for a verb that has asked
// whether the caller may, and returns those that this call ended. Like [Service.Revoke]
// it holds at once when it returns.
func (s *Service) RevokeAll(ctx context.Context, caller access.Caller, f storage.TokenFilter) ([]storage.Token, error) {
	var ended []storage.Token
	err := s.Store.Transaction(ctx, func(ctx context.Context) error {
		var err error
		if ended, err = s.Store.RevokeTokens(ctx, f, s.Clock()); err != nil {
			return fmt.Errorf("revoking tokens: %w", err)
		}
		for _, t := range ended {
			if err := s.Audit.Record(ctx, caller, audit.Event{
				OrganizationID: t.OrganizationID,
				Action:         string(t.Kind) + ".revoked",
				Target:         party(t),
			}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return ended, nil
}
