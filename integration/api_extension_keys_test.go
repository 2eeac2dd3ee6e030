package integration

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func (i *instance) rotate(t testing.TB, e installed, body any) issuedKey {
	t.Helper()
	return read[issuedKey](t, i.call(t, "POST", e.path()+"/secrets/rotate", i.admin(), body), http.StatusCreated)
}

func rotateKeys(t *testing.T, i *instance) {
	got := i.install(t, "com.example.rotation", "issues:read")
	second := i.rotate(t, got, nil)
	if !strings.HasPrefix(second.Token, "kext_") || !strings.HasPrefix(second.Token, second.TokenPrefix) || second.ID <= got.APIKey.ID {
		t.Errorf("rotated: %+v", second)
	}
	for name, token := range map[string]string{"old": got.APIKey.Token, "new": second.Token} {
		seen := i.introspect(t, i.resourceServer(), token)
		if seen["active"] != true || seen["scope"] != "issues:read" || seen["extension_id"] != float64(got.ID) {
			t.Errorf("during the overlap the %s key is %v", name, seen)
		}
	}
	open := i.secretsOf(t, got)
	if diff := cmp.Diff([]int64{second.ID, got.APIKey.ID}, open.ids()); diff != "" {
		t.Fatalf("open keys (-want +got):\n%s", diff)
	}
	if open.APIKeys[0].ExpiresAt != nil || open.APIKeys[1].ExpiresAt == nil {
		t.Fatalf("expiries %v", open.APIKeys)
	}
	ends := *open.APIKeys[1].ExpiresAt
	if left := time.Until(ends); left < 23*time.Hour || left > 24*time.Hour {
		t.Errorf("the old key ends in %s", left)
	}

	third := i.rotate(t, got, map[string]any{"previous_expires_in": 2592000})
	for _, key := range i.secretsOf(t, got).APIKeys {
		if key.ID == got.APIKey.ID && !key.ExpiresAt.Equal(ends) {
			t.Errorf("a longer overlap moved the end from %s to %s", ends, key.ExpiresAt)
		}
	}
	fourth := i.rotate(t, got, map[string]any{"previous_expires_in": 1})
	eventually(t, func() error {
		for _, token := range []string{got.APIKey.Token, second.Token, third.Token} {
			if i.active(t, token) {
				return fmt.Errorf("%s works after its overlap", token[:13])
			}
		}
		return nil
	})
	if diff := cmp.Diff([]int64{fourth.ID}, i.secretsOf(t, got).ids()); diff != "" {
		t.Errorf("open keys (-want +got):\n%s", diff)
	}
	fifth := i.rotate(t, got, map[string]any{"secret": map[string]any{"previous_expires_in": 0}})
	if i.active(t, fourth.Token) || !i.active(t, fifth.Token) {
		t.Error("with no overlap the old key does not end at once")
	}
	i.call(t, "POST", got.path()+"/secrets/rotate", fifth.Token, nil).wantProblem(t, 403, "insufficient_scope")
}

func limitKeys(t *testing.T, i *instance) {
	got := i.install(t, "com.example.limits", "issues:read")
	path := got.path() + "/secrets/rotate"
	for _, wrong := range []string{`-1`, `2592001`, `9223372036854775807`, `-9223372036854775808`, `1e3`, `"60"`, `1.5`} {
		i.call(t, "POST", path, i.admin(), `{"previous_expires_in":`+wrong+`}`).wantInvalid(t, "previous_expires_in")
	}
	i.call(t, "POST", path, i.admin(), `{"grace":1}`).wantInvalid(t, "grace")
	for range 9 {
		i.rotate(t, got, nil)
	}
	i.call(t, "POST", path, i.admin(), nil).wantProblem(t, 409, "too_many_keys")
	if open := i.secretsOf(t, got).ids(); len(open) != 10 {
		t.Errorf("%d open keys, want 10", len(open))
	}
	last := i.rotate(t, got, map[string]any{"previous_expires_in": 0})
	if diff := cmp.Diff([]int64{last.ID}, i.secretsOf(t, got).ids()); diff != "" {
		t.Errorf("open keys (-want +got):\n%s", diff)
	}
}

func closeKeys(t *testing.T, i *instance) {
	got, other := i.install(t, "com.example.closing", "issues:read"), i.install(t, "com.example.closing2", "issues:read")
	second := i.rotate(t, got, nil)
	at := func(e installed, id any) string { return fmt.Sprintf("%s/secrets/%v", e.path(), id) }
	for _, id := range []any{other.APIKey.ID, i.boot.WorkspaceAPIToken.ID, 0, 999999, "99999999999999999999"} {
		i.call(t, "DELETE", at(got, id), i.admin(), nil).wantProblem(t, 404, "not_found")
	}
	i.call(t, "DELETE", at(got, got.APIKey.ID), second.Token, nil).wantProblem(t, 403, "forbidden")
	for range 2 {
		i.call(t, "DELETE", at(got, got.APIKey.ID), i.admin(), nil).want(t, 204)
		if i.active(t, got.APIKey.Token) || !i.active(t, second.Token) || !i.active(t, other.APIKey.Token) {
			t.Error("one key was closed, and that is not what ended")
		}
	}
	var closed int
	for _, event := range i.events(t) {
		if event.Action == "extension.key_closed" && event.Target.ID == got.ID && event.Details["token_prefix"] == got.APIKey.TokenPrefix {
			closed++
		}
	}
	if closed != 1 {
		t.Errorf("%d events of one closing", closed)
	}
}
