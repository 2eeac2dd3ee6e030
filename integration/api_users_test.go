package integration

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"kiket.dev/auth/storage"
)

// user is a member as the API answers.
type user struct {
	ID                          int64
	Email, Name, Role, Password string
	JoinedAt                    time.Time `json:"joined_at"`
}

func (u user) path() string { return fmt.Sprintf("/users/%d", u.ID) }

func TestUsers(t *testing.T) {
	eachEngine(t, func(t *testing.T, e engine) {
		i := start(t, e)
		for name, test := range map[string]func(*testing.T, *instance){
			"add": addUser, "add somebody with an account": addAccount, "wrong": addUserWrong,
			"rename": renameUser, "list": listUsers,
		} {
			t.Run(name, func(t *testing.T) { test(t, i) })
		}
	})
}

func addUser(t *testing.T, i *instance) {
	a := i.call(t, "POST", "/users", i.admin(), `{"user":{"email":" Avery@Acme.test","name":" Avery ","role":"member"}}`)
	avery := read[user](t, a, http.StatusCreated)
	if avery.Email != "avery@acme.test" || avery.Name != "Avery" || avery.Role != "member" || len(avery.Password) < 20 || time.Since(avery.JoinedAt) > time.Minute {
		t.Errorf("answered %s", a.body)
	}
	signed := read[signedIn](t, i.enter(t, avery.Email, avery.Password), http.StatusCreated)
	if signed.User.ID != avery.ID || signed.User.Role != "member" {
		t.Errorf("signed in as %+v", signed.User)
	}
	shown := i.call(t, "GET", avery.path(), i.admin(), nil)
	password := avery.Password
	avery.Password = ""
	if diff := cmp.Diff(avery, read[user](t, shown, 200)); diff != "" || strings.Contains(shown.body, "password") {
		t.Errorf("shown later (-want +got):\n%s", diff)
	}
	for name, token := range map[string]string{ // a member may do what these may not
		"an application": i.fetch(t, i.application("admin")), "a token with admin alone": i.workspaceToken(time.Time{}, "admin").Secret.Reveal(),
	} {
		if a := i.call(t, "POST", "/users", token, `{"email":"mule@acme.test","name":"Mule","role":"member"}`); a.status != http.StatusForbidden {
			t.Errorf("%s adds a member: %d %s", name, a.status, a.body)
		}
		if a := i.call(t, "PATCH", avery.path(), token, `{"role":"admin"}`); a.status != http.StatusForbidden {
			t.Errorf("%s makes an admin: %d %s", name, a.status, a.body)
		}
	}
	blake := read[user](t, i.call(t, "POST", "/users", i.session().Secret.Reveal(),
		`{"email":"blake@acme.test","name":"Blake","role":"admin","password":"correct horse battery"}`), http.StatusCreated)
	if blake.Password != "" {
		t.Error("a password that was given is shown")
	}
	session := read[signedIn](t, i.enter(t, blake.Email, "correct horse battery"), http.StatusCreated).Token
	i.call(t, "GET", "/users", session, nil).want(t, 200)

	created := []any{}
	for _, event := range i.events(t) {
		if event.Action == "user.created" && (event.Target.ID == avery.ID || event.Target.ID == blake.ID) {
			created = append(created, []any{event.Actor.Kind, event.Target.Name, event.Details["email"], event.Details["role"]})
		}
		if text := fmt.Sprintf("%+v", event); strings.Contains(text, password) || strings.Contains(text, "correct horse") {
			t.Errorf("a password is in the log: %s", text)
		}
	}
	want := []any{
		[]any{"workspace_api_token", "Avery", "avery@acme.test", "member"},
		[]any{"session", "Blake", "blake@acme.test", "admin"},
	}
	if diff := cmp.Diff(want, created); diff != "" {
		t.Errorf("audit events (-want +got):\n%s", diff)
	}
}

