package gormstore

import (
	"context"
	"errors"
	"testing"
	"time"

	"kiket.dev/auth/storage"
)

// planned is a store with one of everything, and what is asked of it.
type planned struct {
	s               *Store
	now             time.Time
	o               storage.Organization
	u               storage.User
	p               storage.Project
	i               storage.Installation
	c, server       storage.Client
	access, session storage.Token
}

func newPlanned(t *testing.T, s *Store) *planned {
	t.Helper()
	ctx, now := t.Context(), time.Now()
	w := &planned{s: s, now: now}
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	check(s.PrepareTokens(ctx, now, now.Add(24*time.Hour)))
	w.o = storage.Organization{Slug: "acme", CreatedAt: now}
	check(s.CreateOrganization(ctx, &w.o))
	w.u = storage.User{Email: "avery@acme.test", CreatedAt: now}
	check(s.CreateUser(ctx, &w.u))
	check(s.CreateMembership(ctx, storage.Membership{OrganizationID: w.o.ID, UserID: w.u.ID, Role: storage.RoleAdmin, CreatedAt: now}))
	w.p = storage.Project{OrganizationID: w.o.ID, Key: "P", CreatedAt: now}
	check(s.CreateProject(ctx, &w.p))
	w.i = storage.Installation{OrganizationID: w.o.ID, ProjectID: w.p.ID, Key: "dev.kiket.ext", CreatedAt: now}
	check(s.CreateInstallation(ctx, &w.i))
	w.c = storage.Client{
		Kind: storage.Application, OrganizationID: w.o.ID, ClientID: "app", CreatedAt: now,
		Secrets: []storage.ClientSecret{{Digest: "x", CreatedAt: now}},
	}
	check(s.CreateClient(ctx, &w.c))
	w.server = storage.Client{
		Kind: storage.ResourceServer, ClientID: "rs", Name: "api", Identifier: "https://kiket.test/api", CreatedAt: now,
	}
	check(s.CreateClient(ctx, &w.server))
	w.access = storage.Token{
		Kind: storage.AccessToken, OrganizationID: w.o.ID, Reference: "access", CreatedAt: now, KeyID: "kid",
		ExpiresAt: now.Add(time.Hour).Truncate(time.Second), ClientID: w.c.ID, ClientSecretID: w.c.Secrets[0].ID,
	}
	check(s.CreateToken(ctx, &w.access))
	w.session = storage.Token{Kind: storage.Session, OrganizationID: w.o.ID, Reference: "session", CreatedAt: now, UserID: w.u.ID}
	check(s.CreateToken(ctx, &w.session))
	return w
}

// plannedCalls are calls by name.
type plannedCalls map[string]func(ctx context.Context) error

// hot are those on the path of requests.
func (w *planned) hot() plannedCalls {
	s := w.s
	return plannedCalls{
		"ClientByClientID": func(ctx context.Context) error { return found(s.ClientByClientID(ctx, w.c.ClientID)) },
		"access credential": func(ctx context.Context) error {
			return found(s.CredentialByReference(ctx, storage.TokenReferenceOf(w.access)))
		},
		"opaque credential": func(ctx context.Context) error {
			return found(s.CredentialByReference(ctx, storage.TokenReferenceOf(w.session)))
		},
		"RevokeToken": func(ctx context.Context) error {
			return found(s.RevokeToken(ctx, storage.TokenReferenceOf(w.access), w.now))
		},
		"RecordUses": func(ctx context.Context) error {
			return s.RecordUses(ctx, []storage.TokenUse{
				{Kind: storage.AccessToken, ID: w.c.ID, ClientSecretID: w.c.Secrets[0].ID, At: w.now},
				{Kind: w.session.Kind, ID: w.session.ID, At: w.now},
			})
		},
		"ResourceServerByIdentifier": func(ctx context.Context) error {
			return found(s.ResourceServerByIdentifier(ctx, w.o.ID, w.server.Identifier))
		},
		"MemberOf":      func(ctx context.Context) error { return found(s.MemberOf(ctx, w.o.ID, w.u.ID)) },
		"MembershipsOf": func(ctx context.Context) error { return found(s.MembershipsOf(ctx, w.u.ID)) },
		"locks": func(ctx context.Context) error {
			return s.Transaction(ctx, func(ctx context.Context) error {
				return errors.Join(s.LockOrganization(ctx, w.o.ID), s.LockUser(ctx, w.u.ID))
			})
		},
	}
}

