// Package gormstore is the [storage.Store] that runs: gorm on PostgreSQL, for
// production and several replicas, and on SQLite, for one process and no setup.
// Nothing outside it knows gorm, SQL, or which of the two engines is behind.
//
// It is no place for rules: whether a token works is [storage.Credential]'s to
// say. It keeps nothing in memory between two calls either. An answer holds
// everything that was committed, by any replica, before the call; that is what
// "revoked means revoked" rests on.
//
// # How a request moves through it
//
// A method checks that its texts can be stored at all ([Options] has nothing to
// say about that: neither engine takes a NUL), bounds the operation by a
// timeout, joins the transaction that its context carries or else runs on its
// own, and turns what the driver says into the sentinels of package storage, in
// one place.
//
// The operations on the path of every request - a client by its client id, a
// credential by its reference, the storing of an access token, the spending of
// an assertion - gather with those that are waiting at the same moment and
// travel as one statement. See batch.go.
//
// Rows, in unexported structs, and domain types are kept apart; the differences
// between the engines are collected in one value, see dialect.go.
//
// # Migrations
//
// A migration is a file of the same name in migrations/sqlite and in
// migrations/postgres. It leaves the rows that are there as they are, and in
// place what the version before it reads. On PostgreSQL it waits for a table no
// longer than requests can wait behind it. Rows with a value in every column
// that it adds go into testdata/migrations, so that the next ones are tried on
// them.
package gormstore
