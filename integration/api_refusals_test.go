package integration

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"kiket.dev/auth/keys"
	"kiket.dev/auth/storage"
)

// A refusal says why in words that fit who asks, with names as they are, and is written
// down with what it was about.
func TestAPIRefusals(t *testing.T) {
	eachEngine(t, func(t *testing.T, e engine) {
		i := start(t, e)
		for name, test := range map[string]func(*testing.T, *instance){
			"why": refusedBecause, "more than held": refusedToHandOut, "identifiers": identifiersAsTheyAre, "targets": targetsOfRefusals,
		} {
			t.Run(name, func(t *testing.T) { test(t, i) })
		}
	})
}

func refusedBecause(t *testing.T, i *instance) {
	extension := i.install(t, "com.example.why", "issues:read").APIKey.Token
	person := i.person(t, "Why", storage.RoleMember).session
	issues := i.mint(t, i.admin(), "why", "issues").Token
	for _, refused := range []struct{ who, token, method, path, code, detail, scope string }{
		{"extension", extension, "GET", "/users", "insufficient_scope", "This is for admins, which no extension is.", "admin"},
		{"extension", extension, "POST", "/extensions/com.example.why/secrets/rotate", "insufficient_scope", "This is for admins, which no extension is.", "admin"},
		{"extension", extension, "GET", "/projects", "insufficient_scope", "This needs the scope projects:read.", "projects:read"},
		{"extension", extension, "GET", "/sessions", "forbidden", "Only a session may do that.", ""},
		{"member", person, "GET", "/users", "insufficient_scope", "This is for admins, and the person whose credential it is is none.", "admin"},
		{"token", issues, "GET", "/users", "insufficient_scope", "This needs the scope admin.", "admin"},
		{"admin's token", i.admin(), "GET", "/sessions", "forbidden", "Only a session may do that.", ""},
	} {
		a := i.call(t, refused.method, refused.path, refused.token, nil)
		p := a.wantProblem(t, 403, refused.code)
		if p["detail"] != refused.detail {
			t.Errorf("%s, %s: %v", refused.who, refused.path, p["detail"])
		}
		_, scope, _ := strings.Cut(a.header.Get("WWW-Authenticate"), `scope="`)
		if got := strings.TrimSuffix(scope, `"`); got != refused.scope {
			t.Errorf("%s, %s: the challenge names the scope %q, want %q", refused.who, refused.path, got, refused.scope)
		}
	}
}

// Whoever would hand out more than they have is told the smallest scope with which they
// could: what the endpoint needs and what would be handed out.
func refusedToHandOut(t *testing.T, i *instance) {
	narrow := i.mint(t, i.admin(), "narrow", "admin", "issues:read").Token
	application := func(scopes string) string { return `{"name":"wide","scopes":[` + scopes + `]}` }
	extension := `{"project_id":` + fmt.Sprint(i.boot.Project.ID) + `,"manifest":` + string(manifest("wide", "1.0.0", "issues:read", "projects")) + `}`
	for _, refused := range []struct{ path, body, scope string }{
		{"/oauth_applications", application(`"issues"`), "admin issues"},
		{"/oauth_applications", application(`"issues:read","projects","projects:write"`), "admin issues:read projects"},
		{"/oauth_applications", application(`"issues:write","admin"`), "admin issues:write"},
		{"/workspace_api_tokens", application(`"comments:read","comments"`), "admin comments"},
		{"/extensions", extension, "admin issues:read projects"},
		{"/workspace_api_tokens", application(""), ""}, // full access: no scope stands for it
	} {
		a := i.call(t, "POST", refused.path, narrow, refused.body)
		a.wantProblem(t, 403, "forbidden")
		challenge := a.header.Get("WWW-Authenticate")
		_, scope, _ := strings.Cut(challenge, `scope="`)
		if got := strings.TrimSuffix(scope, `"`); got != refused.scope || !strings.Contains(challenge, `error="insufficient_scope"`) {
			t.Errorf("%s %s: %s, want the scope %q", refused.path, refused.body, challenge, refused.scope)
		}
	}
}

