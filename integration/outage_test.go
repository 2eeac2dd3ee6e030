package integration

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"kiket.dev/auth/keys"
	"kiket.dev/auth/storage/postgrestest"
)

// outageBound is how long an answer may take while the database is away: the
// time limit of one operation on it, and room for a busy machine.
const outageBound = 10 * time.Second

// deployAt makes a deployment on an empty PostgreSQL database.
func deployAt(t testing.TB, url string) *deployment {
	t.Helper()
	d := &deployment{t: t, engine: postgres, dir: t.TempDir(), url: url, masterKey: keys.GenerateMasterKey()}
	d.run("migrate", "up")
	d.boot = d.bootstrap("Acme")
	return d
}

// question is a request whose answer needs the database.
type question struct {
	name, path string
	who        credentials // none: as the bearer of the workspace token, if bearer is set
	parameters []string
	bearer     bool
	assert     func() string // makes an assertion, in place of a secret; nil: none
}

// questions are all of them, about tokens that are good.
func questions(t testing.TB, i *instance) []question {
	t.Helper()
	application := i.application("issues")
	workspace := i.boot.WorkspaceAPIToken.Token
	token := func(text string) []string { return []string{"token", text} }
	keyed, _ := i.registerKeyed(t, newKeyPair(t, jose.ES256, ""), nil)
	assert := func() string { return keyed.assert(t, nil) }
	return []question{
		{"token", "/oauth/token", application, []string{"grant_type", "client_credentials"}, false, nil},
		{"token with client_secret_post", "/oauth/token", credentials{}, []string{"grant_type", "client_credentials", "client_id", application.id, "client_secret", application.secret}, false, nil},
		{"introspection of an access token", "/oauth/introspect", i.resourceServer(), token(i.fetch(t, application)), false, nil},
		{"introspection of a workspace token", "/oauth/introspect", i.resourceServer(), token(workspace), false, nil},
		{"introspection by an application", "/oauth/introspect", application, token(i.fetch(t, application)), false, nil},
		{"introspection by a bearer", "/oauth/introspect", credentials{}, token(i.fetch(t, application)), true, nil},
		{"revocation of an access token", "/oauth/revoke", application, token(i.fetch(t, application)), false, nil},
		{"revocation of a workspace token", "/oauth/revoke", credentials{}, token(i.workspaceToken(time.Time{}).Secret.Reveal()), false, nil},
		{"token with private_key_jwt", "/oauth/token", credentials{}, []string{"grant_type", "client_credentials"}, false, assert},
		{"introspection with private_key_jwt", "/oauth/introspect", credentials{}, token(i.fetchAsserted(t, keyed)), false, assert},
		{"revocation with private_key_jwt", "/oauth/revoke", credentials{}, token(i.fetchAsserted(t, keyed)), false, assert},
	}
}

func (q question) ask(ctx context.Context, i *instance) (answer, error) {
	if q.bearer {
		r := i.request(http.MethodPost, q.path, "token="+q.parameters[1], "Content-Type", "application/x-www-form-urlencoded",
			"Authorization", "Bearer "+i.boot.WorkspaceAPIToken.Token)
		return attemptRequest(r.WithContext(ctx))
	}
	parameters := q.parameters
	if q.assert != nil {
		parameters = append([]string{"client_assertion_type", assertionType, "client_assertion", q.assert()}, parameters...)
	}
	return i.attempt(ctx, q.path, q.who, parameters...)
}

// unavailable returns what is wrong with the answers to all questions while the
// database is away. They are asked at once, since each may take a while.
func unavailable(ctx context.Context, i *instance, asked []question) error {
	problems := make([]error, len(asked))
	var all sync.WaitGroup
	for n, q := range asked {
		all.Go(func() {
			started := time.Now()
			a, err := q.ask(ctx, i)
			if err == nil {
				err = checkUnavailable(a)
			}
			if took := time.Since(started); took > outageBound {
				err = errors.Join(err, fmt.Errorf("took %s", took))
			}
			if err != nil {
				problems[n] = fmt.Errorf("%s: %w", q.name, err)
			}
		})
	}
	all.Wait()
	return errors.Join(problems...)
}

func checkUnavailable(a answer) error {
	seconds, err := strconv.Atoi(a.header.Get("Retry-After"))
	switch {
	case a.status != http.StatusServiceUnavailable:
		return fmt.Errorf("answered %d %s", a.status, a.body)
	case err != nil || seconds < 1:
		return fmt.Errorf("Retry-After is %q", a.header.Get("Retry-After"))
	case a.header.Get("Content-Type") != "application/json" || !strings.HasPrefix(a.body, `{"error":"temporarily_unavailable"`):
		return fmt.Errorf("answered %s %s", a.header.Get("Content-Type"), a.body)
	case a.header.Get("Cache-Control") != "no-store":
		return errors.New("may be cached")
	}
	return nil
}

// healthy returns an error until everything works again. Revoking again is as
// good as revoking.
func healthy(ctx context.Context, i *instance, asked []question) error {
	for _, q := range asked {
		a, err := q.ask(ctx, i)
		if err == nil && a.status != http.StatusOK {
			err = fmt.Errorf("%d %s", a.status, a.body)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", q.name, err)
		}
	}
	return nil
}

