package integration

import (
	"encoding/json"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// mcpPrograms are the servers and clients of docs/examples, and the clients of
// testdata, ready to be started.
type mcpPrograms struct {
	servers, examples map[string][]string
	clients           map[string]mcpClient
}

// prepareMCP builds them, or installs what they import.
func prepareMCP(t testing.TB) mcpPrograms {
	t.Helper()
	example, client := installPackages(t, examplePath(t, "mcp-node")), installPackages(t, "testdata/mcp-npm")
	build := func(dir, path string) string {
		program := filepath.Join(t.TempDir(), "program")
		runIn(t, dir, "", "go", "build", "-o", program, path)
		return program
	}
	return mcpPrograms{
		servers: map[string][]string{
			"mcp-node": {"node", filepath.Join(example, "server.mjs")},
			"mcp-go":   {build(examplePath(t, "mcp-go"), "./server")},
		},
		examples: map[string][]string{
			"mcp-node": {"node", filepath.Join(example, "client.mjs")},
			"mcp-go":   {build(examplePath(t, "mcp-go"), "./client")},
		},
		clients: map[string]mcpClient{
			"TypeScript SDK 1": {[]string{"node", filepath.Join(client, "client.mjs"), "1"}, false},
			"TypeScript SDK 2": {[]string{"node", filepath.Join(client, "client.mjs"), "2"}, false},
			"Go SDK":           {[]string{build("testdata/mcp-go", ".")}, true},
		},
	}
}

// mcpServer is a running MCP server that is registered as a resource server.
type mcpServer struct {
	url  string
	self credentials
}

// runMCP registers an MCP server at a path and starts it. It is given a
// registration for the default audience too, unless it is strict.
func (i *instance) runMCP(t testing.TB, command []string, path string, strict bool) mcpServer {
	t.Helper()
	address := freeAddress(t)
	s := mcpServer{url: "http://" + address + path}
	s.self = i.registerResourceServer("MCP at "+address, strings.TrimSuffix(s.url, "/"), "")
	environ := []string{"ISSUER=" + i.base, "LISTEN=" + address, "RESOURCE=" + s.url, "MCP_CLIENT=" + s.self.id + ":" + s.self.secret}
	if !strict {
		environ = append(environ, "API_CLIENT="+i.resourceServer().id+":"+i.resourceServer().secret)
	}
	runProgram(t, address, environ, command...)
	return s
}

// The MCP servers of docs/mcp.md protect their tools as it says, and the official
// SDKs, unmodified, get through to them with what they find out by themselves.
func TestMCP(t *testing.T) {
	t.Parallel()
	programs := prepareMCP(t)
	i := startAtIssuer(t, sqlite)
	i.registerResourceServer("other", "https://other.test/mcp", "")
	running := map[string]mcpServer{}
	for name, command := range programs.servers {
		s, strict := i.runMCP(t, command, "/mcp", false), i.runMCP(t, command, "/mcp", true)
		running[name] = s
		t.Run(name, func(t *testing.T) {
			t.Run("protection", func(t *testing.T) { s.check(t, i) })
			t.Run("strict", func(t *testing.T) { strict.checkStrict(t, i) })
			for name, client := range programs.clients {
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					client.try(t, i, s, client.attempts(t, i, s))
				})
			}
		})
	}
	t.Run("at the root", func(t *testing.T) {
		s := i.runMCP(t, programs.servers["mcp-node"], "/", false)
		for name, client := range programs.clients {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				client.try(t, i, s, client.attempts(t, i, s)[:1])
			})
		}
	})
	t.Run("client examples", func(t *testing.T) { checkMCPClientExamples(t, i, running["mcp-node"], programs.examples) })
	token := i.admin()
	if err := i.stop(); err != nil {
		t.Fatal(err)
	}
	for name, s := range running {
		if a := s.call(t, "list_issues", token); a.status != http.StatusServiceUnavailable || a.header.Get("Retry-After") == "" {
			t.Errorf("%s without the server: %d %v", name, a.status, a.header)
		}
	}
}

