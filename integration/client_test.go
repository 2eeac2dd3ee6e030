package integration

import (
	"crypto/rand"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"kiket.dev/auth/server/access"
	"kiket.dev/auth/server/clients"
	"kiket.dev/auth/server/extensions"
	"kiket.dev/auth/server/tokens"
	"kiket.dev/auth/storage"
)

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }

// credentials are an id and a secret.
type credentials struct{ id, secret string }

// resourceServer returns the one that bootstrap made.
func (d *deployment) resourceServer() credentials {
	return credentials{d.boot.ResourceServer.ClientID, d.boot.ResourceServer.ClientSecret}
}

// application registers an application in the first organization.
func (d *deployment) application(scopes ...string) credentials {
	d.t.Helper()
	return d.register(clients.ApplicationRequest{Scopes: scopes})
}

// register registers an application; what is left out is filled in. Its lifetime may be
// longer than the server allows, as if the server's setting had been lowered since.
func (d *deployment) register(r clients.ApplicationRequest) credentials {
	d.t.Helper()
	if r.OrganizationID == 0 {
		r.OrganizationID = d.boot.Organization.ID
	}
	if r.Name == "" {
		r.Name = "Application of a test"
	}
	lifetime := r.AccessTokenLifetime
	r.AccessTokenLifetime = 0
	made, err := d.verbs().Clients.RegisterApplication(d.t.Context(), access.Operator(), r)
	if err == nil && lifetime != 0 {
		err = d.verbs().Store.UpdateClient(d.t.Context(), r.OrganizationID, made.Client.ID, storage.ClientUpdate{AccessTokenLifetime: &lifetime})
	}
	if err != nil {
		d.t.Fatal(err)
	}
	return credentials{made.Client.ClientID, made.Secret.Reveal()}
}

// workspaceToken issues one to the admin of the first organization.
func (d *deployment) workspaceToken(expires time.Time, scopes ...string) tokens.Issued {
	d.t.Helper()
	issued, err := d.verbs().Tokens.IssueWorkspaceToken(d.t.Context(), access.Operator(), tokens.WorkspaceTokenRequest{
		OrganizationID: d.boot.Organization.ID, OwnerID: d.boot.Admin.ID, Name: "Token of a test",
		Scopes: storage.NewScopes(scopes...), ExpiresAt: expires,
	})
	if err != nil {
		d.t.Fatal(err)
	}
	return issued
}

// manifest returns the manifest of an extension.
func manifest(id, version string, permissions ...string) []byte {
	text, _ := json.Marshal(map[string]any{"model_version": "1.0", "extension": map[string]any{
		"id": id, "name": "Extension of a test", "version": version, "permissions": permissions,
	}})
	return text
}

// extension installs one, of a name of its own, in the default project of the
// first organization.
func (d *deployment) extension(permissions ...string) extensions.Installed {
	d.t.Helper()
	return d.extensionIn(d.boot, permissions...)
}

func (d *deployment) extensionIn(b bootstrapped, permissions ...string) extensions.Installed {
	d.t.Helper()
	installed, err := d.verbs().Extensions.Install(d.t.Context(), access.Operator(), b.Organization.ID, b.Project.ID,
		manifest("com.example."+rand.Text(), "1.0.0", permissions...))
	if err != nil {
		d.t.Fatal(err)
	}
	return installed
}

// session signs the admin of the first organization in.
func (d *deployment) session() tokens.Issued {
	d.t.Helper()
	return d.sessionIn(d.boot, d.boot.Admin.ID)
}

// answer is an HTTP response that has been read.
type answer struct {
	status int
	header http.Header
	body   string
}

// json decodes the body as one JSON object.
func (a answer) json(t testing.TB) map[string]any {
	t.Helper()
	var v map[string]any
	if err := json.Unmarshal([]byte(a.body), &v); err != nil {
		t.Fatalf("status %d, body %q: %v", a.status, a.body, err)
	}
	return v
}

// client keeps no connection, so that a server's end is not mistaken for an error
// of the test.
var client = &http.Client{
	Timeout:   30 * time.Second,
	Transport: &http.Transport{DisableKeepAlives: true},
	CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	},
}

// do sends a request and reads the answer.
func do(t testing.TB, r *http.Request) answer {
	t.Helper()
	response, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{response.StatusCode, response.Header, string(body)}
}

// request makes a request of the server with a raw body; headers are name, value.
func (i *instance) request(method, path, body string, headers ...string) *http.Request {
	i.t.Helper()
	r, err := http.NewRequestWithContext(i.t.Context(), method, i.base+path, strings.NewReader(body))
	if err != nil {
		i.t.Fatal(err)
	}
	for n := 0; n+1 < len(headers); n += 2 {
		r.Header.Add(headers[n], headers[n+1])
	}
	return r
}

// get fetches a path.
func (i *instance) get(t testing.TB, path string, headers ...string) answer {
	t.Helper()
	return do(t, i.request(http.MethodGet, path, "", headers...))
}

// postRaw posts a body as a form, as it is.
func (i *instance) postRaw(t testing.TB, path, body string, headers ...string) answer {
	t.Helper()
	return do(t, i.request(http.MethodPost, path, body, append([]string{"Content-Type", "application/x-www-form-urlencoded"}, headers...)...))
}

// post posts a form, authenticated with Basic if c is not empty. Parameters are
// name, value.
func (i *instance) post(t testing.TB, path string, c credentials, parameters ...string) answer {
	t.Helper()
	form := url.Values{}
	for n := 0; n+1 < len(parameters); n += 2 {
		form.Add(parameters[n], parameters[n+1])
	}
	r := i.request(http.MethodPost, path, form.Encode(), "Content-Type", "application/x-www-form-urlencoded")
	if c.id != "" {
		r.SetBasicAuth(url.QueryEscape(c.id), url.QueryEscape(c.secret))
	}
	return do(t, r)
}

// fetch fetches an access token that must be given.
func (i *instance) fetch(t testing.TB, c credentials, parameters ...string) string {
	t.Helper()
	a := i.post(t, "/oauth/token", c, append([]string{"grant_type", "client_credentials"}, parameters...)...)
	if a.status != http.StatusOK {
		t.Fatalf("token endpoint: %d %s", a.status, a.body)
	}
	token, ok := a.json(t)["access_token"].(string)
	if !ok {
		t.Fatalf("no access token in %s", a.body)
	}
	return token
}

// introspect asks about a token; the answer must be 200.
func (i *instance) introspect(t testing.TB, c credentials, token string, parameters ...string) map[string]any {
	t.Helper()
	a := i.post(t, "/oauth/introspect", c, append([]string{"token", token}, parameters...)...)
	if a.status != http.StatusOK {
		t.Fatalf("introspection: %d %s", a.status, a.body)
	}
	return a.json(t)
}

// active asks the default resource server's question.
func (i *instance) active(t testing.TB, token string) bool {
	t.Helper()
	active, ok := i.introspect(t, i.resourceServer(), token)["active"].(bool)
	if !ok {
		t.Fatal("introspection without a boolean active")
	}
	return active
}
