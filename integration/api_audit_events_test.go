package integration

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"kiket.dev/auth/server/access"
	"kiket.dev/auth/server/audit"
	"kiket.dev/auth/storage"
)

// seenEvents returns the actions of the events that a query finds, in their order.
func (i *instance) seenEvents(t *testing.T, query string) []string {
	t.Helper()
	page := i.call(t, "GET", "/audit_events?"+query, i.admin(), nil).want(t, http.StatusOK)
	var actions []string
	for _, e := range page["audit_events"].([]any) {
		actions = append(actions, fmt.Sprint(e.(map[string]any)["action"]))
	}
	return actions
}

func TestAPIAuditEvents(t *testing.T) {
	eachEngine(t, func(t *testing.T, e engine) {
		i := start(t, e)
		other := i.bootstrap("Globex")
		made := i.call(t, "POST", "/workspace_api_tokens", i.admin(), `{"name":"=cmd|' /C calc'!A0","scopes":["issues"]}`, "User-Agent", "auditor/1").want(t, http.StatusCreated)
		id := fmt.Sprint(made["id"])
		revoked := i.call(t, "DELETE", "/workspace_api_tokens/"+id, i.admin(), nil)
		revoked.want(t, http.StatusNoContent)
		since := url.QueryEscape(time.Now().Add(-time.Hour).Format(time.RFC3339))

		t.Run("filters", func(t *testing.T) {
			target := "target=workspace_api_token:" + id
			both := []string{"workspace_api_token.revoked", "workspace_api_token.created"}
			for query, want := range map[string][]string{
				target: both,
				target + "&action=workspace_api_token.created": both[1:],
				target + "&action=workspace_api_token.":        both,
				target + "&action=workspace_api_token":         nil,
				target + "&limit=1":                            both[:1],
				target + "&since=" + since:                     both,
				target + "&until=" + since:                     nil,
				fmt.Sprintf("%s&actor=workspace_api_token:%d", target, i.boot.WorkspaceAPIToken.ID): both,
				target + "&actor=operator:0":   nil,
				"target=workspace_api_token:0": nil,
				"target=project:4711":          nil,
			} {
				if got := i.seenEvents(t, query); !slices.Equal(got, want) {
					t.Errorf("%s: got %q, want %q", query, got, want)
				}
			}
			for query, parameter := range map[string]string{
				"action=Nonsense": "action", "action=a.b.c": "action", "actor=7": "actor", "actor=user:x": "actor", "target=user:-1": "target", "target=:1": "target",
				"since=yesterday": "since", "until=2026-01-01": "until", "since=2026-02-01T00:00:00Z&until=2026-01-01T00:00:00Z": "until",
				"cursor=x": "cursor", "limit=0": "limit", "limit=201": "limit", "acton=x.y": "acton", "organization_id=1": "organization_id",
			} {
				problem := i.call(t, "GET", "/audit_events?"+query, i.admin(), nil).want(t, http.StatusUnprocessableEntity)
				if _, named := problem["errors"].(map[string]any)[parameter]; !named {
					t.Errorf("%s: %v", query, problem)
				}
			}
		})
		t.Run("pages", func(t *testing.T) {
			all := i.seenEvents(t, "limit=200")
			var paged []string
			query := "limit=3"
			for {
				page := i.call(t, "GET", "/audit_events?"+query, i.admin(), nil).want(t, http.StatusOK)
				for _, e := range page["audit_events"].([]any) {
					paged = append(paged, fmt.Sprint(e.(map[string]any)["action"]))
				}
				next, more := page["next_cursor"].(string)
				if !more {
					break
				}
				query = "limit=3&cursor=" + next
			}
			if !slices.Equal(paged, all) || len(all) < 5 || !strings.HasPrefix(all[0], "workspace_api_token.") {
				t.Errorf("in pages %q, at once %q", paged, all)
			}
		})
		t.Run("one", func(t *testing.T) {
			page := i.call(t, "GET", "/audit_events?limit=1&target=workspace_api_token:"+id, i.admin(), nil).want(t, http.StatusOK)
			event := page["audit_events"].([]any)[0].(map[string]any)
			path := fmt.Sprintf("/audit_events/%v", event["id"])
			one := i.call(t, "GET", path, i.admin(), nil).want(t, http.StatusOK)
			if one["ip_address"] != "127.0.0.1" || one["request_id"] != revoked.header.Get("X-Request-Id") || one["target"].(map[string]any)["name"] != "=cmd|' /C calc'!A0" {
				t.Errorf("an event: %v", one)
			}
			i.call(t, "GET", path, other.WorkspaceAPIToken.Token, nil).wantProblem(t, http.StatusNotFound, "not_found")
			i.call(t, "GET", "/audit_events/99999999999999999999", i.admin(), nil).wantProblem(t, http.StatusNotFound, "not_found")
			i.call(t, "DELETE", path, i.admin(), nil).wantProblem(t, http.StatusMethodNotAllowed, "method_not_allowed")
		})
		t.Run("chain", func(t *testing.T) {
			eventually(t, func() error {
				chain := i.call(t, "GET", "/audit_events/chain", i.admin(), nil).want(t, http.StatusOK)
				if chain["unsealed"] != 0.0 || chain["sealed_through"].(float64) < 5 || chain["checkpoint"] == nil {
					return fmt.Errorf("%v", chain)
				}
				return nil
			})
		})
		t.Run("export", func(t *testing.T) { exportAuditEvents(t, i, id) })
		t.Run("by somebody", func(t *testing.T) { auditEventsBySomebody(t, i) })
	})
}

