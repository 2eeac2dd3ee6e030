package storagetest

import (
	"testing"
	"time"

	"kiket.dev/auth/storage"
)

func testOrganizations(t *testing.T, w *world) {
	equal(w, "count of none", must(w.s.CountOrganizations(w.ctx))(w), int64(0))
	a, b := w.organization(), w.organization()
	if a.ID == 0 || a.ID == b.ID {
		t.Errorf("ids %d and %d, want two", a.ID, b.ID)
	}
	equal(w, "by id", must(w.s.OrganizationByID(w.ctx, a.ID))(w), a)
	equal(w, "by slug", must(w.s.OrganizationBySlug(w.ctx, b.Slug))(w), b)
	equal(w, "count", must(w.s.CountOrganizations(w.ctx))(w), int64(2))

	_, err := w.s.OrganizationByID(w.ctx, 4711)
	w.wantErr("unknown id", err, storage.ErrNotFound)
	_, err = w.s.OrganizationBySlug(w.ctx, "nobody")
	w.wantErr("unknown slug", err, storage.ErrNotFound)
	again := storage.Organization{Slug: a.Slug, Name: "Other", CreatedAt: noon}
	w.wantErr("slug twice", w.s.CreateOrganization(w.ctx, &again), storage.ErrConflict)
}

func testUsers(t *testing.T, w *world) {
	o := w.organization()
	u := storage.User{Email: "Avery@Acme.test", Name: "Avery", PasswordHash: storage.NewSecret("$argon2id$"), CreatedAt: noon}
	w.ok(w.s.CreateUser(w.ctx, &u))
	if u.Email != "avery@acme.test" {
		t.Errorf("the address is %q, want it in lower case", u.Email)
	}
	equal(w, "by address", must(w.s.UserByEmail(w.ctx, "AVERY@acme.TEST"))(w), u)
	_, err := w.s.UserByID(w.ctx, o.ID, u.ID)
	w.wantErr("by id, no member", err, storage.ErrNotFound)
	w.ok(w.s.CreateMembership(w.ctx, storage.Membership{OrganizationID: o.ID, UserID: u.ID, Role: storage.RoleMember, CreatedAt: noon}))
	equal(w, "by id", must(w.s.UserByID(w.ctx, o.ID, u.ID))(w), u)

	_, err = w.s.UserByEmail(w.ctx, "nobody@acme.test")
	w.wantErr("unknown address", err, storage.ErrNotFound)
	again := storage.User{Email: "aVery@acme.test", Name: "Other", CreatedAt: noon}
	w.wantErr("address twice", w.s.CreateUser(w.ctx, &again), storage.ErrConflict)
}

func testMemberships(_ *testing.T, w *world) {
	o, u := w.organization(), w.user()
	m := storage.Membership{OrganizationID: o.ID, UserID: u.ID, Role: storage.RoleAdmin, CreatedAt: noon}
	_, err := w.s.MembershipOf(w.ctx, o.ID, u.ID)
	w.wantErr("before", err, storage.ErrNotFound)
	w.ok(w.s.CreateMembership(w.ctx, m))
	equal(w, "membership", must(w.s.MembershipOf(w.ctx, o.ID, u.ID))(w), m)
	w.wantErr("twice", w.s.CreateMembership(w.ctx, m), storage.ErrConflict)
	w.wantErr("of an unknown user", w.s.CreateMembership(w.ctx,
		storage.Membership{OrganizationID: o.ID, UserID: 4711, Role: storage.RoleAdmin, CreatedAt: noon}), storage.ErrNotFound)

	w.ok(w.s.SetRole(w.ctx, o.ID, u.ID, storage.RoleMember))
	m.Role = storage.RoleMember
	equal(w, "after SetRole", must(w.s.MembershipOf(w.ctx, o.ID, u.ID))(w), m)
	w.ok(w.s.SetRole(w.ctx, o.ID, u.ID, storage.RoleMember)) // no change is no error
	w.wantErr("role of nobody", w.s.SetRole(w.ctx, o.ID, 4711, storage.RoleMember), storage.ErrNotFound)

	w.ok(w.s.DeleteMembership(w.ctx, o.ID, u.ID))
	_, err = w.s.MembershipOf(w.ctx, o.ID, u.ID)
	w.wantErr("after deletion", err, storage.ErrNotFound)
	w.wantErr("deleted twice", w.s.DeleteMembership(w.ctx, o.ID, u.ID), storage.ErrNotFound)
}

