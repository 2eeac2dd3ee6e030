package integration

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"kiket.dev/auth/storage"
)

func TestSessions(t *testing.T) {
	eachEngine(t, func(t *testing.T, e engine) {
		i := start(t, e)
		robin := i.person(t, "Robin", storage.RoleMember)
		t.Run("list", func(t *testing.T) { listSessions(t, i, robin) })
		t.Run("sign out", func(t *testing.T) { signOut(t, i, robin) })
		t.Run("sign out everywhere", func(t *testing.T) { signOutEverywhere(t, i, robin) })
		t.Run("for sessions alone", func(t *testing.T) { sessionsAlone(t, i) })
	})
}

func listSessions(t *testing.T, i *instance, robin person) {
	second := i.sessionOf(t, i.boot.Organization.ID, robin.id)
	i.workspaceToken(time.Time{})
	page := i.call(t, "GET", "/sessions?limit=1", robin.session, nil, "User-Agent", "browser/1.0").want(t, 200)
	cursor, _ := page["next_cursor"].(string)
	newest, _ := page["sessions"].([]any)[0].(map[string]any)
	if newest["id"] != float64(second.Token.ID) || newest["current"] != false || newest["token_prefix"] != second.Token.Prefix || newest["last_used_at"] != nil || newest["last_used_address"] != nil {
		t.Errorf("newest %v", newest)
	}
	page = i.call(t, "GET", "/sessions?limit=1&cursor="+cursor, robin.session, nil).want(t, 200)
	if oldest, _ := page["sessions"].([]any)[0].(map[string]any); oldest["current"] != true || page["next_cursor"] != nil {
		t.Errorf("last page %v", page)
	}
	eventually(t, func() error {
		seen := i.call(t, "GET", "/sessions?cursor="+cursor, robin.session, nil, "User-Agent", "browser/1.0").want(t, 200)
		used, _ := seen["sessions"].([]any)[0].(map[string]any)
		if used["last_used_at"] == nil || used["last_used_address"] != "127.0.0.1" || used["last_used_user_agent"] != "browser/1.0" {
			return fmt.Errorf("listed as %v", used)
		}
		return nil
	})
}

func signOut(t *testing.T, i *instance, robin person) {
	organization := i.boot.Organization.ID
	one, other := i.sessionOf(t, organization, robin.id), i.sessionOf(t, organization, robin.id)
	path := fmt.Sprintf("/sessions/%d", other.Token.ID)
	for range 2 {
		i.call(t, "DELETE", path, one.Secret.Reveal(), nil).want(t, 204)
	}
	i.call(t, "GET", "/me", other.Secret.Reveal(), nil).wantProblem(t, 401, "invalid_token")
	if i.active(t, other.Secret.Reveal()) {
		t.Error("active after its end")
	}
	admins := i.session()
	for _, id := range []string{fmt.Sprint(admins.Token.ID), fmt.Sprint(i.workspaceToken(time.Time{}).Token.ID), "0", "999999", strings.Repeat("9", 30)} {
		i.call(t, "DELETE", "/sessions/"+id, one.Secret.Reveal(), nil).wantProblem(t, 404, "not_found")
	}
	if !i.active(t, admins.Secret.Reveal()) || !i.active(t, robin.session) {
		t.Error("another session ended as well")
	}
	before := len(i.events(t))
	i.call(t, "DELETE", "/sessions/current", one.Secret.Reveal(), nil).want(t, 204)
	i.call(t, "DELETE", "/sessions/current", one.Secret.Reveal(), nil).wantProblem(t, 401, "invalid_token")
	events := i.events(t)[before:]
	if len(events) != 1 || events[0].Action != "session.revoked" || events[0].Target.ID != one.Token.ID || events[0].Actor.ID != one.Token.ID {
		t.Errorf("audit events %+v", events)
	}
}

// In one organization: those of the same person elsewhere, and of others, stay.
func signOutEverywhere(t *testing.T, i *instance, robin person) {
	other := i.bootstrap("Globex")
	i.adopt(t, "globex", robin.email, "Robin", "admin")
	elsewhere := i.sessionOf(t, other.Organization.ID, robin.id)
	one, two := i.sessionOf(t, i.boot.Organization.ID, robin.id), i.sessionOf(t, i.boot.Organization.ID, robin.id)
	admins := i.session()
	i.call(t, "DELETE", fmt.Sprintf("/sessions/%d", elsewhere.Token.ID), one.Secret.Reveal(), nil).wantProblem(t, 404, "not_found")
	i.call(t, "DELETE", "/sessions", one.Secret.Reveal(), nil).want(t, 204)
	for token, want := range map[string]bool{
		one.Secret.Reveal(): false, two.Secret.Reveal(): false, robin.session: false,
		elsewhere.Secret.Reveal(): true, admins.Secret.Reveal(): true,
	} {
		if got := i.active(t, token); got != want {
			t.Errorf("%.15s: active %v", token, got)
		}
	}
}

// Other credentials, even of the same person, neither see nor end sessions.
func sessionsAlone(t *testing.T, i *instance) {
	id := i.session().Token.ID
	for kind, token := range map[string]string{
		"workspace token": i.admin(), "extension key": i.extension("issues").Key.Secret.Reveal(),
		"access token": i.fetch(t, i.application("admin")),
	} {
		for _, request := range [][2]string{
			{"GET", "/sessions"},
			{"DELETE", "/sessions"},
			{"DELETE", "/sessions/current"},
			{"DELETE", fmt.Sprintf("/sessions/%d", id)},
			{"PUT", "/me/password"},
		} {
			body := any(nil)
			if request[0] == "PUT" {
				body = `{"current_password":"x","new_password":"correct horse battery"}`
			}
			if a := i.call(t, request[0], request[1], token, body); a.status != http.StatusForbidden {
				t.Errorf("%s: %v: %d %s", kind, request, a.status, a.body)
			}
		}
	}
}
