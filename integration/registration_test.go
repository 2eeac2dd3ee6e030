package integration

import (
	"encoding/json"
	"slices"
	"time"

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
	if err := store.SetClientDisabled(d.t.Context(), found.OrganizationID, found.ID, time.Now()); err != nil {
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
	if err := store.CloseClientSecret(d.t.Context(), found.OrganizationID, found.ID, found.Secrets[n].ID); err != nil {
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
