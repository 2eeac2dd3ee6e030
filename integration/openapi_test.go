package integration

import (
	"encoding/json"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v4"

	"kiket.dev/auth/handlers/api"
)

func readDescription() ([]byte, error) { return os.ReadFile("../handlers/api/openapi.yaml") }

var muxVariable = regexp.MustCompile(`\{([a-z_]+):[^}]*\}`)

// Every route is described, and nothing else.
func TestDescriptionHasTheRoutes(t *testing.T) {
	d, err := described()
	if err != nil {
		t.Fatal(err)
	}
	var mounted, written []string
	for _, r := range (&api.API{}).Routes() {
		path := muxVariable.ReplaceAllString(strings.TrimPrefix(r.Path, api.Base), "{$1}")
		mounted = append(mounted, r.Method+" "+path)
		if described := d.at(pointer("paths", path, strings.ToLower(r.Method), "x-permission")); described != string(r.Permission) {
			t.Errorf("%s %s wants %q and is described with %v", r.Method, path, r.Permission, described)
		}
	}
	paths, _ := d.document["paths"].(map[string]any)
	for path, item := range paths {
		operations, _ := item.(map[string]any)
		for method := range maps.Keys(operations) {
			if method != "parameters" {
				written = append(written, strings.ToUpper(method)+" "+path)
			}
		}
	}
	slices.Sort(mounted)
	slices.Sort(written)
	if diff := cmp.Diff(slices.Compact(mounted), written); diff != "" {
		t.Errorf("(-mounted +described):\n%s", diff)
	}
}

// What the server answers with is the description.
func TestDescriptionIsServed(t *testing.T) {
	t.Parallel()
	raw, err := readDescription()
	if err != nil {
		t.Fatal(err)
	}
	var want any
	if err := yaml.Unmarshal(raw, &want); err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &want); err != nil {
		t.Fatal(err)
	}
	i := start(t, sqlite)
	got := any(i.call(t, "GET", "/openapi.json", "", nil).want(t, 200))
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-written +served):\n%s", diff)
	}
}
