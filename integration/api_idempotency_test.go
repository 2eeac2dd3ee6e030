package integration

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"
)

// A POST that is sent again with its Idempotency-Key does nothing again.
func TestAPIIdempotency(t *testing.T) {
	eachEngine(t, func(t *testing.T, e engine) {
		d := deploy(t, e)
		i := d.serve()
		body := `{"workspace_api_token":{"name":"CLI – laptop","scopes":["issues:read"]}}`
		send := func(i *instance, token, path, body, key string) answer {
			return i.call(t, "POST", path, token, body, "Idempotency-Key", key)
		}
		first := send(i, i.admin(), "/workspace_api_tokens", body, "order 1")
		secret := first.want(t, 201)["token"].(string)
		if first.header.Get("Idempotency-Replayed") != "" {
			t.Error("the first answer says that it is an earlier one")
		}
		same := func(name string, a answer) {
			if a.status != 201 || a.json(t)["token"] != secret || a.header.Get("Idempotency-Replayed") != "true" {
				t.Errorf("%s: %d %s", name, a.status, a.body)
			}
		}
		same("again", send(i, i.admin(), "/workspace_api_tokens", body, "order 1"))
		i.kill()
		i = d.serve()
		same("after the process was killed", send(i, i.admin(), "/workspace_api_tokens", body, "order 1"))

		send(i, i.admin(), "/workspace_api_tokens", `{"name":"other"}`, "order 1").wantProblem(t, 409, "idempotency_key_reused")
		send(i, i.admin(), "/projects", `{"key":"P","name":"P"}`, "order 1").wantProblem(t, 409, "idempotency_key_reused")
		other := i.workspaceToken(time.Time{}).Secret.Reveal()
		if a := send(i, other, "/workspace_api_tokens", body, "order 1"); a.want(t, 201)["token"] == secret {
			t.Error("somebody else's key gave the secret away")
		}
		for name, key := range map[string]string{"empty": "", "long": strings.Repeat("k", 256), "not ASCII": "schlüssel"} {
			if a := send(i, i.admin(), "/projects", `{"key":"P","name":"P"}`, key); a.status != 400 {
				t.Errorf("key %s: %d %s", name, a.status, a.body)
			}
		}

		// What was refused is not kept: it can be mended under the same key.
		send(i, i.admin(), "/projects", `{"key":"?","name":"P"}`, "order 2").wantInvalid(t, "key")
		send(i, i.admin(), "/projects", `{"key":"P2","name":"P"}`, "order 2").want(t, 201)
		send(i, i.admin(), "/projects", `{"key":"P2","name":"P"}`, "order 3").wantProblem(t, 409, "conflict")

		if leaks := (traces{"log": i.log(), "database": d.dump(t)}).leaks(map[string]string{"the token": secret, "the key": "order 1"}); len(leaks) > 0 {
			t.Error(leaks)
		}
	})
}

// Of many at once one acts, and all get its answer.
func TestAPIIdempotencyAtOnce(t *testing.T) {
	eachEngine(t, func(t *testing.T, e engine) {
		i := start(t, e)
		var all sync.WaitGroup
		answers := make([]answer, 8)
		for n := range answers {
			all.Go(func() {
				answers[n] = i.call(t, "POST", "/workspace_api_tokens", i.admin(), `{"name":"once"}`, "Idempotency-Key", "at-once")
			})
		}
		all.Wait()
		seen := map[string]int{}
		for _, a := range answers {
			seen[fmt.Sprint(a.status, a.body)]++
		}
		if len(seen) != 1 || answers[0].status != 201 {
			t.Errorf("answers: %v", seen)
		}
		named := 0
		for _, token := range list(t, i, "/workspace_api_tokens", "workspace_api_tokens") {
			if token["name"] == "once" {
				named++
			}
		}
		if named != 1 {
			t.Errorf("%d tokens were made", named)
		}
	})
}
