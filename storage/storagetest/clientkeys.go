package storagetest

import (
	"testing"

	"kiket.dev/auth/storage"
)

// testClientKeys covers what clients sign their assertions with, in all that returns
// clients, but for credentials.
func testClientKeys(t *testing.T, w *world) {
	o := w.organization()
	plain := w.application(o.ID)
	c := storage.Client{
		Kind: storage.Application, OrganizationID: o.ID, ClientID: "signer", Name: "Signer", CreatedAt: noon,
		AuthMethods: []storage.AuthMethod{storage.AuthPrivateKeyJWT, storage.AuthSecretBasic},
		Secrets:     []storage.ClientSecret{newSecret("one"), newSecret("two")},
		JWKS:        []byte(`{"keys":[{"kid":"\u00e9","kty":"EC"}]}` + "\x00\xff"), JWKSURI: "https://app.test/jwks.json?a=b", TokenURLAudience: true,
	}
	w.ok(w.s.CreateClient(w.ctx, &c))
	read := func(what string) {
		t.Helper()
		equal(w, what+", by client id", must(w.s.ClientByClientID(w.ctx, c.ClientID))(w), c)
		equal(w, what+", by id", must(w.s.ApplicationByID(w.ctx, o.ID, c.ID))(w), c)
		equal(w, what+", in the list", must(w.s.Applications(w.ctx, o.ID, storage.Page{Limit: 5}))(w), []storage.Client{c, plain})
		for _, secret := range must(w.s.ApplicationSecrets(w.ctx, storage.ClientSecretFilter{OrganizationID: o.ID, ID: c.Secrets[0].ID}, storage.Page{Limit: 5}))(w) {
			equal(w, what+", of its secret", secret.Application, without(c))
		}
	}
	read("created")
	if found := must(w.s.ClientByClientID(w.ctx, plain.ClientID))(w); found.JWKS != nil {
		t.Errorf("a client without keys has %q", found.JWKS)
	}
	shared := must(w.s.ClientByClientID(w.ctx, c.ClientID))(w)
	shared.JWKS[0] = 'x' // nobody else's
	read("after somebody wrote into theirs")

	credential := w.credential(w.accessToken(c, w.signingKey()))
	want := without(c)
	want.JWKS, want.JWKSURI, want.TokenURLAudience = nil, "", false
	equal(w, "of a token", credential.Client, want)

	keys, uri, no := []byte(`{"keys":[]}`), "https://app.test/other", false
	for _, change := range []struct {
		update storage.ClientUpdate
		apply  func(*storage.Client)
	}{
		{storage.ClientUpdate{JWKS: &keys}, func(c *storage.Client) { c.JWKS = keys }},
		{storage.ClientUpdate{JWKSURI: &uri}, func(c *storage.Client) { c.JWKSURI = uri }},
		{storage.ClientUpdate{TokenURLAudience: &no}, func(c *storage.Client) { c.TokenURLAudience = no }},
		{storage.ClientUpdate{}, func(*storage.Client) {}},
		{storage.ClientUpdate{JWKS: new([]byte), JWKSURI: new(string)}, func(c *storage.Client) { c.JWKS, c.JWKSURI = nil, "" }},
		{storage.ClientUpdate{JWKS: &[]byte{}}, func(*storage.Client) {}},
	} {
		w.ok(w.s.UpdateClient(w.ctx, o.ID, c.ID, change.update))
		change.apply(&c)
		read("changed")
	}
	if found := must(w.s.ApplicationByID(w.ctx, o.ID, c.ID))(w); found.JWKS != nil {
		t.Errorf("keys that were taken away are %q", found.JWKS)
	}
	equal(w, "the other", must(w.s.ClientByClientID(w.ctx, plain.ClientID))(w), plain)
}
