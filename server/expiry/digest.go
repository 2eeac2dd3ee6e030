package expiry

import (
	"context"
	"fmt"
	"slices"
	"time"

	"kiket.dev/auth/server/access"
	"kiket.dev/auth/server/alerts"
	"kiket.dev/auth/storage"
)

// teller is who tells, for the audit log.
var teller = access.Caller{Party: storage.Party{Kind: "server", Name: "expiry"}}

// credentialsPath is where the console lists what expires, below the issuer.
const credentialsPath = "/console/credentials?expiring_within=14d"

// expiring is a credential that expires soon.
type expiring struct {
	id        storage.CredentialID
	ownerID   int64 // 0: nobody owns it
	name      string
	prefix    string
	createdAt time.Time
	expiresAt time.Time
	days      int // the stage that it is at
	usedAt    time.Time
	holder    int64 // the application or the installation that it is one of; 0: neither
}

// digest is what one person is told.
type digest struct {
	userID int64
	list   []expiring
}

// news returns what expires soon and nobody was told of at its stage, those that end
// first first, and notes that it is told.
func (s *Service) news(ctx context.Context, organizationID int64, now time.Time) ([]expiring, error) {
	tokens, err := s.tokens(ctx, organizationID, now)
	if err != nil {
		return nil, err
	}
	secrets, err := s.secrets(ctx, organizationID, now)
	if err != nil {
		return nil, err
	}
	var news []expiring
	for _, e := range append(tokens, secrets...) {
		over, err := s.replaced(ctx, organizationID, e, now)
		if err != nil {
			return nil, err
		}
		if over {
			continue
		}
		told, err := s.note(ctx, organizationID, &e, now)
		if err != nil {
			return nil, err
		}
		if !told && e.expiresAt.Sub(e.createdAt) > briefLife {
			news = append(news, e)
		}
	}
	slices.SortStableFunc(news, func(a, b expiring) int { return a.expiresAt.Compare(b.expiresAt) })
	return news, nil
}

// note writes down that it is told at its stage, and with it at those before, which it
// has missed. It reports whether it was told before.
func (s *Service) note(ctx context.Context, organizationID int64, e *expiring, now time.Time) (told bool, err error) {
	for _, stage := range stages {
		if e.expiresAt.After(now.Add(time.Duration(stage) * day)) {
			continue
		}
		first, err := s.Store.NoteExpiry(ctx, storage.ExpiryNotice{OrganizationID: organizationID, Credential: e.id, Stage: stage, NotedAt: now})
		if err != nil {
			return false, fmt.Errorf("noting what is told: %w", err)
		}
		if e.days == 0 {
			e.days, told = stage, !first
		}
	}
	return told, nil
}

// until is when the earliest stage begins, a moment later.
func until(now time.Time) time.Time {
	return now.Add(time.Duration(slices.Max(stages))*day + time.Microsecond)
}

func (s *Service) tokens(ctx context.Context, organizationID int64, now time.Time) ([]expiring, error) {
	filter := storage.TokenFilter{
		OrganizationID: organizationID, Kinds: []storage.TokenKind{storage.WorkspaceAPIToken, storage.ExtensionKey},
		ActiveAt: now, ExpiringBefore: until(now),
	}
	found, err := pages(func(page storage.Page) ([]storage.OwnedToken, error) { return s.Store.OpaqueTokens(ctx, filter, page) },
		func(o storage.OwnedToken) int64 { return o.Token.ID })
	if err != nil {
		return nil, err
	}
	list := make([]expiring, len(found))
	for i, o := range found {
		t := o.Token
		list[i] = expiring{
			id: storage.CredentialID{Kind: storage.CredentialKind(t.Kind), ID: t.ID}, ownerID: t.UserID, name: t.Name, prefix: t.Prefix,
			createdAt: t.CreatedAt, expiresAt: t.ExpiresAt, usedAt: t.LastUsedAt, holder: t.InstallationID,
		}
		if t.Kind == storage.ExtensionKey {
			list[i].name = o.Installation.Name
		}
	}
	return list, nil
}

func (s *Service) secrets(ctx context.Context, organizationID int64, now time.Time) ([]expiring, error) {
	filter := storage.ClientSecretFilter{OrganizationID: organizationID, OpenAt: now, ExpiringBefore: until(now)}
	found, err := pages(func(page storage.Page) ([]storage.ApplicationSecret, error) {
		return s.Store.ApplicationSecrets(ctx, filter, page)
	}, func(a storage.ApplicationSecret) int64 { return a.Secret.ID })
	if err != nil {
		return nil, err
	}
	list := make([]expiring, len(found))
	for i, a := range found {
		list[i] = expiring{
			id: storage.CredentialID{Kind: storage.ClientSecretCredential, ID: a.Secret.ID}, name: a.Application.Name, prefix: a.Secret.Prefix,
			createdAt: a.Secret.CreatedAt, expiresAt: a.Secret.ExpiresAt, usedAt: a.Secret.LastUsedAt, holder: a.Application.ID,
		}
	}
	return list, nil
}

// pages reads a list to its end.
func pages[T any](read func(storage.Page) ([]T, error), id func(T) int64) (all []T, err error) {
	for page := (storage.Page{Limit: batch}); ; {
		found, err := read(page)
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
		if len(found) < batch {
			return all, nil
		}
		page.Before = id(found[len(found)-1])
	}
}

// address makes a digest for each person of what concerns them, in the order of their
// ids. A token whose owner has gone does not work, and nobody has to replace it.
func (s *Service) address(ctx context.Context, organizationID int64, news []expiring) ([]digest, error) {
	if len(news) == 0 {
		return nil, nil
	}
	members, err := pages(func(page storage.Page) ([]storage.Member, error) { return s.Store.Members(ctx, organizationID, page) },
		func(m storage.Member) int64 { return m.UserID })
	if err != nil {
		return nil, err
	}
	slices.Reverse(members)
	var digests []digest
	for _, m := range members {
		d := digest{userID: m.UserID}
		for _, e := range news {
			if e.ownerID == m.UserID || (e.ownerID == 0 && m.Role == storage.RoleAdmin) {
				d.list = append(d.list, e)
			}
		}
		if len(d.list) > 0 {
			digests = append(digests, d)
		}
	}
	return digests, nil
}

// message is the mail of a digest.
func (s *Service) message(o storage.Organization, d digest, now time.Time) alerts.Message {
	m := alerts.Message{
		Kind: alerts.ExpiryMessage, OrganizationID: o.ID, Organization: o.Name,
		Count: int64(len(d.list)), FirstAt: now.UTC(), LastAt: now.UTC(), Link: s.Issuer + credentialsPath,
	}
	for _, e := range d.list[:min(len(d.list), mostListed)] {
		m.Expiring = append(m.Expiring, alerts.Expiring{
			Credential: e.id.String(), Kind: string(e.id.Kind), Name: e.name, Prefix: e.prefix, ExpiresAt: e.expiresAt.UTC(), Days: e.days,
		})
	}
	m.Summary = alerts.ExpirySummary(m.Expiring, m.Count)
	return m
}
