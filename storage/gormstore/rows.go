package gormstore

import (
	"context"
	"fmt"

	"gorm.io/gorm"

	"kiket.dev/auth/storage"
)

// create inserts a row, which gets its id. texts are those of its fields that
// come from outside.
func (s *Store) create(ctx context.Context, doing string, row any, texts ...string) error {
	if err := storable(texts...); err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	return s.write(ctx, doing, func(db *gorm.DB) error { return db.Create(row).Error })
}

// first reads the one row that the condition names, ErrNotFound if there is none.
func (s *Store) first(ctx context.Context, doing string, row any, where string, args ...any) error {
	for _, arg := range args {
		if text, ok := arg.(string); ok {
			if err := findable(text); err != nil {
				return fmt.Errorf("%s: %w", doing, err)
			}
		}
	}
	return s.read(ctx, doing, func(db *gorm.DB) error {
		return db.Where(where, args...).Take(row).Error
	})
}

// rows runs a statement that returns rows, on the reader or the writer, and calls
// row for each with what reads it.
func (s *Store) rows(ctx context.Context, on *gorm.DB, doing, sql string, args []any, row func(scan func(...any) error) error) error {
	return s.run(ctx, on, doing, func(db *gorm.DB) error {
		rows, err := db.Raw(sql, args...).Rows()
		if err != nil {
			return err
		}
		defer func() { _ = rows.Close() }()
		for rows.Next() {
			if err := row(rows.Scan); err != nil {
				return err
			}
		}
		return rows.Err()
	})
}

// change executes a statement that changes one row, and reports whether it did.
func (s *Store) change(ctx context.Context, doing, sql string, args ...any) (bool, error) {
	changed := false
	err := s.write(ctx, doing, func(db *gorm.DB) error {
		result := db.Exec(sql, args...)
		changed = result.RowsAffected > 0
		return result.Error
	})
	return changed && err == nil, err
}

// mustChange is change that returns ErrNotFound if there was nothing to change.
func (s *Store) mustChange(ctx context.Context, doing, sql string, args ...any) error {
	changed, err := s.change(ctx, doing, sql, args...)
	if err == nil && !changed {
		err = fmt.Errorf("%s: %w", doing, storage.ErrNotFound)
	}
	return err
}

// changeOnce is for what happens at most once: the statement carries the
// condition that it has not happened yet. It reports whether this call did it,
// and returns ErrNotFound if the row that exists names is not there at all.
func (s *Store) changeOnce(ctx context.Context, doing, sql string, args []any, exists string, existsArgs ...any) (bool, error) {
	changed, err := s.change(ctx, doing, sql, args...)
	if err != nil || changed {
		return changed, err
	}
	err = s.read(ctx, doing, func(db *gorm.DB) error {
		var one int
		return db.Raw(exists, existsArgs...).Row().Scan(&one)
	})
	return false, err
}

// owned is the condition that a row belongs to the organization, or, with 0, to none.
func owned(organizationID int64) (string, []any) {
	if organizationID == 0 {
		return "organization_id IS NULL", nil
	}
	return "organization_id = ?", []any{organizationID}
}
