package integration

import (
	"net/http"
	"strconv"
	"strings"
	"testing"

	"kiket.dev/auth/handlers/api"
)

// While the database is away every route of the management API says so, and nobody is
// kept out afterwards for having tried.
func TestAPIOutage(t *testing.T) {
	t.Parallel()
	d := deploy(t, postgres)
	between := newProxy(t, cluster.Address())
	i := d.serve("KIKET_AUTH_DATABASE_URL=" + between.in(d.url))
	i.call(t, "GET", "/users", i.admin(), nil).want(t, 200)
	between.cut()
	for _, route := range (&api.API{}).Routes() {
		path := muxVariable.ReplaceAllString(strings.TrimPrefix(route.Path, api.Base), "{$1}")
		path = strings.NewReplacer("{id}", "1", "{secret_id}", "1", "{name}", "NAME", "{rule}", "dormant_credential_used", "{reference}", "session:1").Replace(path)
		if path == "/openapi.json" || path == "/docs" || path == "/sessions" && route.Method == http.MethodPost {
			continue
		}
		wantUnavailable(t, i.call(t, route.Method, path, i.admin(), nil))
	}
	for range 30 { // more than may fail from one place
		wantUnavailable(t, i.enter(t, i.boot.Admin.Email, i.boot.Admin.Password))
	}
	between.mend()
	eventually(t, func() error {
		_, err := attemptRequest(i.request("GET", "/readyz", ""))
		return err
	})
	i.enter(t, i.boot.Admin.Email, i.boot.Admin.Password).want(t, 201)
	i.call(t, "GET", "/users", i.admin(), nil).want(t, 200)
}

func wantUnavailable(t *testing.T, a answer) {
	t.Helper()
	p := a.wantProblem(t, http.StatusServiceUnavailable, "unavailable")
	if wait, err := strconv.Atoi(a.header.Get("Retry-After")); err != nil || wait < 1 || p["retry_after"] != float64(wait) {
		t.Errorf("Retry-After is %q: %s", a.header.Get("Retry-After"), a.body)
	}
}
