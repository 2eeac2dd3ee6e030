package integration

import (
	"net/http"
	"testing"
)

// Pages of other origins may not call the management API, but for those that are
// configured.
func TestAPICORS(t *testing.T) {
	t.Parallel()
	d := deploy(t, sqlite)
	closed, open := d.serve(), d.serve("KIKET_AUTH_CORS_ORIGINS=https://app.example.com")
	const origin, foreign = "https://app.example.com", "https://evil.example.com"
	preflight := func(i *instance, origin string) answer {
		return i.call(t, "OPTIONS", "/projects", "", nil, "Origin", origin,
			"Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "authorization,content-type")
	}
	allowed := func(a answer) string { return a.header.Get("Access-Control-Allow-Origin") }
	for name, a := range map[string]answer{
		"off":                    closed.call(t, "GET", "/projects", d.admin(), nil, "Origin", origin),
		"off, preflight":         preflight(closed, origin),
		"another one":            open.call(t, "GET", "/projects", d.admin(), nil, "Origin", foreign),
		"another one, preflight": preflight(open, foreign),
		"the token endpoint":     open.postRaw(t, "/oauth/token", "", "Origin", origin),
	} {
		if allowed(a) != "" {
			t.Errorf("%s: allowed %q", name, allowed(a))
		}
	}
	if a := open.call(t, "GET", "/projects", d.admin(), nil, "Origin", origin); a.status != http.StatusOK || allowed(a) != origin {
		t.Errorf("configured: %d, allowed %q", a.status, allowed(a))
	}
	if a := open.call(t, "GET", "/projects", "", nil, "Origin", origin); a.status != http.StatusUnauthorized || allowed(a) != origin {
		t.Errorf("configured, without credential: %d, allowed %q", a.status, allowed(a))
	}
	if a := preflight(open, origin); a.status != http.StatusNoContent || allowed(a) != origin || a.header.Get("Access-Control-Allow-Headers") == "" {
		t.Errorf("configured, preflight: %d %v", a.status, a.header)
	}
	if credentials := preflight(open, origin).header.Get("Access-Control-Allow-Credentials"); credentials != "" {
		t.Errorf("cookies are allowed: %q", credentials)
	}
}
