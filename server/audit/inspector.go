package audit

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"kiket.dev/auth/storage"
)

const (
	// fullAfter is how many verifications of what is new go by before everything is
	// verified again.
	fullAfter = 24
	// claimFor is how long a chain is the inspector's that verifies it, and, as long as
	// it does, again and again. It is longer than the clocks of replicas are apart.
	claimFor = 2 * time.Minute
	// soonest and latest bound how often chains are looked for that are due.
	soonest = time.Second
	latest  = time.Minute
)

// Inspector verifies the chains of audit events on a schedule: what is new each time, and
// everything each [fullAfter]th time. Several replicas have one each; each chain is
// verified by one of them at a time. All fields but Broken's are required.
type Inspector struct {
	Notary *Notary
	Store  interface {
		storage.Transactor
		storage.AuditChainStore
		storage.AuditVerificationStore
	}
	Every time.Duration // 0: never
	// Found is told once of each finding in the chain of an organization, 0: of the
	// platform, in the transaction that remembers that it was.
	Found  func(ctx context.Context, organizationID int64, found []Finding) error
	Clock  func() time.Time
	Logger *slog.Logger

	broken atomic.Int64
}

// Broken returns in how many chains something was wrong, as of the latest verifications
// of all replicas.
func (i *Inspector) Broken() int64 { return i.broken.Load() }

// Run verifies what is due until ctx ends.
func (i *Inspector) Run(ctx context.Context) {
	if i.Every <= 0 {
		return
	}
	tick := time.NewTicker(min(max(i.Every/10, soonest), latest))
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if err := i.Inspect(ctx); err != nil && ctx.Err() == nil {
				i.Logger.WarnContext(ctx, "the audit log could not be verified, will try again", "error", err)
			}
		}
	}
}

// Inspect verifies every chain that is due and that no other replica verifies.
func (i *Inspector) Inspect(ctx context.Context) error {
	known, err := i.Store.AuditVerifications(ctx)
	if err != nil {
		return err
	}
	chains, err := i.Store.AuditChains(ctx)
	if err != nil {
		return err
	}
	now, broken := i.Clock(), int64(0)
	at := map[int64]time.Time{}
	for _, c := range chains {
		at[c.OrganizationID] = time.Time{}
	}
	for _, v := range known { // also of a chain that is there no more
		at[v.OrganizationID] = v.At
		if !v.OK() {
			broken++
		}
	}
	i.broken.Store(broken)
	var failed error
	for organization, verified := range at {
		if verified.After(now.Add(-i.Every)) {
			continue
		}
		if err := i.inspect(ctx, organization); err != nil {
			failed = errors.Join(failed, fmt.Errorf("verifying the chain of organization %d: %w", organization, err))
		}
	}
	return failed
}

// inspect verifies one chain, if it can be claimed.
func (i *Inspector) inspect(ctx context.Context, organization int64) error {
	now := i.Clock()
	v, claimed, err := i.Store.ClaimAuditVerification(ctx, organization, now.Add(-i.Every), now, now.Add(claimFor))
	if err != nil || !claimed {
		return err
	}
	next, err := i.verified(ctx, &v)
	if err != nil {
		released, done := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer done()
		_, errRelease := i.Store.FinishAuditVerification(released, v)
		return errors.Join(err, errRelease)
	}
	next.ClaimedUntil = v.ClaimedUntil
	news := newFindings(v.Findings, next.Findings)
	err = i.Store.Transaction(ctx, func(ctx context.Context) error {
		finished, err := i.Store.FinishAuditVerification(ctx, next)
		if !finished || err != nil || len(news) == 0 {
			news = nil
			return err
		}
		return i.Found(ctx, organization, news)
	})
	if err != nil {
		return err
	}
	for _, f := range news {
		i.Logger.ErrorContext(ctx, "the audit log is not as it was sealed", "organization_id", organization,
			"kind", string(f.Kind), "sequence", f.Sequence, "event_id", f.EventID, "finding", f.Detail)
	}
	return nil
}

// verified verifies what is due of the chain, and returns what there is to remember. If
// something is wrong with what is new, everything is verified, so that it can be said
// what was done.
func (i *Inspector) verified(ctx context.Context, v *storage.AuditVerification) (storage.AuditVerification, error) {
	now := i.Clock()
	full := v.FullAt.IsZero() || !now.Before(v.FullAt.Add(fullAfter*i.Every-i.Every/2))
	between := func(took time.Duration) error { return i.between(ctx, v, took) }
	if !full {
		report, err := i.Notary.verify(ctx, verification{since: &place{v.Sequence, v.Hash}, reached: v.Sequence, between: between}, v.OrganizationID, nil)
		switch {
		case err != nil:
			return *v, err
		case report.OK():
			next := *v
			next.At, next.Sequence, next.Hash = now, report.through.sequence, report.through.hash
			return next, nil
		}
	}
	report, err := i.Notary.verify(ctx, verification{reached: v.Sequence, between: between}, v.OrganizationID, nil)
	if err != nil {
		return *v, err
	}
	next := storage.AuditVerification{
		OrganizationID: v.OrganizationID, Sequence: report.through.sequence, Hash: report.through.hash, At: now, FullAt: now, More: int64(report.More),
	}
	for _, f := range report.Findings {
		next.Findings = append(next.Findings, storage.AuditFinding{Kind: string(f.Kind), Sequence: f.Sequence, EventID: f.EventID, Detail: f.Detail})
	}
	return next, nil
}

var errOthers = errors.New("another replica verifies it")

// between is called between two batches of events: it rests as long as the last took, so
// that verifying takes half of one processor at most, and holds the claim.
func (i *Inspector) between(ctx context.Context, v *storage.AuditVerification, took time.Duration) error {
	rested := time.NewTimer(min(took, time.Second))
	defer rested.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-rested.C:
	}
	now := i.Clock()
	if now.Add(claimFor / 2).Before(v.ClaimedUntil) {
		return nil
	}
	until := now.Add(claimFor).Truncate(time.Microsecond) // as it is stored
	held, err := i.Store.HoldAuditVerification(ctx, *v, until)
	if err == nil && !held {
		err = errOthers
	}
	if err == nil {
		v.ClaimedUntil = until
	}
	return err
}

// newFindings returns those that were not there before. Where and what they are makes
// them the same; their words may tell how far the log goes.
func newFindings(before, now []storage.AuditFinding) []Finding {
	known := map[storage.AuditFinding]bool{}
	for _, f := range before {
		f.Detail = ""
		known[f] = true
	}
	var news []Finding
	for _, f := range now {
		same := f
		if same.Detail = ""; !known[same] {
			news = append(news, Finding{FindingKind(f.Kind), f.Sequence, f.EventID, f.Detail})
		}
	}
	return news
}
