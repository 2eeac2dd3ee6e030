package integration

import (
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"
)

// mcpAttempt is what a client is told to try: to call tools with a token that is
// given, or with one that it fetches.
type mcpAttempt struct {
	URL        string    `json:"url"`
	Resource   string    `json:"resource"`
	Issuer     string    `json:"issuer"`
	Bearer     string    `json:"bearer,omitempty"`
	ID         string    `json:"id,omitempty"`
	Secret     string    `json:"secret,omitempty"`
	OAuth2     bool      `json:"oauth2,omitempty"` // for the Go SDK: let x/oauth2 fetch it
	PrivateKey string    `json:"privateKey,omitempty"`
	Algorithm  string    `json:"algorithm,omitempty"`
	Calls      []mcpCall `json:"calls"`

	name    string
	said    []string // by which tools
	refusal string   // what the error matches, "" for none
}

type mcpCall struct {
	Name      string         `json:"name"`
	Arguments map[string]any `json:"arguments,omitempty"`
}

// mcpOutcome is what came of it.
type mcpOutcome struct {
	Tools []string
	Said  map[string]string
	Token string
	Error string
}

// mcpClient is a program that tries a list of attempts with an official SDK.
type mcpClient struct {
	command []string
	goSDK   bool // it knows no keys, and does not say whom a token is for
}

var bothTools = []string{"create_issue", "list_issues"}

// attempts are all that a client may come with.
func (c mcpClient) attempts(t testing.TB, i *instance, s mcpServer) []mcpAttempt {
	t.Helper()
	full, half := i.application("issues"), i.application("issues:read")
	revoked := i.fetch(t, full, "resource", s.url)
	i.post(t, "/oauth/revoke", full, "token", revoked)
	all := []mcpAttempt{
		{name: "a secret", ID: full.id, Secret: full.secret, said: bothTools},
		{name: "a secret of one that may only read", ID: half.id, Secret: half.secret, said: []string{"list_issues"}, refusal: "upscoping|invalid_scope|requested scope"},
		{name: "a wrong secret", ID: full.id, Secret: half.secret, refusal: "client authentication failed"},
		{name: "another issuer than expected", Issuer: "https://elsewhere.test", ID: full.id, Secret: full.secret, refusal: "elsewhere.test"},
		{name: "a workspace token", Bearer: i.admin(), said: bothTools},
		{name: "a token that was revoked", Bearer: revoked, refusal: "invalid_token|Unauthorized"},
	}
	if c.goSDK {
		return append(all, mcpAttempt{name: "a secret, by x/oauth2", ID: full.id, Secret: full.secret, OAuth2: true, said: bothTools})
	}
	keyed, _ := i.registerKeyed(t, newKeyPair(t, jose.ES256, ""), nil)
	rsa, _ := i.registerKeyed(t, newKeyPair(t, jose.RS256, ""), nil)
	return append(all,
		mcpAttempt{name: "a key", ID: keyed.id, PrivateKey: keyed.key.pem(t), Algorithm: "ES256", said: bothTools},
		mcpAttempt{name: "an RSA key", ID: rsa.id, PrivateKey: rsa.key.pem(t), Algorithm: "RS256", said: bothTools},
		mcpAttempt{name: "the key of another", ID: keyed.id, PrivateKey: newKeyPair(t, jose.ES256, "").pem(t), Algorithm: "ES256", refusal: "client authentication failed"},
	)
}

// try runs the client and compares what came of each attempt.
func (c mcpClient) try(t *testing.T, i *instance, s mcpServer, attempts []mcpAttempt) {
	for n := range attempts {
		a := &attempts[n]
		a.URL, a.Resource = s.url, s.url
		if a.Issuer == "" {
			a.Issuer = i.base
		}
		a.Calls = []mcpCall{{Name: "list_issues"}, {Name: "create_issue", Arguments: map[string]any{"title": "Broken"}}}
	}
	given, err := json.Marshal(attempts)
	if err != nil {
		t.Fatal(err)
	}
	var outcomes []mcpOutcome
	if out := runIn(t, "", string(given), c.command[0], c.command[1:]...); json.Unmarshal([]byte(out), &outcomes) != nil || len(outcomes) != len(attempts) {
		t.Fatalf("printed %q", out)
	}
	for n, a := range attempts {
		a.compare(t, outcomes[n])
		if a.ID == "" || a.refusal != "" {
			continue
		}
		meantFor := s.self
		if c.goSDK && !a.OAuth2 {
			meantFor = i.resourceServer()
		}
		if seen := i.introspect(t, meantFor, outcomes[n].Token); seen["active"] != true || seen["client_id"] != a.ID {
			t.Errorf("%s: the token is seen as %v", a.name, seen)
		}
	}
}

// pem is the private key as PKCS #8.
func (k keyPair) pem(t testing.TB) string {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(k.private)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

func (a mcpAttempt) compare(t *testing.T, got mcpOutcome) {
	t.Helper()
	var said []string
	for tool, text := range got.Said {
		said = append(said, tool)
		if who := "user:1"; !strings.Contains(text, "organization 1") || !strings.HasSuffix(text, who) && !strings.HasSuffix(text, a.ID) {
			t.Errorf("%s: %s said %q", a.name, tool, text)
		}
	}
	slices.Sort(said)
	if diff := cmp.Diff(a.said, said); diff != "" {
		t.Errorf("%s: tools that answered (-want +got):\n%s", a.name, diff)
	}
	slices.Sort(got.Tools)
	if len(a.said) > 0 && !slices.Equal(got.Tools, bothTools) {
		t.Errorf("%s: tools %v", a.name, got.Tools)
	}
	if !regexp.MustCompile(a.refusal).MatchString(got.Error) || (got.Error == "") != (a.refusal == "") {
		t.Errorf("%s: %q, want %q", a.name, got.Error, a.refusal)
	}
}

// checkMCPClientExamples runs the clients of docs/examples.
func checkMCPClientExamples(t *testing.T, i *instance, s mcpServer, examples map[string][]string) {
	for name, command := range examples {
		application := i.application("issues")
		cmd := exec.CommandContext(t.Context(), command[0], command[1:]...)
		cmd.Stderr = t.Output()
		cmd.Env = []string{
			"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "ISSUER=" + i.base, "RESOURCE=" + s.url,
			"CLIENT_ID=" + application.id, "CLIENT_SECRET=" + application.secret,
		}
		out, err := cmd.Output()
		want := fmt.Sprintf("issues of organization 1 for %s\n\"Broken\" in organization 1 by %[1]s\n", application.id)
		if diff := cmp.Diff(want, string(out)); err != nil || diff != "" {
			t.Errorf("%s: %v (-want +got):\n%s", name, err, diff)
		}
	}
}