// call calls a tool as no SDK would, in one request.
func (s mcpServer) call(t testing.TB, tool, token string) answer {
	t.Helper()
	body, err := json.Marshal(map[string]any{
		"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": map[string]any{"name": tool, "arguments": map[string]any{"title": "Broken"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if tool == "list_issues" {
		body = []byte(strings.Replace(string(body), `"title":"Broken"`, "", 1))
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url, strings.NewReader(string(body)))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Accept", "application/json, text/event-stream")
	r.Header.Set("MCP-Protocol-Version", "2025-11-25")
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	return do(t, r)
}

// want calls a tool and compares status and challenge.
func (s mcpServer) want(t *testing.T, name, tool, token string, status int, problem, scope string) {
	t.Helper()
	a := s.call(t, tool, token)
	challenge := a.header.Get("WWW-Authenticate")
	switch {
	case a.status != status:
		t.Errorf("%s: %d %s, want %d", name, a.status, a.body, status)
	case status == http.StatusOK && (challenge != "" || !strings.Contains(a.body, "organization 1")):
		t.Errorf("%s: challenge %q, %s", name, challenge, a.body)
	case status == http.StatusOK:
	case !strings.HasPrefix(challenge, "Bearer ") || !strings.Contains(challenge, `scope="`+scope+`"`) ||
		!strings.Contains(challenge, `resource_metadata="`+s.metadataURL()+`"`) || !strings.Contains(challenge, problem):
		t.Errorf("%s: challenge %q, want %s, scope %s and %s", name, challenge, problem, scope, s.metadataURL())
	}
}

func (s mcpServer) metadataURL() string {
	return strings.TrimSuffix(s.url, "/mcp") + "/.well-known/oauth-protected-resource/mcp"
}

// check asks with every kind of token that there is.
func (s mcpServer) check(t *testing.T, i *instance) {
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.metadataURL(), nil)
	if err != nil {
		t.Fatal(err)
	}
	a := do(t, r)
	want := map[string]any{
		"resource": s.url, "authorization_servers": []any{i.base}, "scopes_supported": []any{"issues:read"}, "bearer_methods_supported": []any{"header"},
	}
	if diff := cmp.Diff(want, a.json(t)); diff != "" || a.header.Get("Access-Control-Allow-Origin") != "*" {
		t.Errorf("metadata (-want +got):\n%s%v", diff, a.header)
	}

	application, half := i.application("issues", "projects"), i.application("issues:read", "projects")
	mine := i.fetch(t, application, "resource", s.url)
	s.want(t, "a token for the server", "list_issues", mine, http.StatusOK, "", "")
	s.want(t, "a tool that needs more", "create_issue", mine, http.StatusOK, "", "")
	s.want(t, "a token for the default audience", "list_issues", i.fetch(t, application), http.StatusOK, "", "")
	s.want(t, "a tool that needs more than there is", "create_issue", i.fetch(t, half, "resource", s.url), http.StatusForbidden, `error="insufficient_scope"`, "issues:write")
	s.want(t, "another scope", "list_issues", i.fetch(t, half, "resource", s.url, "scope", "projects"), http.StatusForbidden, `error="insufficient_scope"`, "issues:read")
	s.want(t, "no token", "list_issues", "", http.StatusUnauthorized, "", "issues:read")
	s.want(t, "nonsense", "list_issues", "nonsense", http.StatusUnauthorized, `error="invalid_token"`, "issues:read")
	s.want(t, "a token for another", "list_issues", i.fetch(t, application, "resource", "https://other.test/mcp"), http.StatusUnauthorized, `error="invalid_token"`, "issues:read")

	workspace := i.mint(t, i.admin(), "MCP", "issues:read")
	s.want(t, "a workspace token", "list_issues", workspace.Token, http.StatusOK, "", "")
	i.call(t, "DELETE", workspace.path(), i.admin(), nil).want(t, http.StatusNoContent)
	s.want(t, "a workspace token that was revoked", "list_issues", workspace.Token, http.StatusUnauthorized, `error="invalid_token"`, "issues:read")
	i.post(t, "/oauth/revoke", application, "token", mine)
	s.want(t, "a token that was revoked", "list_issues", mine, http.StatusUnauthorized, `error="invalid_token"`, "issues:read")
}

// checkStrict asks a server that has no registration for the default audience.
func (s mcpServer) checkStrict(t *testing.T, i *instance) {
	application := i.application("issues")
	s.want(t, "a token for the server", "list_issues", i.fetch(t, application, "resource", s.url), http.StatusOK, "", "")
	s.want(t, "a token for the default audience", "list_issues", i.fetch(t, application), http.StatusUnauthorized, `error="invalid_token"`, "issues:read")
	s.want(t, "a workspace token", "list_issues", i.admin(), http.StatusUnauthorized, `error="invalid_token"`, "issues:read")
}
