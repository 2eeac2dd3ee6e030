package integration

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"kiket.dev/auth/storage"
)

func TestProjects(t *testing.T) {
	eachEngine(t, func(t *testing.T, e engine) {
		i := start(t, e)
		for name, test := range map[string]func(*testing.T, *instance){
			"create and show": createProjects, "wrong requests": wrongProjects, "at once": createProjectAtOnce,
			"who may": whoMayProjects, "an extension sees its own": projectOfExtension,
		} {
			t.Run(name, func(t *testing.T) { test(t, i) })
		}
	})
}

func createProjects(t *testing.T, i *instance) {
	made := i.call(t, "POST", "/projects", i.admin(), `{"project":{"key":"WEB2","name":" Website – 2 "}}`).want(t, http.StatusCreated)
	if diff := cmp.Diff(map[string]any{"id": made["id"], "key": "WEB2", "name": "Website – 2", "created_at": made["created_at"]}, made); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	path := "/projects/" + strconv.FormatInt(int64(made["id"].(float64)), 10)
	if diff := cmp.Diff(made, i.call(t, "GET", path, i.admin(), nil).want(t, 200)); diff != "" {
		t.Errorf("shown (-want +got):\n%s", diff)
	}
	if all := list(t, i, "/projects", "projects"); len(all) < 2 || all[0]["key"] != "WEB2" || all[len(all)-1]["key"] != "DEFAULT" {
		t.Errorf("listed %v", all)
	}
	if events := i.events(t); !containsEvent(events, "project.created", "WEB2") {
		t.Error("not in the audit log")
	}
}

func containsEvent(events []storage.AuditEvent, action, key string) bool {
	for _, event := range events {
		if event.Action == action && event.Details["key"] == key {
			return true
		}
	}
	return false
}

func wrongProjects(t *testing.T, i *instance) {
	for body, fields := range map[string][]string{
		`{}`:                       {"key", "name"},
		`{"key":"web","name":"a"}`: {"key"},
		`{"key":"1A","name":"a"}`:  {"key"},
		`{"key":"A B","name":"a"}`: {"key"},
		`{"key":"A\n","name":"a"}`: {"key"},
		`{"key":"ÄB","name":"a"}`:  {"key"},
		`{"key":"` + strings.Repeat("A", 21) + `","name":"a"}`: {"key"},
		`{"key":"OK","name":" "}`:                              {"name"},
		`{"key":"OK","name":"a","id":7}`:                       {"id"},
	} {
		i.call(t, "POST", "/projects", i.admin(), body).wantInvalid(t, fields...)
	}
	i.call(t, "POST", "/projects", i.admin(), `{"key":"`+strings.Repeat("A", 20)+`","name":"a"}`).want(t, http.StatusCreated)
	i.call(t, "POST", "/projects", i.admin(), `{"key":"DEFAULT","name":"a"}`).wantProblem(t, 409, "conflict")
}

func createProjectAtOnce(t *testing.T, i *instance) {
	create := func() (answer, error) {
		return i.attemptCall("POST", "/projects", i.admin(), `{"key":"ONCE","name":"Once"}`)
	}
	if diff := cmp.Diff([]int{201, 409, 409, 409}, statuses(atOnce(t, create, create, create, create))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func whoMayProjects(t *testing.T, i *instance) {
	id := strconv.FormatInt(i.boot.Project.ID, 10)
	globex := i.bootstrap("Globex")
	i.call(t, "GET", "/projects/"+id, globex.WorkspaceAPIToken.Token, nil).wantProblem(t, 404, "not_found")
	for _, absent := range []string{"0", "4711", "99999999999999999999"} {
		i.call(t, "GET", "/projects/"+absent, i.admin(), nil).wantProblem(t, 404, "not_found")
	}
	// The same key in another organization is another project.
	i.call(t, "POST", "/projects", globex.WorkspaceAPIToken.Token, `{"key":"ONCE","name":"a"}`).want(t, http.StatusCreated)

	key := 0
	for _, tt := range []struct {
		name, token string
		reads       bool
		writes      bool
	}{
		{"read alone", i.mint(t, i.admin(), "a", "projects:read").Token, true, false},
		{"write alone", i.mint(t, i.admin(), "a", "projects:write").Token, false, true},
		{"both", i.mint(t, i.admin(), "a", "projects").Token, true, true},
		{"an application", i.fetch(t, i.application("projects")), true, true},
		{"admin alone", i.mint(t, i.admin(), "a", "admin").Token, false, false},
		{"a member", i.person(t, "Reader", storage.RoleMember).session, false, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			key++
			status := map[bool]int{true: 200, false: 403}
			i.call(t, "GET", "/projects", tt.token, nil).want(t, status[tt.reads])
			i.call(t, "GET", "/projects/"+id, tt.token, nil).want(t, status[tt.reads])
			body := map[string]any{"key": "WHO" + strconv.Itoa(key), "name": "a"}
			i.call(t, "POST", "/projects", tt.token, body).want(t, map[bool]int{true: 201, false: 403}[tt.writes])
		})
	}
}

func projectOfExtension(t *testing.T, i *instance) {
	other := i.call(t, "POST", "/projects", i.admin(), `{"key":"OTHER","name":"a"}`).want(t, http.StatusCreated)["id"]
	key := i.install(t, "com.example.projects", "projects").APIKey.Token
	for cursor := range 2 {
		a := i.call(t, "GET", "/projects?limit=1", key, nil).want(t, 200)
		projects, _ := a["projects"].([]any)
		if len(projects) != 1 || a["next_cursor"] != nil || projects[0].(map[string]any)["key"] != "DEFAULT" {
			t.Errorf("%d: it sees %v", cursor, a)
		}
	}
	i.call(t, "GET", "/projects/"+strconv.FormatInt(i.boot.Project.ID, 10), key, nil).want(t, 200)
	i.call(t, "GET", fmt.Sprint("/projects/", other), key, nil).wantProblem(t, 404, "not_found")
	i.call(t, "POST", "/projects", key, `{"key":"MINE","name":"a"}`).wantProblem(t, 403, "forbidden")
}