// An account belongs to the person: another organization can neither take it in, which
// would let it in with whoever knows the password, nor change anything of it.
func addAccount(t *testing.T, i *instance) {
	other := i.bootstrap("Globex")
	add := func(body string) answer { return i.call(t, "POST", "/users", other.WorkspaceAPIToken.Token, body) }
	password := i.boot.Admin.Password
	for _, more := range []string{``, `,"password":"correct horse battery"`} {
		add(`{"email":"ADMIN@acme.test","name":"Ms. Acme","role":"member"`+more+`}`).wantProblem(t, http.StatusConflict, "account_exists")
	}
	i.enter(t, "admin@acme.test", password, "acme").want(t, http.StatusCreated)
	i.enter(t, "admin@acme.test", password, "globex").wantProblem(t, http.StatusUnauthorized, "invalid_credentials")

	// The operator may, and whoever knew the password until then does not get in.
	fresh := i.adopt(t, "globex", "admin@acme.test", "Ms. Acme", "member")
	i.enter(t, "admin@acme.test", password, "globex").wantProblem(t, http.StatusUnauthorized, "invalid_credentials")
	password = fresh
	got := user{ID: i.boot.Admin.ID}
	add(`{"email":"admin@acme.test","name":"Again","role":"admin"}`).wantProblem(t, http.StatusConflict, "already_member")
	add(`{"email":"admin@acme.test","name":"Again","role":"admin","password":"correct horse battery"}`).wantProblem(t, http.StatusConflict, "already_member")
	here := read[user](t, i.call(t, "GET", got.path(), i.admin(), nil), 200)
	if here.Name != "Admin" || here.Role != "admin" {
		t.Errorf("at home %+v", here)
	}
	i.enter(t, "admin@acme.test", password).want(t, http.StatusCreated)
}

// adopt lets the operator add somebody with an account to an organization, and returns
// the new password.
func (i *instance) adopt(t *testing.T, organization, email, name, role string) string {
	t.Helper()
	var made user
	out := i.run("user", "create", "--organization", organization, "--email", email, "--name", name, "--role", role, "--json")
	if err := json.Unmarshal([]byte(out), &made); err != nil || made.Password == "" {
		t.Fatalf("printed %q: %v", out, err)
	}
	return made.Password
}

func addUserWrong(t *testing.T, i *instance) {
	tests := []struct {
		name, body string
		fields     []string
	}{
		{"nothing", `{}`, []string{"email", "name", "role"}},
		{"no address", `{"email":"Avery <a@acme.test>","name":"A","role":"member"}`, []string{"email"}},
		{"a blank name", `{"email":"x@acme.test","name":" ","role":"member"}`, []string{"name"}},
		{"a long name", `{"email":"x@acme.test","name":"` + strings.Repeat("é", 101) + `","role":"member"}`, []string{"name"}},
		{"no such role", `{"email":"x@acme.test","name":"A","role":"owner"}`, []string{"role"}},
		{"a role in capitals", `{"email":"x@acme.test","name":"A","role":"Admin"}`, []string{"role"}},
		{"a short password", `{"email":"x@acme.test","name":"A","role":"member","password":"12345678901"}`, []string{"password"}},
		{"the address as password", `{"email":"Somebody@acme.test","name":"A","role":"member","password":"somebody@Acme.test"}`, []string{"password"}},
		{"an id", `{"email":"x@acme.test","name":"A","role":"member","id":1}`, []string{"id"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			i.call(t, "POST", "/users", i.admin(), tt.body).wantInvalid(t, tt.fields...)
		})
	}
}

func renameUser(t *testing.T, i *instance) {
	robin := i.person(t, "Robin", storage.RoleMember)
	before := len(i.events(t))
	for _, body := range []string{`{}`, `{"name":"Robin"}`, `{"user":{"role":"member","name":null}}`} {
		i.call(t, "PATCH", robin.path(), i.admin(), body).want(t, 200)
	}
	got := read[user](t, i.call(t, "PATCH", robin.path(), i.admin(), `{"name":" Robin Long "}`), 200)
	if got.Name != "Robin Long" || got.Role != "member" {
		t.Errorf("renamed to %+v", got)
	}
	if me := i.call(t, "GET", "/me", robin.session, nil).want(t, 200); me["name"] != "Robin Long" {
		t.Errorf("me %v", me)
	}
	events := i.events(t)[before:]
	if len(events) != 1 || events[0].Action != "user.updated" {
		t.Fatalf("events %+v", events)
	}
	if diff := cmp.Diff(map[string]any{"name": map[string]any{"before": "Robin", "after": "Robin Long"}}, events[0].Details); diff != "" {
		t.Errorf("details (-want +got):\n%s", diff)
	}
	i.call(t, "PATCH", robin.path(), i.admin(), `{"name":"","role":"owner"}`).wantInvalid(t, "name", "role")
	i.call(t, "PATCH", robin.path(), i.admin(), `{"email":"robin@new.test"}`).wantInvalid(t, "email")
	for _, method := range []string{"GET", "PATCH", "DELETE"} {
		body := any(nil)
		if method == "PATCH" {
			body = `{"name":"X"}`
		}
		for _, path := range []string{"/users/0", "/users/999999", "/users/" + strings.Repeat("9", 30)} {
			i.call(t, method, path, i.admin(), body).wantProblem(t, 404, "not_found")
		}
	}
}

