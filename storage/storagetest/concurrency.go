package storagetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"kiket.dev/auth/storage"
)

// testCancelled holds that a caller who gives up is told so, and that it is no
// word about the database; and that one whose time is up was not served in time.
func testCancelled(t *testing.T, w *world) {
	o := w.organization()
	c, k := w.application(o.ID), w.signingKey()
	access := w.accessToken(c, k)
	gone, cancel := context.WithCancel(w.ctx)
	cancel()
	late, cancel := context.WithTimeout(w.ctx, time.Nanosecond)
	defer cancel()
	<-late.Done()
	for name, try := range map[string]func(ctx context.Context) error{
		"Ping":             w.s.Ping,
		"OrganizationByID": func(ctx context.Context) error { _, err := w.s.OrganizationByID(ctx, o.ID); return err },
		"ClientByClientID": func(ctx context.Context) error { _, err := w.s.ClientByClientID(ctx, c.ClientID); return err },
		"CredentialByReference": func(ctx context.Context) error {
			_, err := w.s.CredentialByReference(ctx, storage.TokenReferenceOf(access))
			return err
		},
		"CreateToken": func(ctx context.Context) error {
			token := w.newAccessToken(c, k)
			return w.s.CreateToken(ctx, &token)
		},
		"RevokeToken": func(ctx context.Context) error {
			_, err := w.s.RevokeToken(ctx, storage.TokenReferenceOf(access), noon)
			return err
		},
		"RecordUses": func(ctx context.Context) error {
			return w.s.RecordUses(ctx, []storage.TokenUse{{Kind: storage.AccessToken, ID: c.ID, At: noon}})
		},
		"OpaqueTokens": func(ctx context.Context) error {
			_, err := w.s.OpaqueTokens(ctx, storage.TokenFilter{OrganizationID: o.ID}, storage.Page{Limit: 1})
			return err
		},
		"SpendBudget": func(ctx context.Context) error {
			_, err := w.s.SpendBudget(ctx, storage.Budget{Credential: "x", Window: noon}, 1)
			return err
		},
		"SpendAssertion":       func(ctx context.Context) error { return w.s.SpendAssertion(ctx, c.ID, "x", hour) },
		"UpdateClient, scopes": func(ctx context.Context) error { return w.rescope(ctx, o.ID, c.ID, c.Scopes) },
		"Transaction": func(ctx context.Context) error {
			return w.s.Transaction(ctx, func(context.Context) error { return nil })
		},
	} {
		w.wantErr(name+", cancelled", try(gone), context.Canceled)
		w.wantErr(name+", too late", try(late), storage.ErrUnavailable)
	}
	ctx, cancel := context.WithCancel(w.ctx)
	err := w.s.Transaction(ctx, func(ctx context.Context) error {
		w.ok(w.disable(ctx, o.ID, c.ID, noon))
		cancel()
		return nil
	})
	w.wantErr("cancelled before the commit", err, context.Canceled)
	equal(w, "client", must(w.s.ClientByClientID(w.ctx, c.ClientID))(w), c)
	if !w.credential(access).Active(noon) {
		t.Error("the token no longer works")
	}
}

// testRevokedMeansRevoked holds, under load, that once RevokeToken has returned
// no look-up that begins afterwards finds the token active.
func testRevokedMeansRevoked(t *testing.T, w *world) {
	o := w.organization()
	c, k, u := w.application(o.ID), w.signingKey(), w.member(o.ID, storage.RoleAdmin)
	w.ok(w.s.PrepareTokens(w.ctx, noon, hour))
	const count = 40
	tokens := make([]storage.Token, count)
	revoked := make([]atomic.Bool, count)
	for n := range tokens {
		if n%2 == 0 {
			tokens[n] = w.accessToken(c, k)
		} else {
			tokens[n] = w.workspaceToken(o.ID, u.ID)
		}
	}
	const readers = 24
	var remaining atomic.Int64
	remaining.Store(count)
	var reads atomic.Int64
	together(readers+4, func(n int) {
		if n < 4 {
			for i := n; i < count; i += 4 {
				did, err := w.s.RevokeToken(w.ctx, storage.TokenReferenceOf(tokens[i]), noon)
				if err != nil || !did {
					t.Errorf("RevokeToken: %t, %v", did, err)
				}
				revoked[i].Store(true)
				remaining.Add(-1)
			}
			return
		}
		for i := n; remaining.Load() > 0; i = (i + 7) % count {
			known := revoked[i%count].Load() // before the look-up begins
			got, err := w.s.CredentialByReference(w.ctx, storage.TokenReferenceOf(tokens[i%count]))
			if err != nil {
				t.Error(err)
				return
			}
			if known && got.Active(noon) {
				t.Errorf("token %d is active after it was revoked", i%count)
			}
			reads.Add(1)
		}
	})
	for _, token := range tokens {
		if w.credential(token).Active(noon) {
			t.Error("active at the end")
		}
	}
	t.Logf("%d look-ups", reads.Load())
}

