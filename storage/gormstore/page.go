package gormstore

import (
	"context"
	"errors"

	"gorm.io/gorm"

	"kiket.dev/auth/storage"
)

// pageRows reads a page of the rows that the condition names, by the column that
// pages go by.
func pageRows[R any](ctx context.Context, s *Store, doing, column string, page storage.Page, where string, args ...any) ([]R, error) {
	var rows []R
	err := s.read(ctx, doing, func(db *gorm.DB) error {
		if err := checkPage(page); err != nil {
			return err
		}
		db = db.Where(where, args...)
		if page.Before != 0 {
			db = db.Where(column+" < ?", page.Before)
		}
		return db.Order(column + " DESC").Limit(page.Limit).Find(&rows).Error
	})
	return rows, err
}

// checkPage refuses a limit that would mean none, or no limit, to an engine.
func checkPage(page storage.Page) error {
	if page.Limit <= 0 {
		return errors.New("a page must have room for something")
	}
	return nil
}

// all returns what each row says.
func all[R, D any](rows []R, domain func(R) D) []D {
	values := make([]D, len(rows))
	for i, row := range rows {
		values[i] = domain(row)
	}
	return values
}
