package usage

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"kiket.dev/auth/server/access"
	"kiket.dev/auth/storage"
)

// Reports says what credentials were used for. All fields are required.
type Reports struct {
	Store interface {
		storage.TokenStore
		storage.ClientStore
		storage.UsageStore
	}
	Clock func() time.Time
}

// usualSpan is what a report covers if nobody says.
const usualSpan = 30 * 24 * time.Hour

// Report is how often a credential was used. Days on which it was not are left out.
type Report struct {
	Credential   storage.CredentialID
	Since, Until time.Time // the beginnings of the first and the last day, in UTC
	Days         []Day
}

// Day is how often it was used on one day.
type Day struct {
	Day     time.Time // its beginning in UTC
	Uses    int64
	Scopes  []ScopeUses
	Servers []ServerUses
}

// ScopeUses is how many uses named a scope. One that named several is in each of them.
type ScopeUses struct {
	Scope string // empty: they named none
	Uses  int64
}

// ServerUses is how many uses were at a resource server.
type ServerUses struct {
	Server storage.Client // ID 0: this server itself; one that is deleted has its ID alone
	Uses   int64
}

// Of returns how often a credential of the organization was used from the day of since
// to the day of until, both included. Without until that is today, without since 30 days
// before. It returns access.ErrDenied, storage.ErrNotFound, or storage.ErrInvalid for
// more days than [Keep].
func (r *Reports) Of(ctx context.Context, caller access.Caller, organizationID int64, c storage.CredentialID, since, until time.Time) (Report, error) {
	if err := caller.Require(storage.ScopeAdmin, organizationID); err != nil {
		return Report{}, err
	}
	if until.IsZero() {
		until = r.Clock()
	}
	if since.IsZero() {
		since = until.Add(-usualSpan)
	}
	report := Report{Credential: c, Since: storage.DayOf(since), Until: storage.DayOf(until)}
	switch {
	case report.Until.Before(report.Since):
		return Report{}, storage.Invalidf("until", "want a time that is not before since")
	case report.Until.Sub(report.Since) > Keep:
		return Report{}, storage.Invalidf("since", "want at most %d days", Keep/(24*time.Hour))
	}
	err := r.exists(ctx, organizationID, c)
	if err == nil {
		report.Days, err = r.days(ctx, organizationID, c, since, until)
	}
	if err != nil {
		return Report{}, fmt.Errorf("reporting the use of %s: %w", c, err)
	}
	return report, nil
}

// exists returns storage.ErrNotFound if the organization has no such credential, ended
// or not.
func (r *Reports) exists(ctx context.Context, organizationID int64, c storage.CredentialID) error {
	switch c.Kind {
	case storage.ApplicationCredential:
		_, err := r.Store.ApplicationByID(ctx, organizationID, c.ID)
		return err
	case storage.ClientSecretCredential:
		if c.ID <= 0 {
			return storage.ErrNotFound
		}
		secrets, err := r.Store.ApplicationSecrets(ctx, storage.ClientSecretFilter{OrganizationID: organizationID, ID: c.ID}, storage.Page{Limit: 1})
		if err == nil && len(secrets) == 0 {
			err = storage.ErrNotFound
		}
		return err
	}
	_, err := r.Store.OpaqueTokenByID(ctx, organizationID, storage.TokenKind(c.Kind), c.ID)
	return err
}

func (r *Reports) days(ctx context.Context, organizationID int64, c storage.CredentialID, since, until time.Time) ([]Day, error) {
	counts, err := r.Store.UsesOf(ctx, organizationID, c, since, until)
	if err != nil {
		return nil, err
	}
	ids := make([]int64, 0, len(counts))
	for _, count := range counts {
		ids = append(ids, count.ResourceServerID)
	}
	servers, err := r.ResourceServers(ctx, ids...)
	if err != nil {
		return nil, err
	}
	var days []Day
	for _, count := range counts {
		if last := len(days) - 1; last < 0 || !days[last].Day.Equal(count.Day) {
			days = append(days, Day{Day: count.Day})
		}
		days[len(days)-1].add(count, servers)
	}
	for _, d := range days {
		slices.SortFunc(d.Servers, func(a, b ServerUses) int { return cmp.Compare(a.Server.ID, b.Server.ID) })
	}
	return days, nil
}

// add adds a count of the day. They come in the order of scopes.
func (d *Day) add(c storage.UseCount, servers map[int64]storage.Client) {
	d.Uses += c.Uses
	if last := len(d.Scopes) - 1; last >= 0 && d.Scopes[last].Scope == c.Scope {
		d.Scopes[last].Uses += c.Count
	} else {
		d.Scopes = append(d.Scopes, ScopeUses{c.Scope, c.Count})
	}
	i := slices.IndexFunc(d.Servers, func(s ServerUses) bool { return s.Server.ID == c.ResourceServerID })
	switch {
	case i >= 0:
		d.Servers[i].Uses += c.Uses
	case c.Uses > 0: // or another count has all of them
		d.Servers = append(d.Servers, ServerUses{servers[c.ResourceServerID], c.Uses})
	}
}

// ResourceServers returns the resource servers by their ids, for whoever may see the
// credentials that were used at them. Of one that is deleted the ID is all that is known;
// 0 is this server itself, and zero.
func (r *Reports) ResourceServers(ctx context.Context, ids ...int64) (map[int64]storage.Client, error) {
	wanted := slices.Sorted(slices.Values(ids))
	wanted = slices.DeleteFunc(slices.Compact(wanted), func(id int64) bool { return id == 0 })
	servers := make(map[int64]storage.Client, len(wanted))
	for _, id := range wanted {
		servers[id] = storage.Client{ID: id}
	}
	found, err := r.Store.ResourceServersByID(ctx, wanted)
	if err != nil {
		return nil, fmt.Errorf("reading where credentials were used: %w", err)
	}
	for _, s := range found {
		servers[s.ID] = s
	}
	return servers, nil
}
