package audit

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"kiket.dev/auth/storage"
)

// FindingKind says what was done to a log.
type FindingKind string

// The kinds of findings.
const (
	Changed    FindingKind = "changed"    // an event, or its hash
	Removed    FindingKind = "removed"    // events that were sealed are not there
	Inserted   FindingKind = "inserted"   // an event that was not sealed in that place
	Reordered  FindingKind = "reordered"  // an event that was sealed in another place
	Rewritten  FindingKind = "rewritten"  // the chain is whole and not the one that was signed
	Checkpoint FindingKind = "checkpoint" // a checkpoint is missing, or not one of ours
	Head       FindingKind = "head"       // where the chain begins or ends was changed
)

// Finding is something that is wrong with a log.
type Finding struct {
	Kind FindingKind
	// Sequence is the place in the chain, 0: none in particular; EventID is the event
	// that is there, 0: none.
	Sequence, EventID int64
	Detail            string
}

// ChainReport is what was found out about one chain.
type ChainReport struct {
	OrganizationID int64 // 0: the platform
	First, Last    int64 // sequences of the events that are there, 0: none is
	Sealed         int64 // events
	Unsealed       int64 // events that wait to be sealed
	Checkpoints    int   // that were compared
	Checkpointed   int64 // sequence of the latest checkpoint that holds
	CheckpointedAt time.Time
	Findings       []Finding // the first of them; see mostFindings
	More           int       // findings beyond those

	through place // how far it was walked
}

// place is the place of an event in a chain, and its hash, nil if that is not known.
type place struct {
	sequence int64
	hash     []byte
}

// OK reports whether nothing is wrong.
func (r *ChainReport) OK() bool { return len(r.Findings) == 0 }

func (r *ChainReport) find(kind FindingKind, sequence, id int64, format string, args ...any) {
	if len(r.Findings) >= mostFindings {
		r.More++
		return
	}
	r.Findings = append(r.Findings, Finding{kind, sequence, id, fmt.Sprintf(format, args...)})
}

// sort puts what was done to events first, and then by what else it shows.
func (r *ChainReport) sort() {
	rank := func(f Finding) int {
		if f.Kind == Rewritten || f.Kind == Checkpoint || f.Kind == Head {
			return 1
		}
		return 0
	}
	slices.SortStableFunc(r.Findings, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a.Sequence, b.Sequence))
	})
}

const (
	// mostFindings is how many are told of one chain.
	mostFindings = 100
	// verifyBatch is how many events are read at a time.
	verifyBatch = 1000
	// verifyAgain is how often a chain that is pruned meanwhile is begun anew.
	verifyAgain = 5
)

// Verify walks the chain of the organization (0: of the platform) and compares it with
// where it should stand, with its checkpoints, and with those given, which may have
// been kept elsewhere. Events may be written, sealed and pruned meanwhile.
func (n *Notary) Verify(ctx context.Context, organization int64, given []string) (*ChainReport, error) {
	return n.verify(ctx, verification{}, organization, given)
}

// verify verifies as how says.
func (n *Notary) verify(ctx context.Context, how verification, organization int64, given []string) (*ChainReport, error) {
	ring, err := n.keyring(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading the keys of checkpoints: %w", err)
	}
	for range verifyAgain {
		v := how
		v.notary, v.ring, v.report = n, ring, &ChainReport{OrganizationID: organization}
		if err := v.run(ctx, given); !errors.Is(err, errMoved) {
			return v.report, err
		}
	}
	return nil, fmt.Errorf("verifying the chain of organization %d: %w", organization, errMoved)
}

var errMoved = errors.New("the chain was pruned meanwhile, try again")

// verification is one walk along a chain.
type verification struct {
	notary *Notary
	ring   keyring
	report *ChainReport
	// since is the event after which the walk begins, nil: at the beginning. What it says
	// is believed.
	since *place
	// reached is how far the chain went when it was verified before; 0: that is not known.
	reached int64
	// between is called between two batches with how long the last took; nil: nothing is.
	between func(took time.Duration) error

	begin       storage.AuditChain // where it stood before the walk
	known       bool               // there is a row that says so
	checkpoints []signed           // that are still ahead, by sequence
	sequence    int64              // of the event before
	hash        []byte             // of the event before
	broken      []link             // the first events that do not follow the one before
	further     int                // how many more there are
	pruned      int64              // through which events were removed, as the log itself says
}

