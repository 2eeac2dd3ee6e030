package credentials

import (
	"context"
	"fmt"
	"time"

	"kiket.dev/auth/server/access"
	"kiket.dev/auth/storage"
)

// Filter says which credentials are wanted: those of which all that is set is true.
type Filter struct {
	Kind           Kind
	FullAccess     bool          // with full access alone
	UnusedFor      time.Duration // neither used nor made for so long
	ExpiringWithin time.Duration // with an expiry that is not farther away
	NeverUsed      bool
	OwnerGone      bool // workspace API tokens whose owner is no admin of the organization any more
	// OverPrivileged is for those with a scope that no use of late named, see
	// [Credential].UnusedScopes; not for those of which it cannot be told.
	OverPrivileged bool
	// ExceedsMaxLifetime is for workspace API tokens that live for longer than the
	// organization now allows; if it has set no limit, there are none.
	ExceedsMaxLifetime bool
}

// listing is what a list is made of: the filter, and what it takes to judge by it.
type listing struct {
	Filter
	organizationID int64
	now            time.Time
	usage          usage
	maxLifetime    time.Duration // 0: none is needed
	catalogue      storage.Catalogue
}

// List returns at most limit credentials of the organization that are neither revoked
// nor expired, newest first, and the position after them, nil if there are no more. It
// returns access.ErrDenied.
func (s *Service) List(ctx context.Context, caller access.Caller, organizationID int64, f Filter, from Position, limit int) ([]Credential, *Position, error) {
	if err := caller.Require(storage.ScopeAdmin, organizationID); err != nil {
		return nil, nil, err
	}
	l, possible, err := s.listing(ctx, organizationID, f)
	if err != nil || !possible {
		return nil, nil, err
	}
	heldTokens, err := s.heldTokens(ctx, l, from.Token, limit+1)
	if err != nil {
		return nil, nil, fmt.Errorf("listing tokens: %w", err)
	}
	secrets, err := s.secrets(ctx, l, from.Secret, limit+1)
	if err != nil {
		return nil, nil, fmt.Errorf("listing client secrets: %w", err)
	}
	merged, after := merge(heldTokens, secrets, from, limit)
	return merged, after, nil
}

// Select returns the references of the newest credentials that the filter names, at most
// [MostRevoked], and whether there are more. It returns access.ErrDenied.
func (s *Service) Select(ctx context.Context, caller access.Caller, organizationID int64, f Filter) ([]Reference, bool, error) {
	found, after, err := s.List(ctx, caller, organizationID, f, Position{}, MostRevoked)
	references := make([]Reference, len(found))
	for i, c := range found {
		references[i] = c.Reference
	}
	return references, after != nil, err
}

// listing reads what the filter needs. It reports whether anything can be found.
func (s *Service) listing(ctx context.Context, organizationID int64, f Filter) (listing, bool, error) {
	l := listing{Filter: f, organizationID: organizationID, now: s.Clock(), catalogue: s.Catalogue}
	if f.ExceedsMaxLifetime {
		o, err := s.Store.OrganizationByID(ctx, organizationID)
		if err != nil {
			return l, false, fmt.Errorf("finding the organization: %w", err)
		}
		if l.maxLifetime = o.WorkspaceTokenMaxLifetime; l.maxLifetime == 0 {
			return l, false, nil
		}
	}
	var err error
	l.usage, err = s.usage(ctx, organizationID, l.now)
	return l, err == nil, err
}

// heldTokens returns the tokens after a place, at most so many.
func (s *Service) heldTokens(ctx context.Context, l listing, before int64, most int) ([]Credential, error) {
	filter := storage.TokenFilter{
		OrganizationID: l.organizationID, FullAccess: l.FullAccess, NeverUsed: l.NeverUsed, OwnerGone: l.OwnerGone, ActiveAt: l.now,
	}
	switch l.Kind {
	case ClientSecret:
		return nil, nil
	case WorkspaceAPIToken, ExtensionKey, Session:
		filter.Kinds = []storage.TokenKind{storage.TokenKind(l.Kind)}
	}
	filter.UnusedSince, filter.ExpiringBefore = l.times()
	return l.gather(before, most, func(page storage.Page) ([]Credential, error) {
		found, err := s.Store.OpaqueTokens(ctx, filter, page)
		rendered := make([]Credential, len(found))
		for i, t := range found {
			rendered[i] = ofToken(t)
		}
		return rendered, err
	})
}

// secrets returns the client secrets after a place, at most so many.
func (s *Service) secrets(ctx context.Context, l listing, before int64, most int) ([]Credential, error) {
	if l.FullAccess || l.OwnerGone || l.ExceedsMaxLifetime || (l.Kind != "" && l.Kind != ClientSecret) {
		return nil, nil
	}
	filter := storage.ClientSecretFilter{OrganizationID: l.organizationID, NeverUsed: l.NeverUsed, OpenAt: l.now}
	filter.UnusedSince, filter.ExpiringBefore = l.times()
	return l.gather(before, most, func(page storage.Page) ([]Credential, error) {
		found, err := s.Store.ApplicationSecrets(ctx, filter, page)
		rendered := make([]Credential, len(found))
		for i, secret := range found {
			rendered[i] = ofSecret(secret)
		}
		return rendered, err
	})
}

// gather reads pages of a table after a place until so many are found that are wanted,
// or the table ends.
func (l listing) gather(before int64, most int, read func(storage.Page) ([]Credential, error)) ([]Credential, error) {
	size := most
	if l.OverPrivileged || l.ExceedsMaxLifetime { // few of many, perhaps
		size = max(most, MostRevoked)
	}
	var found []Credential
	for {
		page, err := read(storage.Page{Before: before, Limit: size})
		if err != nil {
			return nil, err
		}
		for _, c := range page {
			before = c.Reference.ID
			if c.UnusedScopes = l.usage.unused(c, l.catalogue); l.wants(c) && len(found) < most {
				found = append(found, c)
			}
		}
		if len(page) < size || len(found) == most {
			return found, nil
		}
	}
}

// wants decides what the tables cannot.
func (l listing) wants(c Credential) bool {
	switch {
	case !c.Active(l.now): // a session that ended for not being used
		return false
	case l.OverPrivileged && len(c.UnusedScopes) == 0:
		return false
	case l.ExceedsMaxLifetime:
		return c.Reference.Kind == WorkspaceAPIToken && (c.ExpiresAt.IsZero() || c.ExpiresAt.Sub(c.CreatedAt) > l.maxLifetime)
	}
	return true
}

// times are the points in time that the filter's durations mean.
func (l listing) times() (unusedSince, expiringBefore time.Time) {
	if l.UnusedFor > 0 {
		unusedSince = l.now.Add(-l.UnusedFor)
	}
	if l.ExpiringWithin > 0 {
		expiringBefore = l.now.Add(l.ExpiringWithin)
	}
	return unusedSince, expiringBefore
}