func testProjects(_ *testing.T, w *world) {
	o, other := w.organization(), w.organization()
	p := w.project(o.ID)
	equal(w, "project", must(w.s.ProjectByID(w.ctx, o.ID, p.ID))(w), p)
	_, err := w.s.ProjectByID(w.ctx, o.ID, 4711)
	w.wantErr("unknown id", err, storage.ErrNotFound)
	again := storage.Project{OrganizationID: o.ID, Key: p.Key, Name: "Other", CreatedAt: noon}
	w.wantErr("key twice", w.s.CreateProject(w.ctx, &again), storage.ErrConflict)
	again.OrganizationID = other.ID
	w.ok(w.s.CreateProject(w.ctx, &again)) // a key is unique in its organization only
	nowhere := storage.Project{OrganizationID: 4711, Key: "X", Name: "X", CreatedAt: noon}
	w.wantErr("in no organization", w.s.CreateProject(w.ctx, &nowhere), storage.ErrNotFound)
}

func testInstallations(t *testing.T, w *world) {
	o, other := w.organization(), w.organization()
	i := w.installation(o.ID)
	equal(w, "installation", must(w.s.InstallationByID(w.ctx, o.ID, i.ID))(w), i)
	_, err := w.s.InstallationByID(w.ctx, o.ID, 4711)
	w.wantErr("unknown id", err, storage.ErrNotFound)

	again := i
	w.wantErr("installed twice", w.s.CreateInstallation(w.ctx, &again), storage.ErrConflict)
	again.ProjectID = w.project(o.ID).ID
	w.ok(w.s.CreateInstallation(w.ctx, &again)) // in another project
	foreign := i
	foreign.ProjectID = w.project(other.ID).ID
	w.wantErr("in a project of others", w.s.CreateInstallation(w.ctx, &foreign), storage.ErrNotFound)

	later := noon.Add(time.Minute)
	for n, want := range []bool{true, false} {
		if got := must(w.s.Uninstall(w.ctx, o.ID, i.ID, later.Add(time.Duration(n)*time.Hour)))(w); got != want {
			t.Errorf("Uninstall, call %d: got %t", n+1, got)
		}
	}
	i.UninstalledAt = later
	equal(w, "after Uninstall", must(w.s.InstallationByID(w.ctx, o.ID, i.ID))(w), i)
	_, err = w.s.Uninstall(w.ctx, o.ID, 4711, noon)
	w.wantErr("Uninstall of an unknown one", err, storage.ErrNotFound)
	fresh := i
	fresh.UninstalledAt = time.Time{}
	w.ok(w.s.CreateInstallation(w.ctx, &fresh)) // it can be installed again
}

