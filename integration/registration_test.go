package integration

import (
	"crypto/rand"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"kiket.dev/auth/server/access"
	"kiket.dev/auth/server/tokens"
	"kiket.dev/auth/storage"
)

// client returns a client as the database has it, and the store.
func (d *deployment) client(c credentials) (storage.Client, storage.Store) {
	d.t.Helper()
	store := d.verbs().Store
	found, err := store.ClientByClientID(d.t.Context(), c.id)
	if err != nil {
		d.t.Fatal(err)
	}
	return found, store
}

func (d *deployment) disable(c credentials) {
	d.t.Helper()
	found, store := d.client(c)
	now := time.Now()
	if err := store.UpdateClient(d.t.Context(), found.OrganizationID, found.ID, storage.ClientUpdate{DisabledAt: &now}); err != nil {
		d.t.Fatal(err)
	}
}

// closeSecret closes the secret that the credentials hold.
func (d *deployment) closeSecret(c credentials) {
	d.t.Helper()
	found, store := d.client(c)
	n := slices.IndexFunc(found.Secrets, func(s storage.ClientSecret) bool { return s.Digest == storage.NewSecret(c.secret).Digest() })
	if n < 0 {
		d.t.Fatal("there is no such secret")
	}
	if _, err := store.CloseClientSecret(d.t.Context(), found.OrganizationID, found.ID, found.Secrets[n].ID, time.Now(), false); err != nil {
		d.t.Fatal(err)
	}
}

// addSecret gives the client another secret.
func (d *deployment) addSecret(c credentials, expires time.Time) string {
	d.t.Helper()
	secret := tokens.Generate(tokens.PrefixClientSecret)
	d.addDigest(c, secret.Digest(), expires)
	return secret.Reveal()
}

func (d *deployment) addDigest(c credentials, digest string, expires time.Time) {
	d.t.Helper()
	found, store := d.client(c)
	err := store.AddClientSecret(d.t.Context(), found.OrganizationID, found.ID, &storage.ClientSecret{
		Digest: digest, Prefix: "kcs_", CreatedAt: time.Now(), ExpiresAt: expires,
	})
	if err != nil {
		d.t.Fatal(err)
	}
}

// registerResourceServer registers one of the organization with that slug, or of
// the platform if there is none.
func (d *deployment) registerResourceServer(name, identifier, organization string) credentials {
	d.t.Helper()
	args := []string{"resource-server", "create", "--json", "--name", name, "--identifier", identifier}
	if organization != "" {
		args = append(args, "--organization", organization)
	}
	var made struct {
		ClientID     string `json:"client_id"`
		ClientSecret string `json:"client_secret"`
	}
	if err := json.Unmarshal([]byte(d.run(args...)), &made); err != nil {
		d.t.Fatal(err)
	}
	return credentials{made.ClientID, made.ClientSecret}
}

// deletedResourceServer registers a resource server and deletes it again.
func (d *deployment) deletedResourceServer() credentials {
	d.t.Helper()
	c := d.registerResourceServer("deleted", audience, "")
	d.run("resource-server", "delete", "--name", "deleted")
	return c
}

// member adds a user to the first organization and returns the user's number.
func (d *deployment) member(role storage.Role) int64 {
	d.t.Helper()
	store := d.verbs().Store
	u := storage.User{Email: strings.ToLower(rand.Text()) + "@acme.test", Name: "Member", CreatedAt: time.Now()}
	if err := store.CreateUser(d.t.Context(), &u); err != nil {
		d.t.Fatal(err)
	}
	if err := store.CreateMembership(d.t.Context(), storage.Membership{
		OrganizationID: d.boot.Organization.ID, UserID: u.ID, Role: role, CreatedAt: time.Now(),
	}); err != nil {
		d.t.Fatal(err)
	}
	return u.ID
}

// demote takes a member's role of admin away.
func (d *deployment) demote(userID int64) {
	d.t.Helper()
	if err := d.verbs().Store.SetRole(d.t.Context(), d.boot.Organization.ID, userID, storage.RoleMember); err != nil {
		d.t.Fatal(err)
	}
}

// remove ends a membership.
func (d *deployment) remove(userID int64) {
	d.t.Helper()
	if err := d.verbs().Store.DeleteMembership(d.t.Context(), d.boot.Organization.ID, userID); err != nil {
		d.t.Fatal(err)
	}
}

// tokenOf issues a workspace token to a member; no scopes: full access.
func (d *deployment) tokenOf(owner int64, scopes ...string) tokens.Issued {
	d.t.Helper()
	issued, err := d.verbs().Tokens.IssueWorkspaceToken(d.t.Context(), access.Operator(), tokens.WorkspaceTokenRequest{
		OrganizationID: d.boot.Organization.ID, OwnerID: owner, Name: "Token of a member", Scopes: storage.NewScopes(scopes...),
	})
	if err != nil {
		d.t.Fatal(err)
	}
	return issued
}

// sessionIn signs a member of an organization in.
func (d *deployment) sessionIn(b bootstrapped, userID int64) tokens.Issued {
	d.t.Helper()
	issued, err := d.verbs().Tokens.IssueSession(d.t.Context(), access.Operator(), tokens.SessionRequest{
		OrganizationID: b.Organization.ID, UserID: userID, Lifetime: time.Hour,
	})
	if err != nil {
		d.t.Fatal(err)
	}
	return issued
}

// narrow replaces what an application is registered for.
func (d *deployment) narrow(c credentials, scopes ...string) {
	d.t.Helper()
	found, store := d.client(c)
	registered := storage.NewScopes(scopes...)
	if err := store.UpdateClient(d.t.Context(), found.OrganizationID, found.ID, storage.ClientUpdate{Scopes: &registered}); err != nil {
		d.t.Fatal(err)
	}
}

// expired makes an opaque token that was good until a second ago.
func (d *deployment) expired(kind storage.TokenKind) string {
	d.t.Helper()
	prefix, _ := tokens.PrefixOf(kind)
	secret, now := tokens.Generate(prefix), time.Now()
	err := d.verbs().Store.CreateToken(d.t.Context(), &storage.Token{
		Kind: kind, OrganizationID: d.boot.Organization.ID, UserID: d.boot.Admin.ID, Name: "Token of a test",
		Reference: secret.Digest(), Prefix: tokens.Shown(prefix, secret), FullAccess: true, Audience: audience,
		CreatedAt: now.Add(-time.Hour), ExpiresAt: now.Add(-time.Second),
	})
	if err != nil {
		d.t.Fatal(err)
	}
	return secret.Reveal()
}
