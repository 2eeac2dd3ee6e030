package gormstore

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"gorm.io/gorm"

	"kiket.dev/auth/storage"
)

// usageBatch is how many counts or traits travel in one statement.
const usageBatch = 500

// addToUses ends the statement that counts uses.
const addToUses = ` ON CONFLICT (organization_id, day, credential, scope, resource_server_id)
	DO UPDATE SET count = credential_uses.count + excluded.count, uses = credential_uses.uses + excluded.uses`

// AddUses implements [storage.UsageStore]. Rows are locked in the order of their key, so
// that replicas which count at the same time cannot wait for each other in a circle. It
// is one transaction.
func (s *Store) AddUses(ctx context.Context, counts []storage.UseCount) error {
	return s.Transaction(ctx, func(ctx context.Context) error {
		for chunk := range slices.Chunk(sumUses(counts), usageBatch) {
			err := s.write(ctx, "counting uses", func(db *gorm.DB) error {
				sql, args := s.dialect.addUses(chunk)
				_, err := db.Statement.ConnPool.ExecContext(db.Statement.Context, sql, args...)
				return err
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// sumUses returns one count for each row, in the order of the rows' keys.
func sumUses(counts []storage.UseCount) []storage.UseCount {
	sorted := slices.Clone(counts)
	for i := range sorted {
		sorted[i].Day, sorted[i].Scope = storage.DayOf(sorted[i].Day), legible(sorted[i].Scope)
	}
	slices.SortFunc(sorted, compareUses)
	var summed []storage.UseCount
	for _, c := range sorted {
		if last := len(summed) - 1; last >= 0 && compareUses(summed[last], c) == 0 {
			summed[last].Count += c.Count
			summed[last].Uses += c.Uses
		} else {
			summed = append(summed, c)
		}
	}
	return summed
}

func compareUses(a, b storage.UseCount) int {
	return cmp.Or(
		cmp.Compare(a.OrganizationID, b.OrganizationID), a.Day.Compare(b.Day),
		cmp.Compare(a.Credential.String(), b.Credential.String()),
		cmp.Compare(a.Scope, b.Scope), cmp.Compare(a.ResourceServerID, b.ResourceServerID),
	)
}

// UsesOf implements [storage.UsageStore]. The span of days reads the organization's
// counts of those days in the index, and of the table the credential's alone.
func (s *Store) UsesOf(ctx context.Context, organizationID int64, c storage.CredentialID, since, until time.Time) ([]storage.UseCount, error) {
	const doing = "reading uses"
	credential := c.String()
	if findable(credential) != nil { // such a credential was never used
		return nil, nil
	}
	var counts []storage.UseCount
	err := s.rows(ctx, s.reader, doing, `SELECT day, scope, resource_server_id, count, uses FROM credential_uses
		WHERE organization_id = ? AND day >= ? AND day <= ? AND credential = ? ORDER BY day, scope, resource_server_id`,
		[]any{organizationID, moment(storage.DayOf(since)), moment(storage.DayOf(until)), credential},
		func(scan func(...any) error) error {
			var day moment
			u := storage.UseCount{OrganizationID: organizationID, Credential: c}
			err := scan(&day, &u.Scope, &u.ResourceServerID, &u.Count, &u.Uses)
			u.Day = day.time()
			counts = append(counts, u)
			return err
		})
	return counts, err
}

// UsedScopes implements [storage.UsageStore].
func (s *Store) UsedScopes(ctx context.Context, organizationID int64, since time.Time) ([]storage.ScopeUse, error) {
	found := map[storage.CredentialID]*storage.ScopeUse{}
	err := s.rows(ctx, s.reader, "reading used scopes", `SELECT credential, scope, CAST(SUM(count) AS bigint), CAST(SUM(uses) AS bigint) FROM credential_uses
		WHERE organization_id = ? AND day >= ? GROUP BY credential, scope ORDER BY credential, scope`,
		[]any{organizationID, moment(storage.DayOf(since))},
		func(scan func(...any) error) error {
			var credential, scope string
			var count, uses int64
			if err := scan(&credential, &scope, &count, &uses); err != nil {
				return err
			}
			c, ok := storage.ParseCredentialID(credential)
			if !ok {
				return fmt.Errorf("uses of %q", credential)
			}
			use := found[c]
			if use == nil {
				use = &storage.ScopeUse{Credential: c}
				found[c] = use
			}
			use.Uses += uses
			if scope == "" {
				use.Unnamed += count
			} else {
				use.Scopes = append(use.Scopes, scope)
			}
			return nil
		})
	uses := make([]storage.ScopeUse, 0, len(found))
	for _, use := range found {
		uses = append(uses, *use)
	}
	slices.SortFunc(uses, func(a, b storage.ScopeUse) int {
		return cmp.Or(cmp.Compare(a.Credential.Kind, b.Credential.Kind), cmp.Compare(a.Credential.ID, b.Credential.ID))
	})
	return uses, err
}

// CountedSince implements [storage.UsageStore].
func (s *Store) CountedSince(ctx context.Context) (time.Time, error) {
	var first moment
	err := s.rows(ctx, s.reader, "finding the first day of counts", "SELECT day FROM credential_uses WHERE day > ? ORDER BY day LIMIT 1", []any{moment(time.Unix(0, 0))},
		func(scan func(...any) error) error { return scan(&first) })
	return first.time(), err
}

// ResourceServersByID implements [storage.UsageStore].
func (s *Store) ResourceServersByID(ctx context.Context, ids []int64) ([]storage.Client, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	var rows []clientRow
	err := s.read(ctx, "reading resource servers", func(db *gorm.DB) error {
		return db.Where("kind = 'resource_server' AND id IN ?", ids).Find(&rows).Error
	})
	return all(rows, clientRow.domain), err
}

// SweepUsage implements [storage.UsageStore].
func (s *Store) SweepUsage(ctx context.Context, before time.Time) (int64, error) {
	const uses = "organization_id, day, credential, scope, resource_server_id"
	counts, err := s.deleteInBatches(ctx, "sweeping uses", "DELETE FROM credential_uses WHERE ("+uses+") IN (SELECT "+uses+
		" FROM credential_uses WHERE day < ? ORDER BY day LIMIT ?"+s.dialect.skipLocked+")", before)
	if err != nil {
		return counts, err
	}
	traits, err := s.deleteInBatches(ctx, "sweeping traits", `DELETE FROM credential_traits
		WHERE (credential, kind, value) IN (SELECT credential, kind, value FROM credential_traits
			WHERE last_at < ? ORDER BY last_at LIMIT ?`+s.dialect.skipLocked+")", before)
	return counts + traits, err
}