// clients are those on applications and resource servers.
func (w *planned) clients() plannedCalls {
	s, page := w.s, storage.Page{Before: 1 << 40, Limit: 50}
	open := storage.ClientSecretFilter{OrganizationID: w.o.ID, OpenAt: w.now}
	byID := storage.ClientSecretFilter{OrganizationID: w.o.ID, ID: w.c.Secrets[0].ID}
	return plannedCalls{
		"RevokeClientTokens": func(ctx context.Context) error { return s.RevokeClientTokens(ctx, w.o.ID, w.c.ID) },
		"CloseClientSecret": func(ctx context.Context) error {
			return found(s.CloseClientSecret(ctx, w.o.ID, w.c.ID, w.c.Secrets[0].ID, w.now, true))
		},
		"ExpireClientSecrets": func(ctx context.Context) error { return s.ExpireClientSecrets(ctx, w.o.ID, w.c.ID, 1, w.now) },
		"ApplicationByID":     func(ctx context.Context) error { return found(s.ApplicationByID(ctx, w.o.ID, w.c.ID)) },
		"UpdateClient, the platform's": func(ctx context.Context) error {
			return s.UpdateClient(ctx, 0, w.server.ID, storage.ClientUpdate{JWKSURI: &w.server.JWKSURI})
		},
		"UpdateClient": func(ctx context.Context) error {
			return s.UpdateClient(ctx, w.o.ID, w.c.ID, storage.ClientUpdate{Name: &w.c.Name})
		},
		"Applications":              func(ctx context.Context) error { return found(s.Applications(ctx, w.o.ID, page)) },
		"ApplicationSecrets":        func(ctx context.Context) error { return found(s.ApplicationSecrets(ctx, open, page)) },
		"ApplicationSecrets, by id": func(ctx context.Context) error { return found(s.ApplicationSecrets(ctx, byID, page)) },
	}
}

// tokens are those on many opaque tokens.
func (w *planned) tokens() plannedCalls {
	s, page := w.s, storage.Page{Before: 1 << 40, Limit: 50}
	all := storage.TokenFilter{OrganizationID: w.o.ID, ActiveAt: w.now}
	byID, byOwner, byInstallation := all, all, all
	byID.ID, byOwner.UserID, byInstallation.InstallationID = w.session.ID, w.u.ID, w.i.ID
	byOwner.Kinds = []storage.TokenKind{storage.Session}
	calls := plannedCalls{
		"RenameToken":    func(ctx context.Context) error { return s.RenameToken(ctx, w.o.ID, w.session.Kind, w.session.ID, "x") },
		"ReassignTokens": func(ctx context.Context) error { return found(s.ReassignTokens(ctx, w.o.ID, w.u.ID, w.u.ID)) },
	}
	for name, f := range map[string]storage.TokenFilter{"all": all, "by id": byID, "by owner": byOwner, "by installation": byInstallation} {
		calls["OpaqueTokens, "+name] = func(ctx context.Context) error { return found(s.OpaqueTokens(ctx, f, page)) }
		calls["RevokeTokens, "+name] = func(ctx context.Context) error { return found(s.RevokeTokens(ctx, f, w.now)) }
		calls["ExpireTokens, "+name] = func(ctx context.Context) error { return s.ExpireTokens(ctx, f, w.now.Add(time.Hour)) }
	}
	return calls
}

// others are further lists, and what is swept.
func (w *planned) others() plannedCalls {
	s, page := w.s, storage.Page{Before: 1 << 40, Limit: 50}
	n := storage.NamedSecret{OrganizationID: w.o.ID, InstallationID: w.i.ID, Name: "N", UpdatedAt: w.now}
	return plannedCalls{
		"Organizations":          func(ctx context.Context) error { return found(s.Organizations(ctx, page)) },
		"Projects":               func(ctx context.Context) error { return found(s.Projects(ctx, w.o.ID, page)) },
		"Installations":          func(ctx context.Context) error { return found(s.Installations(ctx, w.o.ID, page)) },
		"InstallationsByKey":     func(ctx context.Context) error { return found(s.InstallationsByKey(ctx, w.o.ID, w.i.Key)) },
		"Members":                func(ctx context.Context) error { return found(s.Members(ctx, w.o.ID, page)) },
		"CountAdmins":            func(ctx context.Context) error { return found(s.CountAdmins(ctx, w.o.ID)) },
		"PutNamedSecret":         func(ctx context.Context) error { return found(s.PutNamedSecret(ctx, n)) },
		"NamedSecretNames":       func(ctx context.Context) error { return found(s.NamedSecretNames(ctx, w.o.ID, w.i.ID)) },
		"DeleteNamedSecrets":     func(ctx context.Context) error { return s.DeleteNamedSecrets(ctx, w.o.ID, w.i.ID) },
		"SweepIdempotentAnswers": func(ctx context.Context) error { return found(s.SweepIdempotentAnswers(ctx, w.now)) },
		"SweepBudgets":           func(ctx context.Context) error { return found(s.SweepBudgets(ctx, w.now)) },
		"SweepAssertions":        func(ctx context.Context) error { return found(s.SweepAssertions(ctx, w.now)) },
	}
}

// found leaves the error of a call whose value does not matter.
func found[V any](_ V, err error) error { return err }
