package audit

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"kiket.dev/auth/keys"
	"kiket.dev/auth/storage"
)

const (
	sealEvery = time.Second
	// sealBatch is how many events are sealed with one statement.
	sealBatch = 500
	// checkpointEvery is how long what was sealed waits for a checkpoint, and
	// checkpointAfter how many events wait at most.
	checkpointEvery = time.Minute
	checkpointAfter = 1000
	lookEvery       = 15 * time.Second // for chains that wait
)

// Notary ties the events of each organization, and those of the platform, into a chain
// of hashes, and signs how far it goes. It comes after the transactions that write
// events, so that those do not queue up behind one row: within about a second every
// event has its place. Several replicas have one each and take turns.
type Notary struct {
	Store interface {
		storage.Transactor
		storage.AuditStore
		storage.AuditChainStore
		storage.OrganizationStore
	}
	Ring   *keys.Ring
	Sealer *keys.Sealer
	Issuer string
	// Retention is how long events are kept; 0: for ever.
	Retention time.Duration
	Clock     func() time.Time
	Logger    *slog.Logger

	lost bool // the last attempt failed
}

// Run seals and signs until ctx ends. What is left then is done by [Notary.Finish].
func (n *Notary) Run(ctx context.Context) {
	tick := time.NewTicker(sealEvery)
	defer tick.Stop()
	looked, wait := time.Time{}, time.Duration(0) // what an earlier process has left is signed at once
	for {
		_, err := n.Seal(ctx)
		if now := n.Clock(); err == nil && now.Sub(looked) >= lookEvery {
			if err = n.checkpoints(ctx, now.Add(-wait)); err == nil {
				looked, wait = now, checkpointEvery
			}
		}
		n.report(ctx, err)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// report logs the first of several failures, and that they are over.
func (n *Notary) report(ctx context.Context, err error) {
	switch {
	case ctx.Err() != nil:
		return
	case err != nil && !n.lost:
		n.Logger.WarnContext(ctx, "audit events could not be sealed, will try again", "error", err)
	case err == nil && n.lost:
		n.Logger.InfoContext(ctx, "audit events are sealed again")
	}
	n.lost = err != nil
}

// Finish seals and signs everything that there is.
func (n *Notary) Finish(ctx context.Context) error {
	if _, err := n.Seal(ctx); err != nil {
		return err
	}
	return n.checkpoints(ctx, n.Clock())
}

// Seal seals all events that are not, and returns how many.
func (n *Notary) Seal(ctx context.Context) (int, error) {
	total := 0
	for {
		// Looking first costs no lock, and there is nothing to do most of the time.
		waiting, err := n.Store.UnsealedAuditEvents(ctx, 1)
		if err != nil || len(waiting) == 0 {
			return total, err
		}
		sealed, err := n.sealBatch(ctx)
		total += sealed
		if err != nil || sealed == 0 {
			return total, err
		}
	}
}

// locked runs f in a transaction, one at a time among replicas.
func (n *Notary) locked(ctx context.Context, f func(ctx context.Context) error) error {
	return n.Store.Transaction(ctx, func(ctx context.Context) error {
		if err := n.Store.Lock(ctx, storage.LockAuditChains); err != nil {
			return fmt.Errorf("taking turns: %w", err)
		}
		return f(ctx)
	})
}

func (n *Notary) sealBatch(ctx context.Context) (int, error) {
	sealed := 0
	var full []int64
	err := n.locked(ctx, func(ctx context.Context) error {
		records, err := n.Store.UnsealedAuditEvents(ctx, sealBatch)
		if err != nil {
			return err
		}
		chains := map[int64]*storage.AuditChain{}
		seals := make([]storage.AuditSeal, 0, len(records))
		for _, r := range records {
			chain := chains[r.OrganizationID]
			if chain == nil {
				if chain, err = n.chain(ctx, r.OrganizationID); err != nil {
					return err
				}
				chains[r.OrganizationID] = chain
			}
			chain.Hash = hash(r, chain.Sequence+1, chain.Hash)
			chain.Sequence++
			seals = append(seals, storage.AuditSeal{ID: r.ID, Sequence: chain.Sequence, Hash: chain.Hash})
		}
		if err := n.Store.SealAuditEvents(ctx, seals); err != nil {
			return fmt.Errorf("sealing audit events: %w", err)
		}
		for _, chain := range chains {
			if err := n.Store.PutAuditChain(ctx, *chain); err != nil {
				return fmt.Errorf("moving a chain on: %w", err)
			}
			if chain.Sequence-chain.Checkpoint >= checkpointAfter {
				full = append(full, chain.OrganizationID)
			}
		}
		sealed = len(seals)
		return nil
	})
	if err != nil {
		return 0, err
	}
	for _, organization := range full {
		if err := n.checkpoint(ctx, organization); err != nil {
			return sealed, err
		}
	}
	return sealed, nil
}

// chain returns where the chain of the organization goes on. If somebody has meddled
// with where it stands, or with the end of it, it goes on after the later of the two:
// events are sealed in any case, and it is for [Notary.Verify] to say what is wrong.
func (n *Notary) chain(ctx context.Context, organization int64) (*storage.AuditChain, error) {
	chain, err := n.Store.AuditChainOf(ctx, organization)
	if errors.Is(err, storage.ErrNotFound) {
		chain, err = storage.AuditChain{OrganizationID: organization, Hash: genesis, BaseHash: genesis}, nil
	}
	if err != nil {
		return nil, err
	}
	last, err := n.Store.LastAuditSeal(ctx, organization)
	switch {
	case errors.Is(err, storage.ErrNotFound):
	case err != nil:
		return nil, err
	case last.Sequence > chain.Sequence:
		chain.Sequence, chain.Hash = last.Sequence, last.Hash
	}
	return &chain, nil
}
