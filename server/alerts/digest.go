package alerts

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"kiket.dev/auth/storage"
)

// ExpirySummary is a digest of so many credentials in one line. The list is of those
// that end first.
func ExpirySummary(list []Expiring, count int64) string {
	things, expire := "credentials", "expire"
	if count == 1 {
		things, expire = "credential", "expires"
	}
	first, last, soon := days(list)
	switch {
	case count > int64(len(list)):
		return fmt.Sprintf("%d %s expire soon", count, things)
	case first == last:
		return fmt.Sprintf("%d %s %s within %d days", count, things, expire, last)
	}
	return fmt.Sprintf("%d %s %s within %d days, %d of them within %d days", count, things, expire, last, soon, first)
}

// days are within how many days the first and the last of them expire, and how many do
// with the first.
func days(list []Expiring) (first, last int, soon int) {
	for i, e := range list {
		if i == 0 || e.Days < first {
			first, soon = e.Days, 0
		}
		if e.Days == first {
			soon++
		}
		last = max(last, e.Days)
	}
	return first, last, soon
}

// current takes out of a digest what has changed since it was queued: who reads that a
// credential expires must find that it does.
func (s *Service) current(ctx context.Context, m Message) (Message, error) {
	listed := len(m.Expiring)
	var failed error
	m.Expiring = slices.DeleteFunc(m.Expiring, func(e Expiring) bool {
		still, err := s.stillExpires(ctx, m.OrganizationID, e)
		failed = errors.Join(failed, err)
		return !still
	})
	if failed != nil || len(m.Expiring) == listed {
		return m, failed
	}
	m.Count -= int64(listed - len(m.Expiring))
	m.Summary = ExpirySummary(m.Expiring, m.Count)
	return m, nil
}

// stillExpires reports whether a credential works, and until when it was to.
func (s *Service) stillExpires(ctx context.Context, organizationID int64, e Expiring) (bool, error) {
	id, ok := storage.ParseCredentialID(e.Credential)
	if !ok {
		return false, fmt.Errorf("a digest names the credential %q", e.Credential)
	}
	now := s.Clock()
	if id.Kind == storage.ClientSecretCredential {
		found, err := s.Store.ApplicationSecrets(ctx, storage.ClientSecretFilter{OrganizationID: organizationID, ID: id.ID, OpenAt: now}, storage.Page{Limit: 1})
		return len(found) > 0 && found[0].Secret.ExpiresAt.Equal(e.ExpiresAt), err
	}
	t, err := s.Store.OpaqueTokenByID(ctx, organizationID, storage.TokenKind(id.Kind), id.ID)
	if errors.Is(err, storage.ErrNotFound) {
		return false, nil
	}
	return t.RevokedAt.IsZero() && t.ExpiresAt.Equal(e.ExpiresAt) && now.Before(t.ExpiresAt), err
}
