package storagetest

import (
	"strings"
	"testing"
	"time"

	"kiket.dev/auth/storage"
)

// testCase holds that identifiers which differ in case differ.
func testCase(_ *testing.T, w *world) {
	o := storage.Organization{Slug: "acme", Name: "Acme", CreatedAt: noon}
	w.ok(w.s.CreateOrganization(w.ctx, &o))
	_, err := w.s.OrganizationBySlug(w.ctx, "Acme")
	w.wantErr("slug", err, storage.ErrNotFound)

	c := w.application(o.ID)
	_, err = w.s.ClientByClientID(w.ctx, strings.ToUpper(c.ClientID))
	w.wantErr("client id", err, storage.ErrNotFound)
	upper := storage.Client{Kind: storage.Application, OrganizationID: o.ID, ClientID: strings.ToUpper(c.ClientID), Name: "Upper", CreatedAt: noon}
	w.ok(w.s.CreateClient(w.ctx, &upper))
	equal(w, "client id in lower case", must(w.s.ClientByClientID(w.ctx, c.ClientID))(w), c)
	equal(w, "client id in upper case", must(w.s.ClientByClientID(w.ctx, upper.ClientID))(w), upper)

	k := w.signingKey()
	w.wantErr("key id", w.s.DeleteSigningKey(w.ctx, strings.ToUpper(k.KeyID)), storage.ErrNotFound)
	lower, other := w.newAccessToken(c, k), w.newAccessToken(c, k)
	other.Reference, other.KeyID = strings.ToUpper(lower.Reference), strings.ToUpper(k.KeyID)
	lower, other = w.store(lower), w.store(other)
	equal(w, "reference in lower case", w.credential(lower).Token, lower)
	equal(w, "reference in upper case", w.credential(other).Token, other)
	if !w.credential(other).KeyRevoked {
		w.t.Error("a key id in upper case is taken for the one in lower case")
	}
	for _, trailing := range []string{c.ClientID + " ", c.ClientID + "%", "_" + c.ClientID[1:]} {
		_, err = w.s.ClientByClientID(w.ctx, trailing)
		w.wantErr("client id "+trailing, err, storage.ErrNotFound)
	}
}