func listUsers(t *testing.T, i *instance) {
	for _, name := range []string{"Kim", "Lee", "Max"} {
		i.person(t, name, storage.RoleMember)
	}
	var got, want []string
	listed := list(t, i, "/users", "users")
	for _, one := range listed {
		got = append(got, fmt.Sprint(one["id"]))
	}
	members, err := i.verbs().Store.Members(t.Context(), i.boot.Organization.ID, storage.Page{Limit: 100})
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range members {
		want = append(want, fmt.Sprint(m.UserID))
	}
	if diff := cmp.Diff(want, got); diff != "" || listed[0]["name"] != "Max" {
		t.Errorf("listed (-want +got):\n%s", diff)
	}
}

// A demoted admin's credentials lose admin at once, and get it back.
func TestDemotion(t *testing.T) {
	eachEngine(t, func(t *testing.T, e engine) {
		i := start(t, e)
		robin := i.person(t, "Robin", storage.RoleAdmin)
		token := i.mint(t, robin.session, "Robin's").Token
		narrow := i.mint(t, robin.session, "Robin's own", "admin", "issues:read").Token
		check := func(admin bool) {
			t.Helper()
			for _, credential := range []string{robin.session, token, narrow} {
				seen := i.introspect(t, i.resourceServer(), credential)
				scope, _ := seen["scope"].(string)
				if seen["active"] != true || slices.Contains(strings.Fields(scope), "admin") != admin {
					t.Errorf("introspected as %v", seen)
				}
				if got := i.introspect(t, i.resourceServer(), credential, "scope", "admin")["active"]; got != admin {
					t.Errorf("active for admin: %v", got)
				}
				me := i.call(t, "GET", "/me", credential, nil).want(t, 200)
				if (me["role"] == "admin") != admin {
					t.Errorf("me %v", me)
				}
				a := i.call(t, "GET", "/users", credential, nil)
				if admin {
					a.want(t, 200)
					continue
				}
				a.wantProblem(t, http.StatusForbidden, "insufficient_scope")
				i.call(t, "GET", "/organization", credential, nil).wantProblem(t, http.StatusForbidden, "insufficient_scope")
				i.call(t, "PATCH", robin.path(), credential, `{"role":"admin"}`).wantProblem(t, http.StatusForbidden, "insufficient_scope")
				i.call(t, "DELETE", fmt.Sprintf("/users/%d", i.boot.Admin.ID), credential, nil).wantProblem(t, http.StatusForbidden, "insufficient_scope")
			}
		}
		check(true)
		i.call(t, "PATCH", robin.path(), i.admin(), `{"role":"member"}`).want(t, 200)
		check(false)
		i.call(t, "PATCH", robin.path(), i.admin(), `{"role":"admin"}`).want(t, 200)
		check(true)
		i.call(t, "PATCH", robin.path(), robin.session, `{"role":"member"}`).want(t, 200) // of themselves
		check(false)
	})
}

func TestRemoval(t *testing.T) {
	eachEngine(t, func(t *testing.T, e engine) {
		i := start(t, e)
		t.Run("what they own ends", func(t *testing.T) { removeUser(t, i) })
		t.Run("what they own is handed over", func(t *testing.T) { removeUserWithHeir(t, i) })
	})
}