// link is an event whose hash is wrong, and what it should follow.
type link struct {
	record   storage.AuditRecord
	previous []byte
}

func (v *verification) run(ctx context.Context, given []string) error {
	var err error
	if v.begin, v.known, err = v.stands(ctx); err != nil {
		return err
	}
	v.sequence, v.hash = v.begin.BaseSequence, v.begin.BaseHash
	if v.since != nil && v.since.sequence >= v.sequence && v.since.sequence <= v.begin.Sequence {
		v.sequence, v.hash = v.since.sequence, v.since.hash
	} else {
		v.since = nil
	}
	if err := v.gather(ctx, given); err != nil {
		return err
	}
	end, err := v.walkAll(ctx)
	if err != nil {
		return err
	}
	if end.Sequence < v.reached {
		v.report.find(Removed, end.Sequence+1, 0, "%s, which were there when the chain was verified before", missing(end.Sequence+1, v.reached))
	}
	v.explain()
	if v.since == nil {
		if err := v.compareBase(ctx, end); err != nil {
			return err
		}
	}
	v.compareEnd(end)
	v.report.through = place{v.sequence, v.hash}
	if v.sequence > end.Sequence { // by what was put there
		v.report.through = place{end.Sequence, end.Hash}
	}
	v.report.sort()
	v.report.Unsealed, err = v.notary.Store.CountUnsealedAuditEvents(ctx, v.report.OrganizationID)
	return err
}

// stands returns what is remembered of the chain.
func (v *verification) stands(ctx context.Context) (storage.AuditChain, bool, error) {
	chain, err := v.notary.Store.AuditChainOf(ctx, v.report.OrganizationID)
	if errors.Is(err, storage.ErrNotFound) {
		return storage.AuditChain{OrganizationID: v.report.OrganizationID, BaseHash: genesis}, false, nil
	}
	return chain, true, err
}

// walkAll walks to the end of the chain, also while it grows, and returns where it
// stands then.
func (v *verification) walkAll(ctx context.Context) (storage.AuditChain, error) {
	if err := v.walkBefore(ctx); err != nil {
		return storage.AuditChain{}, err
	}
	for stood := v.begin.Sequence; ; {
		if err := v.walk(ctx); err != nil {
			return storage.AuditChain{}, err
		}
		end, known, err := v.stands(ctx)
		switch {
		case err != nil:
			return end, err
		case end.BaseSequence != v.begin.BaseSequence:
			return end, errMoved
		}
		v.known = known
		if v.sequence >= end.Sequence || end.Sequence == stood { // else events were sealed since
			return end, nil
		}
		stood = end.Sequence
	}
}

// walkBefore finds events that lie before the beginning of the chain, also at places that
// no chain has.
func (v *verification) walkBefore(ctx context.Context) error {
	records, err := v.notary.Store.SealedAuditEvents(ctx, v.report.OrganizationID, math.MinInt64, 1)
	if err == nil && len(records) > 0 && records[0].Sequence <= v.begin.BaseSequence {
		if now, _, err := v.stands(ctx); err != nil || now.BaseSequence != v.begin.BaseSequence {
			return errors.Join(err, errMoved)
		}
		v.report.find(Inserted, records[0].Sequence, records[0].ID, "event %d lies at %d, and the chain begins after %d",
			records[0].ID, records[0].Sequence, v.begin.BaseSequence)
	}
	return err
}

// walk goes on as far as there are events.
func (v *verification) walk(ctx context.Context) error {
	limit := verifyBatch
	for {
		began := time.Now()
		records, err := v.notary.Store.SealedAuditEvents(ctx, v.report.OrganizationID, v.sequence, limit)
		switch {
		case errors.Is(err, storage.ErrUnavailable) || ctx.Err() != nil:
			return err
		case err != nil && limit == 1:
			// A column holds what no event has.
			v.report.find(Changed, v.sequence+1, 0, "the event at %d cannot be read: %v", v.sequence+1, err)
			v.sequence, v.hash = v.sequence+1, nil
			limit = verifyBatch
			continue
		case err != nil:
			limit = 1
			continue
		}
		for _, r := range records {
			v.step(r)
		}
		if len(records) < limit {
			return nil
		}
		if v.between != nil {
			if err := v.between(time.Since(began)); err != nil {
				return err
			}
		}
	}
}

