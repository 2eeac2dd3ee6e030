package storagetest

import (
	"fmt"
	"testing"
	"time"

	"kiket.dev/auth/storage"
)

func testTokens(_ *testing.T, w *world) {
	o := w.organization()
	admin, c, k, i := w.member(o.ID, storage.RoleAdmin), w.application(o.ID), w.signingKey(), w.installation(o.ID)
	tokens := []storage.Token{
		w.accessToken(c, k), w.workspaceToken(o.ID, admin.ID), w.session(o.ID, admin.ID), w.extensionKey(i),
	}
	full := w.newAccessToken(c, k)
	full.ClientSecretID, full.Name, full.UserID = c.Secrets[1].ID, "named", admin.ID
	tokens = append(tokens, w.store(full))
	for _, token := range tokens {
		equal(w, string(token.Kind), w.credential(token).Token, token)
		for _, kind := range []storage.TokenKind{storage.AccessToken, storage.WorkspaceAPIToken, storage.ExtensionKey, storage.Session} {
			got, err := w.s.OpaqueTokenByID(w.ctx, o.ID, kind, token.ID)
			if kind != token.Kind || kind == storage.AccessToken {
				w.wantErr(fmt.Sprintf("%s by id as %s", token.Kind, kind), err, storage.ErrNotFound)
				continue
			}
			w.ok(err)
			equal(w, "by id", got, token)
		}
		again := token
		w.wantErr(string(token.Kind)+" twice", w.s.CreateToken(w.ctx, &again), storage.ErrConflict)
	}

	late := w.newAccessToken(c, k)
	late.ExpiresAt = late.ExpiresAt.Add(time.Millisecond)
	w.wantPlain("expiry between two seconds", w.s.CreateToken(w.ctx, &late))
	late.ExpiresAt = time.Time{}
	w.wantPlain("access token without expiry", w.s.CreateToken(w.ctx, &late))
	far := w.newAccessToken(c, k)
	far.ExpiresAt = time.Date(2199, 12, 31, 23, 59, 59, 0, time.UTC) // no room was made for it
	equal(w, "far expiry", w.credential(w.store(far)).Token.ExpiresAt, far.ExpiresAt)
}

func testTokenReferences(t *testing.T, w *world) {
	o := w.organization()
	access := w.accessToken(w.application(o.ID), w.signingKey())
	opaque := w.workspaceToken(o.ID, w.member(o.ID, storage.RoleAdmin).ID)
	ref, opaqueRef := storage.TokenReferenceOf(access), storage.TokenReferenceOf(opaque)
	second := ref.ExpiresAt.Add(time.Second)
	for name, wrong := range map[string]storage.TokenReference{
		"unknown":                       {Kind: storage.AccessToken, Value: "nothing", ExpiresAt: ref.ExpiresAt},
		"empty":                         {Kind: storage.AccessToken},
		"empty, opaque":                 {Kind: storage.Session},
		"another expiry":                {Kind: storage.AccessToken, Value: ref.Value, ExpiresAt: second},
		"no expiry":                     {Kind: storage.AccessToken, Value: ref.Value},
		"access token as opaque":        {Kind: storage.WorkspaceAPIToken, Value: ref.Value},
		"opaque as access token":        {Kind: storage.AccessToken, Value: opaqueRef.Value, ExpiresAt: ref.ExpiresAt},
		"opaque as another opaque kind": {Kind: storage.Session, Value: opaqueRef.Value},
		"no kind":                       {Value: opaqueRef.Value},
	} {
		_, err := w.s.CredentialByReference(w.ctx, wrong)
		w.wantErr(name, err, storage.ErrNotFound)
		revoked, err := w.s.RevokeToken(w.ctx, wrong, noon)
		if revoked || err != nil {
			t.Errorf("%s: RevokeToken returned %t, %v", name, revoked, err)
		}
	}
	for _, token := range []storage.Token{access, opaque} {
		if !w.credential(token).Token.RevokedAt.IsZero() {
			t.Errorf("%s was revoked under another name", token.Kind)
		}
	}
}

