package integration

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// An organization may say how long its workspace tokens live at the most; those that it
// has keep working, and are found.
func TestWorkspaceTokenMaxLifetime(t *testing.T) {
	eachEngine(t, func(t *testing.T, e engine) {
		i := start(t, e)
		if got := i.call(t, "GET", "/organization", i.admin(), nil).want(t, 200); got["workspace_token_max_lifetime"] != nil {
			t.Errorf("at first: %v", got)
		}
		if got := i.credentials(t, "&exceeds_max_lifetime=true", 5); len(got) != 0 {
			t.Errorf("without a limit: %v", references(got))
		}
		post := func(name string, expires any) answer {
			t.Helper()
			return i.call(t, "POST", "/workspace_api_tokens", i.admin(), map[string]any{"name": name, "scopes": []string{"issues"}, "expires_at": expires})
		}
		in := func(d time.Duration) string { return time.Now().Add(d).UTC().Format(time.RFC3339) }
		short := read[workspaceToken](t, post("short", in(time.Hour)), http.StatusCreated)
		long := read[workspaceToken](t, post("long", in(31*day)), http.StatusCreated)
		endless := read[workspaceToken](t, post("endless", nil), http.StatusCreated)

		for _, wrong := range []string{"0", "-1", "3599", "315360001", "9223372036854775807", "3600.5", `"3600"`, "true"} {
			i.call(t, "PATCH", "/organization", i.admin(), `{"workspace_token_max_lifetime":`+wrong+`}`).wantInvalid(t, "workspace_token_max_lifetime")
		}
		before := len(i.events(t))
		for range 2 { // the second changes nothing
			if got := i.call(t, "PATCH", "/organization", i.admin(), map[string]any{"workspace_token_max_lifetime": 30 * 86400}).want(t, 200); got["workspace_token_max_lifetime"] != 2592000.0 || got["name"] != "Acme" {
				t.Errorf("limited: %v", got)
			}
		}
		events := i.events(t)[before:]
		want := map[string]any{"workspace_token_max_lifetime": map[string]any{"before": nil, "after": 2592000.0}}
		if len(events) != 1 || events[0].Action != "organization.updated" {
			t.Fatalf("events %+v", events)
		}
		if diff := cmp.Diff(want, events[0].Details); diff != "" {
			t.Errorf("details (-want +got):\n%s", diff)
		}

		for _, expires := range []any{nil, in(30*day + time.Hour)} {
			refused := post("refused", expires)
			refused.wantInvalid(t, "expires_at")
			if !strings.Contains(refused.body, " at the latest") || !strings.Contains(refused.body, in(30 * day)[:13]) {
				t.Errorf("it is not said until when it may be: %s", refused.body)
			}
		}
		read[workspaceToken](t, post("within", in(30*day)), http.StatusCreated)
		for _, one := range []workspaceToken{short, long, endless} {
			if !i.active(t, one.Token) {
				t.Errorf("%s does not work any more", one.Name)
			}
		}
		reference := func(id int64) string { return fmt.Sprintf("workspace_api_token:%d", id) }
		exceeding := []string{reference(endless.ID), reference(long.ID), reference(i.boot.WorkspaceAPIToken.ID)}
		for _, limit := range []int{1, 2, 50} {
			if diff := cmp.Diff(exceeding, references(i.credentials(t, "&exceeds_max_lifetime=true", limit))); diff != "" {
				t.Errorf("exceeding (-want +got):\n%s", diff)
			}
		}
		if diff := cmp.Diff(exceeding[2:], references(i.credentials(t, "&exceeds_max_lifetime=true&full_access=true", 5))); diff != "" {
			t.Errorf("exceeding with full access (-want +got):\n%s", diff)
		}
		// Another organization has no limit, and bootstrap makes its token as ever.
		globex := i.bootstrap("Globex").WorkspaceAPIToken
		i.call(t, "POST", "/workspace_api_tokens", globex.Token, map[string]any{"name": "theirs"}).want(t, http.StatusCreated)

		i.call(t, "PATCH", "/organization", i.admin(), `{"workspace_token_max_lifetime":null}`).want(t, 200)
		read[workspaceToken](t, post("endless again", nil), http.StatusCreated)
	})
}
