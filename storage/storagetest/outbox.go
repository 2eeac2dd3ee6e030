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
	claimed := must(w.s.ClaimMessages(w.ctx, storage.OutboxClaim{Now: now, Lease: lease, Limit: 10}))(w)
	slices.SortFunc(claimed, func(a, b storage.OutboxMessage) int { return int(a.ID - b.ID) })
	for i := range want {
		want[i].Attempts, want[i].NextAttemptAt = want[i].Attempts+1, lease
	}
	if len(want) > 0 || len(claimed) > 0 {
		equal(w, what, claimed, want)
	}
	return claimed
}

// failed is an attempt that failed, on a channel that is held for an hour at the most.
func failed(at, next time.Time, why string) storage.FailedAttempt {
	return storage.FailedAttempt{At: at, Next: next, Why: why, LongestHold: time.Hour, GiveUpBefore: at.Add(-day)}
}

func testOutbox(_ *testing.T, w *world) {
	o := w.organization()
	c := w.channel(o.ID)
	first, second, later := w.message(c, noon), w.message(c, noon), w.message(c, hour)
	w.claim("before it is time", noon.Add(-time.Second))
	first = w.claim("claimed", noon, first)[0]
	second = w.claim("the next of the channel, by another", noon, second)[0]
	w.claim("claimed by somebody", noon.Add(29*time.Second))
	equal(w, "waiting", must(w.s.Backlogs(w.ctx, o.ID))(w), map[int64]storage.Backlog{c.ID: {Waiting: 3}})

	w.ok(w.s.MessageDelivered(w.ctx, first, noon))
	again := noon.Add(time.Minute)
	w.ok(w.s.MessageFailed(w.ctx, second, failed(noon, again, "answered with\x00 500")))
	failing := must(w.s.AlertChannelByID(w.ctx, o.ID, c.ID))(w)
	equal(w, "failing", []any{failing.LastDeliveredAt, failing.FailingSince, failing.LastFailure}, []any{stored(noon), stored(noon), "answered with\uFFFD 500"})
	second.LastError, second.NextAttemptAt = "answered with\uFFFD 500", again
	w.claim("not yet again", again.Add(-time.Second))
	stale := second
	second = w.claim("again", again, second)[0]

	// Whose lease has ended cannot undo what others did since.
	w.ok(w.s.MessageFailed(w.ctx, stale, failed(again, noon, "late")))
	w.claim("reported late", again)
	lapsed := second
	second = w.claim("after the lease", again.Add(31*time.Second), second)[0]
	w.ok(w.s.MessageFailed(w.ctx, lapsed, failed(again, time.Time{}, "late")))
	equal(w, "nothing is given up", must(w.s.Backlogs(w.ctx, o.ID))(w), map[int64]storage.Backlog{c.ID: {Waiting: 2}})
	w.ok(w.s.MessageFailed(w.ctx, second, failed(again, time.Time{}, "no more")))
	failing = must(w.s.AlertChannelByID(w.ctx, o.ID, c.ID))(w)
	equal(w, "still failing", []any{failing.FailingSince, failing.LastFailure}, []any{stored(noon), "no more"})
	equal(w, "given up", must(w.s.Backlogs(w.ctx, o.ID))(w), map[int64]storage.Backlog{c.ID: {Waiting: 1, GivenUp: 1}})

	later = w.claim("the third", hour, later)[0]
	w.ok(w.s.MessageDelivered(w.ctx, lapsed, hour)) // it had arrived after all
	w.ok(w.s.MessageFailed(w.ctx, lapsed, failed(hour, hour, "late")))
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
	w.batched(func(w *world) {
		for range 60 {
			w.message(w.channel(o.ID), noon)
		}
	})
	var mu sync.Mutex
	claims := map[int64]int{}
	together(8, func(int) {
		for range 100 {
			claimed, err := w.s.ClaimMessages(w.ctx, storage.OutboxClaim{Now: noon, Lease: hour, Limit: 3})
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

// testOutboxFair holds that nobody's messages keep others' waiting.
func testOutboxFair(_ *testing.T, w *world) {
	many, few := w.organization(), w.organization()
	u := w.member(many.ID, storage.RoleMember)
	var channels []storage.AlertChannel
	var queued []storage.OutboxMessage
	for range 4 {
		c := w.channel(many.ID)
		channels = append(channels, c)
		for range 3 {
			queued = append(queued, w.message(c, noon))
		}
	}
	letter := storage.OutboxMessage{OrganizationID: many.ID, UserID: u.ID, Payload: []byte("{}"), CreatedAt: noon, NextAttemptAt: noon}
	w.ok(w.s.QueueMessage(w.ctx, &letter))
	late := noon.Add(time.Minute)
	other := w.message(w.channel(few.ID), late)
	var sending []storage.OutboxMessage
	claim := func(what string, limit int, want ...storage.OutboxMessage) {
		w.t.Helper()
		claimed := must(w.s.ClaimMessages(w.ctx, storage.OutboxClaim{Now: late, Lease: hour, Limit: limit, Sending: sending}))(w)
		got, ids := []int64{}, []int64{}
		for _, m := range claimed {
			got = append(got, m.ID)
		}
		for _, m := range want {
			ids = append(ids, m.ID)
		}
		slices.Sort(got)
		equal(w, what, got, ids)
		sending = append(sending, claimed...)
	}
	claim("everybody's first", 2, queued[0], other)
	claim("one more of the organization", 8, queued[3])
	claim("no more of it", 8)
	sending = sending[1:]
	claim("when one is done, another of a channel that is free", 8, queued[1])
	sending = []storage.OutboxMessage{{OrganizationID: many.ID, ChannelID: channels[0].ID}}
	claim("a channel that is sent to is left out", 8, queued[4])
	sending = []storage.OutboxMessage{{OrganizationID: few.ID, UserID: u.ID}}
	claim("of the channels, as there is room", 8, queued[2], queued[5])
}

// testOutboxHeld holds that a channel which fails is left alone for as long as it has
// failed, with all that waits for it.
func testOutboxHeld(_ *testing.T, w *world) {
	c := w.channel(w.organization().ID)
	old := storage.OutboxMessage{OrganizationID: c.OrganizationID, ChannelID: c.ID, Payload: []byte("{}"), CreatedAt: noon.Add(-day), NextAttemptAt: hour.Add(day)}
	w.ok(w.s.QueueMessage(w.ctx, &old))
	first, second := w.message(c, noon), w.message(c, noon)
	at := func(minutes int) time.Time { return noon.Add(time.Duration(minutes) * time.Minute) }
	first = w.claim("the first", noon, first)[0]
	w.ok(w.s.MessageFailed(w.ctx, first, failed(noon, hour, "no")))
	second = w.claim("what failed once is tried with the next", noon, second)[0]
	w.ok(w.s.MessageFailed(w.ctx, second, failed(at(3), at(4), "no")))
	equal(w, "held for as long as it has failed", must(w.s.AlertChannelByID(w.ctx, c.OrganizationID, c.ID))(w).HeldUntil, stored(at(6)))
	equal(w, "what is too old is given up", must(w.s.Backlogs(w.ctx, c.OrganizationID))(w), map[int64]storage.Backlog{c.ID: {Waiting: 2, GivenUp: 1}})
	second.LastError, second.NextAttemptAt = "no", at(4)
	third := w.message(c, at(4))
	w.claim("while it is held", at(6).Add(-time.Second))
	second = w.claim("when it is over", at(6), second)[0]
	w.ok(w.s.MessageFailed(w.ctx, second, failed(at(6), hour.Add(day), "no")))
	third = w.claim("the next time", at(12), third)[0]
	w.ok(w.s.MessageFailed(w.ctx, third, failed(at(300), at(300), "no")))
	equal(w, "held for no longer than that", must(w.s.AlertChannelByID(w.ctx, c.OrganizationID, c.ID))(w).HeldUntil, stored(at(360)))
	third.LastError, third.NextAttemptAt = "no", at(300)
	w.ok(w.s.MessageDelivered(w.ctx, first, at(301)))
	w.claim("what has arrived ends it", at(301), third)
}
