package integration

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"kiket.dev/auth/server/tokens"
	"kiket.dev/auth/storage"
)

// The first use from another network and with another scope is told; what a credential
// always does is not, nor what one does that roams, nor what people do.
func TestFirstUseAlerts(t *testing.T) {
	eachEngine(t, func(t *testing.T, e engine) {
		i := start(t, e)
		verbs := i.verbs()
		named := func(name string) tokens.Issued {
			issued := i.workspaceToken(time.Time{})
			i.call(t, "PATCH", fmt.Sprint("/workspace_api_tokens/", issued.Token.ID), i.admin(), map[string]any{"name": name}).want(t, 200)
			return issued
		}
		note := func(issued tokens.Issued, ago time.Duration, kind storage.TraitKind, values ...string) {
			var traits []storage.Trait
			for _, value := range values {
				traits = append(traits, storage.Trait{
					OrganizationID: i.boot.Organization.ID, Credential: issued.Token.UsedCredentials()[0], Kind: kind, Value: value,
				})
			}
			if _, err := verbs.Store.NoteTraits(t.Context(), traits, time.Now().Add(-ago)); err != nil {
				t.Fatal(err)
			}
		}
		const old, young = 15 * 24 * time.Hour, 24 * time.Hour
		moved, stays, roams := named("moved"), named("stays"), named("roams")
		widened, fresh := named("widened"), named("fresh")
		note(moved, old, storage.NetworkTrait, "192.0.2.0/24")
		note(widened, old, storage.ScopeTrait, "issues:read")
		note(fresh, young, storage.ScopeTrait, "issues:read")
		var many []string
		for n := range 21 {
			many = append(many, fmt.Sprintf("10.0.%d.0/24", n))
		}
		note(roams, old, storage.NetworkTrait, many...)
		ask := func(token string, address, scope string) {
			i.introspect(t, i.resourceServer(), token, "client_ip", address, "user_agent", "cli/1", "scope", scope)
		}
		person := i.session()
		for _, address := range []string{"203.0.113.5", "203.0.113.99"} { // one network
			for _, token := range []tokens.Issued{moved, stays, roams, widened, fresh, person} {
				ask(token.Secret.Reveal(), address, "issues:read")
			}
		}
		ask(person.Secret.Reveal(), "198.51.100.1", "projects")
		ask(widened.Secret.Reveal(), "203.0.113.6", "projects")
		ask(fresh.Secret.Reveal(), "203.0.113.6", "projects")
		i = i.written(t)
		alert := i.waitForAlert(t, "credential_used_from_new_network moved", 1)
		i.waitForAlert(t, "credential_used_with_new_scope widened", 1)
		if got := len(i.openAlerts(t)); got != 2 {
			t.Errorf("%d alerts: %v", got, i.openAlerts(t))
		}
		details, _ := alert["details"].(map[string]any)
		want := map[string]any{"network": "203.0.113.0/24", "ip_address": "203.0.113.5", "user_agent": "cli/1", "resource_server": i.serverName(t)}
		if diff := cmp.Diff(want, details); diff != "" {
			t.Errorf("details (-want +got):\n%s", diff)
		}
		ask(moved.Secret.Reveal(), "203.0.113.7", "issues:read") // no more
		i = i.written(t)
		if count := i.openAlerts(t)["credential_used_from_new_network moved"]["count"]; count != 1.0 {
			t.Errorf("counted %v times", count)
		}
	})
}
