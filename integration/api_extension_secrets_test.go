package integration

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"kiket.dev/auth/keys"
	"kiket.dev/auth/storage"
)

// extensionSecrets is the answer about what an extension keeps.
type extensionSecrets struct {
	Keys    []string
	APIKeys []struct {
		ID          int64
		TokenPrefix string     `json:"token_prefix"`
		CreatedAt   time.Time  `json:"created_at"`
		ExpiresAt   *time.Time `json:"expires_at"`
		LastUsedAt  *time.Time `json:"last_used_at"`
	} `json:"api_keys"`
}

func (i *instance) secretsOf(t testing.TB, e installed) extensionSecrets {
	t.Helper()
	return read[extensionSecrets](t, i.call(t, "GET", e.path()+"/secrets", i.admin(), nil), 200)
}

// ids returns the numbers of the open keys, newest first.
func (s extensionSecrets) ids() (ids []int64) {
	for _, key := range s.APIKeys {
		ids = append(ids, key.ID)
	}
	return ids
}

func TestExtensionSecrets(t *testing.T) {
	eachEngine(t, func(t *testing.T, e engine) {
		i := deploy(t, e, "KIKET_AUTH_LOG_LEVEL=debug").serve()
		for name, test := range map[string]func(*testing.T, *instance){
			"keys rotate": rotateKeys, "keys are few": limitKeys, "keys close": closeKeys,
			"secrets of own key, admin and others": ownSecrets, "secrets in wrong requests": wrongSecrets,
			"secrets are few": limitSecrets, "secrets are sealed for their place": misplacedSecret, "master keys": resealedSecret,
		} {
			t.Run(name, func(t *testing.T) { test(t, i) })
		}
		noSecretIsWritten(t, i)
	})
}

func ownSecrets(t *testing.T, i *instance) {
	got, other := i.install(t, "com.example.secrets", "issues:read"), i.install(t, "com.example.secrets2", "issues:read")
	own := func(method, path string, body any) answer {
		return i.call(t, method, got.path()+path, "", body, "X-Kiket-API-Key", got.APIKey.Token)
	}
	body := func(a answer, status int, want string) {
		t.Helper()
		if a.status != status || strings.TrimSpace(a.body) != want {
			t.Errorf("%d %s, want %d %s", a.status, a.body, status, want)
		}
	}
	own("GET", "/secrets/TOKEN", nil).wantProblem(t, 404, "not_found")
	own("DELETE", "/secrets/TOKEN", nil).wantProblem(t, 404, "not_found")
	body(own("POST", "/secrets/TOKEN", map[string]any{"value": "one"}), 201, `{"key":"TOKEN"}`)
	body(own("GET", "/secrets/TOKEN", nil), 200, `{"value":"one"}`)
	body(own("PUT", "/secrets/TOKEN", map[string]any{"value": "two <é>\n"}), 200, `{"key":"TOKEN"}`)
	body(own("GET", "/secrets/TOKEN", nil), 200, `{"value":"two <é>\n"}`)
	body(own("POST", "/secrets", map[string]any{"secret": map[string]any{"key": "A1_", "value": "three"}}), 201, `{"key":"A1_"}`)
	body(own("POST", "/secrets", map[string]any{"key": "A1_", "value": "four"}), 200, `{"key":"A1_"}`)
	body(own("PUT", "/secrets/B", map[string]any{"secret": map[string]any{"value": "five"}}), 201, `{"key":"B"}`)
	if diff := cmp.Diff([]string{"A1_", "B", "TOKEN"}, read[extensionSecrets](t, own("GET", "/secrets", nil), 200).Keys); diff != "" {
		t.Errorf("names (-want +got):\n%s", diff)
	}
	body(i.call(t, "GET", "/extensions/com.example.secrets/secrets/A1_", got.APIKey.Token, nil), 200, `{"value":"four"}`)
	body(i.call(t, "GET", got.path()+"/secrets/A1_", i.admin(), nil), 200, `{"value":"four"}`)

	for _, method := range []string{"GET", "DELETE", "PUT", "POST"} {
		var value any
		if method == "PUT" || method == "POST" {
			value = map[string]any{"value": "x"}
		}
		for _, path := range []string{got.path(), "/extensions/com.example.secrets"} {
			i.call(t, method, path+"/secrets/A1_", other.APIKey.Token, value).wantProblem(t, 404, "not_found")
		}
		narrow := i.workspaceToken(time.Time{}, "issues").Secret.Reveal()
		i.call(t, method, got.path()+"/secrets/A1_", narrow, value).wantProblem(t, 403, "insufficient_scope")
	}
	i.call(t, "GET", other.path()+"/secrets", got.APIKey.Token, nil).wantProblem(t, 404, "not_found")
	i.call(t, "GET", other.path()+"/secrets/A1_", i.admin(), nil).wantProblem(t, 404, "not_found")

	own("DELETE", "/secrets/A1_", nil).want(t, 204)
	own("DELETE", "/secrets/A1_", nil).wantProblem(t, 404, "not_found")
	own("GET", "/secrets/A1_", nil).wantProblem(t, 404, "not_found")

	written := map[string]int{}
	for _, event := range i.events(t) {
		if name, of := event.Details["secret_name"]; of && event.Target.ID == got.ID {
			written[fmt.Sprintf("%s by %s, %v", event.Action, event.Actor.Kind, name)]++
		}
	}
	if diff := cmp.Diff(map[string]int{
		"extension.secret_written by extension_key, TOKEN": 2, "extension.secret_written by extension_key, A1_": 2,
		"extension.secret_written by extension_key, B": 1, "extension.secret_deleted by extension_key, A1_": 1,
		"extension.secret_read by workspace_api_token, A1_": 1,
	}, written); diff != "" {
		t.Errorf("audit events (-want +got):\n%s", diff)
	}
}