func identifiersAsTheyAre(t *testing.T, i *instance) {
	installed := i.install(t, "notes")
	p := i.call(t, "POST", "/extensions", i.admin(), `{"project_id":`+fmt.Sprint(i.boot.Project.ID)+`,"manifest":`+string(manifest("notes", "1.0.0"))+`}`).wantProblem(t, 409, "already_installed")
	if want := "The extension notes is installed in project DEFAULT already."; p["detail"] != want {
		t.Errorf("%v, want %s", p["detail"], want)
	}
	for range 9 {
		i.rotate(t, installed, nil)
	}
	p = i.call(t, "POST", installed.path()+"/secrets/rotate", i.admin(), nil).wantProblem(t, 409, "too_many_keys")
	if want := "The extension notes has 10 keys that work: close one, or let the others end at once."; p["detail"] != want {
		t.Errorf("%v, want %s", p["detail"], want)
	}
}

func targetsOfRefusals(t *testing.T, i *instance) {
	installed := i.install(t, "com.example.target")
	person := i.person(t, "Target", storage.RoleMember).session
	var last int64
	for _, event := range i.events(t) {
		last = max(last, event.ID)
	}
	for _, name := range []string{installed.path()[len("/extensions/"):], "com.example.target", "com.example.absent", "4711", "%0a%E2%80%AE"} {
		i.call(t, "DELETE", "/extensions/"+name, person, nil).wantProblem(t, 403, "insufficient_scope")
	}
	var got []storage.Party
	for _, event := range i.events(t) {
		if event.ID > last && event.Action == "extension.uninstall_denied" {
			got = append(got, event.Target)
		}
	}
	want := []storage.Party{
		{Kind: "extension", ID: installed.ID},
		{Kind: "extension", ID: installed.ID, Name: installed.Name},
		{Kind: "extension", Name: "com.example.absent"},
		{Kind: "extension", ID: 4711},
		{Kind: "extension"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("targets (-want +got):\n%s", diff)
	}
}

// What was sealed under a master key that was taken away cannot be opened, and that is
// said.
func TestAPIWithoutAMasterKey(t *testing.T) {
	eachEngine(t, func(t *testing.T, e engine) {
		d := deploy(t, e)
		i := d.serve()
		installed := i.install(t, "com.example.sealed")
		secret := installed.path() + "/secrets/SEALED"
		i.call(t, "PUT", secret, i.admin(), `{"value":"v"}`).want(t, 201)
		again := []string{"Idempotency-Key", "sealed"}
		i.call(t, "POST", "/projects", i.admin(), `{"key":"SEALED","name":"x"}`, again...).want(t, 201)
		i.kill()
		d.masterKey = keys.GenerateMasterKey()
		var listed struct{ Keys []struct{ Kid string } }
		if err := json.Unmarshal([]byte(d.run("keys", "list", "--json")), &listed); err != nil {
			t.Fatal(err)
		}
		for _, key := range listed.Keys {
			d.run("keys", "revoke", key.Kid)
		}
		i = d.serve()
		i.call(t, "POST", "/projects", i.admin(), `{"key":"SEALED","name":"x"}`, again...).wantProblem(t, 409, "idempotency_key_unreadable")
		i.call(t, "POST", "/projects", i.admin(), `{"key":"OTHER","name":"x"}`, again...).wantProblem(t, 409, "idempotency_key_reused")
		i.call(t, "GET", secret, i.admin(), nil).wantProblem(t, 409, "secret_unreadable")
		i.call(t, "PUT", secret, i.admin(), `{"value":"w"}`).want(t, 200)
		if got := i.call(t, "GET", secret, i.admin(), nil).want(t, 200)["value"]; got != "w" {
			t.Errorf("written again, it is %v", got)
		}
	})
}
