package storagetest

import (
	"testing"
	"time"

	"kiket.dev/auth/storage"
)

// pointer is for members that may be nil.
func pointer[T any](v T) *T { return &v }

func testAlertRules(_ *testing.T, w *world) {
	o, other := w.organization(), w.organization()
	equal(w, "nothing set", len(must(w.s.AlertRules(w.ctx, o.ID))(w)), 0)
	nothing := storage.AlertRule{OrganizationID: o.ID, Rule: "b", UpdatedAt: noon}
	everything := storage.AlertRule{
		OrganizationID: o.ID, Rule: "a", Enabled: pointer(false), Threshold: pointer(int64(7)), Window: pointer(90 * time.Second), UpdatedAt: noon,
	}
	theirs := storage.AlertRule{OrganizationID: other.ID, Rule: "a", Enabled: pointer(true), UpdatedAt: noon}
	cased := storage.AlertRule{OrganizationID: o.ID, Rule: "A", Threshold: pointer(int64(9)), UpdatedAt: noon}
	for _, r := range []storage.AlertRule{nothing, everything, theirs, cased} {
		w.ok(w.s.PutAlertRule(w.ctx, r))
	}
	equal(w, "set", must(w.s.AlertRules(w.ctx, o.ID))(w), []storage.AlertRule{cased, everything, nothing})
	equal(w, "set by the other", must(w.s.AlertRules(w.ctx, other.ID))(w), []storage.AlertRule{theirs})
	everything.Enabled, everything.Threshold, everything.Window, everything.UpdatedAt = nil, pointer(int64(8)), nil, hour
	w.ok(w.s.PutAlertRule(w.ctx, everything))
	equal(w, "set anew", must(w.s.AllAlertRules(w.ctx))(w), []storage.AlertRule{cased, everything, nothing, theirs})
	for _, id := range []int64{0, -1, 4711} {
		stray := theirs
		stray.OrganizationID = id
		w.wantErr("of nobody", w.s.PutAlertRule(w.ctx, stray), storage.ErrNotFound)
	}
}
