package storagetest

import (
	"context"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"kiket.dev/auth/storage"
)

// filtered is an organization with one of every sort of opaque tokens, by name.
type filtered struct {
	o           storage.Organization
	owner, gone storage.User
	inst        storage.Installation
	tokens      map[string]storage.Token
}

func newFiltered(w *world) (f filtered) {
	w.batched(func(w *world) { f = fillFiltered(w) })
	return f
}

func fillFiltered(w *world) filtered {
	f := filtered{o: w.organization(), tokens: make(map[string]storage.Token)}
	f.owner, f.gone, f.inst = w.member(f.o.ID, storage.RoleAdmin), w.member(f.o.ID, storage.RoleMember), w.installation(f.o.ID)
	add := func(name string, t storage.Token) {
		t.OrganizationID, t.Reference, t.Name = f.o.ID, digest(w.number()), name
		if t.CreatedAt.IsZero() {
			t.CreatedAt = noon
		}
		f.tokens[name] = w.store(t)
	}
	add("plain", storage.Token{Kind: storage.WorkspaceAPIToken, UserID: f.owner.ID, Scopes: storage.NewScopes("issues")})
	add("full", storage.Token{Kind: storage.WorkspaceAPIToken, UserID: f.gone.ID, FullAccess: true, ExpiresAt: hour})
	add("used", storage.Token{Kind: storage.WorkspaceAPIToken, UserID: f.owner.ID, LastUsedAt: noon.Add(30 * time.Minute), LastUsedAddress: "192.0.2.1", LastUsedUserAgent: "curl"})
	add("revoked", storage.Token{Kind: storage.WorkspaceAPIToken, UserID: f.owner.ID, RevokedAt: noon, ExpiresAt: noon})
	add("session", storage.Token{Kind: storage.Session, UserID: f.owner.ID, FullAccess: true, ExpiresAt: noon, IdleTimeout: 90*time.Minute + 1})
	add("key", storage.Token{Kind: storage.ExtensionKey, ProjectID: f.inst.ProjectID, InstallationID: f.inst.ID})
	add("late", storage.Token{Kind: storage.ExtensionKey, CreatedAt: hour, ProjectID: f.inst.ProjectID, InstallationID: f.inst.ID, ExpiresAt: hour.Add(time.Hour)})
	w.accessToken(w.application(f.o.ID), w.signingKey())
	return f
}

// pick returns the named ones, the newest first.
func (f filtered) pick(names ...string) []storage.Token {
	var tokens []storage.Token
	for _, name := range names {
		tokens = append(tokens, f.tokens[name])
	}
	slices.SortFunc(tokens, func(a, b storage.Token) int { return int(b.ID - a.ID) })
	return tokens
}

// filterCase is a filter with the names of the tokens that it falls on.
type filterCase struct {
	filter storage.TokenFilter
	want   []string
}