// checkHealth compares /healthz, /readyz and what needs no database.
func checkHealth(t *testing.T, i *instance, ready int) {
	t.Helper()
	for path, want := range map[string]int{
		"/healthz": http.StatusOK, "/readyz": ready, "/.well-known/oauth-authorization-server": http.StatusOK,
		"/.well-known/jwks.json": http.StatusOK, // as it was last known
	} {
		if a := i.get(t, path); a.status != want {
			t.Errorf("%s: %d %s, want %d", path, a.status, a.body, want)
		}
	}
}

// A database that is away is 503, says so quickly, and is found again without a
// restart, however it went away.
func TestOutage(t *testing.T) {
	t.Parallel()
	own := postgrestest.Start(t, postgrestest.Options{}) // others need theirs
	d := deployAt(t, own.NewDatabase(t))
	between := newProxy(t, own.Address())
	i := d.serve("KIKET_AUTH_DATABASE_URL=" + between.in(d.url))
	asked := questions(t, i)

	outages := []struct {
		name       string
		begin, end func()
	}{
		{"connections cut", between.cut, between.mend},
		{"stopped", own.Stop, func() {
			if err := own.Start(); err != nil {
				t.Fatal(err)
			}
		}},
		{"restarted between requests", func() { between.cut(); own.Stop() }, func() {
			if err := own.Start(); err != nil {
				t.Fatal(err)
			}
			between.mend()
		}},
	}
	for _, outage := range outages {
		outage.begin()
		if err := unavailable(t.Context(), i, asked); err != nil {
			t.Errorf("%s: %v", outage.name, err)
		}
		checkHealth(t, i, http.StatusServiceUnavailable)
		outage.end()
		eventually(t, func() error { return healthy(t.Context(), i, asked) })
		checkHealth(t, i, http.StatusOK)
	}
}

// Connections that break in the middle of requests, between one look-up and the
// next, make no good token inactive and no good client unknown.
func TestOutageUnderLoad(t *testing.T) {
	t.Parallel()
	d := deploy(t, postgres)
	between := newProxy(t, cluster.Address())
	i := d.serve("KIKET_AUTH_DATABASE_URL=" + between.in(d.url))
	asked := questions(t, i)
	asked = asked[:len(asked)-2] // those that can be asked again and again

	ctx, stop := context.WithCancel(t.Context())
	var answered, failed atomic.Int64
	var all sync.WaitGroup
	for _, q := range asked {
		for range 3 {
			all.Go(func() {
				for ctx.Err() == nil {
					a, err := q.ask(t.Context(), i)
					switch {
					case err != nil || a.status == http.StatusServiceUnavailable && checkUnavailable(a) != nil:
						t.Errorf("%s: %v, answered %d %s", q.name, err, a.status, a.body)
					case a.status == http.StatusServiceUnavailable:
						failed.Add(1)
					case a.status != http.StatusOK || strings.Contains(a.body, `"active":false`):
						t.Errorf("%s: answered %d %s", q.name, a.status, a.body)
					}
					answered.Add(1)
				}
			})
		}
	}
	more := func(n int64) { // waits until so many more were answered
		until := answered.Load() + n
		eventually(t, func() error {
			if answered.Load() < until {
				return errors.New("no more answers")
			}
			return nil
		})
	}
	for range 25 {
		more(50)
		between.cut()
		more(50)
		between.mend()
	}
	stop()
	all.Wait()
	if failed.Load() == 0 {
		t.Error("nobody noticed an outage")
	}
}

// A network that swallows everything is the same outage, only slower to notice.
func TestOutageHangs(t *testing.T) {
	t.Parallel()
	d := deploy(t, postgres)
	between := newProxy(t, cluster.Address())
	i := d.serve("KIKET_AUTH_DATABASE_URL=" + between.in(d.url))
	asked := questions(t, i)
	resume := between.hang()
	err := unavailable(t.Context(), i, asked)
	checkHealth(t, i, http.StatusServiceUnavailable)
	resume()
	if err != nil {
		t.Error(err)
	}
	eventually(t, func() error { return healthy(t.Context(), i, asked) })
	checkHealth(t, i, http.StatusOK)
}

// Another process that holds SQLite's one write lock is an outage for what
// writes; what only reads goes on.
func TestOutageOfWritesOnSQLite(t *testing.T) {
	t.Parallel()
	i := start(t, sqlite)
	asked := questions(t, i)
	var writes, reads []question
	for _, q := range asked {
		// An assertion is noted wherever it is used.
		if strings.HasPrefix(q.name, "introspection") && q.assert == nil {
			reads = append(reads, q)
		} else {
			writes = append(writes, q)
		}
	}
	err := i.verbs().Store.Transaction(t.Context(), func(ctx context.Context) error {
		return errors.Join(unavailable(t.Context(), i, writes), healthy(t.Context(), i, reads))
	})
	if err != nil {
		t.Error(err)
	}
	eventually(t, func() error { return healthy(t.Context(), i, asked) })
}
