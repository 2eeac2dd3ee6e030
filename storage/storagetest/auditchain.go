package storagetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"kiket.dev/auth/storage"
)

// event stores an event of the organization, n seconds after noon.
func (w *world) event(organizationID int64, n int, action string, actor, target storage.Party) storage.AuditEvent {
	w.t.Helper()
	e := storage.AuditEvent{
		OrganizationID: organizationID, CreatedAt: noon.Add(time.Duration(n) * time.Second), Action: action, Actor: actor, Target: target,
		Details: map[string]any{"n": float64(n)},
	}
	w.ok(w.s.AppendAuditEvent(w.ctx, &e))
	return e
}

func testFindAuditEvents(t *testing.T, w *world) {
	o, other := w.organization(), w.organization()
	avery, token := storage.Party{Kind: "user", ID: 7, Name: "Avery"}, storage.Party{Kind: "workspace_api_token", ID: 7, Name: "CLI"}
	var all []storage.AuditEvent // oldest first
	for n, action := range []string{"project.created", "workspace_api_token.created", "workspace_api_token.revoked", "workspace_api_tokens.odd"} {
		all = append(all, w.event(o.ID, n, action, avery, token))
	}
	all = append(all, w.event(o.ID, 3, "project.created", token, avery)) // at the same time as the one before
	early := w.event(o.ID, -1, "user.added", storage.Party{Kind: "operator"}, storage.Party{Kind: "user", ID: 8})
	all = slices.Insert(all, 0, early)
	foreign := w.event(other.ID, 0, "project.created", avery, token)
	platform := w.event(0, 0, "project.created", avery, token)

	find := func(f storage.AuditFilter, page storage.AuditPage) []storage.AuditEvent {
		if page.Limit == 0 {
			page.Limit = 100
		}
		return must(w.s.FindAuditEvents(w.ctx, f, page))(w)
	}
	oldest := storage.AuditPage{OldestFirst: true}
	mine := storage.AuditFilter{OrganizationID: o.ID}
	equal(w, "oldest first", find(mine, oldest), all)
	newest := slices.Clone(all)
	slices.Reverse(newest)
	equal(w, "newest first", find(mine, storage.AuditPage{}), newest)
	equal(w, "of another", find(storage.AuditFilter{OrganizationID: other.ID}, oldest), []storage.AuditEvent{foreign})
	equal(w, "of the platform", find(storage.AuditFilter{}, oldest), []storage.AuditEvent{platform})
	for name, tt := range map[string]struct {
		narrow func(f *storage.AuditFilter)
		want   []storage.AuditEvent
	}{
		"by action":  {func(f *storage.AuditFilter) { f.Action = "project.created" }, []storage.AuditEvent{all[1], all[5]}},
		"by prefix":  {func(f *storage.AuditFilter) { f.ActionPrefix = "workspace_api_token." }, all[2:4]},
		"by actor":   {func(f *storage.AuditFilter) { f.Actor = &storage.Party{Kind: "operator"} }, all[:1]},
		"by target":  {func(f *storage.AuditFilter) { f.Target = &storage.Party{Kind: "user", ID: 7} }, all[5:]},
		"since":      {func(f *storage.AuditFilter) { f.Since = all[3].CreatedAt }, all[3:]},
		"until":      {func(f *storage.AuditFilter) { f.Until = all[3].CreatedAt }, all[:3]},
		"all of it":  {func(f *storage.AuditFilter) { f.Actor, f.Target, f.Action = &avery, &token, "project.created" }, all[1:2]},
		"not stored": {func(f *storage.AuditFilter) { f.Action = "a\x00b" }, nil},
	} {
		f := mine
		tt.narrow(&f)
		equal(w, name, find(f, oldest), tt.want)
	}
	for _, order := range []struct {
		page storage.AuditPage
		want []storage.AuditEvent
	}{{oldest, all}, {storage.AuditPage{}, newest}} {
		page := order.page
		page.Limit = 2
		var got []storage.AuditEvent
		for {
			part := find(mine, page)
			got = append(got, part...)
			if len(part) < 2 {
				break
			}
			page.After = &storage.AuditPosition{CreatedAt: part[1].CreatedAt, ID: part[1].ID}
		}
		equal(w, fmt.Sprintf("in pages, oldest first: %t", page.OldestFirst), got, order.want)
	}
	if _, err := w.s.FindAuditEvents(w.ctx, mine, storage.AuditPage{}); err == nil {
		t.Error("a page without room is no error")
	}
	equal(w, "one", must(w.s.AuditEventByID(w.ctx, o.ID, all[2].ID))(w), all[2])
	_, err := w.s.AuditEventByID(w.ctx, other.ID, all[2].ID)
	w.wantErr("one of another", err, storage.ErrNotFound)
	_, err = w.s.AuditEventByID(w.ctx, 0, all[2].ID)
	w.wantErr("one of an organization, as the platform's", err, storage.ErrNotFound)
}

