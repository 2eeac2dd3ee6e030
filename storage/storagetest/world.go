package storagetest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"kiket.dev/auth/storage"
)

// noon is the time of all tests: neither in UTC nor in whole microseconds.
var noon = time.Date(2026, time.March, 1, 12, 0, 0, 123456789, time.FixedZone("", 5*3600+1800))

// hour is when access tokens expire.
var hour = noon.Add(time.Hour).Truncate(time.Second)

// world is an open store and what a test has put into it.
type world struct {
	t   *testing.T
	ctx context.Context
	s   storage.Store
	n   int
}

func newWorld(t *testing.T, s storage.Store) *world {
	return &world{t: t, ctx: context.Background(), s: s}
}

func (w *world) ok(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// must returns the value of a call that has to succeed.
func must[V any](value V, err error) func(w *world) V {
	return func(w *world) V {
		w.t.Helper()
		w.ok(err)
		return value
	}
}

// batched runs f in one transaction, for what a test only needs to be there.
func (w *world) batched(f func(w *world)) {
	w.t.Helper()
	w.ok(w.s.Transaction(w.ctx, func(ctx context.Context) error {
		inside := *w
		inside.ctx = ctx
		f(&inside)
		w.n = inside.n
		return nil
	}))
}

// number returns a new one at each call.
func (w *world) number() int {
	w.n++
	return w.n
}

func (w *world) organization() storage.Organization {
	w.t.Helper()
	o := storage.Organization{Slug: fmt.Sprintf("org-%d", w.number()), Name: "Acme", CreatedAt: noon}
	w.ok(w.s.CreateOrganization(w.ctx, &o))
	return o
}

// rename changes what an organization is called.
func (w *world) rename(ctx context.Context, id int64, name string) error {
	return w.s.UpdateOrganization(ctx, id, storage.OrganizationUpdate{Name: &name})
}

func (w *world) user() storage.User {
	w.t.Helper()
	u := storage.User{
		Email: fmt.Sprintf("user%d@acme.test", w.number()), Name: "Avery",
		PasswordHash: storage.NewSecret("$argon2id$x"), CreatedAt: noon,
	}
	w.ok(w.s.CreateUser(w.ctx, &u))
	return u
}

func (w *world) member(organizationID int64, role storage.Role) storage.User {
	w.t.Helper()
	u := w.user()
	w.ok(w.s.CreateMembership(w.ctx, storage.Membership{
		OrganizationID: organizationID, UserID: u.ID, Role: role, CreatedAt: noon,
	}))
	return u
}

func (w *world) project(organizationID int64) storage.Project {
	w.t.Helper()
	p := storage.Project{
		OrganizationID: organizationID, Key: fmt.Sprintf("P%d", w.number()), Name: "Default", CreatedAt: noon,
	}
	w.ok(w.s.CreateProject(w.ctx, &p))
	return p
}

func (w *world) installation(organizationID int64) storage.Installation {
	w.t.Helper()
	i := storage.Installation{
		OrganizationID: organizationID, ProjectID: w.project(organizationID).ID,
		Key: fmt.Sprintf("dev.kiket.ext%d", w.number()), Name: "Ext", Version: "1.2.3",
		Permissions: storage.NewScopes("issues:read", "comments"), Manifest: []byte(`{"a": 1}`), CreatedAt: noon,
	}
	w.ok(w.s.CreateInstallation(w.ctx, &i))
	return i
}

func (w *world) application(organizationID int64) storage.Client {
	w.t.Helper()
	c := storage.Client{
		Kind: storage.Application, OrganizationID: organizationID,
		ClientID: fmt.Sprintf("app-%d", w.number()), Name: "App",
		AuthMethods: []storage.AuthMethod{storage.AuthSecretBasic, storage.AuthSecretPost},
		Scopes:      storage.NewScopes("issues", "projects:read"), AccessTokenLifetime: 20 * time.Minute,
		CreatedAt: noon, Secrets: []storage.ClientSecret{newSecret("one"), newSecret("two")},
	}
	w.ok(w.s.CreateClient(w.ctx, &c))
	return c
}

// disable disables an application, or with zero enables it.
func (w *world) disable(ctx context.Context, organizationID, id int64, at time.Time) error {
	return w.s.UpdateClient(ctx, organizationID, id, storage.ClientUpdate{DisabledAt: &at})
}

// rescope changes what an application may ask for.
func (w *world) rescope(ctx context.Context, organizationID, id int64, scopes storage.Scopes) error {
	return w.s.UpdateClient(ctx, organizationID, id, storage.ClientUpdate{Scopes: &scopes})
}

func newSecret(text string) storage.ClientSecret {
	return storage.ClientSecret{Digest: storage.NewSecret(text).Digest(), Prefix: "kcs_" + text, CreatedAt: noon}
}

func (w *world) resourceServer(organizationID int64, name, identifier string) storage.Client {
	w.t.Helper()
	c := storage.Client{
		Kind: storage.ResourceServer, OrganizationID: organizationID, ClientID: fmt.Sprintf("rs-%d", w.number()),
		Name: name, Identifier: identifier, AuthMethods: []storage.AuthMethod{storage.AuthSecretBasic}, CreatedAt: noon,
		Secrets: []storage.ClientSecret{newSecret(name)},
	}
	w.ok(w.s.CreateClient(w.ctx, &c))
	return c
}

func (w *world) signingKey() storage.SigningKey {
	w.t.Helper()
	k := storage.SigningKey{
		KeyID: fmt.Sprintf("kid-%d", w.number()), Algorithm: "ES256",
		PublicJWK: []byte(`{"kty":"EC"}`), Sealed: []byte{0, 1, 2, 255},
		CreatedAt: noon, ActiveAt: noon, TokenLifetime: time.Hour + 1,
	}
	w.ok(w.s.CreateSigningKey(w.ctx, k))
	return k
}

// digest makes a reference out of a number.
func digest(n int) string {
	sum := sha256.Sum256([]byte{byte(n), byte(n >> 8), byte(n >> 16)})
	return hex.EncodeToString(sum[:])
}

// newAccessToken returns a token that has not been stored.
func (w *world) newAccessToken(c storage.Client, k storage.SigningKey) storage.Token {
	return storage.Token{
		Kind: storage.AccessToken, OrganizationID: c.OrganizationID, Reference: fmt.Sprintf("jti-%d", w.number()),
		Scopes: storage.NewScopes("issues:read"), Audience: "https://kiket.test/api",
		CreatedAt: noon, ExpiresAt: hour, ClientID: c.ID, KeyID: k.KeyID,
	}
}

func (w *world) accessToken(c storage.Client, k storage.SigningKey) storage.Token {
	w.t.Helper()
	return w.store(w.newAccessToken(c, k))
}

func (w *world) workspaceToken(organizationID, userID int64) storage.Token {
	w.t.Helper()
	return w.store(storage.Token{
		Kind: storage.WorkspaceAPIToken, OrganizationID: organizationID, Reference: digest(w.number()),
		Prefix: "wksp_7d5c9c1a", Name: "CLI – laptop", FullAccess: true, Audience: "https://kiket.test/api",
		CreatedAt: noon, UserID: userID,
	})
}

func (w *world) session(organizationID, userID int64) storage.Token {
	w.t.Helper()
	return w.store(storage.Token{
		Kind: storage.Session, OrganizationID: organizationID, Reference: digest(w.number()),
		Prefix: "ksess_7d5c9c1a", FullAccess: true, CreatedAt: noon, ExpiresAt: hour, UserID: userID,
	})
}

func (w *world) extensionKey(i storage.Installation) storage.Token {
	w.t.Helper()
	return w.store(storage.Token{
		Kind: storage.ExtensionKey, OrganizationID: i.OrganizationID, Reference: digest(w.number()),
		Prefix: "kext_7d5c9c1a", Scopes: i.Permissions, CreatedAt: noon, ExpiresAt: hour,
		ProjectID: i.ProjectID, InstallationID: i.ID,
	})
}

func (w *world) store(t storage.Token) storage.Token {
	w.t.Helper()
	w.ok(w.s.CreateToken(w.ctx, &t))
	if t.ID == 0 {
		w.t.Error("CreateToken set no id")
	}
	return t
}

func (w *world) credential(t storage.Token) storage.Credential {
	w.t.Helper()
	c, err := w.s.CredentialByReference(w.ctx, storage.TokenReferenceOf(t))
	w.ok(err)
	return c
}

// wantErr checks that an error is the sentinel.
func (w *world) wantErr(what string, err, want error) {
	w.t.Helper()
	if !errors.Is(err, want) {
		w.t.Errorf("%s: got error %v, want %v", what, err, want)
	}
	for _, other := range []error{storage.ErrNotFound, storage.ErrConflict, storage.ErrUnavailable} {
		if !errors.Is(want, other) && errors.Is(err, other) {
			w.t.Errorf("%s: %v is %v, too", what, err, other)
		}
	}
}

// wantPlain checks that an error is none of the sentinels.
func (w *world) wantPlain(what string, err error) {
	w.t.Helper()
	if err == nil {
		w.t.Errorf("%s: got no error", what)
	}
	for _, sentinel := range []error{storage.ErrNotFound, storage.ErrConflict, storage.ErrUnavailable} {
		if errors.Is(err, sentinel) {
			w.t.Errorf("%s: got %v, want an error of no particular kind", what, err)
		}
	}
}

// equal compares what was read with what was stored: times to the microsecond,
// absent and empty lists alike.
func equal(w *world, what string, got, want any) {
	w.t.Helper()
	diff := cmp.Diff(want, got, cmpopts.EquateEmpty(),
		cmp.Comparer(func(a, b storage.Secret) bool { return a.Reveal() == b.Reveal() }),
		cmp.Comparer(func(a, b time.Time) bool {
			return a.Truncate(time.Microsecond).Equal(b.Truncate(time.Microsecond))
		}))
	if diff != "" {
		w.t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}
