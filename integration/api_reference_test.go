package integration

import (
	"regexp"
	"strings"
	"testing"

	"kiket.dev/auth/handlers/api"
)

// The readable page shows every route and explains every code, and lets nothing but its
// own style in.
func TestAPIReferencePage(t *testing.T) {
	t.Parallel()
	i := start(t, sqlite)
	a := i.get(t, "/api/v1/docs")
	if a.status != 200 || !strings.HasPrefix(a.header.Get("Content-Type"), "text/html") || strings.Contains(a.body, "<script") {
		t.Fatalf("status %d, %s", a.status, a.header)
	}
	if policy := a.header.Get("Content-Security-Policy"); !strings.HasPrefix(policy, "default-src 'none'; style-src 'sha256-") {
		t.Errorf("policy %q", policy)
	}
	for _, r := range (&api.API{}).Routes() {
		path := muxVariable.ReplaceAllString(strings.TrimPrefix(r.Path, api.Base), "{$1}")
		if !strings.Contains(a.body, "<b>"+r.Method+"</b> "+api.Base+path+"</code>") {
			t.Errorf("%s %s is not on the page", r.Method, path)
		}
	}
	d, err := described()
	if err != nil {
		t.Fatal(err)
	}
	anchors := map[string]bool{}
	for _, m := range regexp.MustCompile(`id="([^"]+)"`).FindAllStringSubmatch(a.body, -1) {
		if anchors[m[1]] {
			t.Errorf("two places are called %s", m[1])
		}
		anchors[m[1]] = true
	}
	for code := range d.codes {
		if !anchors[code] {
			t.Errorf("the code %s is not explained", code)
		}
	}
	for _, m := range regexp.MustCompile(`href="#([^"]+)"`).FindAllStringSubmatch(a.body, -1) {
		if !anchors[m[1]] {
			t.Errorf("a link leads to %s, which is not there", m[1])
		}
	}
}
