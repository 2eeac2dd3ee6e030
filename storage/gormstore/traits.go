package gormstore

import (
	"cmp"
	"context"
	"slices"
	"time"

	"gorm.io/gorm"

	"kiket.dev/auth/storage"
)

// traitGrain is how far behind the time may be that a trait was there last.
const traitGrain = time.Hour

// moveTraits ends the statement that notes traits.
const moveTraits = ` ON CONFLICT (credential, kind, value)
	DO UPDATE SET last_at = excluded.last_at WHERE credential_traits.last_at < excluded.last_at
	RETURNING credential, kind, value, first_at, last_at`

// trait is a row of credential_traits, but for its times.
type trait struct {
	credential, value string
	kind              storage.TraitKind
}

func rowOf(t storage.Trait) trait {
	return trait{credential: t.Credential.String(), kind: t.Kind, value: t.Value}
}

func (t trait) compare(other trait) int {
	return cmp.Or(cmp.Compare(t.credential, other.credential), cmp.Compare(t.kind, other.kind), cmp.Compare(t.value, other.value))
}

// keptTraits are the traits of some credentials.
type keptTraits struct {
	last   map[trait]time.Time
	number map[trait]int       // by credential and kind
	since  map[trait]time.Time // by credential and kind
}

// add counts a trait that is kept.
func (k *keptTraits) add(t trait, first, last time.Time) {
	k.last[t] = last
	t.value = ""
	k.number[t]++
	if since, known := k.since[t]; !known || first.Before(since) {
		k.since[t] = first
	}
}

// NoteTraits implements [storage.UsageStore]. Most of what is noted is there and was
// noted within the hour: it is read and not written. That nobody else is told of a new one
// the insertion decides.
func (s *Store) NoteTraits(ctx context.Context, traits []storage.Trait, at time.Time) ([]storage.NewTrait, error) {
	var found []storage.NewTrait
	err := s.Transaction(ctx, func(ctx context.Context) error {
		kept, err := s.keptTraits(ctx, traits)
		if err != nil {
			return err
		}
		for chunk := range slices.Chunk(kept.toWrite(traits, at), usageBatch) {
			if err := s.writeTraits(ctx, chunk, at, &found, kept); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return found, nil
}

// keptTraits reads what is kept of the credentials that the traits are of.
func (s *Store) keptTraits(ctx context.Context, traits []storage.Trait) (*keptTraits, error) {
	kept := &keptTraits{last: map[trait]time.Time{}, number: map[trait]int{}, since: map[trait]time.Time{}}
	var credentials []string
	for _, t := range traits {
		credentials = append(credentials, t.Credential.String())
	}
	slices.Sort(credentials)
	for chunk := range slices.Chunk(slices.Compact(credentials), batchSize) {
		err := s.read(ctx, "reading traits", func(db *gorm.DB) error {
			return s.traitsOf.each(db.Statement.Context, db.Statement.ConnPool, chunk, nil, func(scan func(...any) error) error {
				var t trait
				var first, last moment
				err := scan(&t.credential, (*string)(&t.kind), &t.value, &first, &last)
				kept.add(t, first.time(), last.time())
				return err
			})
		})
		if err != nil {
			return nil, err
		}
	}
	return kept, nil
}

func newTraitsOf(d dialect) selection {
	return newSelection(d, "SELECT credential, kind, value, first_at, last_at FROM credential_traits WHERE credential", "")
}

// toWrite returns the traits that are new or were noted a while ago, each once, in the
// order of their key, and no more than may be kept.
func (k *keptTraits) toWrite(traits []storage.Trait, at time.Time) []storage.Trait {
	sorted := slices.Clone(traits)
	for i := range sorted {
		sorted[i].Value = legible(sorted[i].Value)
	}
	slices.SortFunc(sorted, func(a, b storage.Trait) int { return rowOf(a).compare(rowOf(b)) })
	sorted = slices.CompactFunc(sorted, func(a, b storage.Trait) bool { return rowOf(a) == rowOf(b) })
	added := map[trait]int{} // by credential and kind
	return slices.DeleteFunc(sorted, func(t storage.Trait) bool {
		row := rowOf(t)
		if last, known := k.last[row]; known {
			return at.Sub(last) < traitGrain
		}
		row.value = ""
		added[row]++
		return k.number[row]+added[row] > storage.MostTraits
	})
}

// writeTraits writes and appends to found what this insertion was the first of. A row
// that is there comes back with a later end than beginning, or not at all.
func (s *Store) writeTraits(ctx context.Context, traits []storage.Trait, at time.Time, found *[]storage.NewTrait, kept *keptTraits) error {
	byRow := make(map[trait]storage.Trait, len(traits))
	for _, t := range traits {
		byRow[rowOf(t)] = t
	}
	return s.write(ctx, "noting traits", func(db *gorm.DB) error {
		sql, args := s.dialect.noteTraits(traits, stored(at))
		rows, err := db.Statement.ConnPool.QueryContext(db.Statement.Context, sql, args...)
		if err != nil {
			return err
		}
		defer func() { _ = rows.Close() }()
		for rows.Next() {
			var row trait
			var first, last moment
			if err := rows.Scan(&row.credential, (*string)(&row.kind), &row.value, &first, &last); err != nil {
				return err
			}
			if first.time().Equal(last.time()) {
				class := trait{credential: row.credential, kind: row.kind}
				*found = append(*found, storage.NewTrait{Trait: byRow[row], Before: kept.number[class], Since: kept.since[class]})
				kept.add(row, first.time(), last.time())
			}
		}
		return rows.Err()
	})
}
