package integration

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"kiket.dev/auth/storage"
)

// Each rule, seen from outside; and what is no trouble raises nothing.
func TestAlertRules(t *testing.T) {
	eachEngine(t, func(t *testing.T, e engine) {
		i := start(t, e)
		application := func(name string) (credentials, any) {
			made := i.call(t, "POST", "/oauth_applications", i.admin(), map[string]any{"name": name, "scopes": []string{"issues"}}).want(t, 201)
			id, _ := made["client_id"].(string)
			secret, _ := made["client_secret"].(string)
			return credentials{id, secret}, made["id"]
		}
		attacked, _ := application("attacked")
		tried, _ := application("tried")
		greedy, _ := application("greedy")
		leaking, leakingID := application("leaking")

		// Used after its end.
		leaked := i.fetch(t, leaking)
		i.call(t, "DELETE", fmt.Sprintf("/oauth_applications/%v/tokens", leakingID), i.admin(), nil).want(t, 204)
		i.active(t, leaked)
		expiring := i.workspaceToken(time.Now().Add(500 * time.Millisecond)).Secret.Reveal()
		eventually(t, func() error {
			if i.active(t, expiring) {
				return errors.New("it has not expired yet")
			}
			return nil
		})
		// Used after a long time.
		dormant := i.workspaceToken(time.Time{})
		err := i.verbs().Store.RecordUses(t.Context(), []storage.TokenUse{{
			Kind: storage.WorkspaceAPIToken, ID: dormant.Token.ID, At: time.Now().Add(-61 * 24 * time.Hour),
		}})
		if err != nil {
			t.Fatal(err)
		}
		i.active(t, dormant.Secret.Reveal())
		// A token for every call.
		for range 121 {
			i.fetch(t, greedy)
		}
		// Guessing, of two that exist and of many that do not.
		for n := range 30 {
			for _, who := range []credentials{{attacked.id, "guess"}, {tried.id, "guess"}, {fmt.Sprint("made_up_", n), "guess"}} {
				i.post(t, "/oauth/token", who, "grant_type", "client_credentials")
			}
		}
		// No trouble.
		fresh := i.workspaceToken(time.Time{}).Secret.Reveal()
		i.active(t, fresh)
		i.active(t, fresh+"x")
		i.call(t, "GET", "/me", "wksp_"+fresh[5:17], nil).want(t, 401)

		want := map[string]float64{
			"revoked_credential_used leaking":           1,
			"expired_credential_used Token of a test":   1,
			"dormant_credential_used Token of a test":   1,
			"token_for_every_call greedy":               120,
			"authentication_failures attacked":          30,
			"authentication_failures tried":             30,
			"authentication_failures_network 127.0.0.1": 50,
		}
		for what, count := range want {
			i.waitForAlert(t, what, min(count, 50))
		}
		if got, want := slices.Sorted(maps.Keys(i.openAlerts(t))), slices.Sorted(maps.Keys(want)); !slices.Equal(got, want) {
			t.Errorf("raised %q, want %q", got, want)
		}
		events := i.verbs().Store
		found, err := events.AuditEvents(t.Context(), i.boot.Organization.ID, 0, 1000)
		if err != nil {
			t.Fatal(err)
		}
		raised := 0
		for _, event := range found {
			if event.Action == "alert.raised" {
				raised++
			}
		}
		if raised != len(want) {
			t.Errorf("%d alerts were written down, want %d", raised, len(want))
		}
	})
}
