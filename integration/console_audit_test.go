package integration

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"kiket.dev/auth/storage"
)

// Organization → Audit: what happened is told in sentences, is searched, and taken
// away.
func TestConsoleAudit(t *testing.T) {
	eachEngine(t, func(t *testing.T, e engine) {
		i := start(t, e)
		for name, test := range map[string]func(*testing.T, *instance){
			"sentences": consoleSentences, "search": consoleAuditSearch, "pages": consoleAuditPages, "export": consoleAuditExport,
			"chain": consoleChain, "foreign": consoleForeignAudit, "members": consoleAuditMember, "persons": consoleAuditPersons,
		} {
			t.Run(name, func(t *testing.T) { test(t, i) })
		}
	})
}

func consoleSentences(t *testing.T, i *instance) {
	v := i.visitorAs(t, i.boot.Admin.Email, i.boot.Admin.Password)
	name := v.get("/console/api-tokens/new")
	name.submit("Create token", "name", "Sentence", "scopes", "issues:read").want(http.StatusCreated)
	token := v.get("/console/api-tokens").follow("Sentence")
	token.submit("Rename", "name", "Second <b>sentence</b>").want(http.StatusOK)
	log := v.get("/console/audit").want(http.StatusOK, "Admin signed in", "Admin issued the API token Sentence , for issues:read",
		"Admin renamed the API token Second <b>sentence</b>", "Before", "Sentence", "from 127.0.0.1").wantNot("<b>sentence</b>")
	// A name leads to all that happened to it.
	of := log.follow("Second <b>sentence</b>").want(http.StatusOK, "renamed", "issued").wantNot("signed in")
	if !strings.HasPrefix(of.path, "/console/audit?target=workspace_api_token") {
		t.Errorf("a name leads to %s", of.path)
	}
	of.follow("Show all").want(http.StatusOK, "signed in")
}

func consoleAuditSearch(t *testing.T, i *instance) {
	v := i.visitorAs(t, i.boot.Admin.Email, i.boot.Admin.Password)
	form := v.get("/console/audit")
	today, tomorrow := time.Now().UTC().Format(time.DateOnly), time.Now().UTC().AddDate(0, 0, 1).Format(time.DateOnly)
	form.submit("Search", "action", "session.").want(http.StatusOK, "Admin signed in").wantNot("set up the organization")
	form.submit("Search", "action", "organization.created").want(http.StatusOK, "set up the organization").wantNot("issued the API token")
	form.submit("Search", "since", today, "until", today).want(http.StatusOK, "signed in")
	form.submit("Search", "since", tomorrow).want(http.StatusOK, "Nothing happened that the filter names")
	form.submit("Search", "action", "strange.thing").want(http.StatusOK, "Nothing happened", "strange.thing")
	for problem, wrong := range map[string][]string{
		"Choose one of the list":       {"action", "Everything!"},
		"No member has that name":      {"actor", "avery"},
		"a kind and a number such as":  {"target", "workspace_api_token"},
		"No member has that name or e": {"actor", "robin@elsewhere.test"},
		"Want a day such as " + today:  {"since", "yesterday"},
		"Want a day such as":           {"until", "9999-12-31"},
		"Want a day such as 2":         {"until", "31.01.2026"},
		"Want a day that is not befor": {"since", tomorrow, "until", today},
	} {
		again := form.submit("Search", wrong...).want(http.StatusUnprocessableEntity, problem)
		if kept, _ := again.formOf("Search"); successful(kept).Get(wrong[0]) != wrong[1] && wrong[0] != "action" {
			t.Errorf("%v: what was typed is lost", wrong)
		}
		v.get("/console/audit/export?format=csv&"+pairs(wrong).Encode()).want(http.StatusUnprocessableEntity, "Not accepted")
	}
}

