package integration

import (
	"errors"
	"testing"
)

// A test of a channel that is sent again with its Idempotency-Key sends nothing again,
// also while the first waits for a receiver that says nothing.
func TestChannelTestsOnce(t *testing.T) {
	eachEngine(t, func(t *testing.T, e engine) {
		a := newAlerting(t, e)
		path, _ := a.channel(t, map[string]any{"kind": "webhook", "webhook_url": a.web.URL + "/pager"})
		test := func(body any, key string) answer {
			t.Helper()
			return a.call(t, "POST", path+"/test", a.admin(), body, "Idempotency-Key", key)
		}
		first, again := test(nil, "one"), test(nil, "one")
		if first.want(t, 200)["delivered"] != true || again.want(t, 200)["delivered"] != true || again.header.Get("Idempotency-Replayed") != "true" {
			t.Errorf("first %s, again %s", first.body, again.body)
		}
		if sent := len(a.web.holding(`"kiket.test"`)); sent != 1 {
			t.Errorf("%d messages were sent", sent)
		}
		test("{}", "one").wantProblem(t, 409, "idempotency_key_reused")
		test(nil, "two").want(t, 200)
		if sent := len(a.web.holding(`"kiket.test"`)); sent != 2 {
			t.Errorf("%d messages were sent under two keys", sent)
		}
		a.call(t, "POST", "/alert_channels/4711/test", a.admin(), nil, "Idempotency-Key", "three").wantProblem(t, 404, "not_found")

		a.web.set(stalls)
		tried := a.web.attempts()
		waiting := make(chan answer)
		go func() { waiting <- a.call(t, "POST", path+"/test", a.admin(), nil, "Idempotency-Key", "four") }()
		eventually(t, func() error {
			if a.web.attempts() == tried {
				return errors.New("the receiver was not asked")
			}
			return nil
		})
		test(nil, "four").wantProblem(t, 409, "idempotency_key_in_use")
		slow := <-waiting
		if slow.want(t, 200)["delivered"] != false {
			t.Errorf("the slow one: %s", slow.body)
		}
		a.web.set(takes)
		if after := test(nil, "four"); after.body != slow.body || a.web.attempts() != tried+1 {
			t.Errorf("afterwards: %s, %d attempts", after.body, a.web.attempts()-tried)
		}
	})
}
