package integration

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"kiket.dev/auth/storage"
)

// Organization → Alerts: what is wrong, who is told of it, and by which rules.
func TestConsoleAlerts(t *testing.T) {
	eachEngine(t, func(t *testing.T, e engine) {
		a := newAlerting(t, e)
		for name, test := range map[string]func(*testing.T, *alerting){
			"acknowledge": consoleAcknowledge, "channels": consoleChannels, "channels wrong": consoleChannelsWrong,
			"webhook": consoleWebhook, "rules": consoleRules, "foreign": consoleForeignAlerts, "members": consoleAlertsMember,
		} {
			t.Run(name, func(t *testing.T) { test(t, a) })
		}
	})
}

func consoleAcknowledge(t *testing.T, a *alerting) {
	token := a.revokedToken(t, "Leaked laptop")
	a.active(t, token)
	a.waitForAlert(t, "revoked_credential_used Leaked laptop", 1)
	v := a.visitingAdmin(t)
	open := v.get("/console/alerts").want(http.StatusOK, "warning", "Leaked laptop", "although it is revoked", "Token prefix").wantNot(token)
	// One click further it can be seen what it is, and what it did.
	at := open.follow("Look at it (Leaked laptop)").want(http.StatusOK, "Leaked laptop", "revoked", "Recent alerts", "although it is revoked")
	if !strings.HasPrefix(at.path, "/console/credentials/workspace_api_token/") {
		t.Errorf("the alert leads to %s", at.path)
	}
	number := strings.TrimPrefix(buttonsOf(at, "Acknowledge"), "Acknowledge alert ")
	done := at.submit("Acknowledge alert "+number).want(http.StatusOK, "The alert is acknowledged").wantNot("Leaked laptop")
	acknowledged := done.follow("Acknowledged").want(http.StatusOK, "Leaked laptop", "by Admin")
	acknowledged.submit("Open again (alert "+number+")").want(http.StatusOK, "open again", "Leaked laptop")
	v.post("/console/alerts/999999/acknowledge").want(http.StatusNotFound, "Nothing here")
}

// buttonsOf returns the text of the first button that begins with some.
func buttonsOf(p visited, beginning string) string {
	p.v.t.Helper()
	for n := range p.root.Descendants() {
		if text := readable(n); n.Data == "button" && strings.HasPrefix(text, beginning) {
			return text
		}
	}
	p.v.t.Fatalf("%s has no button %s: %s", p.path, beginning, p.text)
	return ""
}

func consoleChannels(t *testing.T, a *alerting) {
	v := a.visitingAdmin(t)
	v.get("/console/alerts").follow("Channels").follow("New channel").
		submit("Add channel", "kind", "email", "address", "security@acme.test", "webhook_url", "https://typed.before.test/", "name", "People").
		want(http.StatusOK, "The channel is added", "People", "security@acme.test", "nothing sent yet")
	v.get("/console/alerts/channels").submit("Send a test to People").want(http.StatusOK, "The test arrived", "arrives")
	a.mail.set(fails)
	v.get("/console/alerts/channels").submit("Send a test to People").want(http.StatusOK, "The test did not arrive at People", "failing")
	a.mail.set(takes)
	ask := v.get("/console/alerts/channels").follow("Delete People").want(http.StatusOK, "security@acme.test")
	ask.follow("Keep it").want(http.StatusOK, "People")
	ask.submit("Delete channel").want(http.StatusOK, "The channel is deleted").wantNot("People")
	ask.submit("Delete channel").want(http.StatusNotFound, "Nothing here")
}

func consoleChannelsWrong(t *testing.T, a *alerting) {
	form := a.visitingAdmin(t).get("/console/alerts/channels/new").want(http.StatusOK)
	for problem, wrong := range map[string][]string{
		"Want email, slack or webhook": {"kind", "pigeon", "name", "Typed"},
		"Want an address":              {"kind", "email", "address", "nobody", "name", "Typed"},
		"100 characters":               {"kind", "email", "address", "a@acme.test", "name", strings.Repeat("n", 101)},
		"https":                        {"kind", "slack", "webhook_url", "http://hooks.acme.test/", "name", "Typed"},
		"form is not complete":         {"kind", "email", "address", "a@acme.test", "name", "Typed", "form", "-"},
	} {
		again := form.submit("Add channel", wrong...).want(http.StatusUnprocessableEntity, problem)
		kept, _ := again.formOf("Add channel")
		if values := successful(kept); values.Get(wrong[2]) != wrong[3] {
			t.Errorf("%s: what was typed is lost: %v", problem, values)
		}
	}
}

