package storagetest

import (
	"sync/atomic"
	"testing"
	"time"

	"kiket.dev/auth/storage"
)

func testAuditVerifications(_ *testing.T, w *world) {
	at := func(n int) time.Time { return noon.Add(time.Duration(n) * time.Minute) }
	claim := func(organization int64, due, now, until int) (storage.AuditVerification, bool) {
		w.t.Helper()
		v, claimed, err := w.s.ClaimAuditVerification(w.ctx, organization, at(due), at(now), at(until))
		w.ok(err)
		return v, claimed
	}
	first, claimed := claim(7, 0, 0, 5)
	equal(w, "claimed", claimed, true)
	equal(w, "as it begins", first, storage.AuditVerification{OrganizationID: 7, ClaimedUntil: at(5)})
	_, claimed = claim(7, 0, 4, 9)
	equal(w, "claimed twice", claimed, false)
	platform, claimed := claim(0, 0, 4, 9)
	equal(w, "another chain", claimed, true)

	equal(w, "held", must(w.s.HoldAuditVerification(w.ctx, first, at(6)))(w), true)
	equal(w, "held by who does not know", must(w.s.HoldAuditVerification(w.ctx, first, at(9)))(w), false)
	equal(w, "finished by who does not know", must(w.s.FinishAuditVerification(w.ctx, first))(w), false)
	late, claimed := claim(7, 0, 6, 12) // the first was killed
	equal(w, "claimed when the first is over", claimed, true)
	first.ClaimedUntil = at(6)
	equal(w, "finished too late", must(w.s.FinishAuditVerification(w.ctx, first))(w), false)

	late.Sequence, late.Hash, late.At, late.FullAt, late.More = 9, []byte("\x00hash\xff"), at(7), at(7), 3
	late.Findings = []storage.AuditFinding{{Kind: "removed", Sequence: 3, Detail: "it is not there"}, {Kind: "changed", Sequence: 5, EventID: 42}}
	equal(w, "finished", must(w.s.FinishAuditVerification(w.ctx, late))(w), true)
	equal(w, "finished twice", must(w.s.FinishAuditVerification(w.ctx, late))(w), false)
	late.ClaimedUntil = time.Time{}
	equal(w, "all", must(w.s.AuditVerifications(w.ctx))(w), []storage.AuditVerification{platform, late})
	equal(w, "one", must(w.s.AuditVerificationOf(w.ctx, 7))(w), late)
	equal(w, "one that was not begun", must(w.s.AuditVerificationOf(w.ctx, 8))(w), storage.AuditVerification{OrganizationID: 8})
	kept, claimed := claim(7, 6, 8, 12)
	equal(w, "claimed before it is due", claimed, false)
	equal(w, "what there is", kept, late)
	kept, claimed = claim(7, 7, 8, 12)
	equal(w, "claimed when it is due", claimed, true)
	late.ClaimedUntil = at(12)
	equal(w, "what was found before", kept, late)
}

// testAuditVerificationsAtOnce holds that of several who claim one does.
func testAuditVerificationsAtOnce(t *testing.T, w *world) {
	var claims atomic.Int64
	together(8, func(n int) {
		_, claimed, err := w.s.ClaimAuditVerification(w.ctx, 7, noon, noon, hour.Add(time.Duration(n)*time.Second))
		if err != nil {
			t.Error(err)
		}
		if claimed {
			claims.Add(1)
		}
	})
	equal(w, "claims", claims.Load(), int64(1))
}
