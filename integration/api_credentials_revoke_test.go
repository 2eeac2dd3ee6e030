package integration

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// revocation is what became of credentials that were to be revoked.
type revocation struct {
	Revoked []string
	Already []string `json:"already_revoked"`
	Unknown []any
}

func (i *instance) revoke(t testing.TB, body any) revocation {
	t.Helper()
	return read[revocation](t, i.call(t, "POST", "/credentials/revoke", i.admin(), body), 200)
}

func revokeCredentials(t *testing.T, i *instance) {
	token, session := i.mint(t, i.admin(), "one of many", "issues"), i.session()
	extension := i.install(t, "com.example.bulk", "issues")
	application := i.rotateSecret(t, i.registered(t, "Bulk", "issues"), nil)
	access := i.fetch(t, application.credentials())
	secret := fmt.Sprintf("client_secret:%d", application.Secrets[1].ID)
	want := []string{
		fmt.Sprintf("workspace_api_token:%d", token.ID), fmt.Sprintf("session:%d", session.Token.ID),
		fmt.Sprintf("extension_key:%d", extension.APIKey.ID), secret,
	}
	ids := []any{secret, extension.APIKey.ID, want[1], token.ID, want[0], want[1], 4711, "client_secret:4711", fmt.Sprintf("session:%d", token.ID), 0, -3}
	unknown := []any{-3.0, 0.0, fmt.Sprintf("session:%d", token.ID), 4711.0, "client_secret:4711"}
	working := func() (works []bool) {
		for _, one := range []string{token.Token, session.Secret.Reveal(), extension.APIKey.Token, access} {
			works = append(works, i.active(t, one))
		}
		return append(works, i.opens(t, application.credentials()))
	}
	all, none := []bool{true, true, true, true, true}, []bool{false, false, false, false, false}

	since := len(i.events(t))
	if diff := cmp.Diff(revocation{Revoked: want, Already: []string{}, Unknown: unknown}, i.revoke(t, map[string]any{"ids": ids, "dry_run": true})); diff != "" {
		t.Errorf("dry run (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(all, working()); diff != "" || len(i.events(t)) != since {
		t.Errorf("a dry run has changed something (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(revocation{Revoked: want, Already: []string{}, Unknown: unknown}, i.revoke(t, map[string]any{"ids": ids})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(none, working()); diff != "" {
		t.Errorf("what works afterwards (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(revocation{Revoked: []string{}, Already: want, Unknown: unknown}, i.revoke(t, map[string]any{"ids": ids})); diff != "" {
		t.Errorf("again (-want +got):\n%s", diff)
	}
	recorded := i.actions(t)[since:]
	if diff := cmp.Diff([]string{"workspace_api_token.revoked", "session.revoked", "extension_key.revoked", "oauth_application.secret_closed"}, recorded); diff != "" {
		t.Errorf("audit events (-want +got):\n%s", diff)
	}
	if left := onlyOf(references(i.credentials(t, "", 200)), want...); len(left) != 0 {
		t.Errorf("listed after they were revoked: %v", left)
	}
}

func revokeCredentialsAtOnce(t *testing.T, i *instance) {
	var ids []any
	for n := range 5 {
		ids = append(ids, i.mint(t, i.admin(), fmt.Sprint("at once ", n), "issues").ID)
		ids = append(ids, fmt.Sprintf("client_secret:%d", i.registered(t, "At once", "issues").Secrets[0].ID))
	}
	revoking := func() func() (answer, error) {
		body, err := json.Marshal(map[string]any{"ids": ids})
		if err != nil {
			t.Fatal(err)
		}
		return func() (answer, error) { return i.attemptCall("POST", "/credentials/revoke", i.admin(), string(body)) }
	}
	forth := revoking()
	slices.Reverse(ids)
	back := revoking()
	alone := func() (answer, error) {
		return i.attemptCall("DELETE", fmt.Sprint("/workspace_api_tokens/", ids[1]), i.admin(), "")
	}
	since := len(i.actions(t))
	answers := atOnce(t, forth, back, alone, forth, back)
	if diff := cmp.Diff([]int{200, 200, 200, 200, 204}, statuses(answers)); diff != "" {
		t.Fatalf("(-want +got):\n%s", diff)
	}
	revoked := 0
	for _, a := range answers {
		if a.status == 200 {
			revoked += len(read[revocation](t, a, 200).Revoked)
		}
	}
	recorded := i.actions(t)[since:]
	if len(recorded) != 10 || revoked > 10 || revoked < 9 {
		t.Errorf("of 10 credentials %d were revoked, and recorded: %v", revoked, recorded)
	}
}
