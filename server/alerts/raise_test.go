package alerts

import (
	"errors"
	"testing"
	"time"

	"kiket.dev/auth/server/access"
	"kiket.dev/auth/storage"
)

// A storm is one message with a count, one for each power of ten, and one at the end.
func TestStorm(t *testing.T) {
	w := newWorld(t)
	w.email("ops@acme.test")
	w.trouble(1, 1)
	w.want("the first", w.delivered(), "ops@acme.test alert 1")
	for range 8 {
		w.trouble(1, 1)
	}
	w.want("more of the same", w.delivered())
	w.trouble(1, 1)
	w.want("ten", w.delivered(), "ops@acme.test alert 10")
	w.trouble(1, 500)
	w.want("five hundred more", w.delivered(), "ops@acme.test alert 510")
	w.trouble(1, 7)
	w.now = w.now.Add(quiet - time.Second)
	w.want("before the hour is over", w.delivered())
	w.now = w.now.Add(time.Second)
	w.want("when it is over", w.delivered(), "ops@acme.test alert 517")
	w.now = w.now.Add(quiet)
	w.want("when nothing more happened", w.delivered())
	w.trouble(1, 2)
	w.want("when it begins again", w.delivered(), "ops@acme.test alert 519")
	w.trouble(2, 1)
	w.want("another credential", w.delivered(), "ops@acme.test alert 1")
	w.want("what was written down", w.actions(), "alert_channel.created", "alert.raised", "alert.raised", "alert.raised")
}

// Each channel is sent so many messages an hour, and then how many it was not sent.
func TestBudgetOfChannels(t *testing.T) {
	w := newWorld(t)
	for id := range int64(5) {
		w.trouble(100+id, 1)
	}
	w.email("ops@acme.test")
	for id := range int64(mostMessages + 7) {
		w.trouble(1+id, 1)
	}
	if n := len(w.delivered()); n != mostMessages {
		t.Errorf("%d messages, want %d", n, mostMessages)
	}
	w.email("late@acme.test")
	w.trouble(50, 1)
	w.want("a channel of its own", w.delivered(), "late@acme.test alert 1")
	w.now = w.now.Add(budgetWindow - time.Second)
	w.want("before the hour is over", w.delivered())
	w.now = w.now.Add(2 * time.Second)
	w.want("when it is over", w.delivered(), "ops@acme.test left_out 8")
	w.now = w.now.Add(budgetWindow + time.Second)
	w.want("no more of it", w.delivered())
}

// What was acknowledged raises another alert when it happens again.
func TestAcknowledge(t *testing.T) {
	w := newWorld(t)
	ctx, operator, yes, no := t.Context(), access.Operator(), true, false
	w.trouble(1, 3)
	list := func(f storage.AlertFilter) []storage.Alert {
		t.Helper()
		f.OrganizationID = w.org
		found, err := w.Alerts(ctx, operator, f, storage.Page{Limit: 10})
		w.ok(err)
		return found
	}
	first := list(storage.AlertFilter{Open: true})[0]
	for range 2 {
		a, err := w.Acknowledge(ctx, operator, w.org, first.ID, &yes)
		w.ok(err)
		if a.Open() || a.AcknowledgedBy != operator.Party || !a.AcknowledgedAt.Equal(w.now) {
			t.Errorf("acknowledged: %+v", a)
		}
	}
	w.trouble(1, 1)
	var refusal *access.Refusal
	if _, err := w.Acknowledge(ctx, operator, w.org, first.ID, &no); !errors.As(err, &refusal) || refusal.Code != "another_alert_open" {
		t.Errorf("reopened beside another: %v", err)
	}
	second := list(storage.AlertFilter{Open: true})[0]
	if second.ID == first.ID || second.Count != 1 {
		t.Errorf("counted in what was acknowledged: %+v", second)
	}
	if _, err := w.Acknowledge(ctx, operator, w.org, second.ID, &yes); err != nil {
		t.Error(err)
	}
	if a, err := w.Acknowledge(ctx, operator, w.org, first.ID, &no); err != nil || !a.Open() {
		t.Errorf("reopened: %+v, %v", a, err)
	}
	if _, err := w.Acknowledge(ctx, operator, w.org, 4711, &yes); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("of nothing: %v", err)
	}
	w.want("what was written down", w.actions(), "alert.raised", "alert.acknowledged", "alert.raised", "alert.acknowledged", "alert.reopened")
	for name, err := range map[string]error{
		"Alerts":        failureOf(w.Alerts(ctx, access.Caller{OrganizationID: w.org}, storage.AlertFilter{OrganizationID: w.org}, storage.Page{Limit: 1})),
		"Acknowledge":   failureOf(w.Acknowledge(ctx, access.Caller{OrganizationID: w.org}, w.org, first.ID, &yes)),
		"Channels":      failureOf(w.Channels(ctx, access.Caller{}, w.org, storage.Page{Limit: 1})),
		"CreateChannel": failureOf(w.CreateChannel(ctx, access.Caller{}, w.org, ChannelRequest{})),
		"DeleteChannel": w.DeleteChannel(ctx, access.Caller{}, w.org, 1),
		"TestChannel":   failureOf(w.TestChannel(ctx, access.Caller{}, w.org, 1)),
	} {
		if !errors.Is(err, access.ErrDenied) {
			t.Errorf("%s by who may not: %v", name, err)
		}
	}
}

func failureOf[T any](_ T, err error) error { return err }
