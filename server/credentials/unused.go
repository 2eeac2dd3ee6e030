package credentials

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"kiket.dev/auth/storage"
)

// usedWithin is how far back it is looked what a credential was used for.
const usedWithin = 60 * 24 * time.Hour

// usage is what the credentials of an organization were used for of late.
type usage struct {
	since time.Time // the beginning of a day
	// counted says that uses were counted on all of these days.
	counted bool
	by      map[storage.CredentialID]storage.ScopeUse
}

func (s *Service) usage(ctx context.Context, organizationID int64, now time.Time) (usage, error) {
	u := usage{since: storage.DayOf(now.Add(-usedWithin)), by: map[storage.CredentialID]storage.ScopeUse{}}
	first, err := s.Store.CountedSince(ctx)
	if err != nil {
		return usage{}, fmt.Errorf("finding out since when uses are counted: %w", err)
	}
	if u.counted = !first.IsZero() && !first.After(u.since); !u.counted {
		return u, nil
	}
	uses, err := s.Store.UsedScopes(ctx, organizationID, u.since)
	if err != nil {
		return usage{}, fmt.Errorf("reading what credentials were used for: %w", err)
	}
	for _, use := range uses {
		u.by[use.Credential] = use
	}
	return u, nil
}

// unused returns those of the scopes that the credential grants which no use of late
// named; nil if it cannot be told: the credential, or the counting of uses, is younger
// than that, or some use named no scope, or was not counted.
func (u usage) unused(c Credential, catalogue storage.Catalogue) storage.Scopes {
	if !u.counted || !c.CreatedAt.Before(u.since) {
		return nil
	}
	use := u.by[storage.CredentialID{Kind: storage.CredentialKind(c.Reference.Kind), ID: c.Reference.ID}]
	usedUncounted := use.Uses == 0 && !c.LastUsedAt.Before(u.since)
	if use.Unnamed > 0 || usedUncounted {
		return nil
	}
	granted := c.Scopes
	if c.FullAccess {
		granted = catalogue.Names()
	}
	return without(granted, use.Scopes)
}

// without returns what of the granted scopes no used one needs, and never nil. A bare
// name of which one half was used leaves the other.
func without(granted, used storage.Scopes) storage.Scopes {
	left := storage.Scopes{}
	for _, scope := range granted {
		if used.Covers(scope) {
			continue
		}
		halves := storage.Scopes{scope + ":read", scope + ":write"}
		unused := slices.DeleteFunc(slices.Clone(halves), func(half string) bool { return slices.Contains(used, half) })
		if strings.Contains(scope, ":") || len(unused) == len(halves) {
			unused = storage.Scopes{scope}
		}
		left = append(left, unused...)
	}
	return left
}
