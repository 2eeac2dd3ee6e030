package integration

import (
	"encoding/json"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// program is one that a document prints in full: a fenced block whose first line
// is its name and what it is.
var program = regexp.MustCompile("(?ms)^```(?:go|js)\n(// ([a-z]+\\.(?:go|mjs)): .*?)^```$")

// programsOf writes the programs of a document into the folder and returns
// commands that run them, by name.
func programsOf(t testing.TB, document, dir string) map[string][]string {
	t.Helper()
	found := map[string][]string{}
	for _, m := range program.FindAllStringSubmatch(document, -1) {
		text, name := m[1], m[2]
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		found[name] = []string{"node", path}
		if filepath.Ext(name) == ".go" {
			built := strings.TrimSuffix(path, ".go")
			runIn(t, root, "", "go", "build", "-o", built, path)
			found[name] = []string{built}
		}
	}
	return found
}

// runAPI starts an API that a document prints and returns its address.
func (i *instance) runAPI(t testing.TB, dir string, command []string) string {
	t.Helper()
	address := freeAddress(t)
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Dir, cmd.Stderr = dir, t.Output()
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "LISTEN=" + address,
		"ISSUER=" + i.base, "AUDIENCE=" + i.base + "/api",
		"API_CLIENT_ID=" + i.boot.ResourceServer.ClientID, "API_CLIENT_SECRET=" + i.boot.ResourceServer.ClientSecret,
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	eventually(t, func() error {
		c, err := net.Dial("tcp", address)
		if err == nil {
			err = c.Close()
		}
		return err
	})
	return address
}

// The programs that docs/integrate-a-resource-server.md prints work, and lose by
// local verification what it says and nothing else.
func TestDocumentedPrograms(t *testing.T) {
	t.Parallel()
	dir := installNPM(t)
	programs := programsOf(t, textOf(t, "docs/integrate-a-resource-server.md"), dir)
	if len(programs) != 4 {
		t.Fatalf("found %v", programs)
	}
	i := startAtIssuer(t, sqlite)
	other := "https://other.test/api"
	i.deployment.run("resource-server", "create", "--name", "other", "--identifier", other)
	application, half := i.application("issues", "projects"), i.application("issues:read")
	for name, command := range programs {
		t.Run(name, func(t *testing.T) {
			a := protectedAPI{t, i.runAPI(t, dir, command)}
			token := i.fetch(t, application)
			a.want("an access token", "Bearer "+token, http.StatusOK)
			a.want("the half that is needed", "Bearer "+i.fetch(t, half), http.StatusOK)
			a.want("the other half", "Bearer "+i.fetch(t, application, "scope", "projects issues:write"), http.StatusForbidden)
			a.want("a token for another API", "Bearer "+i.fetch(t, application, "resource", other), http.StatusUnauthorized)
			a.want("nonsense", "Bearer nonsense", http.StatusUnauthorized)
			a.want("no token", "Bearer", http.StatusUnauthorized)
			a.want("another scheme", "Basic "+token, http.StatusUnauthorized)
			a.want("nothing", "", http.StatusUnauthorized)

			workspace, revoked := http.StatusOK, http.StatusUnauthorized
			if strings.HasPrefix(name, "verify") {
				workspace, revoked = revoked, workspace
			}
			a.want("a workspace token", "Bearer "+i.boot.WorkspaceAPIToken.Token, workspace)
			if done := i.post(t, "/oauth/revoke", application, "token", token); done.status != http.StatusOK {
				t.Fatalf("revocation: %d %s", done.status, done.body)
			}
			a.want("a revoked token", "Bearer "+token, revoked)
		})
	}
}

// protectedAPI is a running API that protects /issues.
type protectedAPI struct {
	t       *testing.T
	address string
}

// want asks with the Authorization header, "" for none, and compares the status.
func (a protectedAPI) want(name, authorization string, status int) {
	a.t.Helper()
	r, err := http.NewRequestWithContext(a.t.Context(), http.MethodGet, "http://"+a.address+"/issues", nil)
	if err != nil {
		a.t.Fatal(err)
	}
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
	}
	got := do(a.t, r)
	if got.status != status {
		a.t.Errorf("%s: %d %s, want %d", name, got.status, got.body, status)
	}
	if challenge := got.header.Get("WWW-Authenticate"); strings.HasPrefix(challenge, "Bearer ") != (status != http.StatusOK) {
		a.t.Errorf("%s: %d with WWW-Authenticate %q", name, got.status, challenge)
	}
}

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