func testAuditSeals(t *testing.T, w *world) {
	o, other := w.organization(), w.organization()
	ids := func(records []storage.AuditRecord, err error) []int64 {
		w.ok(err)
		found := make([]int64, len(records))
		for i, r := range records {
			found[i] = r.ID
		}
		return found
	}
	var mine []int64
	for n := range 4 {
		mine = append(mine, w.event(o.ID, n, "project.created", storage.Party{}, storage.Party{}).ID)
	}
	theirs := w.event(other.ID, 1, "project.created", storage.Party{}, storage.Party{}).ID
	ours := w.event(0, 9, "project.created", storage.Party{}, storage.Party{}).ID
	equal(w, "unsealed", ids(w.s.UnsealedAuditEvents(w.ctx, 100)), []int64{mine[0], mine[1], theirs, mine[2], mine[3], ours})
	equal(w, "two", ids(w.s.UnsealedAuditEvents(w.ctx, 2)), mine[:2])
	equal(w, "counted", must(w.s.CountUnsealedAuditEvents(w.ctx, o.ID))(w), int64(4))
	_, err := w.s.LastAuditSeal(w.ctx, o.ID)
	w.wantErr("no seal", err, storage.ErrNotFound)

	hash := func(n int64) []byte { return []byte(fmt.Sprintf("hash %d", n)) }
	w.ok(w.s.SealAuditEvents(w.ctx, []storage.AuditSeal{
		{ID: mine[0], Sequence: 1, Hash: hash(1)},
		{ID: mine[1], Sequence: 2, Hash: hash(2)},
		{ID: mine[2], Sequence: 3, Hash: hash(3)},
		{ID: theirs, Sequence: 1, Hash: hash(1)},
		{ID: ours, Sequence: 1, Hash: hash(1)},
	}))
	w.ok(w.s.SealAuditEvents(w.ctx, nil))
	equal(w, "left", ids(w.s.UnsealedAuditEvents(w.ctx, 100)), mine[3:])
	for name, seal := range map[string]storage.AuditSeal{"sealed before": {ID: mine[0], Sequence: 9, Hash: hash(9)}, "taken": {ID: mine[3], Sequence: 3, Hash: hash(3)}} {
		if err := w.s.SealAuditEvents(w.ctx, []storage.AuditSeal{seal}); err == nil || name == "taken" && !errors.Is(err, storage.ErrConflict) {
			t.Errorf("%s: %v", name, err)
		}
	}
	sealed := must(w.s.SealedAuditEvents(w.ctx, o.ID, 1, 100))(w)
	equal(w, "sealed", ids(sealed, nil), mine[1:3])
	if r := sealed[0]; r.Sequence != 2 || string(r.Hash) != "hash 2" || r.DetailsText != `{"n":1}` || r.Details != nil || !r.CreatedAt.Equal(noon.Add(time.Second).Truncate(time.Microsecond)) {
		t.Errorf("a record: %+v", r)
	}
	equal(w, "the platform's", ids(w.s.SealedAuditEvents(w.ctx, 0, 0, 100)), []int64{ours})
	equal(w, "last", must(w.s.LastAuditSeal(w.ctx, o.ID))(w), storage.AuditSeal{ID: mine[2], Sequence: 3, Hash: hash(3)})

	for _, n := range []int64{1, 2, 3} {
		w.ok(w.s.CreateAuditCheckpoint(w.ctx, storage.AuditCheckpoint{OrganizationID: o.ID, Sequence: n, CreatedAt: noon, Statement: "x"}))
	}
	w.ok(w.s.CreateAuditCheckpoint(w.ctx, storage.AuditCheckpoint{OrganizationID: other.ID, Sequence: 1, CreatedAt: noon, Statement: "x"}))
	equal(w, "removed", must(w.s.RemoveAuditEvents(w.ctx, o.ID, 2))(w), int64(2))
	equal(w, "kept", ids(w.s.SealedAuditEvents(w.ctx, o.ID, 0, 100)), mine[2:3])
	equal(w, "of others", ids(w.s.SealedAuditEvents(w.ctx, other.ID, 0, 100)), []int64{theirs})
	kept := must(w.s.AuditCheckpoints(w.ctx, o.ID, 0, 100))(w)
	if len(kept) != 2 || kept[0].Sequence != 2 {
		t.Errorf("checkpoints: %+v", kept)
	}
	equal(w, "checkpoints of others", len(must(w.s.AuditCheckpoints(w.ctx, other.ID, 0, 100))(w)), 1)
}

