package storagetest

import (
	"context"
	"testing"
	"time"

	"kiket.dev/auth/storage"
)

func testApplications(_ *testing.T, w *world) {
	o := w.organization()
	c, other := w.application(o.ID), w.application(o.ID)
	server := w.resourceServer(o.ID, "api", "https://kiket.test/api")
	bare := storage.Client{Kind: storage.Application, OrganizationID: o.ID, ClientID: "bare", CreatedAt: noon}
	w.ok(w.s.CreateClient(w.ctx, &bare))
	read := func() storage.Client { return must(w.s.ApplicationByID(w.ctx, o.ID, c.ID))(w) }
	equal(w, "by id", read(), c)
	page := storage.Page{Limit: 10}
	equal(w, "all", must(w.s.Applications(w.ctx, o.ID, page))(w), []storage.Client{bare, other, c})
	for _, id := range []int64{server.ID, 4711, 0} {
		_, err := w.s.ApplicationByID(w.ctx, o.ID, id)
		w.wantErr("by the id of none", err, storage.ErrNotFound)
		w.wantErr("ending the tokens of none", w.s.RevokeClientTokens(w.ctx, o.ID, id), storage.ErrNotFound)
	}
	for _, id := range []int64{4711, 0} {
		w.wantErr("changing none", w.s.UpdateClient(w.ctx, o.ID, id, storage.ClientUpdate{}), storage.ErrNotFound)
	}

	name, scopes, methods := "App 2", storage.NewScopes("comments"), []storage.AuthMethod{storage.AuthSecretPost}
	lifetime, at, never := 90*time.Second, noon.Add(time.Minute), time.Time{}
	for _, change := range []struct {
		update storage.ClientUpdate
		apply  func(*storage.Client)
	}{
		{storage.ClientUpdate{}, func(*storage.Client) {}},
		{storage.ClientUpdate{Name: &name}, func(c *storage.Client) { c.Name = name }},
		{storage.ClientUpdate{Scopes: &scopes}, func(c *storage.Client) { c.Scopes = scopes }},
		{storage.ClientUpdate{AuthMethods: &methods}, func(c *storage.Client) { c.AuthMethods = methods }},
		{storage.ClientUpdate{AccessTokenLifetime: &lifetime}, func(c *storage.Client) { c.AccessTokenLifetime = lifetime }},
		{storage.ClientUpdate{DisabledAt: &at}, func(c *storage.Client) { c.DisabledAt = at }},
		{
			storage.ClientUpdate{Name: new(string), Scopes: new(storage.Scopes), AuthMethods: new([]storage.AuthMethod), AccessTokenLifetime: new(time.Duration), DisabledAt: &never},
			func(c *storage.Client) {
				c.Name, c.Scopes, c.AuthMethods, c.AccessTokenLifetime, c.DisabledAt = "", nil, nil, 0, never
			},
		},
	} {
		w.ok(w.s.UpdateClient(w.ctx, o.ID, c.ID, change.update))
		change.apply(&c)
		equal(w, "after a change", read(), c)
		equal(w, "after a change, by client id", must(w.s.ClientByClientID(w.ctx, c.ClientID))(w), c)
	}
	equal(w, "the others", must(w.s.Applications(w.ctx, o.ID, page))(w), []storage.Client{bare, other, c})
}

// testSecretsEnd covers how secrets come to an end, and what was fetched with them.
func testSecretsEnd(t *testing.T, w *world) {
	o := w.organization()
	k, c := w.signingKey(), w.application(o.ID)
	third := newSecret("three")
	third.ExpiresAt = noon.Add(time.Minute)
	w.ok(w.s.AddClientSecret(w.ctx, o.ID, c.ID, &third))
	c.Secrets = append(c.Secrets, third)
	other := w.application(o.ID)

	soon := noon.Add(time.Hour)
	w.ok(w.s.ExpireClientSecrets(w.ctx, o.ID, c.ID, c.Secrets[1].ID, soon))
	c.Secrets[0].ExpiresAt = soon // the second is kept, the third expires before
	equal(w, "expiring", must(w.s.ApplicationByID(w.ctx, o.ID, c.ID))(w), c)
	w.ok(w.s.ExpireClientSecrets(w.ctx, o.ID, c.ID, 0, noon))
	for n := range c.Secrets {
		c.Secrets[n].ExpiresAt = noon
	}
	equal(w, "all expired", must(w.s.ApplicationByID(w.ctx, o.ID, c.ID))(w), c)
	w.wantErr("expiring none's", w.s.ExpireClientSecrets(w.ctx, o.ID, 4711, 0, noon), storage.ErrNotFound)

	fetched := make([]storage.Token, len(c.Secrets))
	for n, secret := range c.Secrets {
		token := w.newAccessToken(c, k)
		token.ClientSecretID = secret.ID
		fetched[n] = w.store(token)
	}
	keyless := w.accessToken(c, k)
	active := func(what string, want ...bool) {
		t.Helper()
		for n, token := range append(fetched, keyless) {
			got := w.credential(token)
			if got.Active(noon) != want[n] || got.SecretRevoked == want[n] {
				t.Errorf("%s: token %d: active %t, want %t: %+v", what, n, got.Active(noon), want[n], got)
			}
		}
	}
	active("expired secrets end no tokens", true, true, true, true)
	closeSecret := func(n int, revoke, want bool) {
		t.Helper()
		if got := must(w.s.CloseClientSecret(w.ctx, o.ID, c.ID, c.Secrets[n].ID, noon, revoke))(w); got != want {
			t.Errorf("CloseClientSecret: got %t, want %t", got, want)
		}
	}
	closeSecret(0, true, true)
	active("closed with its tokens", false, true, true, true)
	closeSecret(1, false, true)
	active("closed without its tokens", false, true, true, true)
	closeSecret(0, false, false) // brings nothing back
	closeSecret(1, true, false)
	active("its tokens later", false, false, true, true)
	w.ok(w.s.ExpireClientSecrets(w.ctx, o.ID, c.ID, 0, noon)) // touches no closed one
	c.Secrets = c.Secrets[2:]
	equal(w, "by id", must(w.s.ApplicationByID(w.ctx, o.ID, c.ID))(w), c)
	equal(w, "by client id", must(w.s.ClientByClientID(w.ctx, c.ClientID))(w), c)
	equal(w, "in the list", must(w.s.Applications(w.ctx, o.ID, storage.Page{Limit: 5}))(w), []storage.Client{other, c})
	for _, secret := range other.Secrets {
		must(w.s.CloseClientSecret(w.ctx, o.ID, other.ID, secret.ID, noon, false))(w)
	}
	other.Secrets = nil
	equal(w, "with all secrets closed", must(w.s.ClientByClientID(w.ctx, other.ClientID))(w), other)
}

