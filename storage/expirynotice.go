package storage

import (
	"context"
	"time"
)

// ExpiryNotice says that somebody was told that a credential expires soon.
type ExpiryNotice struct {
	OrganizationID int64
	Credential     CredentialID
	Stage          int // how many days before the end at the most
	NotedAt        time.Time
}

// ExpiryQuestion asks for organizations with something that expires and that nobody was
// told of.
type ExpiryQuestion struct {
	Stage        int
	After, Until time.Time // it expires after the one and not after the other
	// DigestBefore leaves out organizations whose latest digest is not older.
	DigestBefore time.Time
}

// ExpiryNoticeStore remembers what was told of credentials that expire.
type ExpiryNoticeStore interface {
	// OrganizationsToNotify returns the ids of organizations that have a workspace API
	// token, an extension key or the client secret of an application that expires in the
	// time of the question, is neither revoked nor closed, and of which there is no
	// notice of that stage; in the order of their ids, at most limit, after the one with
	// the id after.
	OrganizationsToNotify(ctx context.Context, q ExpiryQuestion, after int64, limit int) ([]int64, error)
	// NoteExpiry stores a notice and reports whether this call did: of several at once,
	// one is told true. ErrNotFound if there is no such organization.
	NoteExpiry(ctx context.Context, n ExpiryNotice) (bool, error)
	// SweepExpiryNotices removes those that were noted before the given time.
	SweepExpiryNotices(ctx context.Context, before time.Time) (int64, error)
}
