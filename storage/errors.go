package storage

import "errors"

// Sentinels that every backend returns, wrapped with what was being done.
var (
	// ErrNotFound says that there is no such object, or none in the
	// organization that was named.
	ErrNotFound = errors.New("not found")
	// ErrConflict says that an object with the same unique property exists.
	ErrConflict = errors.New("conflict")
	// ErrUnavailable says that the database did not answer, or not in time.
	// The operation may be tried again; a write may have been carried out.
	ErrUnavailable = errors.New("storage unavailable")
)