// What somebody did is found by who they are, in whatever session they did it.
func consoleAuditPersons(t *testing.T, i *instance) {
	robin := i.person(t, "Robin Twice", storage.RoleAdmin)
	second := i.sessionOf(t, i.boot.Organization.ID, robin.id)
	for n, session := range []string{robin.session, second.Secret.Reveal()} {
		i.call(t, "POST", "/projects", session, map[string]any{"key": fmt.Sprintf("ROBIN%d", n), "name": fmt.Sprintf("Of session %d.", n)}).want(t, 201)
	}
	i.call(t, "POST", "/projects", i.admin(), map[string]any{"key": "OTHER", "name": "Of somebody else."}).want(t, 201)
	v := i.visitingAdmin(t)
	both := []string{"What Robin Twice did", "Of session 0.", "Of session 1."}
	all := v.get("/console/audit?action=project.created").follow("Robin Twice").want(http.StatusOK, both...).wantNot("Of somebody else.")
	one := all.follow(fmt.Sprintf("session:%d", second.Token.ID)).want(http.StatusOK, "What was done in one session of Robin Twice", "Of session 1.").wantNot("Of session 0.")
	one.follow("All that Robin Twice did").want(http.StatusOK, both...)
	for _, called := range []string{"robin twice", robin.email, fmt.Sprintf("user:%d", robin.id)} {
		found := all.submit("Search", "actor", called).want(http.StatusOK, both...).wantNot("Of somebody else.")
		if lines := strings.Count(found.follow("Export NDJSON").source, "\n"); lines != 2 {
			t.Errorf("%s: %d events are exported", called, lines)
		}
	}
	v.get(fmt.Sprintf("/console/members/%d", robin.id)).follow("What they did").want(http.StatusOK, both...)
	i.person(t, "Robin", storage.RoleMember)
	namesake := i.person(t, "Robin2", storage.RoleMember)
	i.call(t, "PATCH", namesake.path(), i.admin(), map[string]any{"name": "Robin"}).want(t, 200)
	v.get("/console/audit?actor=robin").want(http.StatusUnprocessableEntity, "Several members have that name")
}

func consoleAuditPages(t *testing.T, i *instance) {
	for n := range 60 {
		i.call(t, "POST", "/projects", i.admin(), map[string]any{"key": fmt.Sprintf("P%d", n), "name": fmt.Sprintf("Project number %d.", n)}).want(t, 201)
	}
	v := i.visitingAdmin(t)
	first := v.get("/console/audit?action=project.created").want(http.StatusOK, "Project number 59.").wantNot("Project number 9.")
	second := first.follow("Older").want(http.StatusOK, "Project number 9.", "Project number 0.").wantNot("Project number 10.", "signed in")
	if strings.Contains(second.text, "Older") {
		t.Error("there is more after the end")
	}
}

func consoleAuditExport(t *testing.T, i *instance) {
	v := i.visitingAdmin(t)
	shown := v.get("/console/audit?action=session.created")
	got := shown.follow("Export NDJSON")
	if got.status != http.StatusOK || got.header.Get("Content-Type") != "application/x-ndjson" || !strings.Contains(got.header.Get("Content-Disposition"), "audit-events.ndjson") {
		t.Fatalf("%d %v", got.status, got.header)
	}
	lines := strings.Split(strings.TrimSpace(got.source), "\n")
	for _, line := range lines {
		var event struct{ Action string }
		if err := json.Unmarshal([]byte(line), &event); err != nil || event.Action != "session.created" {
			t.Errorf("%v: %s", err, line)
		}
	}
	sheet := shown.follow("Export CSV")
	rows, err := csv.NewReader(strings.NewReader(sheet.source)).ReadAll()
	if err != nil || len(rows) != len(lines)+1 || !strings.HasPrefix(sheet.header.Get("Content-Type"), "text/csv") {
		t.Errorf("%d rows for %d events: %v", len(rows), len(lines), err)
	}
	v.get("/console/audit/export?format=xml").want(http.StatusUnprocessableEntity, "want ndjson or csv")
}

func consoleChain(t *testing.T, i *instance) {
	v := i.visitingAdmin(t)
	eventually(t, func() error {
		if p := v.get("/console/audit").want(http.StatusOK, "not verified yet", "verifies what is new every 1 hour"); !strings.Contains(p.text, "sealed through event number") || !strings.Contains(p.text, "Latest checkpoint") {
			return fmt.Errorf("the chain is not shown: %s", p.text)
		}
		return nil
	})
}

func consoleForeignAudit(t *testing.T, i *instance) {
	other := i.bootstrap("Umbrella")
	v := i.visitingAdmin(t)
	v.get("/console/audit").wantNot("Umbrella")
	v.get(fmt.Sprintf("/console/audit?target=organization:%d", other.Organization.ID)).want(http.StatusOK, "Nothing happened")
}

func consoleAuditMember(t *testing.T, i *instance) {
	member := i.visitorWith(t, i.person(t, "Plain", storage.RoleMember).session)
	for _, path := range []string{"/console/audit", "/console/audit/export?format=csv"} {
		member.get(path).want(http.StatusForbidden, "for the admins of Acme")
	}
	i.visitor(t).get("/console/audit/export?format=csv").want(http.StatusOK, "Sign in")
}