func removeUser(t *testing.T, i *instance) {
	robin := i.person(t, "Robin", storage.RoleAdmin)
	token := i.mint(t, robin.session, "Robin's")
	other := i.bootstrap("Globex")
	i.adopt(t, "globex", robin.email, "Robin", "admin")
	elsewhere := i.sessionOf(t, other.Organization.ID, robin.id).Secret.Reveal()
	before := len(i.events(t))
	i.call(t, "DELETE", robin.path(), i.admin(), nil).want(t, 204)
	for credential, want := range map[string]bool{robin.session: false, token.Token: false, elsewhere: true, i.admin(): true} {
		if got := i.active(t, credential); got != want {
			t.Errorf("%.15s: active %v", credential, got)
		}
	}
	i.call(t, "GET", "/me", robin.session, nil).wantProblem(t, 401, "invalid_token")
	i.call(t, "GET", robin.path(), i.admin(), nil).wantProblem(t, 404, "not_found")
	i.call(t, "DELETE", robin.path(), i.admin(), nil).wantProblem(t, 404, "not_found")
	if shown := read[workspaceToken](t, i.call(t, "GET", token.path(), i.admin(), nil), 200); shown.RevokedAt == nil || shown.Owner.Name != "Robin" {
		t.Errorf("the token is shown as %+v", shown)
	}
	var actions []string
	for _, event := range i.events(t)[before:] {
		actions = append(actions, event.Action)
		if event.Action == "user.removed" && (event.Target.Name != "Robin" || fmt.Sprint(event.Details["credentials_revoked"]) != "2") {
			t.Errorf("audit event %+v", event)
		}
	}
	slices.Sort(actions)
	if diff := cmp.Diff([]string{"session.revoked", "user.removed", "workspace_api_token.revoked"}, actions); diff != "" {
		t.Errorf("audit events (-want +got):\n%s", diff)
	}

	// Who comes back begins anew.
	i.adopt(t, "acme", robin.email, "Robin", "admin")
	if i.active(t, robin.session) || i.active(t, token.Token) {
		t.Error("what had ended came back with the person")
	}
}

func removeUserWithHeir(t *testing.T, i *instance) {
	sam, heir, member := i.person(t, "Sam", storage.RoleAdmin), i.person(t, "Heir", storage.RoleAdmin), i.person(t, "Member", storage.RoleMember)
	stranger := i.bootstrap("Initech").Admin
	token, revoked := i.mint(t, sam.session, "Sam's"), i.mint(t, sam.session, "Sam's old one")
	i.call(t, "DELETE", revoked.path(), i.admin(), nil).want(t, 204)
	for _, wrong := range []string{fmt.Sprint(sam.id), fmt.Sprint(member.id), fmt.Sprint(stranger.ID), "999999", "0", "-1", "heir", strings.Repeat("9", 30)} {
		i.call(t, "DELETE", sam.path()+"?reassign_tokens_to="+wrong, i.admin(), nil).wantInvalid(t, "reassign_tokens_to")
	}
	if !i.active(t, sam.session) || !i.active(t, token.Token) {
		t.Fatal("a refused removal ended something")
	}
	i.call(t, "DELETE", fmt.Sprintf("%s?reassign_tokens_to=%d", sam.path(), heir.id), i.admin(), nil).want(t, 204)
	if i.active(t, sam.session) || i.active(t, revoked.Token) {
		t.Error("a session, or what was revoked, goes on")
	}
	// Nobody else uses the account: who is added again gets a new password.
	again := read[user](t, i.call(t, "POST", "/users", i.admin(), map[string]any{"email": sam.email, "name": "Sam", "role": "member"}), 201)
	if again.ID != sam.id || again.Password == "" {
		t.Errorf("added again as %+v", again)
	}
	i.enter(t, sam.email, again.Password).want(t, http.StatusCreated)
	if seen := i.introspect(t, i.resourceServer(), token.Token); seen["active"] != true || seen["sub"] != fmt.Sprintf("user:%d", heir.id) {
		t.Errorf("introspected as %v", seen)
	}
	i.call(t, "GET", "/users", token.Token, nil).want(t, 200)
	if shown := read[workspaceToken](t, i.call(t, "GET", token.path(), i.admin(), nil), 200); shown.Owner.ID != heir.id || shown.Owner.Name != "Heir" {
		t.Errorf("the token is shown as %+v", shown)
	}
	for _, event := range i.events(t) {
		if event.Action == "user.removed" && event.Target.ID == sam.id {
			heirs, _ := event.Details["reassigned_to"].(map[string]any)
			if fmt.Sprint(event.Details["tokens_reassigned"]) != "1" || heirs["name"] != "Heir" {
				t.Errorf("audit event %+v", event)
			}
			return
		}
	}
	t.Error("the removal is not in the log")
}
