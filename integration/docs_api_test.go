package integration

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var (
	documentedMetadata = regexp.MustCompile("(?ms)^```json\n(\\{\"issuer\":.*?)^```$")
	documentedPath     = regexp.MustCompile("`(/[a-z./-]+)`")
)

// The metadata in docs/api.md is what is served, and every path in it answers.
func TestDocumentedAPI(t *testing.T) {
	t.Parallel()
	document := textOf(t, "docs/api.md")
	found := documentedMetadata.FindStringSubmatch(document)
	if found == nil {
		t.Fatal("docs/api.md has no metadata")
	}
	i := start(t, sqlite)
	var want map[string]any
	if err := json.Unmarshal([]byte(found[1]), &want); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, i.get(t, "/.well-known/oauth-authorization-server").json(t)); diff != "" {
		t.Errorf("metadata (-documented +served):\n%s", diff)
	}
	table, _, _ := strings.Cut(document, "## Everywhere")
	paths := documentedPath.FindAllStringSubmatch(table, -1)
	if len(paths) < 6 {
		t.Fatalf("the table of docs/api.md has lost its paths: %q", paths)
	}
	for _, m := range paths {
		if a := i.get(t, m[1]); a.status == http.StatusNotFound {
			t.Errorf("%s: %d", m[1], a.status)
		}
	}
}
