package audit

import (
	"context"
	"errors"
	"fmt"
	"time"

	"kiket.dev/auth/server/access"
	"kiket.dev/auth/storage"
)

// pruneSlack is how much older than the retention the oldest event gets before it is
// removed with all that are too old: once a day is often enough, and each time is an
// event itself.
const pruneSlack = 24 * time.Hour

// pruneBatch is about how many events are removed in one transaction.
const pruneBatch = 2000

// Prune removes the events that are older than the retention from the beginning of every
// chain, and returns how many. It stops at a checkpoint, which then proves where the
// chain begins, keeps what the latest checkpoint is of, and writes down in the log that
// it was done.
func (n *Notary) Prune(ctx context.Context) (int64, error) {
	if n.Retention <= 0 {
		return 0, nil
	}
	chains, err := n.Store.AuditChains(ctx)
	if err != nil {
		return 0, fmt.Errorf("reading the chains: %w", err)
	}
	before := n.Clock().Add(-n.Retention)
	var total int64
	for _, chain := range chains {
		removed, err := n.prune(ctx, chain.OrganizationID, before)
		total += removed
		if err != nil {
			return total, fmt.Errorf("removing old events of organization %d: %w", chain.OrganizationID, err)
		}
	}
	return total, nil
}

func (n *Notary) prune(ctx context.Context, organization int64, before time.Time) (int64, error) {
	chain, err := n.Store.AuditChainOf(ctx, organization)
	if err != nil {
		return 0, err
	}
	oldest, err := n.Store.SealedAuditEvents(ctx, organization, chain.BaseSequence, 1)
	if err != nil || len(oldest) == 0 || !oldest[0].CreatedAt.Before(before.Add(-min(pruneSlack, n.Retention/2))) {
		return 0, err
	}
	var total int64
	for {
		var removed int64
		err := n.locked(ctx, func(ctx context.Context) error {
			var err error
			removed, err = n.pruneSome(ctx, organization, before)
			return err
		})
		total += removed
		if err != nil || removed == 0 {
			return total, err
		}
	}
}

func (n *Notary) pruneSome(ctx context.Context, organization int64, before time.Time) (int64, error) {
	chain, err := n.Store.AuditChainOf(ctx, organization)
	if err != nil {
		return 0, err
	}
	records, err := n.Store.SealedAuditEvents(ctx, organization, chain.BaseSequence, pruneBatch)
	if err != nil {
		return 0, err
	}
	through := int64(0)
	hashes := map[int64][]byte{}
	for _, r := range records {
		if !r.CreatedAt.Before(before) || r.Sequence >= chain.Checkpoint {
			break
		}
		through, hashes[r.Sequence] = r.Sequence, r.Hash
	}
	checkpoint, err := n.Store.AuditCheckpointUpTo(ctx, organization, through)
	if errors.Is(err, storage.ErrNotFound) {
		return 0, nil
	}
	if err != nil || checkpoint.Sequence <= chain.BaseSequence || hashes[checkpoint.Sequence] == nil {
		return 0, err
	}
	removed, err := n.Store.RemoveAuditEvents(ctx, organization, checkpoint.Sequence)
	if err != nil {
		return 0, err
	}
	from := chain.BaseSequence + 1
	chain.BaseSequence, chain.BaseHash = checkpoint.Sequence, hashes[checkpoint.Sequence]
	if err := n.Store.PutAuditChain(ctx, chain); err != nil {
		return 0, err
	}
	record := Recorder{Store: n.Store, Clock: n.Clock}
	return removed, record.Record(ctx, access.Caller{Party: Machine}, Event{
		OrganizationID: organization, Action: pruned, Target: storage.Party{Kind: "audit_log", ID: organization},
		Details: map[string]any{"from": from, "through": checkpoint.Sequence, "events": removed, "retention": n.Retention.String()},
	})
}