func (f filtered) filters() map[string]filterCase {
	type filter = storage.TokenFilter
	after := hour.Add(time.Millisecond)
	return map[string]filterCase{
		"all":                   {filter{}, []string{"plain", "full", "used", "revoked", "session", "key", "late"}},
		"a kind":                {filter{Kinds: []storage.TokenKind{storage.WorkspaceAPIToken}}, []string{"plain", "full", "used", "revoked"}},
		"two kinds":             {filter{Kinds: []storage.TokenKind{storage.Session, storage.ExtensionKey}}, []string{"session", "key", "late"}},
		"access tokens":         {filter{Kinds: []storage.TokenKind{storage.AccessToken}}, nil},
		"access tokens, too":    {filter{Kinds: []storage.TokenKind{storage.AccessToken, storage.Session}}, []string{"session"}},
		"no kinds":              {filter{Kinds: []storage.TokenKind{"", "x\x00\xff", "Session"}}, nil},
		"an id":                 {filter{ID: f.tokens["used"].ID}, []string{"used"}},
		"an id of another kind": {filter{ID: f.tokens["used"].ID, Kinds: []storage.TokenKind{storage.Session}}, nil},
		"no id":                 {filter{ID: 4711}, nil},
		"all but one":           {filter{Except: f.tokens["used"].ID, UserID: f.owner.ID}, []string{"plain", "revoked", "session"}},
		"an owner":              {filter{UserID: f.gone.ID}, []string{"full"}},
		"an installation":       {filter{InstallationID: f.inst.ID}, []string{"key", "late"}},
		"both":                  {filter{InstallationID: f.inst.ID, UserID: f.owner.ID}, nil},
		"full access":           {filter{FullAccess: true}, []string{"full", "session"}},
		"revoked":               {filter{Revoked: true}, []string{"revoked"}},
		"not revoked":           {filter{NotRevoked: true, UserID: f.owner.ID}, []string{"plain", "used", "session"}},
		"revoked and not":       {filter{Revoked: true, NotRevoked: true}, nil},
		"active":                {filter{ActiveAt: noon}, []string{"plain", "full", "used", "key", "late"}},
		"active later":          {filter{ActiveAt: hour}, []string{"plain", "used", "key", "late"}},
		"active before":         {filter{ActiveAt: noon.Add(-time.Minute)}, []string{"plain", "full", "used", "session", "key", "late"}},
		"expired":               {filter{ExpiredAt: noon}, []string{"revoked", "session"}},
		"expired later":         {filter{ExpiredAt: hour}, []string{"revoked", "session", "full"}},
		"unused":                {filter{UnusedSince: noon.Add(time.Minute)}, []string{"plain", "full", "revoked", "session", "key"}},
		"unused, later":         {filter{UnusedSince: after}, []string{"plain", "full", "used", "revoked", "session", "key", "late"}},
		"unused since it began": {filter{UnusedSince: noon}, nil},
		"never used":            {filter{NeverUsed: true}, []string{"plain", "full", "revoked", "session", "key", "late"}},
		"never used and active": {filter{NeverUsed: true, ActiveAt: hour, Kinds: []storage.TokenKind{storage.WorkspaceAPIToken}}, []string{"plain"}},
		"of who is no admin":    {filter{OwnerGone: true}, []string{"full"}},
		"of who is one":         {filter{OwnerGone: true, UserID: f.owner.ID}, nil},
		"no admin's, late":      {filter{OwnerGone: true, ActiveAt: hour}, nil},
		"expiring":              {filter{ExpiringBefore: after}, []string{"revoked", "session", "full"}},
		"expiring and active":   {filter{ExpiringBefore: after, ActiveAt: noon}, []string{"full"}},
	}
}

func testOpaqueTokens(_ *testing.T, w *world) {
	f, elsewhere := newFiltered(w), newFiltered(w)
	w.ok(w.s.SetMemberName(w.ctx, f.o.ID, f.owner.ID, "Owner"))
	w.ok(w.s.DeleteMembership(w.ctx, f.o.ID, f.gone.ID))
	f.inst.Manifest = nil
	owners := map[int64]string{f.owner.ID: "Owner", f.gone.ID: f.gone.Name}
	for name, test := range f.filters() {
		test.filter.OrganizationID = f.o.ID
		var want []storage.OwnedToken
		for _, token := range f.pick(test.want...) {
			one := storage.OwnedToken{Token: token, OwnerName: owners[token.UserID]}
			if token.Kind == storage.ExtensionKey {
				one.Installation = f.inst
			}
			want = append(want, one)
		}
		equal(w, name, must(w.s.OpaqueTokens(w.ctx, test.filter, storage.Page{Limit: 10}))(w), want)
		for _, organization := range []int64{0, 4711} {
			test.filter.OrganizationID = organization
			equal(w, name+" of none", must(w.s.OpaqueTokens(w.ctx, test.filter, storage.Page{Limit: 10}))(w), []storage.OwnedToken{})
		}
	}
	idle := w.credential(elsewhere.tokens["session"])
	equal(w, "idle timeout", idle.Token.IdleTimeout, 90*time.Minute+1)
}

func testRevokeTokens(t *testing.T, w *world) {
	f, elsewhere := newFiltered(w), newFiltered(w)
	for name, test := range f.filters() {
		test.filter.OrganizationID = f.o.ID
		w.wantErr(name, w.s.Transaction(w.ctx, func(ctx context.Context) error {
			inside := *w
			inside.ctx = ctx
			f.revoke(&inside, name, test)
			return errRollback
		}), errRollback)
	}
	for _, token := range slices.Concat(f.pick(slices.Collect(maps.Keys(f.tokens))...), elsewhere.pick(slices.Collect(maps.Keys(elsewhere.tokens))...)) {
		equal(w, "after all were rolled back", w.credential(token).Token, token)
	}
	testRevokeTokensAtOnce(t, w, f)
}

