package storagetest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"kiket.dev/auth/storage"
)

func newAlert(organizationID int64, key string) storage.Alert {
	return storage.Alert{
		OrganizationID: organizationID, Rule: "revoked_credential_used", DedupeKey: key,
		Subject: storage.Party{Kind: "workspace_api_token", ID: 42, Name: "CI"}, Summary: "It was used",
		Details: map[string]any{"ip_address": "198.51.100.1"}, Count: 1, FirstAt: noon, LastAt: noon,
	}
}

func (w *world) raise(organizationID int64, key string) storage.Alert {
	w.t.Helper()
	a := newAlert(organizationID, key)
	w.ok(w.s.RaiseAlert(w.ctx, &a))
	return a
}

func testAlerts(_ *testing.T, w *world) {
	o := w.organization()
	page := storage.Page{Limit: 10}
	first := w.raise(o.ID, "a")
	want := newAlert(o.ID, "a")
	want.ID = first.ID
	equal(w, "raised", first, want)
	equal(w, "read back", must(w.s.AlertByID(w.ctx, o.ID, first.ID))(w), want)

	again := newAlert(o.ID, "a")
	again.Count, again.Summary, again.Details = 4, "Again", nil
	again.FirstAt, again.LastAt = noon.Add(time.Minute), noon.Add(2*time.Minute)
	again.Subject.Name = "renamed"
	w.ok(w.s.RaiseAlert(w.ctx, &again))
	want.Count, want.Summary, want.Details, want.LastAt = 5, "Again", nil, noon.Add(2*time.Minute)
	equal(w, "raised again", again, want)
	late := w.raise(o.ID, "a") // it happened before what is known already
	want.Count, want.Summary, want.Details = 6, first.Summary, first.Details
	equal(w, "raised late", late, want)

	other := w.raise(o.ID, "A")
	if other.ID == first.ID || w.raise(w.organization().ID, "a").ID == first.ID {
		w.t.Error("alerts with other keys, or of other organizations, are one")
	}
	w.ok(w.s.MarkAlertTold(w.ctx, o.ID, first.ID, 6, hour))
	want.Told, want.QuietUntil = 6, hour
	equal(w, "told", must(w.s.AlertByID(w.ctx, o.ID, first.ID))(w), want)

	by := storage.Party{Kind: "session", ID: 7, Name: "Avery"}
	equal(w, "acknowledged", must(w.s.AcknowledgeAlert(w.ctx, o.ID, first.ID, by, hour))(w), true)
	equal(w, "acknowledged twice", must(w.s.AcknowledgeAlert(w.ctx, o.ID, first.ID, storage.Party{}, noon))(w), false)
	want.AcknowledgedAt, want.AcknowledgedBy = hour, by
	equal(w, "after it", must(w.s.AlertByID(w.ctx, o.ID, first.ID))(w), want)
	open := storage.AlertFilter{OrganizationID: o.ID, Open: true}
	equal(w, "open", must(w.s.Alerts(w.ctx, open, page))(w), []storage.Alert{other})
	equal(w, "acknowledged ones", must(w.s.Alerts(w.ctx, storage.AlertFilter{OrganizationID: o.ID, Acknowledged: true}, page))(w), []storage.Alert{want})
	equal(w, "all", must(w.s.Alerts(w.ctx, storage.AlertFilter{OrganizationID: o.ID}, page))(w), []storage.Alert{other, want})
	equal(w, "the second page", must(w.s.Alerts(w.ctx, storage.AlertFilter{OrganizationID: o.ID}, storage.Page{Limit: 1, Before: other.ID}))(w), []storage.Alert{want})

	elsewhere := newAlert(o.ID, "b")
	elsewhere.Subject.ID++
	w.ok(w.s.RaiseAlert(w.ctx, &elsewhere))
	equal(w, "of one subject", must(w.s.Alerts(w.ctx, storage.AlertFilter{OrganizationID: o.ID, Subject: &elsewhere.Subject}, page))(w), []storage.Alert{elsewhere})
	equal(w, "of the other", len(must(w.s.Alerts(w.ctx, storage.AlertFilter{OrganizationID: o.ID, Subject: &want.Subject}, page))(w)), 2)

	fresh := w.raise(o.ID, "a")
	if fresh.ID == first.ID || fresh.Count != 1 {
		w.t.Errorf("what happens after the acknowledgement is counted before it: %+v", fresh)
	}
	_, err := w.s.ReopenAlert(w.ctx, o.ID, first.ID)
	w.wantErr("reopened beside an open one", err, storage.ErrConflict)
	equal(w, "the other acknowledged", must(w.s.AcknowledgeAlert(w.ctx, o.ID, fresh.ID, by, hour))(w), true)
	equal(w, "reopened", must(w.s.ReopenAlert(w.ctx, o.ID, first.ID))(w), true)
	equal(w, "reopened twice", must(w.s.ReopenAlert(w.ctx, o.ID, first.ID))(w), false)
	want.AcknowledgedAt, want.AcknowledgedBy = time.Time{}, storage.Party{}
	equal(w, "after that", must(w.s.AlertByID(w.ctx, o.ID, first.ID))(w), want)
}

