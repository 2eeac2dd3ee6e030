package integration

import (
	"net/http"
	"strconv"
	"strings"
	"testing"
)

const pathJWKS, pathAuthorize = "/.well-known/jwks.json", "/oauth/authorize"

// The public documents are for caches and for browsers of any origin.
func TestPublicDocuments(t *testing.T) {
	t.Parallel()
	i := start(t, sqlite, "KIKET_AUTH_JWKS_MAX_AGE=7m")
	documents := map[string]struct{ contentType, cacheControl string }{
		metadataPaths[0]: {"application/json", "public, max-age=300"},
		metadataPaths[1]: {"application/json", "public, max-age=300"},
		pathJWKS:         {"application/jwk-set+json", "public, max-age=420"},
	}
	for path, want := range documents {
		t.Run(path, func(t *testing.T) {
			a := i.get(t, path, "Origin", "https://client.test")
			if a.status != http.StatusOK || a.header.Get("Content-Type") != want.contentType || a.header.Get("Cache-Control") != want.cacheControl {
				t.Errorf("GET: %d, headers %v", a.status, a.header)
			}
			if a.header.Get("Access-Control-Allow-Origin") != "*" || a.header.Get("Access-Control-Allow-Credentials") != "" {
				t.Errorf("GET from another origin: headers %v", a.header)
			}
			checkHead(t, i, path, a)
			checkPreflight(t, i, path)
			checkMethods(t, i, path, "GET, HEAD, OPTIONS")
		})
	}
}

// checkHead compares HEAD with the answer to GET.
func checkHead(t *testing.T, i *instance, path string, got answer) {
	t.Helper()
	head := do(t, i.request(http.MethodHead, path, "", "Origin", "https://client.test"))
	if head.status != got.status || head.body != "" || head.header.Get("Content-Length") != strconv.Itoa(len(got.body)) {
		t.Errorf("HEAD: %d %q, Content-Length %s; GET: %d with %d bytes", head.status, head.body, head.header.Get("Content-Length"), got.status, len(got.body))
	}
	for name := range got.header {
		if name != "Date" && name != "X-Request-Id" && head.header.Get(name) != got.header.Get(name) {
			t.Errorf("HEAD: %s is %q, with GET %q", name, head.header.Get(name), got.header.Get(name))
		}
	}
}

// checkPreflight asks as a browser does before it sends a header of its own.
func checkPreflight(t *testing.T, i *instance, path string) {
	t.Helper()
	a := do(t, i.request(http.MethodOptions, path, "", "Origin", "https://client.test",
		"Access-Control-Request-Method", "GET", "Access-Control-Request-Headers", "mcp-protocol-version"))
	if a.status != http.StatusNoContent || a.body != "" || a.header.Get("Access-Control-Allow-Origin") != "*" ||
		!strings.Contains(a.header.Get("Access-Control-Allow-Methods"), "GET") ||
		!strings.Contains(strings.ToLower(a.header.Get("Access-Control-Allow-Headers")), "mcp-protocol-version") ||
		a.header.Get("Access-Control-Allow-Credentials") != "" {
		t.Errorf("preflight: %d %q, headers %v", a.status, a.body, a.header)
	}
}

// checkMethods tries the methods that are not allowed.
func checkMethods(t *testing.T, i *instance, path, allow string) {
	t.Helper()
	for _, method := range []string{"POST", "PUT", "PATCH", "DELETE", "TRACE", "BREW"} {
		a := do(t, i.request(method, path, ""))
		if a.status != http.StatusMethodNotAllowed || a.header.Get("Allow") != allow || a.json(t)["error"] != "invalid_request" {
			t.Errorf("%s: %d %s, Allow %q", method, a.status, a.body, a.header.Get("Allow"))
		}
	}
}

// The page under authorization_endpoint says that there is no code flow. It
// neither redirects nor repeats anything, whatever it is asked, and is no
// business of scripts (RFC 9700 section 2.6).
func TestAuthorizationPage(t *testing.T) {
	t.Parallel()
	i := start(t, sqlite)
	asked := pathAuthorize + "?response_type=code&client_id=%3Cscript%3E&redirect_uri=https://evil.test/&state=xyz"
	plain, a := i.get(t, pathAuthorize), i.get(t, asked, "Origin", "https://client.test")
	if a.status != http.StatusOK || a.body != plain.body || !strings.Contains(a.body, "no authorization code flow") ||
		!strings.Contains(a.body, "client credentials") {
		t.Errorf("%d %s", a.status, a.body)
	}
	for name, want := range map[string]string{
		"Content-Type": "text/html; charset=utf-8", "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff",
		"Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'", "Location": "", "Access-Control-Allow-Origin": "",
	} {
		if got := a.header.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	checkHead(t, i, asked, a)
	checkMethods(t, i, pathAuthorize, "GET, HEAD")
	if a := do(t, i.request(http.MethodOptions, pathAuthorize, "", "Origin", "https://client.test")); a.status != http.StatusMethodNotAllowed || a.header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("OPTIONS: %d, headers %v", a.status, a.header)
	}
}
