package audit

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"kiket.dev/auth/storage"
)

// signed is what a checkpoint states.
type signed struct {
	sequence int64
	hash     []byte
	at       time.Time
	given    bool // it comes from elsewhere
}

func (s signed) time() string { return s.at.UTC().Format(time.RFC3339) }

// gather reads the checkpoints of the chain, those that are kept and those given, and
// says which are not ours.
func (v *verification) gather(ctx context.Context, given []string) error {
	after := int64(-1)
	if v.since != nil {
		after = v.since.sequence
	}
	for {
		kept, err := v.notary.Store.AuditCheckpoints(ctx, v.report.OrganizationID, after, verifyBatch)
		if err != nil {
			return err
		}
		for _, c := range kept {
			v.take(c)
			after = c.Sequence
		}
		if len(kept) < verifyBatch {
			break
		}
	}
	if latest := v.begin.Checkpoint; latest > after && latest > 0 {
		v.report.find(Checkpoint, latest, 0, "the checkpoint of %d is not there", latest)
	}
	for _, statement := range given {
		claims, hash, err := v.ring.read(statement)
		if err == nil && claims.OrganizationID == v.report.OrganizationID {
			v.checkpoints = append(v.checkpoints, signed{claims.Sequence, hash, time.Unix(claims.IssuedAt, 0), true})
		}
	}
	slices.SortStableFunc(v.checkpoints, func(a, b signed) int { return cmp.Compare(a.sequence, b.sequence) })
	return nil
}

func (v *verification) take(c storage.AuditCheckpoint) {
	claims, hash, err := v.ring.read(c.Statement)
	if err == nil && (claims.Sequence != c.Sequence || claims.OrganizationID != c.OrganizationID) {
		err = errors.New("it is of another place")
	}
	if err != nil {
		v.report.find(Checkpoint, c.Sequence, 0, "the checkpoint of %d is not valid: %v", c.Sequence, err)
		return
	}
	v.checkpoints = append(v.checkpoints, signed{claims.Sequence, hash, time.Unix(claims.IssuedAt, 0), false})
}

// CheckGiven returns an error that says why a checkpoint from elsewhere cannot be
// compared with anything.
func (n *Notary) CheckGiven(ctx context.Context, statement string) error {
	ring, err := n.keyring(ctx)
	if err == nil {
		_, _, err = ring.read(statement)
	}
	return err
}

// compareCheckpoints compares the event just looked at with the checkpoints of its place.
// That an event before it was changed is told by the event itself.
func (v *verification) compareCheckpoints() {
	for len(v.checkpoints) > 0 && v.checkpoints[0].sequence <= v.sequence {
		c := v.checkpoints[0]
		v.checkpoints = v.checkpoints[1:]
		switch {
		case c.sequence <= v.begin.BaseSequence:
			v.compareRemoved(c)
			continue
		case c.sequence < v.sequence: // of an event that is not there, which was told
			continue
		}
		v.report.Checkpoints++
		if string(c.hash) != string(v.hash) {
			v.report.find(Rewritten, c.sequence, 0,
				"the event at %d has another hash than the checkpoint of %s states: it or events before it were rewritten", c.sequence, c.time())
			continue
		}
		v.report.Checkpointed, v.report.CheckpointedAt = c.sequence, c.at
	}
}

// compareRemoved looks at a checkpoint of events that retention has removed.
func (v *verification) compareRemoved(c signed) {
	if c.sequence == v.begin.BaseSequence && string(c.hash) != string(v.begin.BaseHash) {
		v.report.find(Head, c.sequence, 0, "the chain begins after %d with another hash than the checkpoint of %s states", c.sequence, c.time())
	}
}

// pruned is the event that records that events were removed.
const pruned = "audit_log.pruned"

// notePruning remembers what the log says about events that were removed.
func (v *verification) notePruning(r storage.AuditRecord) {
	var details struct {
		Through int64 `json:"through"`
	}
	if r.Action == pruned && json.Unmarshal([]byte(r.DetailsText), &details) == nil {
		v.pruned = max(v.pruned, details.Through)
	}
}

// compareBase holds that a chain that does not begin at 1 begins where retention has put
// its beginning: after a checkpoint, and with an event that says so. The walk has come to
// an end at end.
func (v *verification) compareBase(ctx context.Context, end storage.AuditChain) error {
	base := v.begin.BaseSequence
	if base == 0 {
		return nil
	}
	c, err := v.notary.Store.AuditCheckpointUpTo(ctx, v.report.OrganizationID, base)
	if err != nil && !errors.Is(err, storage.ErrNotFound) {
		return err
	}
	signed := err == nil && c.Sequence == base
	said, err := v.saidToBePruned(ctx, base, end.Sequence)
	if err != nil || signed && said {
		return err
	}
	if now, _, err := v.stands(ctx); err != nil || now.BaseSequence != base {
		return errors.Join(err, errMoved)
	}
	if !signed {
		v.report.find(Checkpoint, base, 0, "the checkpoint of %d, after which the chain begins, is not there", base)
	}
	if !said {
		v.report.find(Removed, 1, 0, "%s, and no event says that they were removed for their age", missing(1, base))
	}
	return nil
}

// saidToBePruned reports whether an event says that those through base were removed: one
// that was walked over, or one that came after the end of the walk, which is for the next.
func (v *verification) saidToBePruned(ctx context.Context, base, end int64) (bool, error) {
	if v.pruned >= base {
		return true, nil
	}
	latest, err := v.notary.Store.FindAuditEvents(ctx, storage.AuditFilter{OrganizationID: v.report.OrganizationID, Action: pruned}, storage.AuditPage{Limit: 1})
	if err != nil || len(latest) == 0 {
		return false, err
	}
	e := latest[0]
	through, _ := e.Details["through"].(float64)
	return (e.Sequence == 0 || e.Sequence > end) && int64(through) >= base, nil
}
