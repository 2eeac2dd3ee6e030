package integration

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// Other people's JavaScript libraries, unmodified, as their documentation tells
// to use them. The scripts are testdata/npm, and check what they are told.
func TestInteropNPM(t *testing.T) {
	t.Parallel()
	dir := installNPM(t)
	i := startAtIssuer(t, sqlite)
	client := func(c credentials) map[string]string { return map[string]string{"id": c.id, "secret": c.secret} }
	given, err := json.Marshal(map[string]any{
		"issuer":         i.base,
		"application":    client(i.application("issues", "projects:read")),
		"resourceServer": client(i.resourceServer()),
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, script := range []string{"openid-client.mjs", "oauth4webapi.mjs"} {
		t.Run(script, func(t *testing.T) {
			var told struct{ Revoked []string }
			if out := runIn(t, dir, string(given), "node", script); json.Unmarshal([]byte(out), &told) != nil {
				t.Fatalf("printed %q", out)
			}
			if len(told.Revoked) != 4 { // two ways to authenticate, two to discover
				t.Errorf("%d tokens were revoked", len(told.Revoked))
			}
			for _, token := range told.Revoked {
				if strings.Count(token, ".") != 2 || i.active(t, token) {
					t.Errorf("the script says that it revoked %.20q", token)
				}
			}
		})
	}
}

// The same libraries with keys in place of secrets, and with signed introspection.
func TestInteropNPMWithKeys(t *testing.T) {
	t.Parallel()
	dir := installNPM(t)
	i := startAtIssuer(t, sqlite)
	parties := []map[string]any{}
	for _, algorithm := range []jose.SignatureAlgorithm{jose.ES256, jose.ES384, ed25519Algorithm, jose.RS256, jose.PS256} {
		pair := newKeyPair(t, algorithm, "")
		client, _ := i.registerKeyed(t, pair, map[string]any{"scopes": []string{"issues", "projects:read"}})
		keys := filepath.Join(t.TempDir(), "keys.json")
		document, err := json.Marshal(keySetOf(t, pair))
		if err == nil {
			err = os.WriteFile(keys, document, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		var server struct {
			ClientID string `json:"client_id"`
		}
		out := i.run("resource-server", "create", "--json", "--name", string(algorithm), "--identifier", i.base+"/api", "--jwks", keys)
		if err := json.Unmarshal([]byte(out), &server); err != nil {
			t.Fatal(err)
		}
		private, err := jose.JSONWebKey{Key: pair.private}.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		parties = append(parties, map[string]any{
			"algorithm": algorithm, "key": json.RawMessage(private), "application": client.id, "resourceServer": server.ClientID,
		})
	}
	given, err := json.Marshal(map[string]any{"issuer": i.base, "parties": parties})
	if err != nil {
		t.Fatal(err)
	}
	var told struct{ Revoked []string }
	if out := runIn(t, dir, string(given), "node", "private-key-jwt.mjs"); json.Unmarshal([]byte(out), &told) != nil {
		t.Fatalf("printed %q", out)
	}
	if len(told.Revoked) != 2*len(parties) { // by two libraries
		t.Errorf("%d tokens were revoked", len(told.Revoked))
	}
	for _, token := range told.Revoked {
		if strings.Count(token, ".") != 2 || i.active(t, token) {
			t.Errorf("the script says that it revoked %.20q", token)
		}
	}
}

// The management API's description is one, as a public validator sees it.
func TestDescriptionIsValid(t *testing.T) {
	t.Parallel()
	dir, i := installNPM(t), start(t, sqlite)
	given, err := json.Marshal(map[string]string{"url": i.base + "/api/v1/openapi.json"})
	if err != nil {
		t.Fatal(err)
	}
	var told struct {
		Version string
		Paths   int
	}
	if out := runIn(t, dir, string(given), "node", "openapi.mjs"); json.Unmarshal([]byte(out), &told) != nil || told.Version != "3.1" || told.Paths < 10 {
		t.Errorf("printed %q", out)
	}
}

// installNPM returns a folder with the scripts and what they import, exactly as
// the lock file has it.
func installNPM(t testing.TB) string {
	t.Helper()
	return installPackages(t, "testdata/npm")
}

// installPackages copies a folder with a package.json and a lock file and returns
// the copy, with what the lock file has.
func installPackages(t testing.TB, from string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	runIn(t, dir, "", "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline")
	return dir
}

// runIn runs a program that must be there and succeed, and returns what it
// prints on standard output.
func runIn(t testing.TB, dir, stdin, name string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Stdin = dir, strings.NewReader(stdin)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s%s", name, strings.Join(args, " "), err, out, &stderr)
	}
	return string(out)
}