func wrongSecrets(t *testing.T, i *instance) {
	got := i.install(t, "com.example.wrongsecrets")
	good := map[string]any{"value": "x"}
	for _, name := range []string{"token", "Token", "1A", "_A", "A-B", "A%20B", "A.B", "%C3%89", "A%0A", "12", strings.Repeat("A", 101)} {
		path := got.path() + "/secrets/" + name
		i.call(t, "GET", path, i.admin(), nil).wantInvalid(t, "key")
		i.call(t, "PUT", path, i.admin(), good).wantInvalid(t, "key")
		if name != "12" { // the number of a key
			i.call(t, "DELETE", path, i.admin(), nil).wantInvalid(t, "key")
		}
		i.call(t, "POST", path, i.admin(), good).wantInvalid(t, "key")
	}
	long := strings.Repeat("A", 100)
	i.call(t, "PUT", got.path()+"/secrets/"+long, i.admin(), good).want(t, 201)
	for name, tt := range map[string]struct {
		body   string
		fields []string
	}{
		"nothing": {"", []string{"key", "value"}}, "null": {`{"key":null,"value":null}`, []string{"key", "value"}},
		"an empty value": {`{"key":"A","value":""}`, []string{"value"}}, "a number": {`{"key":"A","value":7}`, []string{"value"}},
		"a lower-case name": {`{"secret":{"key":"a","value":"x"}}`, []string{"key"}}, "an object": {`{"key":"A","value":{}}`, []string{"value"}},
		"a member too many": {`{"key":"A","value":"x","name":"A"}`, []string{"name"}},
		"too long":          {`{"key":"A","value":"` + strings.Repeat("x", 32<<10+1) + `"}`, []string{"value"}},
	} {
		t.Run(name, func(t *testing.T) {
			i.call(t, "POST", got.path()+"/secrets", i.admin(), tt.body).wantInvalid(t, tt.fields...)
		})
	}
	if names := i.secretsOf(t, got).Keys; !slices.Equal(names, []string{long}) {
		t.Errorf("what was refused was written: %v", names)
	}
}

func limitSecrets(t *testing.T, i *instance) {
	got := i.install(t, "com.example.manysecrets")
	largest := strings.Repeat("\x01", 32<<10) // six times as long in JSON
	i.call(t, "PUT", got.path()+"/secrets/S0", got.APIKey.Token, map[string]any{"value": largest}).want(t, 201)
	if read := i.call(t, "GET", got.path()+"/secrets/S0", got.APIKey.Token, nil).want(t, 200); read["value"] != largest {
		t.Error("the largest value reads differently")
	}
	store, sealed := i.verbs().Store, []byte("not read")
	for n := 1; n < 200; n++ {
		if _, err := store.PutNamedSecret(t.Context(), storage.NamedSecret{
			OrganizationID: i.boot.Organization.ID, InstallationID: got.ID, Name: "S" + strconv.Itoa(n), Sealed: sealed, UpdatedAt: time.Now(),
		}); err != nil {
			t.Fatal(err)
		}
	}
	i.call(t, "PUT", got.path()+"/secrets/S200", got.APIKey.Token, map[string]any{"value": "x"}).wantProblem(t, 409, "too_many_secrets")
	i.call(t, "PUT", got.path()+"/secrets/S1", got.APIKey.Token, map[string]any{"value": "x"}).want(t, 200)
	i.call(t, "DELETE", got.path()+"/secrets/S2", got.APIKey.Token, nil).want(t, 204)
	i.call(t, "PUT", got.path()+"/secrets/S200", got.APIKey.Token, map[string]any{"value": "x"}).want(t, 201)
}