func testAlertsToBeTold(_ *testing.T, w *world) {
	o := w.organization()
	a, told, quiet, acknowledged := w.raise(o.ID, "a"), w.raise(o.ID, "b"), w.raise(o.ID, "c"), w.raise(o.ID, "d")
	w.ok(w.s.MarkAlertTold(w.ctx, o.ID, a.ID, 0, noon))
	w.ok(w.s.MarkAlertTold(w.ctx, o.ID, told.ID, 1, noon))
	w.ok(w.s.MarkAlertTold(w.ctx, o.ID, quiet.ID, 0, hour))
	w.ok(w.s.MarkAlertTold(w.ctx, o.ID, acknowledged.ID, 0, noon))
	must(w.s.AcknowledgeAlert(w.ctx, o.ID, acknowledged.ID, storage.Party{}, noon))(w)
	ids := func(found []storage.Alert) []int64 {
		got := []int64{}
		for _, f := range found {
			got = append(got, f.ID)
		}
		return got
	}
	equal(w, "untold", ids(must(w.s.UntoldAlerts(w.ctx, noon, 5))(w)), []int64{a.ID})
	equal(w, "untold later", ids(must(w.s.UntoldAlerts(w.ctx, hour, 5))(w)), []int64{a.ID, quiet.ID})
	equal(w, "untold, one", ids(must(w.s.UntoldAlerts(w.ctx, hour, 1))(w)), []int64{a.ID})

	later := newAlert(o.ID, "a")
	later.LastAt = hour
	w.ok(w.s.RaiseAlert(w.ctx, &later))
	equal(w, "swept before", must(w.s.SweepAlerts(w.ctx, noon))(w), int64(0))
	equal(w, "swept", must(w.s.SweepAlerts(w.ctx, noon.Add(time.Second)))(w), int64(3))
	equal(w, "left", ids(must(w.s.Alerts(w.ctx, storage.AlertFilter{OrganizationID: o.ID}, storage.Page{Limit: 5}))(w)), []int64{a.ID})
}

// testAlertsAtOnce holds that the same trouble, seen by several at once, is one alert
// in which every one of them counts.
func testAlertsAtOnce(t *testing.T, w *world) {
	o := w.organization()
	together(12, func(n int) {
		a := newAlert(o.ID, fmt.Sprint("key ", n%2))
		err := w.s.Transaction(w.ctx, func(ctx context.Context) error {
			if err := w.s.RaiseAlert(ctx, &a); err != nil {
				return err
			}
			// Nobody else has counted since, as long as the transaction lasts.
			return w.s.MarkAlertTold(ctx, o.ID, a.ID, a.Count, hour)
		})
		if err != nil {
			t.Error(err)
		}
	})
	found := must(w.s.Alerts(w.ctx, storage.AlertFilter{OrganizationID: o.ID}, storage.Page{Limit: 10}))(w)
	equal(w, "alerts", len(found), 2)
	for _, a := range found {
		if a.Count != 6 || a.Told != 6 {
			t.Errorf("%s: count %d, told %d, want 6", a.DedupeKey, a.Count, a.Told)
		}
	}
}

func newChannel(organizationID int64) storage.AlertChannel {
	return storage.AlertChannel{
		OrganizationID: organizationID, Kind: storage.WebhookChannel, Name: "Pager", Address: "hooks.acme.test/…9f3a",
		Sealed: []byte("\x00sealed\xff"), CreatedAt: noon,
	}
}

func (w *world) channel(organizationID int64) storage.AlertChannel {
	w.t.Helper()
	c := newChannel(organizationID)
	w.ok(w.s.CreateAlertChannel(w.ctx, &c))
	return c
}

