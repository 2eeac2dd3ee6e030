package integration

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"kiket.dev/auth/storage"
)

// Organization → Credentials: everything that opens a door is found, looked at, and
// revoked after it was said what would end.
func TestConsoleCredentials(t *testing.T) {
	eachEngine(t, func(t *testing.T, e engine) {
		i := start(t, e)
		for name, test := range map[string]func(*testing.T, *instance){
			"filters": consoleFilters, "revoke several": consoleRevokeSeveral, "own session": consoleRevokeOwn, "pages": consoleCredentialPages,
			"kinds": consoleCredentialKinds, "foreign": consoleForeignCredentials, "members": consoleCredentialsMember,
		} {
			t.Run(name, func(t *testing.T) { test(t, i) })
		}
	})
}

func consoleFilters(t *testing.T, i *instance) {
	soon := time.Now().Add(5 * 24 * time.Hour)
	i.call(t, "POST", "/workspace_api_tokens", i.admin(), map[string]any{"name": "Ends soon", "scopes": []string{"issues"}, "expires_at": soon}).want(t, 201)
	i.call(t, "POST", "/workspace_api_tokens", i.admin(), map[string]any{"name": "Does everything"}).want(t, 201)
	i.call(t, "POST", "/oauth_applications", i.admin(), map[string]any{"name": "Filtered app", "scopes": []string{"issues"}}).want(t, 201)
	i.workspaceTokenMadeAt(t, time.Now().Add(-100*24*time.Hour))
	v := i.visitingAdmin(t)
	all := v.get("/console/credentials").want(http.StatusOK, "Ends soon", "Does everything", "Filtered app", "this session")
	all.follow("API tokens").want(http.StatusOK, "Ends soon").wantNot("Filtered app", "this session")
	all.follow("Integration secrets").want(http.StatusOK, "Filtered app").wantNot("Ends soon")
	expiring := all.follow("Expires within 14 days").want(http.StatusOK, "Ends soon").wantNot("Does everything", "Filtered app")
	expiring.follow("Sessions").want(http.StatusOK).wantNot("Ends soon")
	expiring.follow("Expires within 14 days × (leave out this filter)").want(http.StatusOK, "Does everything")
	all.follow("Full access").want(http.StatusOK, "Does everything").wantNot("Ends soon")
	all.follow("Never used").want(http.StatusOK, "Ends soon")
	unused := all.follow("Unused for 90 days").want(http.StatusOK).wantNot("Ends soon")
	if !strings.Contains(unused.source, `name="ids"`) {
		t.Error("the token of 100 days ago is missing")
	}
	unused.follow("Owner gone or no admin").want(http.StatusOK, "No credential here")
	v.get("/console/api-tokens").follow("Expires soon").want(http.StatusOK, "Ends soon").wantNot("Does everything")
}

func consoleRevokeSeveral(t *testing.T, i *instance) {
	var secrets, ids []string
	for _, name := range []string{"First of two", "Second of two"} {
		made := i.call(t, "POST", "/workspace_api_tokens", i.admin(), map[string]any{"name": name}).want(t, 201)
		secrets = append(secrets, made["token"].(string))
		ids = append(ids, "ids", fmt.Sprintf("workspace_api_token:%v", made["id"]))
	}
	v := i.visitingAdmin(t)
	list := v.get("/console/credentials?kind=workspace_api_token")
	none := list.submit("Revoke what is selected…").want(http.StatusUnprocessableEntity, "Select at least one")
	if kept, _ := none.formOf("Revoke what is selected…"); successful(kept).Get("kind") != "workspace_api_token" {
		t.Error("the filter is lost")
	}
	ask := list.submit("Revoke what is selected…", ids...).want(http.StatusOK, "Nothing has happened yet", "First of two", "Second of two", "refused from the next request on")
	for _, secret := range secrets { // nothing has
		i.call(t, "GET", "/me", secret, nil).want(t, 200)
	}
	ask.submit("Revoke 2 credentials").want(http.StatusOK, "is revoked").wantNot("First of two", "Second of two")
	for _, secret := range secrets {
		i.call(t, "GET", "/me", secret, nil).wantProblem(t, 401, "invalid_token")
	}
	v.get("/console/credentials/revoke?"+pairs(ids).Encode()).want(http.StatusOK, "Nothing to revoke", "Revoked already", "First of two")
	v.get("/console/credentials/revoke?ids=pigeon:1").want(http.StatusNotFound)
	v.post("/console/credentials/revoke").want(http.StatusUnprocessableEntity)
}

