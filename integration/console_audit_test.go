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
			"chain": consoleChain, "foreign": consoleForeignAudit, "members": consoleAuditMember,
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
		"Want a kind and a number":     {"actor", "avery"},
		"Want a kind and":              {"target", "workspace_api_token"},
		"Want a day such as " + today:  {"since", "yesterday"},
		"Want a day such as":           {"until", "31.01.2026"},
		"Want a day that is not befor": {"since", tomorrow, "until", today},
	} {
		again := form.submit("Search", wrong...).want(http.StatusUnprocessableEntity, problem)
		if kept, _ := again.formOf("Search"); successful(kept).Get(wrong[0]) != wrong[1] && wrong[0] != "action" {
			t.Errorf("%v: what was typed is lost", wrong)
		}
		v.get("/console/audit/export?format=csv&"+pairs(wrong).Encode()).want(http.StatusUnprocessableEntity, "Not accepted")
	}
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
		if p := v.get("/console/audit").want(http.StatusOK); !strings.Contains(p.text, "sealed through event number") || !strings.Contains(p.text, "Latest checkpoint") {
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
