package integration

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"kiket.dev/auth/keys"
	"kiket.dev/auth/storage"
)

// A server that starts before its database answers 503 until it comes.
func TestServeBeforeTheDatabase(t *testing.T) {
	t.Parallel()
	d := deploy(t, postgres)
	between := newProxy(t, cluster.Address())
	between.cut()
	i := d.serve("KIKET_AUTH_DATABASE_URL=" + between.in(d.url))
	application := i.application("issues")
	asked := []question{
		{"token", "/oauth/token", application, []string{"grant_type", "client_credentials"}, false, nil},
		{"introspection", "/oauth/introspect", i.resourceServer(), []string{"token", i.boot.WorkspaceAPIToken.Token}, false, nil},
		{"introspection by a bearer", "/oauth/introspect", credentials{}, []string{"token", i.boot.WorkspaceAPIToken.Token}, true, nil},
		{"revocation", "/oauth/revoke", credentials{}, []string{"token", i.workspaceToken(time.Time{}).Secret.Reveal()}, false, nil},
	}
	if err := unavailable(t.Context(), i, asked); err != nil {
		t.Error(err)
	}
	for path, want := range map[string]int{"/healthz": http.StatusOK, "/readyz": http.StatusServiceUnavailable, "/.well-known/jwks.json": http.StatusServiceUnavailable} {
		if a := i.get(t, path); a.status != want {
			t.Errorf("%s before the database: %d, want %d", path, a.status, want)
		}
	}
	between.mend()
	eventually(t, func() error { return healthy(t.Context(), i, asked) })
	eventually(t, func() error {
		if a := i.get(t, "/readyz"); a.status != http.StatusOK {
			return fmt.Errorf("/readyz: %d %s", a.status, a.body)
		}
		return nil
	})
}

// What is wrong with a database that does answer ends the process, in one line
// that says what to do.
func TestServeUnmigrated(t *testing.T) {
	t.Parallel()
	const want = "kiket-auth: the database is not migrated: run kiket-auth migrate up\n"
	d := &deployment{t: t, engine: postgres, dir: t.TempDir(), url: cluster.NewDatabase(t), masterKey: keys.GenerateMasterKey()}
	stdout, stderr, err := d.try("serve")
	if err == nil || err.Error() != "exit status 1" || stdout != "" || stderr != want {
		t.Errorf("%v, stdout %q, stderr %q", err, stdout, stderr)
	}

	// The same when the database comes later.
	between := newProxy(t, cluster.Address())
	between.cut()
	i := d.serve("KIKET_AUTH_DATABASE_URL=" + between.in(d.url))
	between.mend()
	select {
	case <-i.exited:
	case <-time.After(20 * time.Second):
		t.Fatalf("serves an unmigrated database\n%s", i.log())
	}
	if i.err == nil || i.err.Error() != "exit status 1" || !strings.HasSuffix(i.log(), want) {
		t.Errorf("%v\n%s", i.err, i.log())
	}
}

// An empty database is served, and said in one line, with where it is set up.
func TestServeEmpty(t *testing.T) {
	t.Parallel()
	const want = "the database holds no organization: run kiket-auth bootstrap"
	d := prepare(t, postgres)
	between := newProxy(t, cluster.Address())
	between.cut()
	for name, i := range map[string]*instance{
		"from the start": d.serve(), "found later": d.serve("KIKET_AUTH_DATABASE_URL=" + between.in(d.url)),
	} {
		between.mend()
		eventually(t, func() error {
			if n := strings.Count(i.log(), want); n != 1 {
				return fmt.Errorf("%s: said %d times that the database is empty\n%s", name, n, i.log())
			}
			return nil
		})
		if a := i.get(t, "/readyz"); a.status != http.StatusOK || strings.Count(i.printed(), issuer+"/console/setup\n") != 1 {
			t.Errorf("%s: /readyz %d, printed %q", name, a.status, i.printed())
		}
	}
	n, err := d.verbs().Store.CountOrganizations(t.Context())
	if err != nil || n != 0 {
		t.Errorf("%d organizations, %v: nothing may be created unasked", n, err)
	}
	if _, err := d.verbs().Store.OrganizationBySlug(t.Context(), "demo"); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("the demo: %v", err)
	}
}