func testApplicationSecrets(_ *testing.T, w *world) {
	o, foreign := w.organization(), w.organization()
	c := w.application(o.ID)
	w.application(foreign.ID)
	w.resourceServer(o.ID, "api", "https://kiket.test/api")
	used, expired, late := newSecret("used"), newSecret("expired"), newSecret("late")
	used.ExpiresAt, expired.ExpiresAt, late.CreatedAt = hour, noon, hour
	for _, secret := range []*storage.ClientSecret{&used, &expired, &late} {
		w.ok(w.s.AddClientSecret(w.ctx, o.ID, c.ID, secret))
	}
	used.LastUsedAt = noon.Add(30 * time.Minute)
	w.ok(w.s.RecordUses(w.ctx, []storage.TokenUse{{Kind: storage.AccessToken, ClientSecretID: used.ID, At: used.LastUsedAt}}))
	first, closed := c.Secrets[0], c.Secrets[1]
	must(w.s.CloseClientSecret(w.ctx, o.ID, c.ID, closed.ID, noon, true))(w)
	closed.ClosedAt, closed.TokensRevoked = noon, true
	c.Secrets = nil
	for name, test := range map[string]struct {
		filter storage.ClientSecretFilter
		want   []storage.ClientSecret
	}{
		"all":                        {storage.ClientSecretFilter{}, []storage.ClientSecret{late, expired, used, closed, first}},
		"one":                        {storage.ClientSecretFilter{ID: used.ID}, []storage.ClientSecret{used}},
		"open":                       {storage.ClientSecretFilter{OpenAt: noon}, []storage.ClientSecret{late, used, first}},
		"open later":                 {storage.ClientSecretFilter{OpenAt: hour}, []storage.ClientSecret{late, first}},
		"unused":                     {storage.ClientSecretFilter{UnusedSince: noon.Add(time.Minute)}, []storage.ClientSecret{expired, closed, first}},
		"unused since after the use": {storage.ClientSecretFilter{UnusedSince: hour}, []storage.ClientSecret{expired, used, closed, first}},
		"never used":                 {storage.ClientSecretFilter{NeverUsed: true}, []storage.ClientSecret{late, expired, closed, first}},
		"never used and open":        {storage.ClientSecretFilter{NeverUsed: true, OpenAt: noon}, []storage.ClientSecret{late, first}},
		"expiring":                   {storage.ClientSecretFilter{ExpiringBefore: hour}, []storage.ClientSecret{expired}},
		"expiring and open":          {storage.ClientSecretFilter{ExpiringBefore: hour.Add(time.Microsecond), OpenAt: noon}, []storage.ClientSecret{used}},
		"none":                       {storage.ClientSecretFilter{ID: 4711}, nil},
	} {
		test.filter.OrganizationID = o.ID
		var want []storage.ApplicationSecret
		for _, secret := range test.want {
			want = append(want, storage.ApplicationSecret{Secret: secret, Application: c})
		}
		equal(w, name, must(w.s.ApplicationSecrets(w.ctx, test.filter, storage.Page{Limit: 10}))(w), want)
	}
}

// testRotations holds that of several rotations at once each expires what those
// before it added.
func testRotations(t *testing.T, w *world) {
	o := w.organization()
	c := w.application(o.ID)
	soon := noon.Add(time.Hour)
	together(8, func(n int) {
		err := w.s.Transaction(w.ctx, func(ctx context.Context) error {
			secret := newSecret("rotated")
			if err := w.s.AddClientSecret(ctx, o.ID, c.ID, &secret); err != nil {
				return err
			}
			return w.s.ExpireClientSecrets(ctx, o.ID, c.ID, secret.ID, soon)
		})
		if err != nil {
			t.Error(err)
		}
	})
	secrets := must(w.s.ApplicationByID(w.ctx, o.ID, c.ID))(w).Secrets
	lasting := 0
	for _, secret := range secrets {
		if secret.ExpiresAt.IsZero() {
			lasting++
		}
	}
	if len(secrets) != 10 || lasting != 1 {
		t.Errorf("%d secrets of which %d do not expire, want 10 and 1", len(secrets), lasting)
	}
}
