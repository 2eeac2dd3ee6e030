package gormstore

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"gorm.io/gorm"

	"kiket.dev/auth/storage"
)

// usesBatch is how many updates of last use travel in one transaction.
const usesBatch = 256

// usedTables in the order in which everybody locks their rows who locks several:
// tokens first, and a client before its secrets.
var usedTables = []string{"tokens", "clients", "client_secrets"}

// useUpdate is one forward-only update of last use.
type useUpdate struct {
	table string
	id    int64
	use   storage.TokenUse
}

// RecordUses implements [storage.TokenStore]. The rows are locked in one order,
// so that replicas which record at the same time cannot wait for each other in a
// circle. If it fails, some of the uses may have been written down.
func (s *Store) RecordUses(ctx context.Context, uses []storage.TokenUse) error {
	for updates := range slices.Chunk(latestUses(uses), usesBatch) {
		err := s.Transaction(ctx, func(ctx context.Context) error {
			for _, u := range updates {
				if err := s.recordUse(ctx, u); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("recording uses: %w", err)
		}
	}
	return nil
}

// latestUses returns the updates that uses amount to: one for each row.
func latestUses(uses []storage.TokenUse) []useUpdate {
	type row struct {
		table string
		kind  storage.TokenKind // a token of another kind is another row, or none
		id    int64
	}
	latest := make(map[row]storage.TokenUse, len(uses))
	add := func(table string, id int64, use storage.TokenUse) {
		r := row{table, use.Kind, id}
		if before, seen := latest[r]; id != 0 && (!seen || before.At.Before(use.At)) {
			latest[r] = use
		}
	}
	for _, use := range uses {
		if use.Kind == storage.AccessToken {
			add("clients", use.ID, use)
			add("client_secrets", use.ClientSecretID, use)
		} else {
			add("tokens", use.ID, use)
		}
	}
	updates := make([]useUpdate, 0, len(latest))
	for r, use := range latest {
		updates = append(updates, useUpdate{table: r.table, id: r.id, use: use})
	}
	slices.SortFunc(updates, func(a, b useUpdate) int {
		return cmp.Or(cmp.Compare(slices.Index(usedTables, a.table), slices.Index(usedTables, b.table)), cmp.Compare(a.id, b.id))
	})
	return updates
}

func (s *Store) recordUse(ctx context.Context, u useUpdate) error {
	at := moment(u.use.At)
	where, args := "id = ?", []any{at, legible(u.use.Address), legible(u.use.UserAgent), reference(u.use.ResourceServerID), u.id}
	if u.table == "tokens" { // the kind tells the partition
		where, args = "id = ? AND kind = ?", append(args, string(u.use.Kind))
	}
	return s.write(ctx, "recording a use", func(db *gorm.DB) error {
		return db.Exec("UPDATE "+u.table+" SET last_used_at = ?, last_used_address = ?, last_used_user_agent = ?, last_used_server_id = ?"+
			" WHERE "+where+" AND (last_used_at IS NULL OR last_used_at < ?)", append(args, at)...).Error
	})
}
