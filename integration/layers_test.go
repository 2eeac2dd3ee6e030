package integration

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const module = "kiket.dev/auth"

// layers are the top-level folders from the bottom up: a package imports from
// its own folder and from those below. The programs in docs are examples for
// users, who have nothing of this module.
var layers = []string{"docs", "storage", "keys", "server", "handlers", "config", "cmd", "integration"}

// confined says which packages, with those below them, may import a library.
// The integration tests look from outside and may use any.
var confined = []struct {
	library string
	why     string
	allowed []string
}{
	{"gorm.io", "gorm belongs to storage/gormstore", []string{"storage/gormstore"}},
	{"github.com/glebarez", "SQLite's driver belongs to storage/gormstore", []string{"storage/gormstore"}},
	{"github.com/jackc", "PostgreSQL's driver belongs to storage/gormstore", []string{"storage/gormstore", "storage/postgrestest"}},
	{"github.com/pressly/goose", "migrations belong to storage/gormstore", []string{"storage/gormstore"}},
	{"github.com/ory", "fosite belongs to server/provider", []string{"server/provider"}},
	{"net/http", "HTTP belongs to handlers", []string{"server/provider", "handlers", "cmd", "docs/examples"}},
}

// vague are names that say nothing of what a package is for.
var vague = []string{"util", "utils", "common", "helper", "helpers", "misc", "shared", "manager", "data", "info", "base", "x"}

// goPackage is what `go list -json` tells of a package.
type goPackage struct {
	ImportPath   string
	Imports      []string
	TestImports  []string
	XTestImports []string
}

// path returns the package's folder in the module.
func (p goPackage) path() string { return folderOf(p.ImportPath) }

func folderOf(importPath string) string {
	return strings.TrimPrefix(strings.TrimPrefix(importPath, module), "/")
}

func topOf(path string) string {
	top, _, _ := strings.Cut(path, "/")
	return top
}

func TestLayers(t *testing.T) {
	packages := listPackages(t)
	present := map[string]bool{}
	for _, p := range packages {
		present[topOf(p.path())] = true
	}
	if missing := slices.DeleteFunc(slices.Clone(layers), func(l string) bool { return present[l] }); len(missing) > 0 {
		t.Errorf("no packages found in %v; is the list that is checked complete?", missing)
	}
	for _, violation := range violations(packages) {
		t.Error(violation)
	}
}

