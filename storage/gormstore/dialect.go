package gormstore

import (
	"context"
	"io/fs"
	"time"

	"github.com/pressly/goose/v3/database"

	"kiket.dev/auth/storage"
)

// dialect is everything in which the two engines differ. Methods of [Store] ask
// it and never which engine it is.
type dialect struct {
	name       string
	goose      database.Dialect
	migrations fs.FS

	// placeholder appends the mark of the nth parameter, counted from 1.
	placeholder func(sql []byte, n int) []byte
	// insertAccessTokens is the one statement that stores the access tokens and
	// returns reference and id of each.
	insertAccessTokens func(tokens []*storage.Token) (sql string, args []any)
	// versionTableExists counts the tables with the name of its parameter.
	versionTableExists string

	prepareTokens func(s *Store, ctx context.Context, now, until time.Time) error
	sweepTokens   func(s *Store, ctx context.Context, before time.Time) (int64, error)
}
