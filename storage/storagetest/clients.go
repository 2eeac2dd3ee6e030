package storagetest

import (
	"testing"
	"time"

	"kiket.dev/auth/storage"
)

func testClients(t *testing.T, w *world) {
	o := w.organization()
	c, other := w.application(o.ID), w.application(o.ID)
	if c.ID == 0 || c.Secrets[0].ID == 0 || c.Secrets[0].ID == c.Secrets[1].ID {
		t.Errorf("ids are missing: %+v", c)
	}
	equal(w, "client", must(w.s.ClientByClientID(w.ctx, c.ClientID))(w), c)
	bare := storage.Client{Kind: storage.Application, OrganizationID: o.ID, ClientID: "bare", Name: "App", CreatedAt: noon}
	w.ok(w.s.CreateClient(w.ctx, &bare)) // names of applications need not differ
	equal(w, "client without secrets", must(w.s.ClientByClientID(w.ctx, "bare"))(w), bare)

	_, err := w.s.ClientByClientID(w.ctx, "nobody")
	w.wantErr("unknown client id", err, storage.ErrNotFound)
	again := bare
	w.wantErr("client id twice", w.s.CreateClient(w.ctx, &again), storage.ErrConflict)

	for _, at := range []time.Time{noon.Add(time.Minute), {}} {
		w.ok(w.disable(w.ctx, o.ID, c.ID, at))
		c.DisabledAt = at
		equal(w, "after disabling or enabling", must(w.s.ClientByClientID(w.ctx, c.ClientID))(w), c)
	}
	c.Scopes = storage.NewScopes("comments")
	w.ok(w.rescope(w.ctx, o.ID, c.ID, c.Scopes))
	equal(w, "after a change of scopes", must(w.s.ClientByClientID(w.ctx, c.ClientID))(w), c)
	w.wantErr("disabling none", w.disable(w.ctx, o.ID, 4711, noon), storage.ErrNotFound)
	w.wantErr("scopes of none", w.rescope(w.ctx, o.ID, 4711, nil), storage.ErrNotFound)

	w.ok(w.s.DeleteClient(w.ctx, o.ID, c.ID))
	_, err = w.s.ClientByClientID(w.ctx, c.ClientID)
	w.wantErr("after deletion", err, storage.ErrNotFound)
	w.wantErr("deleted twice", w.s.DeleteClient(w.ctx, o.ID, c.ID), storage.ErrNotFound)
	equal(w, "the other", must(w.s.ClientByClientID(w.ctx, other.ClientID))(w), other)
	next := w.application(o.ID)
	if next.ID <= other.ID || next.ID == c.ID {
		t.Errorf("id %d was given out again", next.ID)
	}
}

func testClientSecrets(t *testing.T, w *world) {
	o := w.organization()
	c, other := w.application(o.ID), w.application(o.ID)
	secret := newSecret("three")
	secret.ExpiresAt = noon.Add(24 * time.Hour)
	w.ok(w.s.AddClientSecret(w.ctx, o.ID, c.ID, &secret))
	if secret.ID == 0 {
		t.Error("AddClientSecret set no id")
	}
	c.Secrets = append(c.Secrets, secret)
	equal(w, "after AddClientSecret", must(w.s.ClientByClientID(w.ctx, c.ClientID))(w), c)
	w.wantErr("adding to none", w.s.AddClientSecret(w.ctx, o.ID, 4711, &secret), storage.ErrNotFound)

	_, err := w.s.CloseClientSecret(w.ctx, o.ID, other.ID, secret.ID, noon, true)
	w.wantErr("closing another's", err, storage.ErrNotFound)
	_, err = w.s.CloseClientSecret(w.ctx, o.ID, c.ID, 4711, noon, true)
	w.wantErr("closing none", err, storage.ErrNotFound)
	for n, want := range []bool{true, false, false} {
		got := must(w.s.CloseClientSecret(w.ctx, o.ID, c.ID, c.Secrets[0].ID, noon, n == 2))(w)
		if got != want {
			t.Errorf("CloseClientSecret, call %d: got %t", n+1, got)
		}
	}
	c.Secrets = c.Secrets[1:]
	equal(w, "after CloseClientSecret", must(w.s.ClientByClientID(w.ctx, c.ClientID))(w), c)
	equal(w, "the other", must(w.s.ClientByClientID(w.ctx, other.ClientID))(w), other)
}
