package integration

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"kiket.dev/auth/server"
	"kiket.dev/auth/server/access"
	"kiket.dev/auth/storage"
)

const (
	watchersPerReplica = 4
	asksAfterwards     = 4 // by each watcher, once the end was acknowledged
)

// ending is a way in which something stops working.
type ending struct {
	name   string
	rounds int
	// begin makes something that works. works asks a replica whether it does; end
	// ends it and returns when that was acknowledged.
	begin func(w *world) (works func(context.Context, *instance) (bool, error), end func() error)
}

// world is what the endings work on.
type world struct {
	*deployment
	t        *testing.T
	server   *server.Server // the verbs, beside the replicas
	replicas []*instance
	turn     atomic.Int64
}

// replica returns the replicas in turn, so that what was issued by one is ended
// at the other.
func (w *world) replica() *instance {
	return w.replicas[int(w.turn.Add(1))%len(w.replicas)]
}

// Once the answer to a revocation has been received, no introspection that
// starts afterwards answers active, on any replica.
func TestRevokedMeansRevoked(t *testing.T) {
	eachEngine(t, func(t *testing.T, e engine) {
		d := deploy(t, e, "KIKET_AUTH_JWKS_MAX_AGE=1s")
		w := &world{deployment: d, t: t, server: d.verbs(), replicas: []*instance{d.serve()}}
		if e == postgres {
			w.replicas = append(w.replicas, d.serve())
		}
		for _, tt := range endings() {
			for range tt.rounds {
				works, end := tt.begin(w)
				if err := w.watch(t.Context(), works, end); err != nil {
					t.Errorf("%s: %v", tt.name, err)
				}
			}
		}
	})
}

// watch lets many ask at once while the end comes. Everybody has seen it work
// before, and nobody who asks afterwards may.
func (w *world) watch(ctx context.Context, works func(context.Context, *instance) (bool, error), end func() error) error {
	var seen, done sync.WaitGroup
	var ended atomic.Bool
	problems := make(chan error, len(w.replicas)*watchersPerReplica)
	watcher := func(i *instance) error {
		worked := false
		defer func() {
			if !worked {
				seen.Done()
			}
		}()
		for after := 0; after < asksAfterwards; {
			over := ended.Load() // before the question is asked
			ok, err := works(ctx, i)
			switch {
			case err != nil:
				return err
			case over && ok:
				return errors.New("still works after its end was acknowledged")
			case over:
				after++
			case !ok && !worked:
				return errors.New("does not work to begin with")
			case !worked:
				worked = true
				seen.Done()
			}
		}
		return nil
	}
	for _, i := range w.replicas {
		for range watchersPerReplica {
			seen.Add(1)
			done.Go(func() {
				if err := watcher(i); err != nil {
					problems <- err
				}
			})
		}
	}
	seen.Wait()
	err := end()
	ended.Store(true)
	done.Wait()
	close(problems)
	for problem := range problems {
		err = errors.Join(err, problem)
	}
	return err
}

// isActive asks about one token.
func isActive(token string, parameters ...string) func(context.Context, *instance) (bool, error) {
	return func(ctx context.Context, i *instance) (bool, error) {
		return i.attemptActive(ctx, token, parameters...)
	}
}

func endings() []ending {
	type works = func(context.Context, *instance) (bool, error)
	revocation := func(w *world, holder credentials, token string) (works, func() error) {
		return isActive(token), func() error { return w.replica().attemptRevoke(w.t.Context(), holder, token) }
	}
	return []ending{
		{"access token revoked", 20, func(w *world) (works, func() error) {
			application := w.application("issues")
			return revocation(w, application, w.replica().fetch(w.t, application))
		}},
		{"workspace token revoked", 20, func(w *world) (works, func() error) {
			return revocation(w, credentials{}, w.workspaceToken(time.Time{}).Secret.Reveal())
		}},
		{"session revoked", 5, func(w *world) (works, func() error) {
			return revocation(w, credentials{}, w.session().Secret.Reveal())
		}},
		{"extension key revoked", 5, func(w *world) (works, func() error) {
			return revocation(w, credentials{}, w.extension("issues:read").Key.Secret.Reveal())
		}},
		{"extension uninstalled", 5, func(w *world) (works, func() error) {
			installed := w.extension("issues:read")
			return isActive(installed.Key.Secret.Reveal()), func() error {
				return w.server.Extensions.Uninstall(w.t.Context(), access.Operator(), w.boot.Organization.ID, installed.Installation.ID)
			}
		}},
		{"application disabled", 5, func(w *world) (works, func() error) {
			application := w.application("issues")
			token := w.replica().fetch(w.t, application)
			return isActive(token), func() error { w.disable(application); return nil }
		}},
		{"disabled application fetches no token", 5, func(w *world) (works, func() error) {
			application := w.application("issues")
			return canFetch(application), func() error { w.disable(application); return nil }
		}},
		{"client secret closed", 5, func(w *world) (works, func() error) {
			application := w.application("issues")
			return canFetch(application), func() error {
				w.closeSecret(application)
				return nil
			}
		}},
		{"owner removed", 3, func(w *world) (works, func() error) {
			owner := w.member(storage.RoleAdmin)
			return isActive(w.tokenOf(owner).Secret.Reveal()), func() error { w.remove(owner); return nil }
		}},
		{"owner demoted", 3, func(w *world) (works, func() error) {
			owner := w.member(storage.RoleAdmin)
			return isActive(w.tokenOf(owner).Secret.Reveal(), "scope", storage.ScopeAdmin), func() error { w.demote(owner); return nil }
		}},
		{"signing key revoked", 3, func(w *world) (works, func() error) {
			token := w.replica().fetch(w.t, w.application("issues"))
			// A replica that has not heard yet signs with the revoked key for a
			// moment, and then the token is not active to begin with.
			eventually(w.t, func() error {
				if token = w.replica().fetch(w.t, w.application("issues")); !w.replica().active(w.t, token) {
					return errors.New("tokens are signed by a revoked key")
				}
				return nil
			})
			return isActive(token), func() error {
				_, stderr, err := w.try("keys", "revoke", headerOf(w.t, token)["kid"].(string))
				if err != nil {
					return fmt.Errorf("%w: %s", err, stderr)
				}
				return nil
			}
		}},
	}
}

// canFetch asks for a token. What is refused must be refused as invalid_client.
func canFetch(c credentials) func(context.Context, *instance) (bool, error) {
	return func(ctx context.Context, i *instance) (bool, error) {
		a, err := i.attempt(ctx, "/oauth/token", c, "grant_type", "client_credentials")
		switch {
		case err != nil:
			return false, err
		case a.status == http.StatusUnauthorized && strings.Contains(a.body, "invalid_client"), a.status == http.StatusTooManyRequests:
			return false, nil
		case a.status != http.StatusOK:
			return false, fmt.Errorf("token endpoint: %d %s", a.status, a.body)
		}
		return true, nil
	}
}

// headerOf returns the header of a JWT.
func headerOf(t testing.TB, token string) map[string]any {
	t.Helper()
	encoded, _, _ := strings.Cut(token, ".")
	raw, err := base64.RawURLEncoding.DecodeString(encoded)
	if err != nil {
		t.Fatal(err)
	}
	var header map[string]any
	if err := json.Unmarshal(raw, &header); err != nil {
		t.Fatal(err)
	}
	return header
}