// step looks at the next event. Without the hash of the one before, which is gone with
// it, its own has to be believed: the next event contains it, and so does the next
// checkpoint.
func (v *verification) step(r storage.AuditRecord) {
	if r.Sequence > v.sequence+1 {
		v.report.find(Removed, v.sequence+1, 0, "%s", missing(v.sequence+1, r.Sequence-1))
		v.hash = nil
	}
	if v.hash != nil && string(hash(r, r.Sequence, v.hash)) != string(r.Hash) {
		if len(v.broken) < mostFindings+mostExplained {
			v.broken = append(v.broken, link{r, v.hash})
		} else {
			v.further++
		}
	}
	v.sequence, v.hash = r.Sequence, r.Hash
	v.report.Sealed++
	if v.report.First == 0 {
		v.report.First = r.Sequence
	}
	v.report.Last = r.Sequence
	v.notePruning(r)
	v.compareCheckpoints()
}

func missing(from, to int64) string {
	if from == to {
		return fmt.Sprintf("the event at %d is not there", from)
	}
	return fmt.Sprintf("the events at %d to %d are not there", from, to)
}

// mostExplained bounds the search for where an event comes from. It is costly: if all
// events were changed, it is made for the first of them alone.
const mostExplained = 60

// explain says of every event that does not follow the one before what was done to it:
// it has come from another place, or it was put there, or else changed.
func (v *verification) explain() {
	origins := make(map[int64]int64, len(v.broken)) // by sequence: where the event was sealed
	for _, b := range v.broken {
		if origin, found := v.origin(b); found {
			origins[b.record.Sequence] = origin
		}
	}
	for _, b := range v.broken {
		r := b.record
		origin, found := origins[r.Sequence]
		pushed, followed := origins[r.Sequence+1]
		switch {
		case found && origin == r.Sequence: // whole, and the one before is not
		case found:
			v.report.find(Reordered, r.Sequence, r.ID, "event %d lies at %d and was sealed at %d", r.ID, r.Sequence, origin)
		case followed && pushed == r.Sequence:
			v.report.find(Inserted, r.Sequence, r.ID, "event %d was put in at %d, before the one that was sealed there", r.ID, r.Sequence)
		default:
			v.report.find(Changed, r.Sequence, r.ID, "event %d at %d (%s) was changed, or the one before it together with its hash", r.ID, r.Sequence, r.Action)
		}
	}
	v.report.More += v.further
}

// origin finds the place at which an event was sealed: there its hash, or one that was
// taken from it, comes out.
func (v *verification) origin(b link) (int64, bool) {
	near := v.broken
	if len(near) > mostExplained {
		i := slices.IndexFunc(near, func(l link) bool { return l.record.Sequence >= b.record.Sequence })
		from := max(0, min(i-mostExplained/2, len(near)-mostExplained))
		near = near[from : from+mostExplained]
	}
	places, previous := map[int64]bool{b.record.Sequence: true, b.record.Sequence - 1: true}, [][]byte{b.previous}
	hashes := map[string]bool{string(b.record.Hash): true}
	for _, l := range near {
		places[l.record.Sequence] = true
		previous = append(previous, l.previous, l.record.Hash)
		hashes[string(l.record.Hash)] = true
	}
	for place := range places {
		for _, p := range previous {
			if hashes[string(hash(b.record, place, p))] {
				return place, true
			}
		}
	}
	return 0, false
}

// compareEnd compares the last event with where the chain should end.
func (v *verification) compareEnd(end storage.AuditChain) {
	r := v.report
	switch {
	case !v.known && r.Sealed > 0:
		r.find(Head, 0, 0, "there are sealed events, and nothing is remembered of their chain")
	case v.sequence < end.Sequence:
		r.find(Removed, v.sequence+1, 0, "%s, with which the chain should end", missing(v.sequence+1, end.Sequence))
	case v.sequence > end.Sequence:
		r.find(Inserted, end.Sequence+1, 0, "there are events up to %d, and the chain ends at %d", v.sequence, end.Sequence)
	case v.known && v.hash != nil && string(v.hash) != string(end.Hash):
		r.find(Head, v.sequence, 0, "the event at %d has another hash than the chain should end with", v.sequence)
	}
	if len(v.checkpoints) > 0 { // beyond the last event
		c := v.checkpoints[len(v.checkpoints)-1]
		r.find(Removed, v.sequence+1, 0, "a checkpoint of %s says that there were events up to %d, and they end at %d", c.time(), c.sequence, v.sequence)
	}
}