// revoke revokes what the filter falls on, and holds that it were those and no others.
func (f filtered) revoke(w *world, name string, test filterCase) {
	later := noon.Add(time.Minute)
	want := f.pick(slices.DeleteFunc(slices.Clone(test.want), func(name string) bool { return name == "revoked" })...)
	slices.Reverse(want)
	stored := maps.Clone(f.tokens)
	for n := range want {
		want[n].RevokedAt = later
		stored[want[n].Name] = want[n]
	}
	equal(w, name, must(w.s.RevokeTokens(w.ctx, test.filter, later))(w), want)
	equal(w, name+", again", must(w.s.RevokeTokens(w.ctx, test.filter, later.Add(time.Hour)))(w), []storage.Token{})
	for _, token := range stored {
		equal(w, name+", stored", w.credential(token).Token, token)
	}
}

// testRevokeTokensAtOnce holds that of several who revoke a token at once one is told.
func testRevokeTokensAtOnce(t *testing.T, w *world, f filtered) {
	var mu sync.Mutex
	times := make(map[int64]int)
	together(8, func(int) {
		revoked, err := w.s.RevokeTokens(w.ctx, storage.TokenFilter{OrganizationID: f.o.ID}, noon)
		if err != nil {
			t.Error(err)
		}
		mu.Lock()
		defer mu.Unlock()
		for _, token := range revoked {
			times[token.ID]++
		}
	})
	for name, token := range f.tokens {
		if want := map[bool]int{true: 1, false: 0}[name != "revoked"]; times[token.ID] != want {
			t.Errorf("%s was revoked %d times", name, times[token.ID])
		}
	}
}

func testExpireTokens(_ *testing.T, w *world) {
	f, elsewhere := newFiltered(w), newFiltered(w)
	soon := noon.Add(30 * time.Minute)
	w.ok(w.s.ExpireTokens(w.ctx, storage.TokenFilter{OrganizationID: f.o.ID, Except: f.tokens["used"].ID}, soon))
	for name, token := range f.tokens {
		if name != "used" && (token.ExpiresAt.IsZero() || token.ExpiresAt.After(soon)) {
			token.ExpiresAt = soon
		}
		equal(w, name, w.credential(token).Token, token)
	}
	for name, token := range elsewhere.tokens {
		equal(w, name+" elsewhere", w.credential(token).Token, token)
	}
}

func testReassignTokens(_ *testing.T, w *world) {
	f, elsewhere := newFiltered(w), newFiltered(w)
	w.ok(w.s.CreateMembership(w.ctx, storage.Membership{OrganizationID: elsewhere.o.ID, UserID: f.owner.ID, Role: storage.RoleMember, CreatedAt: noon}))
	abroad := w.workspaceToken(elsewhere.o.ID, f.owner.ID)
	equal(w, "reassigned", must(w.s.ReassignTokens(w.ctx, f.o.ID, f.owner.ID, f.gone.ID))(w), int64(2))
	for name, token := range f.tokens {
		if name == "plain" || name == "used" {
			token.UserID = f.gone.ID
		}
		equal(w, name, w.credential(token).Token, token)
	}
	equal(w, "in another organization", w.credential(abroad).Token, abroad)
	equal(w, "again", must(w.s.ReassignTokens(w.ctx, f.o.ID, f.owner.ID, f.gone.ID))(w), int64(0))
	equal(w, "from nobody", must(w.s.ReassignTokens(w.ctx, f.o.ID, 4711, f.owner.ID))(w), int64(0))
	for what, to := range map[string]int64{"nobody": 4711, "a stranger": elsewhere.owner.ID, "no one": 0} {
		_, err := w.s.ReassignTokens(w.ctx, f.o.ID, f.gone.ID, to)
		w.wantErr("to "+what, err, storage.ErrNotFound)
	}
	_, err := w.s.ReassignTokens(w.ctx, elsewhere.o.ID, f.gone.ID, f.owner.ID)
	w.ok(err)
	equal(w, "from elsewhere", w.credential(f.tokens["full"]).Token, f.tokens["full"])
}