func testSigningKeys(t *testing.T, w *world) {
	equal(w, "no keys", must(w.s.SigningKeys(w.ctx))(w), []storage.SigningKey{})
	late, early := w.signingKey(), w.signingKey()
	early.KeyID, early.ActiveAt = "early", noon.Add(-time.Hour)
	w.ok(w.s.CreateSigningKey(w.ctx, early))
	w.ok(w.s.DeleteSigningKey(w.ctx, "kid-2"))
	equal(w, "in order of ActiveAt", must(w.s.SigningKeys(w.ctx))(w), []storage.SigningKey{early, late})
	w.wantErr("key id twice", w.s.CreateSigningKey(w.ctx, late), storage.ErrConflict)

	early.RetiredAt, early.TokenLifetime, early.Sealed = noon.Add(time.Hour), 2*time.Hour, []byte("sealed anew")
	changed := early
	changed.Algorithm, changed.RevokedAt = "none", noon // not replaced
	w.ok(w.s.UpdateSigningKey(w.ctx, changed))
	equal(w, "after UpdateSigningKey", must(w.s.SigningKeys(w.ctx))(w), []storage.SigningKey{early, late})

	for n, want := range []bool{true, false} {
		at := noon.Add(time.Duration(n) * time.Hour)
		if got := must(w.s.RevokeSigningKey(w.ctx, late.KeyID, at))(w); got != want {
			t.Errorf("RevokeSigningKey, call %d: got %t", n+1, got)
		}
	}
	late.RevokedAt = noon
	equal(w, "after RevokeSigningKey", must(w.s.SigningKeys(w.ctx))(w), []storage.SigningKey{early, late})

	w.ok(w.s.DeleteSigningKey(w.ctx, early.KeyID))
	_, err := w.s.RevokeSigningKey(w.ctx, early.KeyID, noon)
	w.wantErr("revoking none", err, storage.ErrNotFound)
	w.wantErr("updating none", w.s.UpdateSigningKey(w.ctx, early), storage.ErrNotFound)
	w.wantErr("deleting none", w.s.DeleteSigningKey(w.ctx, early.KeyID), storage.ErrNotFound)
}

func testAuditEvents(t *testing.T, w *world) {
	o, other := w.organization(), w.organization()
	var all []storage.AuditEvent
	for n := range 5 {
		e := storage.AuditEvent{
			OrganizationID: o.ID, CreatedAt: noon.Add(-time.Duration(n) * time.Hour), // order is of storing, not of time
			Action: "workspace_api_token.created", Actor: storage.Party{Kind: "user", ID: 7, Name: "Avery"},
			Target:    storage.Party{Kind: "workspace_api_token", ID: 42, Name: "CLI – laptop"},
			IPAddress: "2001:db8::1", UserAgent: "curl/8", RequestID: "req-1",
			Details: map[string]any{"scopes": []any{"issues", "admin"}, "nul": "\x00", "nested": map[string]any{"a": true}},
		}
		if n == 4 {
			e.Details = nil
		}
		w.ok(w.s.AppendAuditEvent(w.ctx, &e))
		all = append(all, e)
	}
	platform := storage.AuditEvent{CreatedAt: noon, Action: "signing_key.revoked", Actor: storage.Party{Kind: "operator"}}
	w.ok(w.s.AppendAuditEvent(w.ctx, &platform))

	equal(w, "all", must(w.s.AuditEvents(w.ctx, o.ID, 0, 100))(w), all)
	equal(w, "a page", must(w.s.AuditEvents(w.ctx, o.ID, all[1].ID, 2))(w), all[2:4])
	equal(w, "after the last", must(w.s.AuditEvents(w.ctx, o.ID, all[4].ID, 2))(w), []storage.AuditEvent{})
	equal(w, "none asked for", must(w.s.AuditEvents(w.ctx, o.ID, 0, 0))(w), []storage.AuditEvent{})
	equal(w, "of others", must(w.s.AuditEvents(w.ctx, other.ID, 0, 100))(w), []storage.AuditEvent{})
	equal(w, "of the platform", must(w.s.AuditEvents(w.ctx, 0, 0, 100))(w), []storage.AuditEvent{platform})

	hostile := storage.AuditEvent{OrganizationID: other.ID, CreatedAt: noon, Action: "x.y", UserAgent: "a\x00b\xff"}
	w.ok(w.s.AppendAuditEvent(w.ctx, &hostile))
	got := must(w.s.AuditEvents(w.ctx, other.ID, 0, 1))(w)
	if len(got) != 1 || got[0].UserAgent != "a\uFFFDb\uFFFD" {
		t.Errorf("hostile user agent: got %+v", got)
	}
}
