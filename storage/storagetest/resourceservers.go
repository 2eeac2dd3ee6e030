package storagetest

import (
	"context"
	"testing"
	"time"

	"kiket.dev/auth/storage"
)

// without returns a client without its secrets.
func without(c storage.Client) storage.Client {
	c.Secrets = nil
	return c
}

func testResourceServers(_ *testing.T, w *world) {
	o, foreign := w.organization(), w.organization()
	w.application(o.ID)
	const api = "https://kiket.test/api"
	b := w.resourceServer(0, "b", api)
	own := w.resourceServer(o.ID, "B", api)
	a := w.resourceServer(foreign.ID, "a", "https://kiket.test/other")

	platform := must(w.s.ResourceServerByIdentifier(w.ctx, foreign.ID, api))(w)
	equal(w, "of the platform", platform, without(b))
	equal(w, "its own goes first", must(w.s.ResourceServerByIdentifier(w.ctx, o.ID, api))(w), without(own))
	equal(w, "of a foreign one", must(w.s.ResourceServerByIdentifier(w.ctx, foreign.ID, a.Identifier))(w), without(a))
	for _, identifier := range []string{a.Identifier, api + "/", "HTTPS://kiket.test/api", ""} {
		_, err := w.s.ResourceServerByIdentifier(w.ctx, o.ID, identifier)
		w.wantErr("identifier "+identifier, err, storage.ErrNotFound)
	}
	for _, c := range []storage.Client{a, b, own} {
		equal(w, "by name", must(w.s.ResourceServerByName(w.ctx, c.Name))(w), c)
	}
	for _, name := range []string{"A", " a", "", "App"} { // the last is an application's
		_, err := w.s.ResourceServerByName(w.ctx, name)
		w.wantErr("name "+name, err, storage.ErrNotFound)
	}
	equal(w, "all, by name", must(w.s.ResourceServers(w.ctx))(w), []storage.Client{own, a, b})

	again := storage.Client{Kind: storage.ResourceServer, ClientID: "new", Name: "b", CreatedAt: noon}
	w.wantErr("name twice", w.s.CreateClient(w.ctx, &again), storage.ErrConflict)
	w.wantErr("deleted as an organization's", w.s.DeleteClient(w.ctx, o.ID, b.ID), storage.ErrNotFound)
	w.ok(w.s.DeleteClient(w.ctx, 0, b.ID))
	_, err := w.s.ResourceServerByName(w.ctx, b.Name)
	w.wantErr("by name, after deletion", err, storage.ErrNotFound)
	w.wantErr("deleted as the platform's", w.s.DeleteClient(w.ctx, 0, own.ID), storage.ErrNotFound)
}

// testResourceServerSecrets holds that resource servers, of the platform and of an
// organization, are changed as applications are, and only by who has them.
func testResourceServerSecrets(t *testing.T, w *world) {
	o, foreign := w.organization(), w.organization()
	application := w.application(o.ID)
	for name, organizationID := range map[string]int64{"platform": 0, "own": o.ID} {
		c := w.resourceServer(organizationID, name, "https://kiket.test/api")
		other := w.resourceServer(organizationID, name+" 2", "https://kiket.test/api")
		check := func(what string) {
			t.Helper()
			what = name + ", " + what
			equal(w, what+", by name", must(w.s.ResourceServerByName(w.ctx, name))(w), c)
			equal(w, what+", by client id", must(w.s.ClientByClientID(w.ctx, c.ClientID))(w), c)
			equal(w, what+", by identifier", must(w.s.ResourceServerByIdentifier(w.ctx, organizationID, c.Identifier))(w), without(c))
			equal(w, what+", another", must(w.s.ResourceServerByName(w.ctx, other.Name))(w), other)
		}
		rotated := newSecret("rotated")
		w.ok(w.s.Transaction(w.ctx, func(ctx context.Context) error {
			w.ok(w.s.AddClientSecret(ctx, organizationID, c.ID, &rotated))
			return w.s.ExpireClientSecrets(ctx, organizationID, c.ID, rotated.ID, hour)
		}))
		c.Secrets[0].ExpiresAt = hour
		c.Secrets = append(c.Secrets, rotated)
		check("rotated")
		for _, closed := range []bool{true, false} {
			got := must(w.s.CloseClientSecret(w.ctx, organizationID, c.ID, c.Secrets[0].ID, noon, false))(w)
			equal(w, "closed by this call", got, closed)
		}
		c.Secrets = c.Secrets[1:]
		check("closed")

		uri, yes, at := "https://api.test/jwks.json", true, noon.Add(time.Minute)
		methods := []storage.AuthMethod{storage.AuthPrivateKeyJWT}
		w.ok(w.s.UpdateClient(w.ctx, organizationID, c.ID, storage.ClientUpdate{
			AuthMethods: &methods, JWKSURI: &uri, TokenURLAudience: &yes, DisabledAt: &at,
		}))
		c.AuthMethods, c.JWKSURI, c.TokenURLAudience, c.DisabledAt = methods, uri, yes, at
		// Of two with one identifier the other is found, which is enabled.
		equal(w, "disabled", must(w.s.ResourceServerByIdentifier(w.ctx, organizationID, c.Identifier))(w), without(other))
		w.ok(w.s.UpdateClient(w.ctx, organizationID, c.ID, storage.ClientUpdate{DisabledAt: new(time.Time)}))
		c.DisabledAt = time.Time{}
		check("changed")

		for _, id := range []int64{foreign.ID, o.ID, 0, 4711} {
			if id != organizationID {
				w.wantUntouchable(name, id, c)
			}
		}
		check("after all that")
	}
	equal(w, "an application", must(w.s.ClientByClientID(w.ctx, application.ClientID))(w), application)
}

// wantUntouchable tries to change a client of another organization.
func (w *world) wantUntouchable(what string, organizationID int64, c storage.Client) {
	w.t.Helper()
	secret := newSecret("theirs")
	_, err := w.s.CloseClientSecret(w.ctx, organizationID, c.ID, c.Secrets[0].ID, noon, true)
	for name, err := range map[string]error{
		"CloseClientSecret":   err,
		"AddClientSecret":     w.s.AddClientSecret(w.ctx, organizationID, c.ID, &secret),
		"ExpireClientSecrets": w.s.ExpireClientSecrets(w.ctx, organizationID, c.ID, 0, noon),
		"UpdateClient":        w.s.UpdateClient(w.ctx, organizationID, c.ID, storage.ClientUpdate{TokenURLAudience: new(bool)}),
		"DeleteClient":        w.s.DeleteClient(w.ctx, organizationID, c.ID),
	} {
		w.wantErr(what+", "+name, err, storage.ErrNotFound)
	}
}