func testRenameToken(_ *testing.T, w *world) {
	f := newFiltered(w)
	token := f.tokens["plain"]
	for _, name := range []string{"CI – nightly", ""} {
		w.ok(w.s.RenameToken(w.ctx, f.o.ID, token.Kind, token.ID, name))
		token.Name = name
		equal(w, "renamed to "+name, w.credential(token).Token, token)
	}
	equal(w, "another", w.credential(f.tokens["used"]).Token, f.tokens["used"])
	w.wantErr("one of another kind", w.s.RenameToken(w.ctx, f.o.ID, storage.Session, token.ID, "x"), storage.ErrNotFound)
	w.wantErr("none", w.s.RenameToken(w.ctx, f.o.ID, token.Kind, 4711, "x"), storage.ErrNotFound)
	access := w.accessToken(w.application(f.o.ID), w.signingKey())
	w.wantErr("an access token", w.s.RenameToken(w.ctx, f.o.ID, access.Kind, access.ID, "x"), storage.ErrNotFound)
}

// testIdle covers sessions that end when they are not used.
func testIdle(t *testing.T, w *world) {
	o := w.organization()
	session := w.session(o.ID, w.member(o.ID, storage.RoleMember).ID)
	idle := session
	idle.Reference, idle.IdleTimeout = digest(w.number()), 10*time.Minute
	idle = w.store(idle)
	minute := func(n int) time.Time { return noon.Add(time.Duration(n) * time.Minute) }
	check := func(what string, token storage.Token, at time.Time, want bool) {
		t.Helper()
		if got := w.credential(token).Active(at); got != want {
			t.Errorf("%s: active %t, want %t", what, got, want)
		}
	}
	check("without a timeout", session, minute(50), true)
	check("soon", idle, minute(9), true)
	check("later", idle, minute(10), false)
	w.ok(w.s.RecordUses(w.ctx, []storage.TokenUse{{Kind: storage.Session, ID: idle.ID, At: minute(9)}}))
	check("soon after it was used", idle, minute(18), true)
	check("long after it was used", idle, minute(19), false)
	equal(w, "by id", must(w.s.OpaqueTokenByID(w.ctx, o.ID, storage.Session, idle.ID))(w).IdleTimeout, idle.IdleTimeout)
}

// testSweepSessions holds that sessions go when they have ended for long, and nothing
// else does.
func testSweepSessions(t *testing.T, w *world) {
	o := w.organization()
	u := w.member(o.ID, storage.RoleAdmin)
	made := func(kind storage.TokenKind, expires, revoked time.Time) storage.Token {
		t.Helper()
		token := storage.Token{
			Kind: kind, OrganizationID: o.ID, Reference: digest(w.number()), Audience: "https://kiket.test/api",
			UserID: u.ID, CreatedAt: noon.Add(-time.Hour), ExpiresAt: expires, RevokedAt: revoked,
		}
		w.ok(w.s.CreateToken(w.ctx, &token))
		return token
	}
	past, future := noon.Add(-time.Minute), noon.Add(time.Minute)
	expired, revoked := made(storage.Session, past, time.Time{}), made(storage.Session, future, past)
	kept := []storage.Token{
		made(storage.Session, future, time.Time{}), made(storage.Session, future, future), made(storage.Session, noon, noon),
		made(storage.WorkspaceAPIToken, past, past), made(storage.WorkspaceAPIToken, time.Time{}, time.Time{}),
	}
	equal(w, "swept", must(w.s.SweepSessions(w.ctx, noon))(w), int64(2))
	for _, token := range []storage.Token{expired, revoked} {
		_, err := w.s.CredentialByReference(w.ctx, storage.TokenReferenceOf(token))
		w.wantErr("swept", err, storage.ErrNotFound)
	}
	for _, token := range kept {
		if _, err := w.s.CredentialByReference(w.ctx, storage.TokenReferenceOf(token)); err != nil {
			t.Errorf("%s that ends at %v was swept: %v", token.Kind, token.ExpiresAt, err)
		}
	}
	equal(w, "swept again", must(w.s.SweepSessions(w.ctx, noon))(w), int64(0))
}
