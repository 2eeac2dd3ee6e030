package expiry_test

import (
	"testing"
	"time"

	"kiket.dev/auth/server/servertest"
	"kiket.dev/auth/storage"
)

const day = 24 * time.Hour

// world is a server with an organization that has an application.
type world struct {
	*servertest.World
	organization storage.Organization
	application  storage.Client
}

func newWorld(t *testing.T) *world {
	w := &world{World: servertest.New(t)}
	w.organization = storage.Organization{Slug: "acme", Name: "Acme", CreatedAt: w.Now()}
	w.OK(w.Store.CreateOrganization(w.Ctx, &w.organization))
	u := storage.User{Email: "avery@acme.test", Name: "Avery", CreatedAt: w.Now()}
	w.OK(w.Store.CreateUser(w.Ctx, &u))
	w.OK(w.Store.CreateMembership(w.Ctx, storage.Membership{OrganizationID: w.organization.ID, UserID: u.ID, Role: storage.RoleAdmin, CreatedAt: w.Now()}))
	w.application = storage.Client{
		Kind: storage.Application, OrganizationID: w.organization.ID, ClientID: "app", Name: "App", CreatedAt: w.Now(),
		Secrets: []storage.ClientSecret{{Digest: "old", CreatedAt: w.Now()}},
	}
	w.OK(w.Store.CreateClient(w.Ctx, &w.application))
	return w
}

// rotate adds a secret and lets the old ones go on for a while.
func (w *world) rotate(overlap time.Duration) {
	w.T.Helper()
	fresh := storage.ClientSecret{Digest: "new", CreatedAt: w.Now()}
	w.OK(w.Store.AddClientSecret(w.Ctx, w.organization.ID, w.application.ID, &fresh))
	w.OK(w.Store.ExpireClientSecrets(w.Ctx, w.organization.ID, w.application.ID, fresh.ID, w.Now().Add(overlap)))
}

// wantTold looks for what expires, and holds that there were so many digests until now.
func (w *world) wantTold(what string, want int) {
	w.T.Helper()
	w.OK(w.Expiry.Notify(w.Ctx))
	got := 0
	for _, e := range w.Events(w.organization.ID) {
		if e.Action == "expiry_digest.queued" {
			got++
		}
	}
	if got != want {
		w.T.Errorf("%s: %d digests, want %d", what, got, want)
	}
}

// used notes that the first secret is used now.
func (w *world) used() {
	w.T.Helper()
	w.OK(w.Store.RecordUses(w.Ctx, []storage.TokenUse{{
		Kind: storage.AccessToken, ID: w.application.ID, ClientSecretID: w.application.Secrets[0].ID, At: w.Now(),
	}}))
}

// The end of a secret that was rotated is intended, and no news.
func TestRotatedSecretIsNoNews(t *testing.T) {
	w := newWorld(t)
	w.Pass(90 * day)
	w.rotate(day)
	w.used()
	w.wantTold("just rotated", 0)
	w.Pass(23 * time.Hour)
	w.used()
	w.wantTold("in its last hour", 0)
}

// A secret that is still used long after it was rotated has been forgotten somewhere.
func TestRotatedSecretStillUsed(t *testing.T) {
	w := newWorld(t)
	w.Pass(90 * day)
	w.rotate(10 * day)
	w.used()
	w.wantTold("just rotated", 0)
	w.Pass(2 * day)
	w.wantTold("not used any more", 0)
	w.used()
	w.wantTold("used again", 1)
	w.Pass(6 * day)
	w.wantTold("at the second stage", 2)
}

// A secret that nothing takes the place of is told of.
func TestLastSecret(t *testing.T) {
	w := newWorld(t)
	w.OK(w.Store.ExpireClientSecrets(w.Ctx, w.organization.ID, w.application.ID, 0, w.Now().Add(10*day)))
	w.wantTold("it ends", 1)
}

// So it is with the keys of extensions.
func TestRotatedExtensionKey(t *testing.T) {
	w := newWorld(t)
	p := storage.Project{OrganizationID: w.organization.ID, Key: "P", CreatedAt: w.Now()}
	w.OK(w.Store.CreateProject(w.Ctx, &p))
	i := storage.Installation{OrganizationID: w.organization.ID, ProjectID: p.ID, Key: "dev.kiket.ext", CreatedAt: w.Now()}
	w.OK(w.Store.CreateInstallation(w.Ctx, &i))
	key := func(reference string, expires time.Time) {
		w.OK(w.Store.CreateToken(w.Ctx, &storage.Token{
			Kind: storage.ExtensionKey, OrganizationID: w.organization.ID, ProjectID: p.ID, InstallationID: i.ID, Reference: reference,
			CreatedAt: w.Now(), ExpiresAt: expires,
		}))
	}
	key("old", w.Now().Add(12*day))
	w.Pass(2 * day)
	key("new", time.Time{})
	w.wantTold("rotated", 0)
}