// A person is found by what their sessions did, an extension by its keys and an
// application by its access tokens.
func auditEventsBySomebody(t *testing.T, i *instance) {
	create := func(token, key string, status int) {
		t.Helper()
		i.call(t, "POST", "/projects", token, map[string]any{"key": key, "name": key}).want(t, status)
	}
	wanted := []string{"project.created", "project.created"}
	robin := i.person(t, "Robin", storage.RoleAdmin)
	create(robin.session, "FIRST", 201)
	again := i.sessionOf(t, i.boot.Organization.ID, robin.id)
	create(again.Secret.Reveal(), "SECOND", 201)
	application := i.registered(t, "Project maker", "projects")
	create(i.fetch(t, application.credentials()), "THIRD", 201)
	create(i.fetch(t, application.credentials()), "FOURTH", 201)
	extension := i.extension("issues")
	create(extension.Key.Secret.Reveal(), "FIFTH", 403)
	for query, want := range map[string][]string{
		fmt.Sprintf("action=project.&actor=user:%d", robin.id):                                          wanted,
		fmt.Sprintf("action=project.&actor=session:%d", again.Token.ID):                                 wanted[:1],
		fmt.Sprintf("action=project.&actor=oauth_application:%d", application.ID):                       wanted,
		fmt.Sprintf("action=project.&actor=extension:%d", extension.Installation.ID):                    {"project.create_denied"},
		fmt.Sprintf("action=project.&actor=extension_key:%d", extension.Key.Token.ID):                   {"project.create_denied"},
		fmt.Sprintf("action=project.&actor=user:%d&since=2999-01-01T00:00:00Z", robin.id):               nil,
		fmt.Sprintf("action=session.created&actor=user:%d&target=session:%d", robin.id, again.Token.ID): nil, // the operator began it
	} {
		if got := i.seenEvents(t, query); !slices.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", query, got, want)
		}
	}
}

func exportAuditEvents(t *testing.T, i *instance, id string) {
	lines := func(a answer) []string {
		t.Helper()
		if a.status != http.StatusOK || a.header.Get("Cache-Control") != "no-store" {
			t.Fatalf("%d %v %s", a.status, a.header, a.body)
		}
		return strings.Split(strings.TrimSuffix(a.body, "\n"), "\n")
	}
	a := i.call(t, "GET", "/audit_events/export?action=workspace_api_token.&target=workspace_api_token:"+id, i.admin(), nil)
	got := lines(a)
	if len(got) != 2 || !strings.HasPrefix(a.header.Get("Content-Type"), "application/x-ndjson") {
		t.Fatalf("NDJSON: %s", a.body)
	}
	d, err := described()
	if err != nil {
		t.Fatal(err)
	}
	for n, want := range []string{"workspace_api_token.created", "workspace_api_token.revoked"} { // oldest first
		d.check(t, "a line", pointer("components", "schemas", "AuditEvent"), got[n])
		var event struct{ Action string }
		if err := json.Unmarshal([]byte(got[n]), &event); err != nil || event.Action != want {
			t.Errorf("line %d: %s", n, got[n])
		}
	}
	for _, byHeader := range []bool{true, false} {
		path, headers := "/audit_events/export?target=workspace_api_token:"+id, []string{"Accept", "text/csv"}
		if !byHeader {
			path, headers = path+"&format=csv", nil
		}
		a := i.call(t, "GET", path, i.admin(), nil, headers...)
		rows, err := csv.NewReader(strings.NewReader(a.body)).ReadAll()
		if err != nil || len(rows) != 3 || rows[0][0] != "id" || !strings.HasPrefix(a.header.Get("Content-Type"), "text/csv") {
			t.Fatalf("CSV: %v %s", err, a.body)
		}
		if name := rows[1][slices.Index(rows[0], "target_name")]; name != "'=cmd|' /C calc'!A0" {
			t.Errorf("a formula is a formula: %q", name)
		}
	}
	i.call(t, "GET", "/audit_events/export?format=xml", i.admin(), nil).wantProblem(t, http.StatusUnprocessableEntity, "invalid")
	i.call(t, "GET", "/audit_events/export?limit=1", i.admin(), nil).wantProblem(t, http.StatusUnprocessableEntity, "invalid")

	// Many, which do not come at once.
	const many = 1700
	record := audit.Recorder{Store: i.verbs().Store, Clock: time.Now}
	for range many {
		err := record.Record(t.Context(), access.Operator(), audit.Event{
			OrganizationID: i.boot.Organization.ID, Action: "project.created", Target: storage.Party{Kind: "project", ID: 4711, Name: strings.Repeat("x", 100)},
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if got := lines(i.call(t, "GET", "/audit_events/export?target=project:4711", i.admin(), nil)); len(got) != many {
		t.Errorf("%d lines, want %d", len(got), many)
	}
}
