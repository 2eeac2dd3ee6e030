package storagetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"kiket.dev/auth/storage"
)

var errRollback = errors.New("no")

func testTransactions(t *testing.T, w *world) {
	o := w.organization()
	c, k := w.application(o.ID), w.signingKey()
	token := w.newAccessToken(c, k)
	err := w.s.Transaction(w.ctx, func(ctx context.Context) error {
		w.ok(w.disable(ctx, o.ID, c.ID, noon))
		w.ok(w.s.CreateToken(ctx, &token))
		// What it has done itself it sees, on the hot paths too.
		if got := must(w.s.ClientByClientID(ctx, c.ClientID))(w); got.Enabled() {
			t.Error("the transaction does not see its own change of the client")
		}
		if _, err := w.s.CredentialByReference(ctx, storage.TokenReferenceOf(token)); err != nil {
			t.Errorf("the transaction does not see its own token: %v", err)
		}
		return w.s.Transaction(ctx, func(ctx context.Context) error {
			w.ok(w.rescope(ctx, o.ID, c.ID, storage.NewScopes("comments")))
			return errRollback
		})
	})
	w.wantErr("rolled back", err, errRollback)
	equal(w, "client after rollback", must(w.s.ClientByClientID(w.ctx, c.ClientID))(w), c)
	_, err = w.s.CredentialByReference(w.ctx, storage.TokenReferenceOf(token))
	w.wantErr("token after rollback", err, storage.ErrNotFound)

	// Absence is no failure, and a nested transaction commits with the outer one.
	token = w.newAccessToken(c, k)
	w.ok(w.s.Transaction(w.ctx, func(ctx context.Context) error {
		_, err := w.s.OrganizationBySlug(ctx, "nobody")
		w.wantErr("absent", err, storage.ErrNotFound)
		return w.s.Transaction(ctx, func(ctx context.Context) error { return w.s.CreateToken(ctx, &token) })
	}))
	equal(w, "committed", w.credential(token).Token, token)

	func() {
		defer func() {
			if recover() != "oh" {
				t.Error("the panic did not come through")
			}
		}()
		_ = w.s.Transaction(w.ctx, func(ctx context.Context) error {
			w.ok(w.disable(ctx, o.ID, c.ID, noon))
			panic("oh")
		})
	}()
	equal(w, "client after a panic", must(w.s.ClientByClientID(w.ctx, c.ClientID))(w), c)
}

// testFailedTransactions holds that no engine commits what had a failure in it.
func testFailedTransactions(_ *testing.T, w *world) {
	o := w.organization()
	err := w.s.Transaction(w.ctx, func(ctx context.Context) error {
		u := storage.User{Email: "a@acme.test", CreatedAt: noon}
		w.ok(w.s.CreateUser(ctx, &u))
		again := storage.Organization{Slug: o.Slug, CreatedAt: noon}
		w.wantErr("inside", w.s.CreateOrganization(ctx, &again), storage.ErrConflict)
		return nil // as if nothing had been
	})
	w.wantErr("commit", err, storage.ErrConflict)
	_, err = w.s.UserByEmail(w.ctx, "a@acme.test")
	w.wantErr("the user", err, storage.ErrNotFound)
	err = w.s.Transaction(w.ctx, func(ctx context.Context) error {
		nowhere := storage.Project{OrganizationID: 4711, Key: "X", CreatedAt: noon}
		w.wantErr("inside", w.s.CreateProject(ctx, &nowhere), storage.ErrNotFound)
		return nil
	})
	w.wantErr("commit", err, storage.ErrNotFound)
}

// together runs f that many times at once, with the numbers from 0.
func together(count int, f func(n int)) {
	var wg sync.WaitGroup
	start := make(chan struct{})
	for n := range count {
		wg.Go(func() {
			<-start
			f(n)
		})
	}
	close(start)
	wg.Wait()
}