func consoleWebhook(t *testing.T, a *alerting) {
	v := a.visitingAdmin(t)
	form := v.get("/console/alerts/channels/new")
	fields := []string{"kind", "webhook", "webhook_url", a.web.URL + "/console-hook", "name", "Pager", "address", "typed@before.test"}
	made := form.submit("Add channel", fields...).want(http.StatusCreated, "only time")
	if !strings.HasPrefix(made.secret(), "whsec_") {
		t.Errorf("the signing secret is %s", made.secret())
	}
	if again := form.submit("Add channel", fields...).want(http.StatusCreated); again.secret() != made.secret() {
		t.Error("two clicks made two channels")
	}
	listed := made.follow("I have copied it").want(http.StatusOK, "Pager").wantNot(made.secret(), "console-hook")
	if n := strings.Count(listed.text, "Delete Pager"); n != 1 {
		t.Errorf("there are %d channels", n)
	}
	listed.submit("Send a test to Pager").want(http.StatusOK, "The test arrived")
}

func consoleRules(t *testing.T, a *alerting) {
	v := a.visitingAdmin(t)
	rules := v.get("/console/alerts/rules").want(http.StatusOK, "Failures of one integration", "Dormant credential used")
	save := "Save Failures of one integration"
	for problem, wrong := range map[string][]string{
		"Want a number from 3 to 10000": {"threshold", "many"},
		"Want a number from 3":          {"threshold", "2"},
		"Want 1 minute to 1 hour":       {"window", "2", "unit", "days"},
		"Want 1 minute":                 {"window", "soon"},
	} {
		again := rules.submit(save, wrong...).want(http.StatusUnprocessableEntity, problem)
		if kept, _ := again.formOf(save); successful(kept).Get(wrong[0]) != wrong[1] {
			t.Errorf("%s: what was typed is lost", problem)
		}
	}
	changed := rules.submit(save, "threshold", "5", "window", "10", "unit", "minutes").want(http.StatusOK, "The rule is changed", "Normally: on, from 20 times on, within 5 minutes")
	if rule := a.rules(t, a.admin())["authentication_failures"]; rule["threshold"] != 5.0 || rule["window_seconds"] != 600.0 || rule["enabled"] != true {
		t.Errorf("%v", rule)
	}
	off := changed.submit(save, "enabled", "-").want(http.StatusOK, "off")
	if rule := a.rules(t, a.admin())["authentication_failures"]; rule["enabled"] != false || rule["threshold"] != 5.0 {
		t.Errorf("%v", rule)
	}
	off.submit("Back to normal (Failures of one integration)").want(http.StatusOK).wantNot("Normally: ")
	if rule := a.rules(t, a.admin())["authentication_failures"]; rule["enabled"] != true || rule["threshold"] != 20.0 {
		t.Errorf("%v", rule)
	}
	v.get("/console/audit?action=alert_rule.updated").want(http.StatusOK, "changed the alert rule", "Threshold", "20", "5")
	v.post("/console/alerts/rules/no_such_rule", "enabled", "on").want(http.StatusNotFound, "Nothing here")
}

func consoleForeignAlerts(t *testing.T, a *alerting) {
	other := a.bootstrap("Initech")
	theirs := a.call(t, "POST", "/alert_channels", other.WorkspaceAPIToken.Token, map[string]any{"kind": "email", "address": "x@initech.test"}).want(t, 201)
	v := a.visitingAdmin(t)
	v.get("/console/alerts/channels").want(http.StatusOK).wantNot("initech")
	path := fmt.Sprintf("/console/alerts/channels/%v", theirs["id"])
	v.get(path+"/delete").want(http.StatusNotFound, "Nothing here")
	v.post(path+"/delete").want(http.StatusNotFound, "Nothing here")
	v.post(path+"/test").want(http.StatusNotFound, "Nothing here")
}

func consoleAlertsMember(t *testing.T, a *alerting) {
	member := a.visitorWith(t, a.person(t, "Plain", storage.RoleMember).session)
	for _, path := range []string{"/console/alerts", "/console/alerts/channels", "/console/alerts/channels/new", "/console/alerts/rules"} {
		member.get(path).want(http.StatusForbidden, "for the admins of Acme")
	}
	member.post("/console/alerts/channels", "kind", "email", "address", "me@acme.test").want(http.StatusForbidden)
	member.post("/console/alerts/rules/dormant_credential_used").want(http.StatusForbidden)
	a.visitingAdmin(t).get("/console/audit?actor=&action=alert_rule.update_denied").want(http.StatusOK, "tried to change an alert rule and was refused")
}