// What is sealed for one name, or one extension, opens under no other, even if
// somebody moves it in the database.
func misplacedSecret(t *testing.T, i *instance) {
	got, other := i.install(t, "com.example.place"), i.install(t, "com.example.place2")
	i.call(t, "PUT", got.path()+"/secrets/A", i.admin(), map[string]any{"value": "misplaced"}).want(t, 201)
	store := i.verbs().Store
	kept, err := store.NamedSecretByName(t.Context(), i.boot.Organization.ID, got.ID, "A")
	if err != nil {
		t.Fatal(err)
	}
	for _, to := range []struct {
		e    installed
		name string
	}{{got, "B"}, {other, "A"}} {
		moved := kept
		moved.InstallationID, moved.Name = to.e.ID, to.name
		if _, err := store.PutNamedSecret(t.Context(), moved); err != nil {
			t.Fatal(err)
		}
		a := i.call(t, "GET", to.e.path()+"/secrets/"+to.name, i.admin(), nil)
		a.wantProblem(t, 500, "internal_error")
		if strings.Contains(a.body, "misplaced") {
			t.Error("a secret was read in another's place")
		}
	}
	i.call(t, "GET", got.path()+"/secrets/A", i.admin(), nil).want(t, 200)
}

// After the master keys have changed, what was sealed before opens, and all is sealed
// under the new one soon.
func resealedSecret(t *testing.T, i *instance) {
	got := i.install(t, "com.example.resealed")
	path := got.path() + "/secrets/A"
	i.call(t, "PUT", path, i.admin(), map[string]any{"value": "old"}).want(t, 201)
	fresh := keys.GenerateMasterKey()
	renewed := i.serve("KIKET_AUTH_MASTER_KEY=" + fresh.Reveal() + "," + i.masterKey.Reveal())
	if read := renewed.call(t, "GET", path, i.admin(), nil).want(t, 200); read["value"] != "old" {
		t.Errorf("under the old key: %v", read)
	}
	sealer, err := keys.NewSealer([]storage.Secret{fresh})
	if err != nil {
		t.Fatal(err)
	}
	underFresh := func(want string) error {
		kept, err := i.verbs().Store.NamedSecretByName(t.Context(), i.boot.Organization.ID, got.ID, "A")
		if err != nil {
			return err
		}
		value, err := sealer.Open(kept.Sealed, fmt.Sprintf("extension-secret:%d:A", got.ID))
		if err == nil && string(value) != want {
			err = fmt.Errorf("opens as %q", value)
		}
		return err
	}
	eventually(t, func() error { return underFresh("old") }) // nobody has written it
	renewed.call(t, "PUT", path, i.admin(), map[string]any{"value": "new"}).want(t, 200)
	if err := underFresh("new"); err != nil {
		t.Errorf("written again: %v", err)
	}
}

// noSecretIsWritten looks for a secret's value wherever the server writes, after it
// was used rightly and wrongly.
func noSecretIsWritten(t *testing.T, i *instance) {
	const value = "named-secret-5f0c9b1d7e2a4c6880d3b7f1a9e5c2d4-0f1e2d3c4b5a69788796a5b4c3d2e1f0"
	got := i.install(t, "com.example.quiet")
	path := got.path() + "/secrets"
	i.call(t, "PUT", path+"/QUIET", got.APIKey.Token, map[string]any{"value": "before"}).want(t, 201)
	i.call(t, "POST", path+"/QUIET", got.APIKey.Token, map[string]any{"value": value}, "Idempotency-Key", "quiet").want(t, 200)
	i.call(t, "GET", path+"/QUIET", got.APIKey.Token, nil).want(t, 200)
	i.call(t, "GET", path+"/QUIET", i.admin(), nil).want(t, 200)
	for _, wrong := range []answer{
		i.call(t, "PUT", path+"/QUIET", i.admin(), map[string]any{"value": value, value: value}),
		i.call(t, "PUT", path+"/QUIET", i.admin(), `{"value":"`+value+`"`),
		i.call(t, "POST", path, i.admin(), map[string]any{"key": value, "value": value}),
		i.call(t, "GET", path+"/"+value, i.admin(), nil),
		i.call(t, "GET", "/extensions/"+value+"/secrets", i.admin(), nil),
		i.call(t, "DELETE", path+"/QUIET?value="+value, i.admin(), nil),
		i.call(t, "PUT", path+"/QUIET", got.APIKey.Token+value, map[string]any{"value": value}),
	} {
		if wrong.status >= 500 {
			t.Errorf("%d %s", wrong.status, wrong.body)
		}
	}
	i.call(t, "PUT", path+"/QUIET", i.admin(), map[string]any{"value": value}).want(t, 200)
	if err := i.stop(); err != nil {
		t.Error(err)
	}
	written := traces{"log": i.log(), "standard output": i.printed(), "database": i.dump(t)}
	for _, leak := range written.leaks(map[string]string{"named secret": value}) {
		t.Error(leak)
	}
	if !strings.Contains(written["database"], "QUIET") || !strings.Contains(written["log"], "/extensions/{id}/secrets/{name}") {
		t.Error("the database or the log does not hold what it should: is it searched?")
	}
}
