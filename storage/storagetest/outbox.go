package storagetest

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"kiket.dev/auth/storage"
)

func (w *world) message(c storage.AlertChannel, due time.Time) storage.OutboxMessage {
	w.t.Helper()
	m := storage.OutboxMessage{
		OrganizationID: c.OrganizationID, ChannelID: c.ID, Payload: []byte(`{"a":"b"}`), CreatedAt: noon, NextAttemptAt: due,
	}
	w.ok(w.s.QueueMessage(w.ctx, &m))
	return m
}

// claim claims what is due, which must be exactly the messages, and returns it.
func (w *world) claim(what string, now time.Time, want ...storage.OutboxMessage) []storage.OutboxMessage {
	w.t.Helper()
	lease := now.Add(30 * time.Second)
	claimed := must(w.s.ClaimMessages(w.ctx, now, lease, 10))(w)
	slices.SortFunc(claimed, func(a, b storage.OutboxMessage) int { return int(a.ID - b.ID) })
	for i := range want {
		want[i].Attempts, want[i].NextAttemptAt = want[i].Attempts+1, lease
	}
	if len(want) > 0 || len(claimed) > 0 {
		equal(w, what, claimed, want)
	}
	return claimed
}

func testOutbox(_ *testing.T, w *world) {
	o := w.organization()
	c := w.channel(o.ID)
	first, second, later := w.message(c, noon), w.message(c, noon), w.message(c, hour)
	w.claim("before it is time", noon.Add(-time.Second))
	claimed := w.claim("claimed", noon, first, second)
	w.claim("claimed by somebody", noon.Add(29*time.Second))
	equal(w, "waiting", must(w.s.Backlogs(w.ctx, o.ID))(w), map[int64]storage.Backlog{c.ID: {Waiting: 3}})

	first, second = claimed[0], claimed[1]
	w.ok(w.s.MessageDelivered(w.ctx, first, noon))
	again := noon.Add(time.Minute)
	w.ok(w.s.MessageFailed(w.ctx, second, noon, again, "answered with\x00 500"))
	failing := must(w.s.AlertChannelByID(w.ctx, o.ID, c.ID))(w)
	equal(w, "failing", []any{failing.LastDeliveredAt, failing.FailingSince, failing.LastFailure}, []any{stored(noon), stored(noon), "answered with\uFFFD 500"})
	second.LastError, second.NextAttemptAt = "answered with\uFFFD 500", again
	w.claim("not yet again", again.Add(-time.Second))
	stale := second
	second = w.claim("again", again, second)[0]

	// Whose lease has ended cannot undo what others did since.
	w.ok(w.s.MessageFailed(w.ctx, stale, again, noon, "late"))
	w.claim("reported late", again)
	lapsed := second
	second = w.claim("after the lease", again.Add(31*time.Second), second)[0]
	w.ok(w.s.MessageFailed(w.ctx, lapsed, again, time.Time{}, "late"))
	equal(w, "nothing is given up", must(w.s.Backlogs(w.ctx, o.ID))(w), map[int64]storage.Backlog{c.ID: {Waiting: 2}})
	w.ok(w.s.MessageFailed(w.ctx, second, hour, time.Time{}, "no more"))
	failing = must(w.s.AlertChannelByID(w.ctx, o.ID, c.ID))(w)
	equal(w, "still failing", []any{failing.FailingSince, failing.LastFailure}, []any{stored(noon), "no more"})
	equal(w, "given up", must(w.s.Backlogs(w.ctx, o.ID))(w), map[int64]storage.Backlog{c.ID: {Waiting: 1, GivenUp: 1}})

	later = w.claim("the third", hour, later)[0]
	w.ok(w.s.MessageDelivered(w.ctx, lapsed, hour)) // it had arrived after all
	w.ok(w.s.MessageFailed(w.ctx, lapsed, hour, hour, "late"))
	healed := must(w.s.AlertChannelByID(w.ctx, o.ID, c.ID))(w)
	equal(w, "healed", []any{healed.LastDeliveredAt, healed.FailingSince, healed.LastFailure}, []any{stored(hour), time.Time{}, ""})
	w.ok(w.s.MessageDelivered(w.ctx, later, hour))
	equal(w, "nothing waits", len(must(w.s.Backlogs(w.ctx, o.ID))(w)), 0)

	waiting := w.message(c, noon)
	equal(w, "swept before", must(w.s.SweepMessages(w.ctx, noon))(w), int64(0))
	equal(w, "swept", must(w.s.SweepMessages(w.ctx, hour.Add(time.Hour)))(w), int64(3))
	w.claim("what waits is left", hour.Add(time.Hour), waiting)
}

// stored is a time as it is read back.
func stored(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }

// testOutboxAtOnce holds that of several who ask for messages at once nobody gets what
// another has got.
func testOutboxAtOnce(t *testing.T, w *world) {
	o := w.organization()
	c := w.channel(o.ID)
	w.batched(func(w *world) {
		for range 60 {
			w.message(c, noon)
		}
	})
	var mu sync.Mutex
	claims := map[int64]int{}
	together(8, func(int) {
		for range 100 {
			claimed, err := w.s.ClaimMessages(w.ctx, noon, hour, 3)
			if err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			for _, m := range claimed {
				claims[m.ID]++
			}
			all := len(claims)
			mu.Unlock()
			if all == 60 {
				return
			}
		}
	})
	equal(w, "messages that were claimed", len(claims), 60)
	for id, n := range claims {
		if n != 1 {
			t.Errorf("message %d was claimed %d times", id, n)
		}
	}
}

// testOutboxRollback holds that a message, and the alert that it tells of, are there
// together or not at all.
func testOutboxRollback(_ *testing.T, w *world) {
	o := w.organization()
	c := w.channel(o.ID)
	err := w.s.Transaction(w.ctx, func(ctx context.Context) error {
		inside := *w
		inside.ctx = ctx
		inside.raise(o.ID, "a")
		inside.message(c, noon)
		return errRollback
	})
	w.wantErr("rolled back", err, errRollback)
	equal(w, "alerts", len(must(w.s.Alerts(w.ctx, storage.AlertFilter{OrganizationID: o.ID}, storage.Page{Limit: 5}))(w)), 0)
	w.claim("messages", hour)
}