func testAuditChains(t *testing.T, w *world) {
	a, b := w.organization(), w.organization()
	_, err := w.s.AuditChainOf(w.ctx, a.ID)
	w.wantErr("no chain", err, storage.ErrNotFound)
	chain := storage.AuditChain{OrganizationID: a.ID, Sequence: 7, Hash: []byte("h"), BaseSequence: 3, BaseHash: []byte("b"), Checkpoint: 5, CheckpointedAt: noon}
	w.ok(w.s.PutAuditChain(w.ctx, chain))
	chain.Sequence = 8
	w.ok(w.s.PutAuditChain(w.ctx, chain))
	equal(w, "a chain", must(w.s.AuditChainOf(w.ctx, a.ID))(w), chain)
	_, err = w.s.AuditChainOf(w.ctx, b.ID)
	w.wantErr("of another", err, storage.ErrNotFound)
	platform := storage.AuditChain{Sequence: 1, Hash: []byte("h"), BaseHash: []byte{}}
	w.ok(w.s.PutAuditChain(w.ctx, platform))
	equal(w, "all", must(w.s.AuditChains(w.ctx))(w), []storage.AuditChain{platform, chain})

	one := storage.AuditCheckpoint{OrganizationID: a.ID, Sequence: 3, CreatedAt: noon, Statement: "a.b.c"}
	two := one
	two.Sequence = 5
	w.ok(w.s.CreateAuditCheckpoint(w.ctx, two))
	w.ok(w.s.CreateAuditCheckpoint(w.ctx, one))
	w.wantErr("twice", w.s.CreateAuditCheckpoint(w.ctx, one), storage.ErrConflict)
	equal(w, "checkpoints", must(w.s.AuditCheckpoints(w.ctx, a.ID, 0, 10))(w), []storage.AuditCheckpoint{one, two})
	equal(w, "after", must(w.s.AuditCheckpoints(w.ctx, a.ID, 3, 10))(w), []storage.AuditCheckpoint{two})
	equal(w, "of another", len(must(w.s.AuditCheckpoints(w.ctx, b.ID, 0, 10))(w)), 0)
	equal(w, "up to", must(w.s.AuditCheckpointUpTo(w.ctx, a.ID, 4))(w), one)
	_, err = w.s.AuditCheckpointUpTo(w.ctx, a.ID, 2)
	w.wantErr("up to less", err, storage.ErrNotFound)

	k, l := storage.AuditKey{KeyID: "k", Sealed: []byte("1"), CreatedAt: noon}, storage.AuditKey{KeyID: "a", Sealed: []byte("2"), CreatedAt: noon.Add(1)}
	w.ok(w.s.PutAuditKey(w.ctx, k))
	w.ok(w.s.PutAuditKey(w.ctx, l))
	k.Sealed = []byte("3")
	w.ok(w.s.PutAuditKey(w.ctx, k))
	keys := must(w.s.AuditKeys(w.ctx))(w)
	if len(keys) != 2 || string(keys[1].Sealed)+string(keys[0].Sealed) != "32" && string(keys[0].Sealed)+string(keys[1].Sealed) != "32" {
		t.Errorf("keys: %+v", keys)
	}
}

// testSealingAtOnce holds that those who seal at the same time under the lock give out
// every sequence once.
func testSealingAtOnce(t *testing.T, w *world) {
	o := w.organization()
	const events, sealers = 60, 4
	w.batched(func(w *world) {
		for n := range events {
			w.event(o.ID, n, "project.created", storage.Party{}, storage.Party{})
		}
	})
	seal := func() (int, error) {
		done := 0
		err := w.s.Transaction(w.ctx, func(ctx context.Context) error {
			if err := w.s.Lock(ctx, storage.LockAuditChains); err != nil {
				return err
			}
			records, err := w.s.UnsealedAuditEvents(ctx, 7)
			if err != nil {
				return err
			}
			last, err := w.s.LastAuditSeal(ctx, o.ID)
			if err != nil && !errors.Is(err, storage.ErrNotFound) {
				return err
			}
			seals := make([]storage.AuditSeal, len(records))
			for i, r := range records {
				seals[i] = storage.AuditSeal{ID: r.ID, Sequence: last.Sequence + int64(i) + 1, Hash: []byte("h")}
			}
			done = len(seals)
			return w.s.SealAuditEvents(ctx, seals)
		})
		return done, err
	}
	var all sync.WaitGroup
	for range sealers {
		all.Go(func() {
			for {
				n, err := seal()
				if err != nil {
					t.Error(err)
				}
				if n == 0 || err != nil {
					return
				}
			}
		})
	}
	all.Wait()
	records := must(w.s.SealedAuditEvents(w.ctx, o.ID, 0, 1000))(w)
	equal(w, "sealed", len(records), events)
	for i, r := range records {
		if r.Sequence != int64(i)+1 {
			t.Fatalf("sequence %d at %d", r.Sequence, i)
		}
	}
}