// testManyAtOnce holds that calls which come together each get what is theirs.
func testManyAtOnce(t *testing.T, w *world) {
	o := w.organization()
	c, k, u := w.application(o.ID), w.signingKey(), w.member(o.ID, storage.RoleAdmin)
	w.ok(w.s.PrepareTokens(w.ctx, noon, hour))
	const callers = 32
	clients := make([]storage.Client, callers)
	opaque := make([]storage.Token, callers)
	for n := range callers {
		clients[n], opaque[n] = w.application(o.ID), w.workspaceToken(o.ID, u.ID)
	}
	w.ok(w.s.CreateSigningKey(w.ctx, storage.SigningKey{KeyID: "other", CreatedAt: noon, ActiveAt: noon}))
	together(callers, func(n int) {
		for round := range 10 {
			token := storage.Token{
				Kind: storage.AccessToken, OrganizationID: o.ID, Reference: fmt.Sprintf("many-%d-%d", n, round),
				Scopes: storage.NewScopes(fmt.Sprintf("s%d", n)), CreatedAt: noon,
				ExpiresAt: hour.Add(time.Duration(n%3) * time.Second), ClientID: clients[n].ID, KeyID: k.KeyID,
			}
			if err := w.s.CreateToken(w.ctx, &token); err != nil {
				t.Error(err)
				return
			}
			got, err := w.s.CredentialByReference(w.ctx, storage.TokenReferenceOf(token))
			if err != nil || got.Token.ID != token.ID || got.Client.ID != clients[n].ID || got.Token.Scopes.String() != token.Scopes.String() {
				t.Errorf("got %+v, %v; want token %+v", got, err, token)
			}
			got, err = w.s.CredentialByReference(w.ctx, storage.TokenReferenceOf(opaque[n]))
			if err != nil || got.Token.ID != opaque[n].ID || got.Owner.UserID != u.ID {
				t.Errorf("got %+v, %v; want token %+v", got, err, opaque[n])
			}
			client, err := w.s.ClientByClientID(w.ctx, clients[n].ClientID)
			if err != nil || client.ID != clients[n].ID || len(client.Secrets) != 2 || client.Secrets[0].ID != clients[n].Secrets[0].ID {
				t.Errorf("got %+v, %v; want client %+v", client, err, clients[n])
			}
			// Some ask for what nobody has, in the same batches.
			if _, err := w.s.ClientByClientID(w.ctx, fmt.Sprintf("nobody-%d", n)); !errors.Is(err, storage.ErrNotFound) {
				t.Errorf("unknown client: %v", err)
			}
			again := token
			if err := w.s.CreateToken(w.ctx, &again); !errors.Is(err, storage.ErrConflict) {
				t.Errorf("token twice: %v", err)
			}
			// And some are all after the same.
			shared, err := w.s.ClientByClientID(w.ctx, c.ClientID)
			if err != nil || shared.ID != c.ID {
				t.Errorf("got %+v, %v; want client %+v", shared, err, c)
			}
			shared.Scopes[0], shared.Secrets[0].Digest = "mine", "mine" // nobody else's
		}
	})
}

// testAllTokensAtOnce holds that RevokeClientTokens ends all tokens that were answered
// before it was called and none that was asked for after it returned, while they are
// fetched all the time.
func testAllTokensAtOnce(t *testing.T, w *world) {
	o := w.organization()
	c, other, k := w.application(o.ID), w.application(o.ID), w.signingKey()
	w.ok(w.s.PrepareTokens(w.ctx, noon, hour))
	theirs := w.accessToken(other, k)
	type issued struct {
		token       storage.Token
		asked, done int64 // the number of revocations that had returned, and begun
	}
	const fetchers, revocations = 6, 10
	var begun, returned atomic.Int64
	made := make(chan struct{}, 1000) // a few between any two revocations
	tokens := make([][]issued, fetchers)
	together(fetchers+1, func(n int) {
		if n == fetchers {
			for range revocations {
				for range fetchers {
					<-made
				}
				begun.Add(1)
				if err := w.s.RevokeClientTokens(w.ctx, o.ID, c.ID); err != nil {
					t.Error(err)
				}
				returned.Add(1)
			}
			return
		}
		for more := 5; more > 0; {
			if returned.Load() == revocations {
				more-- // a few more when all is over
			}
			i := issued{asked: returned.Load(), token: storage.Token{
				Kind: storage.AccessToken, OrganizationID: o.ID, Reference: fmt.Sprintf("all-%d-%d", n, len(tokens[n])),
				CreatedAt: noon, ExpiresAt: hour, ClientID: c.ID, KeyID: k.KeyID,
			}}
			if err := w.s.CreateToken(w.ctx, &i.token); err != nil {
				t.Error(err)
			}
			i.done = begun.Load()
			select {
			case made <- struct{}{}:
			default:
			}
			tokens[n] = append(tokens[n], i)
		}
	})
	dead, alive := 0, 0
	for _, i := range slices.Concat(tokens...) {
		switch active := w.credential(i.token).Active(noon); {
		case i.asked == revocations && !active:
			t.Errorf("token %d was asked for after the last revocation and is not active", i.token.ID)
		case i.done < revocations && active:
			t.Errorf("token %d was answered before the last revocation and is active", i.token.ID)
		case active:
			alive++
		default:
			dead++
		}
	}
	if dead == 0 || alive < fetchers {
		t.Errorf("%d tokens ended, %d did not", dead, alive)
	}
	if !w.credential(theirs).Active(noon) {
		t.Error("another application's token ended")
	}
}