// testOneWins holds that of several who do the same at once, one has done it.
func testOneWins(t *testing.T, w *world) {
	o := w.organization()
	c, k, i, p := w.application(o.ID), w.signingKey(), w.installation(o.ID), w.project(o.ID)
	u := w.user()
	access, opaque := w.accessToken(c, k), w.session(o.ID, w.member(o.ID, storage.RoleAdmin).ID)
	fresh := w.newAccessToken(c, k)
	won := func(err error) (bool, error) {
		if errors.Is(err, storage.ErrConflict) || errors.Is(err, storage.ErrNotFound) {
			return false, nil
		}
		return err == nil, err
	}
	for _, race := range []struct {
		name string
		run  func(n int) (bool, error)
	}{
		{"RevokeToken, access token", func(int) (bool, error) { return w.s.RevokeToken(w.ctx, storage.TokenReferenceOf(access), noon) }},
		{"RevokeToken, opaque", func(int) (bool, error) { return w.s.RevokeToken(w.ctx, storage.TokenReferenceOf(opaque), noon) }},
		{"Uninstall", func(int) (bool, error) { return w.s.Uninstall(w.ctx, o.ID, i.ID, noon) }},
		{"RevokeSigningKey", func(int) (bool, error) { return w.s.RevokeSigningKey(w.ctx, k.KeyID, noon) }},
		{"CreateToken", func(int) (bool, error) {
			token := fresh
			return won(w.s.CreateToken(w.ctx, &token))
		}},
		{"CreateOrganization", func(int) (bool, error) {
			return won(w.s.CreateOrganization(w.ctx, &storage.Organization{Slug: "one", CreatedAt: noon}))
		}},
		{"CreateUser", func(int) (bool, error) {
			return won(w.s.CreateUser(w.ctx, &storage.User{Email: "one@acme.test", CreatedAt: noon}))
		}},
		{"CreateMembership", func(int) (bool, error) {
			return won(w.s.CreateMembership(w.ctx, storage.Membership{OrganizationID: o.ID, UserID: u.ID, CreatedAt: noon}))
		}},
		{"CreateClient", func(int) (bool, error) {
			return won(w.s.CreateClient(w.ctx, &storage.Client{
				Kind: storage.Application, OrganizationID: o.ID, ClientID: "one", CreatedAt: noon, Secrets: []storage.ClientSecret{newSecret("x")},
			}))
		}},
		{"SpendAssertion", func(int) (bool, error) { return won(w.s.SpendAssertion(w.ctx, c.ID, "one", hour)) }},
		{"CreateInstallation", func(int) (bool, error) {
			return won(w.s.CreateInstallation(w.ctx, &storage.Installation{OrganizationID: o.ID, ProjectID: p.ID, Key: "one", CreatedAt: noon}))
		}},
		{"CloseClientSecret", func(int) (bool, error) {
			return w.s.CloseClientSecret(w.ctx, o.ID, c.ID, c.Secrets[0].ID, noon, true)
		}},
		{"DeleteMembership", func(int) (bool, error) { return won(w.s.DeleteMembership(w.ctx, o.ID, opaque.UserID)) }},
		{"DeleteClient", func(int) (bool, error) { return won(w.s.DeleteClient(w.ctx, o.ID, c.ID)) }},
	} {
		w.oneWins(t, race.name, race.run)
	}
}

// oneWins has eight do the same at once, and checks that one is told that it did.
func (w *world) oneWins(t *testing.T, what string, run func(n int) (bool, error)) {
	t.Helper()
	var winners atomic.Int64
	together(8, func(n int) {
		did, err := run(n)
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
		if did {
			winners.Add(1)
		}
	})
	if winners.Load() != 1 {
		t.Errorf("%s: %d of 8 won", what, winners.Load())
	}
}

// testLocks holds that transactions with the same lock follow one another.
func testLocks(t *testing.T, w *world) {
	w.wantPlain("outside a transaction", w.s.Lock(w.ctx, storage.LockSigningKeys))
	w.wantPlain("an unknown lock", w.s.Transaction(w.ctx, func(ctx context.Context) error { return w.s.Lock(ctx, "nothing") }))
	for _, name := range []storage.LockName{storage.LockSigningKeys, storage.LockBootstrap} {
		before := must(w.s.CountOrganizations(w.ctx))(w)
		together(12, func(int) {
			err := w.s.Transaction(w.ctx, func(ctx context.Context) error {
				if err := w.s.Lock(ctx, name); err != nil {
					return err
				}
				count, err := w.s.CountOrganizations(ctx)
				if err != nil {
					return err
				}
				// Two that saw the same count would choose the same slug.
				return w.s.CreateOrganization(ctx, &storage.Organization{Slug: fmt.Sprintf("n%d", count), CreatedAt: noon})
			})
			if err != nil {
				t.Error(err)
			}
		})
		equal(w, "organizations", must(w.s.CountOrganizations(w.ctx))(w), before+12)
	}
}

// testReadThenWrite holds that transactions which first read and then write do
// not refuse each other.
func testReadThenWrite(t *testing.T, w *world) {
	o := w.organization()
	users := make([]storage.User, 8)
	for n := range users {
		users[n] = w.member(o.ID, storage.RoleAdmin)
	}
	const rounds = 20
	together(len(users), func(n int) {
		for round := range rounds {
			err := w.s.Transaction(w.ctx, func(ctx context.Context) error {
				if _, err := w.s.UserByID(ctx, o.ID, users[n].ID); err != nil {
					return err
				}
				if err := w.s.SetRole(ctx, o.ID, users[n].ID, storage.RoleMember); err != nil {
					return err
				}
				return w.s.AppendAuditEvent(ctx, &storage.AuditEvent{OrganizationID: o.ID, CreatedAt: noon, Action: "user.changed"})
			})
			if err != nil {
				t.Errorf("transaction %d of %d: %v", round, n, err)
			}
		}
	})
	equal(w, "events", len(must(w.s.AuditEvents(w.ctx, o.ID, 0, 1000))(w)), len(users)*rounds)
}
