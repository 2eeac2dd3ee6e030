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
	// insertAssertions is the one statement that stores the assertions, of which no two
	// are the same, in their order, leaves out those that are there, and returns client
	// and digest of each of the others.
	insertAssertions func(assertions []assertion) (sql string, args []any)
	// sealAuditEvents is the one statement that seals those of the events that are not
	// sealed. It finds them by id: the index of those that are not is no help.
	sealAuditEvents func(seals []storage.AuditSeal) (sql string, args []any)
	// addUses is the one statement that adds to the counts of uses, of which no two are of
	// the same row, in their order.
	addUses func(counts []storage.UseCount) (sql string, args []any)
	// noteTraits is the one statement that stores the traits, of which no two are the
	// same, in their order, or moves the time forward at which they were there last, and
	// returns credential, kind, value and both times of those that it wrote.
	noteTraits func(traits []storage.Trait, at time.Time) (sql string, args []any)
	// versionTableExists counts the tables with the name of its parameter.
	versionTableExists string

	// tokenMark is an id that every token so far is at or below, and every later one
	// above.
	tokenMark string
	// lockRows ends a SELECT that keeps others from changing the rows, which it finds
	// as they are when it is their turn. skipLocked leaves out those that others hold.
	// SQLite has one writer, and nothing to lock.
	lockRows, skipLocked string

	prepareTokens func(s *Store, ctx context.Context, now, until time.Time) error
	sweepTokens   func(s *Store, ctx context.Context, before time.Time) (int64, error)
}