func consoleRevokeOwn(t *testing.T, i *instance) {
	v := i.visitingAdmin(t)
	id := i.call(t, "GET", "/me", v.cookie("kiket_session"), nil).want(t, 200)["token"].(map[string]any)["id"]
	page := v.get(fmt.Sprintf("/console/credentials/session/%v", id)).want(http.StatusOK, "Session of Admin", "with which you are looking")
	ask := page.follow("Revoke").want(http.StatusOK, "you are signed out")
	ask.follow("Keep it").want(http.StatusOK, "Session of Admin")
	ask.submit("Revoke 1 credential").want(http.StatusOK, "Sign in")
}

func consoleCredentialPages(t *testing.T, i *instance) {
	made := i.call(t, "POST", "/workspace_api_tokens", i.admin(), map[string]any{"name": "Used often", "scopes": []string{"issues", "projects"}}).want(t, 201)
	i.introspect(t, i.resourceServer(), made["token"].(string), "scope", "issues:read")
	v := i.visitingAdmin(t)
	path := fmt.Sprintf("/console/credentials/workspace_api_token/%v", made["id"])
	eventually(t, func() error {
		if p := v.get(path).want(http.StatusOK, "Used often"); !strings.Contains(p.text, "1 use on 1 day out of 30") {
			return fmt.Errorf("the use is not shown: %s", p.text)
		}
		return nil
	})
	shown := v.get(path).want(http.StatusOK, "issues:read", "There has been no alert about it").follow("90 days").want(http.StatusOK, "1 use on 1 day out of 90")
	shown.follow("What happened to it").want(http.StatusOK, "issued the API token")
	v.get(fmt.Sprintf("/console/api-tokens/%v", made["id"])).want(http.StatusOK, "1 use on 1 day")
}

func consoleCredentialKinds(t *testing.T, i *instance) {
	application := i.call(t, "POST", "/oauth_applications", i.admin(), map[string]any{"name": "Kinds app", "scopes": []string{"issues"}}).want(t, 201)
	extension := i.install(t, "com.example.kinds", "read:issues")
	v := i.visitingAdmin(t)
	app := v.get(fmt.Sprintf("/console/credentials/oauth_application/%v", application["id"])).want(http.StatusOK, "Kinds app", "issues", "not used in the last 30 days")
	app.follow("Disable it").want(http.StatusOK, "Kinds app")
	secret := application["secrets"].([]any)[0].(map[string]any)["id"]
	v.get(fmt.Sprintf("/console/credentials/client_secret/%v", secret)).want(http.StatusOK, "Secret of Kinds app").
		follow("Revoke").want(http.StatusOK, "can fetch no tokens").submit("Revoke 1 credential").want(http.StatusOK, "is revoked")
	key := extension.APIKey.ID
	v.get(fmt.Sprintf("/console/credentials/extension_key/%d", key)).want(http.StatusOK, "Key of").follow("Revoke").want(http.StatusOK, "is refused with this key")
	for _, path := range []string{"session/999999", "workspace_api_token/999999", "pigeon/1", "oauth_application/999999", "client_secret/99999999999999999999", fmt.Sprintf("session/%d", key)} {
		v.get("/console/credentials/"+path).want(http.StatusNotFound, "Nothing here")
	}
}

func consoleForeignCredentials(t *testing.T, i *instance) {
	other := i.bootstrap("Hooli")
	v := i.visitingAdmin(t)
	id := other.WorkspaceAPIToken.ID
	v.get(fmt.Sprintf("/console/credentials/workspace_api_token/%d", id)).want(http.StatusNotFound, "Nothing here")
	v.get(fmt.Sprintf("/console/credentials/revoke?ids=workspace_api_token:%d", id)).want(http.StatusNotFound, "Nothing here")
	v.post("/console/credentials/revoke", "ids", fmt.Sprintf("workspace_api_token:%d", id)).want(http.StatusNotFound, "Nothing here")
	i.call(t, "GET", "/me", other.WorkspaceAPIToken.Token, nil).want(t, 200)
}

func consoleCredentialsMember(t *testing.T, i *instance) {
	member := i.visitorWith(t, i.person(t, "Plain", storage.RoleMember).session)
	for _, path := range []string{"", "/revoke?ids=session:1", "/session/1", "/oauth_application/1"} {
		member.get("/console/credentials"+path).want(http.StatusForbidden, "for the admins of Acme")
	}
	member.post("/console/credentials/revoke", "ids", "session:1").want(http.StatusForbidden)
}