// testTexts holds that what no engine should be asked is neither found nor an outage.
func testTexts(t *testing.T, w *world) {
	o := w.organization()
	c, i := w.application(o.ID), w.installation(o.ID)
	for _, bad := range []string{"a\x00", "\x00", "\xff", "a\xc0\xafb", "\xed\xa0\x80"} {
		for name, try := range map[string]func() error{
			"OrganizationBySlug":         func() error { _, err := w.s.OrganizationBySlug(w.ctx, bad); return err },
			"UserByEmail":                func() error { _, err := w.s.UserByEmail(w.ctx, bad); return err },
			"ClientByClientID":           func() error { _, err := w.s.ClientByClientID(w.ctx, bad); return err },
			"ResourceServerByName":       func() error { _, err := w.s.ResourceServerByName(w.ctx, bad); return err },
			"ResourceServerByIdentifier": func() error { _, err := w.s.ResourceServerByIdentifier(w.ctx, o.ID, bad); return err },
			"access token": func() error {
				_, err := w.s.CredentialByReference(w.ctx, storage.TokenReference{Kind: storage.AccessToken, Value: bad, ExpiresAt: hour})
				return err
			},
			"opaque token": func() error {
				_, err := w.s.CredentialByReference(w.ctx, storage.TokenReference{Kind: storage.Session, Value: bad})
				return err
			},
			"kind of a token": func() error {
				_, err := w.s.CredentialByReference(w.ctx, storage.TokenReference{Kind: storage.TokenKind(bad), Value: "x"})
				return err
			},
			"OpaqueTokenByID":    func() error { _, err := w.s.OpaqueTokenByID(w.ctx, o.ID, storage.TokenKind(bad), 1); return err },
			"RenameToken":        func() error { return w.s.RenameToken(w.ctx, o.ID, storage.TokenKind(bad), 1, "x") },
			"UpdateSigningKey":   func() error { return w.s.UpdateSigningKey(w.ctx, storage.SigningKey{KeyID: bad}) },
			"RevokeSigningKey":   func() error { _, err := w.s.RevokeSigningKey(w.ctx, bad, noon); return err },
			"DeleteSigningKey":   func() error { return w.s.DeleteSigningKey(w.ctx, bad) },
			"IdempotentAnswerOf": func() error { _, err := w.s.IdempotentAnswerOf(w.ctx, bad, "x"); return err },
			"CompleteIdempotentAnswer": func() error {
				return w.s.CompleteIdempotentAnswer(w.ctx, storage.IdempotentAnswer{Caller: "x", KeyDigest: bad})
			},
			"NamedSecretByName": func() error { _, err := w.s.NamedSecretByName(w.ctx, o.ID, i.ID, bad); return err },
			"DeleteNamedSecret": func() error { return w.s.DeleteNamedSecret(w.ctx, o.ID, i.ID, bad) },
		} {
			w.wantErr(name, try(), storage.ErrNotFound)
		}
		revoked, err := w.s.RevokeToken(w.ctx, storage.TokenReference{Kind: storage.Session, Value: bad}, noon)
		if revoked || err != nil {
			t.Errorf("RevokeToken: %t, %v", revoked, err)
		}
		access := w.newAccessToken(c, storage.SigningKey{})
		access.Audience = bad
		secret, methods := newSecret(bad), []storage.AuthMethod{storage.AuthMethod(bad)}
		for name, try := range map[string]func() error{
			"CreateOrganization": func() error {
				return w.s.CreateOrganization(w.ctx, &storage.Organization{Slug: "x", Name: bad, CreatedAt: noon})
			},
			"CreateUser": func() error { return w.s.CreateUser(w.ctx, &storage.User{Email: bad, CreatedAt: noon}) },
			"CreateProject": func() error {
				return w.s.CreateProject(w.ctx, &storage.Project{OrganizationID: o.ID, Key: "X", Name: bad, CreatedAt: noon})
			},
			"CreateClient": func() error {
				return w.s.CreateClient(w.ctx, &storage.Client{OrganizationID: o.ID, ClientID: "x", Scopes: storage.Scopes{bad}, CreatedAt: noon})
			},
			"CreateClient, JWKS URI": func() error {
				return w.s.CreateClient(w.ctx, &storage.Client{OrganizationID: o.ID, ClientID: "x", JWKSURI: bad, CreatedAt: noon})
			},
			"UpdateClient, JWKS URI": func() error { return w.s.UpdateClient(w.ctx, o.ID, c.ID, storage.ClientUpdate{JWKSURI: &bad}) },
			"CreateToken":            func() error { return w.s.CreateToken(w.ctx, &access) },
			"AddClientSecret":        func() error { return w.s.AddClientSecret(w.ctx, o.ID, c.ID, &secret) },
			"UpdateClient, scopes":   func() error { return w.rescope(w.ctx, o.ID, c.ID, storage.Scopes{bad}) },
			"name of an application": func() error { return w.s.UpdateClient(w.ctx, o.ID, c.ID, storage.ClientUpdate{Name: &bad}) },
			"methods of an application": func() error {
				return w.s.UpdateClient(w.ctx, o.ID, c.ID, storage.ClientUpdate{AuthMethods: &methods})
			},
			"UpdateOrganization": func() error { return w.rename(w.ctx, o.ID, bad) },
			"SetRole":            func() error { return w.s.SetRole(w.ctx, o.ID, 1, storage.Role(bad)) },
			"SetMemberName":      func() error { return w.s.SetMemberName(w.ctx, o.ID, 1, bad) },
			"RenameToken":        func() error { return w.s.RenameToken(w.ctx, o.ID, storage.WorkspaceAPIToken, 1, bad) },
			"SetPassword":        func() error { return w.s.SetPassword(w.ctx, 1, storage.NewSecret(bad)) },
			"UpdateInstallation": func() error {
				return w.s.UpdateInstallation(w.ctx, storage.Installation{ID: i.ID, OrganizationID: o.ID, Version: bad})
			},
			"PutNamedSecret": func() error {
				_, err := w.s.PutNamedSecret(w.ctx, storage.NamedSecret{OrganizationID: o.ID, InstallationID: i.ID, Name: bad, UpdatedAt: noon})
				return err
			},
			"CreateIdempotentAnswer": func() error {
				return w.s.CreateIdempotentAnswer(w.ctx, storage.IdempotentAnswer{Caller: "x", KeyDigest: bad, CreatedAt: noon})
			},
			"SpendBudget": func() error {
				_, err := w.s.SpendBudget(w.ctx, storage.Budget{Credential: bad, Window: noon}, 1)
				return err
			},
			"CreateSigningKey": func() error { return w.s.CreateSigningKey(w.ctx, storage.SigningKey{KeyID: bad}) },
			"AppendAuditEvent": func() error {
				return w.s.AppendAuditEvent(w.ctx, &storage.AuditEvent{Action: "x.y", Actor: storage.Party{Name: bad}, CreatedAt: noon})
			},
		} {
			w.wantPlain(name, try())
		}
	}
	odd := storage.Organization{Slug: "odd", Name: "'; DROP TABLE organizations; -- \"?$1 \U0001F511\u202e\\", CreatedAt: noon}
	w.ok(w.s.CreateOrganization(w.ctx, &odd))
	equal(w, "odd name", must(w.s.OrganizationByID(w.ctx, odd.ID))(w), odd)
}

