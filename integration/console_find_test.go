package integration

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"kiket.dev/auth/server/access"
	"kiket.dev/auth/server/tokens"
	"kiket.dev/auth/storage"
)

// Lists that have become long are searched by name, in all of their pages; and every page
// says that an alert waits.
func TestConsoleFind(t *testing.T) {
	eachEngine(t, func(t *testing.T, e engine) {
		i := start(t, e)
		for name, test := range map[string]func(*testing.T, *instance){
			"tokens": consoleFindTokens, "members": consoleFindMembers, "integrations": consoleFindIntegrations,
			"expired": consoleExpiredToken, "alerts": consoleAlertsInTheMenu,
		} {
			t.Run(name, func(t *testing.T) { test(t, i) })
		}
	})
}

func consoleFindTokens(t *testing.T, i *instance) {
	v := i.visitingAdmin(t)
	v.get("/console/api-tokens").wantNot("Name, prefix or owner")
	i.mint(t, i.admin(), "The oldest <one>", "issues")
	for n := range 60 {
		i.mint(t, i.admin(), fmt.Sprintf("Robot %d", n), "issues")
	}
	long := v.get("/console/api-tokens").want(http.StatusOK, "Robot 59", "Older").wantNot("The oldest", "Robot 7<")
	found := long.submit("Search", "q", "OLDEST <").want(http.StatusOK, "The oldest <one>").wantNot("Robot", "Older<")
	found.submit("Search", "q", "robot 7").want(http.StatusOK, "Robot 7").wantNot("Robot 8", "oldest <")
	found.submit("Search", "q", "admin").want(http.StatusOK, "Robot 59").follow("Older").want(http.StatusOK, "The oldest <one>", "Robot 7").wantNot("Robot 59")
	none := found.submit("Search", "q", "nothing like it").want(http.StatusOK, "No active token has that").wantNot("No active tokens")
	none.follow("Show all").want(http.StatusOK, "Robot 59")
	v.get("/console/api-tokens?state=revoked&q=robot").want(http.StatusOK, "No revoked token has that")
	// An owner is looked at from there.
	if owner := fmt.Sprintf("/console/members/%d", i.boot.Admin.ID); !strings.Contains(long.source, owner) {
		t.Error("an owner has no link")
	}
}

func consoleFindMembers(t *testing.T, i *instance) {
	for n := range 10 {
		i.person(t, fmt.Sprintf("Person%d", n), storage.RoleMember)
	}
	v := i.visitingAdmin(t)
	v.get("/console/members").submit("Search", "q", "PERSON3").want(http.StatusOK, "person3@people.test").wantNot("person4@people.test").
		submit("Search", "q", "nobody@").want(http.StatusOK, "No member has that").follow("Show all").want(http.StatusOK, "person4@people.test")
}

func consoleFindIntegrations(t *testing.T, i *instance) {
	var last oauthApplication
	for n := range 10 {
		last = i.registered(t, fmt.Sprintf("Export %d", n), "issues")
	}
	v := i.visitingAdmin(t)
	v.get("/console/integrations").submit("Search", "q", last.ClientID).want(http.StatusOK, last.Name).wantNot("Export 3").
		submit("Search", "q", "nothing").want(http.StatusOK, "No integration has that").follow("Show all").want(http.StatusOK, "Export 3")
}

func consoleExpiredToken(t *testing.T, i *instance) {
	then, past := *i.verbs().Tokens, time.Now().Add(-time.Hour)
	then.Clock = func() time.Time { return past }
	expired, err := then.IssueWorkspaceToken(t.Context(), access.Operator(), tokens.WorkspaceTokenRequest{
		OrganizationID: i.boot.Organization.ID, OwnerID: i.boot.Admin.ID, Name: "Short", Scopes: []string{"issues"}, ExpiresAt: past.Add(time.Minute),
	})
	if err != nil {
		t.Fatal(err)
	}
	v := i.visitingAdmin(t)
	shown := v.get(fmt.Sprintf("/console/api-tokens/%d", expired.Token.ID)).want(http.StatusOK, "It expired", "works no more")
	shown.follow("Revoke").want(http.StatusOK, "It has expired already").wantNot("Every program that uses it")
}

func consoleAlertsInTheMenu(t *testing.T, i *instance) {
	v := i.visitingAdmin(t)
	v.get("/console/api-tokens").wantNot("open alert")
	i.active(t, i.revokedToken(t, "Leaked laptop"))
	i.waitForAlert(t, "revoked_credential_used Leaked laptop", 1)
	v.get("/console/api-tokens").want(http.StatusOK, "1 open alert", "Alerts 1 open").
		follow("Alerts 1 open").want(http.StatusOK, "although it is revoked")
	member := i.visitorWith(t, i.person(t, "Plain", storage.RoleMember).session)
	member.get("/console/account").want(http.StatusOK).wantNot("open alert")
}