// The check itself is tried on an import that must not be, laid over the real
// tree.
func TestLayersSeePlantedImport(t *testing.T) {
	planted := filepath.Join(t.TempDir(), "planted.go")
	if err := os.WriteFile(planted, []byte("package storage\n\nimport _ \"kiket.dev/auth/config\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	target, err := filepath.Abs("../storage/planted.go")
	if err != nil {
		t.Fatal(err)
	}
	overlay := filepath.Join(t.TempDir(), "overlay.json")
	content, err := json.Marshal(map[string]any{"Replace": map[string]string{target: planted}})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(overlay, content, 0o600); err != nil {
		t.Fatal(err)
	}
	got := violations(listPackages(t, "-overlay="+overlay))
	for _, want := range []string{
		"storage imports config, which is above it",
		"storage imports kiket.dev/auth/config: it uses the standard library alone",
	} {
		if !slices.Contains(got, want) {
			t.Errorf("not seen: %q; seen: %q", want, got)
		}
	}
}

func TestLayersRules(t *testing.T) {
	tests := []struct {
		name string
		give goPackage
		want []string
	}{
		{"down", goPackage{ImportPath: "server/tokens", Imports: []string{"kiket.dev/auth/keys", "kiket.dev/auth/server/audit", "fmt"}}, nil},
		{"up", goPackage{ImportPath: "keys", Imports: []string{"kiket.dev/auth/server/tokens"}}, []string{"keys imports server/tokens, which is above it"}},
		{"up in a test", goPackage{ImportPath: "server", TestImports: []string{"kiket.dev/auth/handlers/web"}}, []string{"server (test) imports handlers/web, which is above it"}},
		{"up in an external test", goPackage{ImportPath: "server", XTestImports: []string{"kiket.dev/auth/cmd/kiket-auth"}}, []string{"server (test) imports cmd/kiket-auth, which is above it"}},
		{"configuration and a layer it does not know", goPackage{ImportPath: "config", Imports: []string{"kiket.dev/auth/storage", "kiket.dev/auth/keys", "kiket.dev/auth/server"}}, []string{"config imports server: of the module it may use storage and keys"}},
		{"backend in a verb", goPackage{ImportPath: "server/tokens", Imports: []string{"kiket.dev/auth/storage/gormstore"}}, []string{"server/tokens imports storage/gormstore, which cmd alone opens"}},
		{"backend in a verb's test", goPackage{ImportPath: "server/tokens", XTestImports: []string{"kiket.dev/auth/storage/gormstore"}}, nil},
		{"backend in a command", goPackage{ImportPath: "cmd/kiket-auth", Imports: []string{"kiket.dev/auth/storage/gormstore"}}, nil},
		{"library in the domain", goPackage{ImportPath: "storage", Imports: []string{"time", "github.com/google/uuid"}}, []string{"storage imports github.com/google/uuid: it uses the standard library alone"}},
		{"library in the domain's test", goPackage{ImportPath: "storage", XTestImports: []string{"github.com/google/go-cmp/cmp"}}, nil},
		{"test support in a verb", goPackage{ImportPath: "server/tokens", Imports: []string{"kiket.dev/auth/storage/storagetest"}}, []string{"server/tokens imports storage/storagetest, which is for tests"}},
		{"test support in a verb's test", goPackage{ImportPath: "server/tokens", TestImports: []string{"kiket.dev/auth/storage/storagetest"}}, nil},
		{"backend in test support", goPackage{ImportPath: "server/servertest", Imports: []string{"kiket.dev/auth/storage/gormstore"}}, nil},
		{"gorm", goPackage{ImportPath: "storage/storagetest", Imports: []string{"gorm.io/gorm"}}, []string{"storage/storagetest imports gorm.io/gorm: gorm belongs to storage/gormstore"}},
		{"gorm at home", goPackage{ImportPath: "storage/gormstore", Imports: []string{"gorm.io/gorm"}}, nil},
		{"fosite", goPackage{ImportPath: "handlers/oauth", TestImports: []string{"github.com/ory/fosite"}}, []string{"handlers/oauth (test) imports github.com/ory/fosite: fosite belongs to server/provider"}},
		{"fosite at home", goPackage{ImportPath: "server/provider", Imports: []string{"github.com/ory/fosite/handler/oauth2", "net/http"}}, nil},
		{"HTTP in a verb", goPackage{ImportPath: "server/tokens", Imports: []string{"net/http"}}, []string{"server/tokens imports net/http: HTTP belongs to handlers"}},
		{"HTTP in the keys", goPackage{ImportPath: "keys", TestImports: []string{"net/http/httptest"}}, []string{"keys (test) imports net/http/httptest: HTTP belongs to handlers"}},
		{"HTTP at home", goPackage{ImportPath: "handlers/web", Imports: []string{"net/http"}}, nil},
		{"anything from outside", goPackage{ImportPath: "integration", XTestImports: []string{"net/http", "github.com/jackc/pgx/v5", "kiket.dev/auth/keys"}}, nil},
		{"no layer", goPackage{ImportPath: "internal/clock"}, []string{"internal/clock is in none of the layers"}},
		{"vague name", goPackage{ImportPath: "server/util"}, []string{"server/util has a name that says nothing"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.give.ImportPath = module + "/" + tt.give.ImportPath
			if diff := cmp.Diff(tt.want, violations([]goPackage{tt.give})); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// listPackages asks the go command for all packages of the module. With -e, so
// that an import cycle is for the rules to name.
func listPackages(t *testing.T, flags ...string) []goPackage {
	t.Helper()
	arguments := append([]string{"list", "-e", "-json=ImportPath,Imports,TestImports,XTestImports"}, flags...)
	command := exec.CommandContext(t.Context(), "go", append(arguments, module+"/...")...)
	var stderr bytes.Buffer
	command.Stderr = &stderr
	out, err := command.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, &stderr)
	}
	var packages []goPackage
	for decoder := json.NewDecoder(bytes.NewReader(out)); ; {
		var p goPackage
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			return packages
		} else if err != nil {
			t.Fatal(err)
		}
		packages = append(packages, p)
	}
}

// violations returns what breaks the rules, sorted.
func violations(packages []goPackage) []string {
	found := map[string]bool{}
	for _, p := range packages {
		path := p.path()
		if !slices.Contains(layers, topOf(path)) {
			found[path+" is in none of the layers"] = true
			continue
		}
		for segment := range strings.SplitSeq(path, "/") {
			if slices.Contains(vague, segment) {
				found[path+" has a name that says nothing"] = true
			}
		}
		for _, imported := range p.Imports {
			for _, v := range slices.Concat(checkModule(path, path, imported), checkLibrary(path, path, imported), checkProduction(path, imported)) {
				found[v] = true
			}
		}
		for _, imported := range slices.Concat(p.TestImports, p.XTestImports) {
			for _, v := range slices.Concat(checkModule(path, path+" (test)", imported), checkLibrary(path, path+" (test)", imported)) {
				found[v] = true
			}
		}
	}
	if len(found) == 0 {
		return nil
	}
	return slices.Sorted(maps.Keys(found))
}

// checkModule holds the order of the layers.
func checkModule(path, importer, imported string) []string {
	if !ours(imported) {
		return nil
	}
	from, to := topOf(path), topOf(folderOf(imported))
	switch {
	case slices.Index(layers, to) > slices.Index(layers, from):
		return []string{fmt.Sprintf("%s imports %s, which is above it", importer, folderOf(imported))}
	case from == "config" && !slices.Contains([]string{"config", "storage", "keys"}, to):
		return []string{fmt.Sprintf("%s imports %s: of the module it may use storage and keys", importer, folderOf(imported))}
	}
	return nil
}

// checkLibrary keeps libraries where they belong.
func checkLibrary(path, importer, imported string) []string {
	if topOf(path) == "integration" {
		return nil
	}
	for _, rule := range confined {
		if within(imported, rule.library) && !slices.ContainsFunc(rule.allowed, func(a string) bool { return within(path, a) }) {
			return []string{fmt.Sprintf("%s imports %s: %s", importer, imported, rule.why)}
		}
	}
	return nil
}

// checkProduction holds what tests are free of.
func checkProduction(path, imported string) []string {
	var found []string
	if path == "storage" && !standard(imported) {
		found = append(found, fmt.Sprintf("storage imports %s: it uses the standard library alone", imported))
	}
	backend := module + "/storage/gormstore"
	if within(imported, backend) && !within(path, "storage/gormstore") && !strings.HasSuffix(path, "test") && !slices.Contains([]string{"cmd", "integration"}, topOf(path)) {
		found = append(found, fmt.Sprintf("%s imports %s, which cmd alone opens", path, folderOf(imported)))
	}
	if ours(imported) && strings.HasSuffix(imported, "test") && !strings.HasSuffix(path, "test") {
		found = append(found, fmt.Sprintf("%s imports %s, which is for tests", path, folderOf(imported)))
	}
	return found
}

func ours(importPath string) bool { return within(importPath, module) }

// standard reports whether a package is of the standard library: only its paths
// have no dot in their first element.
func standard(importPath string) bool { return !strings.Contains(topOf(importPath), ".") }

// within reports whether path is root or below it.
func within(path, root string) bool { return path == root || strings.HasPrefix(path, root+"/") }