// testTimes holds that times come back in UTC, to the microsecond, and that they
// order and compare as times do, whatever is behind the second.
func testTimes(t *testing.T, w *world) {
	o := must(w.s.OrganizationByID(w.ctx, w.organization().ID))(w)
	want := time.Date(2026, time.March, 1, 6, 30, 0, 123456000, time.UTC)
	if got := o.CreatedAt; got != want {
		t.Errorf("created at %#v, want %#v", got, want)
	}

	base := time.Date(2026, time.March, 1, 23, 59, 59, 0, time.UTC)
	offsets := []time.Duration{0, time.Microsecond, 10 * time.Microsecond, 100 * time.Millisecond, 500 * time.Millisecond, 510 * time.Millisecond, time.Second, time.Minute}
	zones := []*time.Location{time.UTC, time.FixedZone("", 14*3600), time.FixedZone("", -12*3600)}
	keys := make([]storage.SigningKey, len(offsets))
	for n := range offsets {
		backwards := len(offsets) - 1 - n
		at := base.Add(offsets[backwards]).In(zones[n%len(zones)])
		keys[backwards] = storage.SigningKey{KeyID: strings.Repeat("k", n+1), CreatedAt: at, ActiveAt: at}
		w.ok(w.s.CreateSigningKey(w.ctx, keys[backwards]))
	}
	equal(w, "in order of time", must(w.s.SigningKeys(w.ctx))(w), keys)

	u := w.member(o.ID, storage.RoleAdmin)
	token := w.workspaceToken(o.ID, u.ID)
	for n, offset := range offsets {
		use := storage.TokenUse{Kind: token.Kind, ID: token.ID, At: base.Add(offset).In(zones[n%len(zones)])}
		w.ok(w.s.RecordUses(w.ctx, []storage.TokenUse{use}))
		if got := w.credential(token).Token.LastUsedAt; !got.Equal(use.At) {
			t.Errorf("use at %v: last used %v", use.At, got)
		}
	}
	c := w.application(o.ID)
	for _, zone := range zones {
		access := w.newAccessToken(c, keys[0])
		access.ExpiresAt = base.In(zone)
		access = w.store(access)
		ref := storage.TokenReferenceOf(access)
		ref.ExpiresAt = base.In(time.FixedZone("", 3600))
		if _, err := w.s.CredentialByReference(w.ctx, ref); err != nil {
			t.Errorf("the same expiry in another zone: %v", err)
		}
	}
}