// testCredentials tries every way in which a credential can cease to work.
func testCredentials(t *testing.T, w *world) {
	o := w.organization()
	k := w.signingKey()
	type subject struct {
		token  storage.Token
		client storage.Client
		key    storage.SigningKey
		owner  storage.User
		inst   storage.Installation
	}
	access := func() subject {
		c, k := w.application(o.ID), w.signingKey()
		return subject{token: w.accessToken(c, k), client: c, key: k}
	}
	workspace := func() subject {
		u := w.member(o.ID, storage.RoleAdmin)
		return subject{token: w.workspaceToken(o.ID, u.ID), owner: u}
	}
	session := func() subject {
		u := w.member(o.ID, storage.RoleAdmin)
		return subject{token: w.session(o.ID, u.ID), owner: u}
	}
	extension := func() subject {
		i := w.installation(o.ID)
		return subject{token: w.extensionKey(i), inst: i}
	}
	revoke := func(s subject) error {
		_, err := w.s.RevokeToken(w.ctx, storage.TokenReferenceOf(s.token), noon)
		return err
	}
	removeOwner := func(s subject) error { return w.s.DeleteMembership(w.ctx, o.ID, s.owner.ID) }
	for _, test := range []struct {
		name   string
		make   func() subject
		change func(subject) error
		active bool
	}{
		{"access token", access, func(subject) error { return nil }, true},
		{"access token revoked", access, revoke, false},
		{"application disabled", access, func(s subject) error { return w.disable(w.ctx, o.ID, s.client.ID, noon) }, false},
		{"application deleted", access, func(s subject) error { return w.s.DeleteClient(w.ctx, o.ID, s.client.ID) }, false},
		{"signing key revoked", access, func(s subject) error {
			_, err := w.s.RevokeSigningKey(w.ctx, s.key.KeyID, noon)
			return err
		}, false},
		{"signing key deleted", access, func(s subject) error { return w.s.DeleteSigningKey(w.ctx, s.key.KeyID) }, false},
		{"all tokens of the application revoked", access, func(s subject) error { return w.s.RevokeClientTokens(w.ctx, o.ID, s.client.ID) }, false},
		{"all tokens of another application revoked", access, func(subject) error {
			return w.s.RevokeClientTokens(w.ctx, o.ID, w.application(o.ID).ID)
		}, true},
		{"another application disabled", access, func(subject) error {
			return w.disable(w.ctx, o.ID, w.application(o.ID).ID, noon)
		}, true},
		{"another key revoked", access, func(subject) error {
			_, err := w.s.RevokeSigningKey(w.ctx, k.KeyID, noon)
			return err
		}, true},
		{"workspace token", workspace, func(subject) error { return nil }, true},
		{"workspace token revoked", workspace, revoke, false},
		{"its owner removed", workspace, removeOwner, false},
		{"its owner demoted", workspace, func(s subject) error {
			return w.s.SetRole(w.ctx, o.ID, s.owner.ID, storage.RoleMember)
		}, true},
		{"its owner a member elsewhere only", workspace, func(s subject) error {
			elsewhere := storage.Membership{OrganizationID: w.organization().ID, UserID: s.owner.ID, Role: storage.RoleAdmin, CreatedAt: noon}
			if err := w.s.CreateMembership(w.ctx, elsewhere); err != nil {
				return err
			}
			return removeOwner(s)
		}, false},
		{"session", session, func(subject) error { return nil }, true},
		{"session revoked", session, revoke, false},
		{"session of a removed user", session, removeOwner, false},
		{"extension key", extension, func(subject) error { return nil }, true},
		{"extension key revoked", extension, revoke, false},
		{"extension uninstalled", extension, func(s subject) error {
			_, err := w.s.Uninstall(w.ctx, o.ID, s.inst.ID, noon)
			return err
		}, false},
	} {
		s := test.make()
		if before := w.credential(s.token); !before.Active(noon) {
			t.Errorf("%s: not active to begin with: %+v", test.name, before)
		}
		w.ok(test.change(s))
		if after := w.credential(s.token); after.Active(noon) != test.active {
			t.Errorf("%s: active %t, want %t: %+v", test.name, !test.active, test.active, after)
		}
	}

	a, ws, ext := access(), workspace(), extension()
	a.client.Secrets = nil
	equal(w, "client of an access token", w.credential(a.token).Client, a.client)
	w.ok(w.s.SetRole(w.ctx, o.ID, ws.owner.ID, storage.RoleMember))
	equal(w, "owner", w.credential(ws.token).Owner, storage.Member{
		UserID: ws.owner.ID, Name: ws.owner.Name, Email: ws.owner.Email, Role: storage.RoleMember, JoinedAt: noon,
	})
	ext.inst.Manifest = nil
	equal(w, "installation", w.credential(ext.token).Installation, ext.inst)
	unsigned := w.newAccessToken(a.client, storage.SigningKey{KeyID: "unknown"})
	if got := w.credential(w.store(unsigned)); !got.KeyRevoked || got.Active(noon) {
		t.Errorf("signed by an unknown key: %+v", got)
	}
}

