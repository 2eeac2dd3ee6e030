package integration

import (
	"fmt"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestClientSecrets(t *testing.T) {
	eachEngine(t, func(t *testing.T, e engine) {
		d := deploy(t, e)
		one, other := d.serve(), d.serve()
		for name, test := range map[string]func(t *testing.T, one, other *instance){
			"overlap": overlapSecrets, "once": rotateOnce, "close the old ones": replaceSecrets, "an end for each": shortenSecrets, "at most ten": limitClientSecrets,
			"close one": closeSecret, "close with its tokens": closeSecretWithTokens, "rotated at once": rotateAtOnce, "closed at once": closeAtOnce,
		} {
			t.Run(name, func(t *testing.T) { test(t, one, other) })
		}
	})
}

func overlapSecrets(t *testing.T, i, other *instance) {
	first := i.registered(t, "Overlap", "issues")
	token := i.fetch(t, first.credentials())
	second := i.rotateSecret(t, first, nil)
	if len(second.Secrets) != 2 || second.ClientSecret == first.ClientSecret || second.Secrets[1].ExpiresAt != nil || second.Secrets[0].ExpiresAt == nil {
		t.Fatalf("rotated %+v", second)
	}
	if left := time.Until(*second.Secrets[0].ExpiresAt); left > 24*time.Hour || left < 24*time.Hour-time.Minute {
		t.Errorf("the old secret ends in %s, want a day", left)
	}
	if !i.opens(t, first.credentials()) || !other.opens(t, second.credentials()) || !i.active(t, token) {
		t.Error("one of the two, or a token of before, does not work")
	}
	eventually(t, func() error {
		for _, s := range i.shown(t, first).Secrets {
			if s.LastUsedAt == nil {
				return fmt.Errorf("secret %d is not used", s.ID)
			}
		}
		return nil
	})
	ends := i.rotateSecret(t, first, map[string]any{"previous_expires_in": 1})
	eventually(t, func() error {
		if i.opens(t, second.credentials()) || other.opens(t, first.credentials()) {
			return fmt.Errorf("an old secret works, which was to end at %s", ends.Secrets[0].ExpiresAt)
		}
		return nil
	})
	if now := i.shown(t, first); len(now.Secrets) != 1 || now.Secrets[0].ID != ends.Secrets[2].ID || !i.opens(t, ends.credentials()) {
		t.Errorf("afterwards %+v", now.Secrets)
	}
}

// A rotation that is sent again with its Idempotency-Key makes no other secret.
func rotateOnce(t *testing.T, i, other *instance) {
	got := i.registered(t, "Once", "issues")
	first := i.call(t, "POST", got.path()+"/secrets", i.admin(), `{"previous_expires_in":0}`, "Idempotency-Key", "rotate once").want(t, http.StatusCreated)
	again := other.call(t, "POST", got.path()+"/secrets", i.admin(), `{"previous_expires_in":0}`, "Idempotency-Key", "rotate once").want(t, http.StatusCreated)
	if diff := cmp.Diff(first, again); diff != "" || len(i.shown(t, got).Secrets) != 1 {
		t.Errorf("sent again (-first +again):\n%s", diff)
	}
}

func replaceSecrets(t *testing.T, i, other *instance) {
	first := i.registered(t, "Replaced", "issues")
	token := i.fetch(t, first.credentials())
	second := i.rotateSecret(t, first, map[string]any{"previous_expires_in": 0})
	if other.opens(t, first.credentials()) || !other.opens(t, second.credentials()) || len(second.Secrets) != 1 {
		t.Errorf("replaced %+v", second.Secrets)
	}
	if !i.active(t, token) {
		t.Error("a token of before does not work")
	}
}

// A secret that ends soon never comes to end later.
func shortenSecrets(t *testing.T, i, _ *instance) {
	first := i.registered(t, "Shortened", "issues")
	ends := i.rotateSecret(t, first, map[string]any{"previous_expires_in": 60}).Secrets[0].ExpiresAt
	for _, wrap := range []string{`{"secret":{"previous_expires_in":2592000}}`, `{"previous_expires_in":120}`} {
		if now := i.rotateSecret(t, first, wrap).Secrets; !now[0].ExpiresAt.Equal(*ends) {
			t.Errorf("it ends at %s, before at %s", now[0].ExpiresAt, ends)
		}
	}
	now := i.shown(t, first).Secrets
	if left := time.Until(*now[1].ExpiresAt); left > 2*time.Minute {
		t.Errorf("the second ends in %s", left)
	}
}

func limitClientSecrets(t *testing.T, i, _ *instance) {
	got := i.registered(t, "Many", "issues")
	for range 9 {
		got = i.rotateSecret(t, got, nil)
	}
	i.call(t, "POST", got.path()+"/secrets", i.admin(), nil).wantProblem(t, 409, "too_many_secrets")
	if now := i.shown(t, got); len(now.Secrets) != 10 {
		t.Errorf("it has %d secrets", len(now.Secrets))
	}
	i.call(t, "DELETE", got.secretPath(4), i.admin(), nil).want(t, http.StatusNoContent)
	i.rotateSecret(t, got, nil)
	if last := i.rotateSecret(t, got, map[string]any{"previous_expires_in": 0}); len(last.Secrets) != 1 {
		t.Errorf("it has %d secrets", len(last.Secrets))
	}
}

func closeSecret(t *testing.T, i, other *instance) {
	first := i.registered(t, "Closed", "issues")
	second := i.rotateSecret(t, first, nil)
	token := i.fetch(t, first.credentials())
	stranger := i.registered(t, "Stranger", "issues")
	i.call(t, "DELETE", first.path()+"/secrets/"+strconv.FormatInt(stranger.Secrets[0].ID, 10), i.admin(), nil).wantProblem(t, 404, "not_found")
	i.call(t, "DELETE", first.path()+"/secrets/0", i.admin(), nil).wantProblem(t, 404, "not_found")
	for range 2 {
		i.call(t, "DELETE", first.secretPath(0), i.admin(), nil).want(t, http.StatusNoContent)
	}
	if other.opens(t, first.credentials()) || !other.opens(t, second.credentials()) || !other.active(t, token) || !i.opens(t, stranger.credentials()) {
		t.Error("closing one secret has closed too little or too much")
	}
	// What was fetched with it can still be ended.
	i.call(t, "DELETE", first.secretPath(0)+"?revoke_tokens=true", i.admin(), nil).want(t, http.StatusNoContent)
	if other.active(t, token) {
		t.Error("a token works that was fetched with the closed secret")
	}
	var recorded []any
	for _, event := range i.events(t) {
		if event.Target.ID == first.ID && event.Target.Kind == "oauth_application" && event.Details["secret_id"] == float64(first.Secrets[0].ID) {
			recorded = append(recorded, event.Action, event.Details["tokens_revoked"])
		}
	}
	if diff := cmp.Diff([]any{"oauth_application.secret_closed", false, "oauth_application.tokens_revoked", true}, recorded); diff != "" {
		t.Errorf("audit events (-want +got):\n%s", diff)
	}
}

func closeSecretWithTokens(t *testing.T, i, other *instance) {
	first := i.registered(t, "Leaked", "issues")
	second := i.rotateSecret(t, first, nil)
	leaked, sound := i.fetch(t, first.credentials()), other.fetch(t, second.credentials())
	i.call(t, "DELETE", first.secretPath(0)+"?revoke_tokens=true", i.admin(), nil).want(t, http.StatusNoContent)
	if other.active(t, leaked) || !other.active(t, sound) || other.opens(t, first.credentials()) {
		t.Error("closing a leaked secret has ended too little or too much")
	}
}

func rotateAtOnce(t *testing.T, one, other *instance) {
	for _, overlap := range []int{60, 0} {
		t.Run(strconv.Itoa(overlap), func(t *testing.T) {
			got := one.registered(t, "Rotated at once", "issues")
			rotating := func(i *instance) func() (answer, error) {
				return func() (answer, error) {
					return i.attemptCall("POST", got.path()+"/secrets", i.admin(), fmt.Sprintf(`{"previous_expires_in":%d}`, overlap))
				}
			}
			works, lasting := 0, 0
			for _, a := range atOnce(t, rotating(one), rotating(other)) {
				if other.opens(t, read[oauthApplication](t, a, http.StatusCreated).credentials()) {
					works++
				}
			}
			now := one.shown(t, got).Secrets
			for _, s := range now {
				if s.ExpiresAt == nil {
					lasting++
				}
			}
			// Of two one is the later, which lets the other end.
			if want := map[int]int{60: 2, 0: 1}[overlap]; works != want || lasting != 1 || len(now) != want+overlap/60 {
				t.Errorf("%d of the two work, %d have no end: %+v", works, lasting, now)
			}
		})
	}
}

func closeAtOnce(t *testing.T, one, other *instance) {
	got := one.registered(t, "Closed at once", "issues")
	closing := func(i *instance, query string) func() (answer, error) {
		return func() (answer, error) { return i.attemptCall("DELETE", got.secretPath(0)+query, i.admin(), "") }
	}
	token := one.fetch(t, got.credentials())
	answers := atOnce(t, closing(one, ""), closing(other, ""), closing(one, "?revoke_tokens=true"), closing(other, "?revoke_tokens=true"))
	if diff := cmp.Diff([]int{204, 204, 204, 204}, statuses(answers)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if one.active(t, token) || one.opens(t, got.credentials()) {
		t.Error("it works after it was closed with its tokens")
	}
	closed := 0
	for _, event := range one.events(t) {
		if event.Action == "oauth_application.secret_closed" && event.Target.ID == got.ID {
			closed++
		}
	}
	if closed != 1 {
		t.Errorf("recorded %d times", closed)
	}
}