func testAlertChannels(t *testing.T, w *world) {
	o := w.organization()
	page := storage.Page{Limit: 10}
	c := w.channel(o.ID)
	equal(w, "read back", must(w.s.AlertChannelByID(w.ctx, o.ID, c.ID))(w), c)
	full := newChannel(o.ID)
	full.Kind, full.Sealed, full.LastFailure = storage.EmailChannel, nil, "no"
	full.LastDeliveredAt, full.FailingSince, full.HeldUntil = noon, hour, hour
	full.AddedBy = storage.Party{Kind: "session", ID: 7, Name: "Avery"}
	full.Budget = storage.ChannelBudget{Window: noon, Sent: 3, LeftOut: 2}
	w.ok(w.s.CreateAlertChannel(w.ctx, &full))
	equal(w, "listed", must(w.s.AlertChannels(w.ctx, o.ID, page))(w), []storage.AlertChannel{full, c})

	_, err := w.s.LockAlertChannels(w.ctx, o.ID)
	w.wantPlain("locked outside a transaction", err)
	w.ok(w.s.Transaction(w.ctx, func(ctx context.Context) error {
		equal(w, "locked", must(w.s.LockAlertChannels(ctx, o.ID))(w), []storage.AlertChannel{c, full})
		return nil
	}))
	together(8, func(int) {
		err := w.s.Transaction(w.ctx, func(ctx context.Context) error {
			locked, err := w.s.LockAlertChannels(ctx, o.ID)
			if err != nil {
				return err
			}
			b := locked[0].Budget
			b.Window, b.Sent = noon, b.Sent+1
			return w.s.SetChannelBudget(ctx, o.ID, c.ID, b)
		})
		if err != nil {
			t.Error(err)
		}
	})
	equal(w, "the budget", must(w.s.AlertChannelByID(w.ctx, o.ID, c.ID))(w).Budget, storage.ChannelBudget{Window: noon, Sent: 8})

	equal(w, "left out", must(w.s.ChannelsLeftOut(w.ctx, hour, 5))(w), []storage.AlertChannel{full})
	equal(w, "left out, none yet", len(must(w.s.ChannelsLeftOut(w.ctx, noon, 5))(w)), 0)

	for n, want := range []int64{1, 2, 3} {
		equal(w, "mail", must(w.s.CountMail(w.ctx, o.ID, "ops@acme.test", noon.Add(time.Duration(n)*time.Minute), time.Hour))(w), want)
	}
	equal(w, "mail to another", must(w.s.CountMail(w.ctx, o.ID, "Ops@acme.test", noon, time.Hour))(w), int64(1))
	equal(w, "mail of another", must(w.s.CountMail(w.ctx, w.organization().ID, "ops@acme.test", hour, time.Hour))(w), int64(1))
	equal(w, "mail an hour after the first", must(w.s.CountMail(w.ctx, o.ID, "ops@acme.test", noon.Add(time.Hour), time.Hour))(w), int64(1))
	equal(w, "swept", must(w.s.SweepMail(w.ctx, noon.Add(time.Second)))(w), int64(1))

	was := c.Sealed
	c.Sealed, c.Budget = []byte("anew"), storage.ChannelBudget{Window: noon, Sent: 8}
	equal(w, "resealed", must(w.s.ResealAlertChannel(w.ctx, c, was))(w), true)
	equal(w, "resealed from what it is not", must(w.s.ResealAlertChannel(w.ctx, c, was))(w), false)
	equal(w, "after one", must(w.s.AlertChannelsAfter(w.ctx, c.ID-1, 1))(w), []storage.AlertChannel{c})
	equal(w, "after the other", must(w.s.AlertChannelsAfter(w.ctx, c.ID, 5))(w), []storage.AlertChannel{full})

	m := w.message(c, noon)
	w.ok(w.s.DeleteAlertChannel(w.ctx, o.ID, c.ID))
	w.wantErr("deleted twice", w.s.DeleteAlertChannel(w.ctx, o.ID, c.ID), storage.ErrNotFound)
	_, err = w.s.AlertChannelByID(w.ctx, o.ID, c.ID)
	w.wantErr("after it", err, storage.ErrNotFound)
	equal(w, "its messages", len(must(w.s.ClaimMessages(w.ctx, storage.OutboxClaim{Now: hour, Lease: hour, Limit: 5}))(w)), 0)
	w.wantErr("a message to it", w.s.QueueMessage(w.ctx, &m), storage.ErrNotFound)
}