func testUses(t *testing.T, w *world) {
	o := w.organization()
	c, ext := w.application(o.ID), w.extensionKey(w.installation(o.ID))
	minute := func(n int) time.Time { return noon.Add(time.Duration(n) * time.Minute) }
	use := func(n int) storage.TokenUse {
		return storage.TokenUse{Kind: storage.ExtensionKey, ID: ext.ID, At: minute(n), Address: fmt.Sprint("192.0.2.", n), UserAgent: "a\x00b\xff", ResourceServerID: int64(n % 2)}
	}
	check := func(what string, n int) {
		t.Helper()
		want := ext
		want.LastUsedAt, want.LastUsedAddress, want.LastUsedUserAgent = minute(n), fmt.Sprint("192.0.2.", n), "a\uFFFDb\uFFFD"
		want.LastUsedServerID = int64(n % 2)
		equal(w, what, w.credential(ext).Token, want)
	}
	w.ok(w.s.RecordUses(w.ctx, nil))
	w.ok(w.s.RecordUses(w.ctx, []storage.TokenUse{use(2), use(5), use(3)}))
	check("the latest of three", 5)
	w.ok(w.s.RecordUses(w.ctx, []storage.TokenUse{use(4)}))
	check("an older one", 5)
	w.ok(w.s.RecordUses(w.ctx, []storage.TokenUse{
		use(6),
		{Kind: storage.AccessToken, ID: c.ID, ClientSecretID: c.Secrets[1].ID, At: minute(7), Address: "192.0.2.7", UserAgent: "a\xff", ResourceServerID: 4},
		{Kind: storage.AccessToken, ID: c.ID, At: minute(8)},
		{Kind: storage.Session, ID: ext.ID, At: minute(9)}, // no such session
		{Kind: storage.AccessToken, ID: 4711, ClientSecretID: 4711, At: minute(9)},
	}))
	check("a later one", 6)
	c.LastUsedAt, c.Secrets[1].LastUsedAt = minute(8), minute(7)
	c.Secrets[1].LastUsedAddress, c.Secrets[1].LastUsedUserAgent, c.Secrets[1].LastUsedServerID = "192.0.2.7", "a\uFFFD", 4
	equal(w, "client", must(w.s.ClientByClientID(w.ctx, c.ClientID))(w), c)
	w.ok(w.s.RecordUses(w.ctx, []storage.TokenUse{{Kind: storage.AccessToken, ID: c.ID, ClientSecretID: c.Secrets[1].ID, At: minute(1)}}))
	equal(w, "client after an older use", must(w.s.ClientByClientID(w.ctx, c.ClientID))(w), c)

	many := make([]storage.TokenUse, 700)
	for n := range many {
		many[n] = storage.TokenUse{Kind: storage.ExtensionKey, ID: ext.ID + int64(n), At: minute(10), Address: "192.0.2.10", UserAgent: "a\x00b\xff"}
	}
	w.ok(w.s.RecordUses(w.ctx, many))
	check("among many", 10)
}

func testSweep(t *testing.T, w *world) {
	o := w.organization()
	c, k := w.application(o.ID), w.signingKey()
	inDefault := w.accessToken(c, k) // stored before room was made
	w.ok(w.s.PrepareTokens(w.ctx, noon, noon.Add(48*time.Hour)))
	w.ok(w.s.PrepareTokens(w.ctx, noon, noon.Add(48*time.Hour)))
	if !w.credential(inDefault).Active(noon) {
		t.Error("PrepareTokens lost a token")
	}
	session := w.session(o.ID, w.member(o.ID, storage.RoleAdmin).ID)
	var tokens []storage.Token
	for _, expiry := range []time.Time{hour, hour.Add(30 * time.Hour), hour.Add(2000 * time.Hour)} {
		for range 3 {
			token := w.newAccessToken(c, k)
			token.ExpiresAt = expiry
			tokens = append(tokens, w.store(token))
		}
	}
	equal(w, "nothing to sweep", must(w.s.SweepTokens(w.ctx, noon))(w), int64(0))
	if must(w.s.SweepTokens(w.ctx, hour.Add(25*time.Hour)))(w) == 0 {
		t.Error("nothing was swept")
	}
	for n, token := range tokens {
		_, err := w.s.CredentialByReference(w.ctx, storage.TokenReferenceOf(token))
		if n < 3 {
			w.wantErr("expired token", err, storage.ErrNotFound)
		} else {
			w.ok(err)
		}
	}
	w.credential(session) // opaque ones stay, expired or not
	if must(w.s.SweepTokens(w.ctx, hour.Add(3000*time.Hour)))(w) == 0 {
		t.Error("nothing was swept at the end")
	}
	for _, token := range tokens {
		_, err := w.s.CredentialByReference(w.ctx, storage.TokenReferenceOf(token))
		w.wantErr("after the last sweep", err, storage.ErrNotFound)
	}
	w.credential(session)
	w.ok(w.s.PrepareTokens(w.ctx, noon, noon.Add(time.Hour))) // what was swept can be made again
	w.accessToken(c, k)
}
