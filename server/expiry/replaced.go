package expiry

import (
	"context"
	"errors"
	"fmt"
	"time"

	"kiket.dev/auth/storage"
)

// replaced reports whether a newer credential has taken the place of one which somebody
// who rotates has let go on for a while. Its end is intended, and nobody is told of it,
// but if it is still used when the newer one has been there for longer than briefLife:
// then somebody has been forgotten.
func (s *Service) replaced(ctx context.Context, organizationID int64, e expiring, now time.Time) (bool, error) {
	since, err := s.successor(ctx, organizationID, e)
	if err != nil || since.IsZero() {
		return false, err
	}
	return now.Sub(since) <= briefLife || e.usedAt.Before(since.Add(briefLife)), nil
}

// successor is when the first was made of those of the same holder which are newer and
// last longer; zero: there is none.
func (s *Service) successor(ctx context.Context, organizationID int64, e expiring) (time.Time, error) {
	var since time.Time
	consider := func(created, expires time.Time) {
		if created.After(e.createdAt) && (expires.IsZero() || expires.After(e.expiresAt)) && (since.IsZero() || created.Before(since)) {
			since = created
		}
	}
	switch {
	case e.holder == 0:
		return since, nil
	case e.id.Kind == storage.ClientSecretCredential:
		application, err := s.Store.ApplicationByID(ctx, organizationID, e.holder)
		if errors.Is(err, storage.ErrNotFound) { // deleted meanwhile
			return since, nil
		}
		if err != nil {
			return since, fmt.Errorf("looking for newer secrets: %w", err)
		}
		for _, secret := range application.Secrets {
			consider(secret.CreatedAt, secret.ExpiresAt)
		}
		return since, nil
	}
	filter := storage.TokenFilter{
		OrganizationID: organizationID, Kinds: []storage.TokenKind{storage.ExtensionKey}, InstallationID: e.holder, NotRevoked: true,
	}
	keys, err := s.Store.OpaqueTokens(ctx, filter, storage.Page{Limit: batch})
	if err != nil {
		return since, fmt.Errorf("looking for newer keys: %w", err)
	}
	for _, key := range keys {
		consider(key.Token.CreatedAt, key.Token.ExpiresAt)
	}
	return since, nil
}
