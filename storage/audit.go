package storage

import (
	"context"
	"time"
)

// Party is who did something, or what it was done to. The name is copied, so
// that it survives the deletion of what it names.
type Party struct {
	Kind string // operator, user, application, workspace_api_token, …
	ID   int64
	Name string
}

// AuditEvent records something that was done, or refused.
type AuditEvent struct {
	ID             int64
	OrganizationID int64 // 0: of the platform
	CreatedAt      time.Time
	Action         string // noun.verb in the past; refusals end in _denied
	Actor          Party
	Target         Party
	IPAddress      string
	UserAgent      string
	RequestID      string
	Details        map[string]any // no secret

	// Sequence is the event's place in the chain of its organization, from 1, and
	// Hash what seals it; 0 and nil until it is sealed.
	Sequence int64
	Hash     []byte
}

// AuditFilter says which events of one organization are meant.
type AuditFilter struct {
	OrganizationID int64  // 0: of the platform
	Action         string // empty: any
	ActionPrefix   string // empty: any
	// Actor and Target go by kind and id; nil: whoever, whatever. A user as the actor is
	// also each of their sessions, ended ones too, and an extension each of its keys.
	Actor, Target *Party
	Since         time.Time // at this time or later; zero: from the beginning
	Until         time.Time // before this time; zero: to the end
}

// AuditPage asks for a part of a list of events, which are in order of time, and of id
// where that is the same.
type AuditPage struct {
	OldestFirst bool
	// After is the event that the page comes after in the order of the list; nil: from
	// the beginning.
	After *AuditPosition
	Limit int // at most so many; must be positive
}

// AuditPosition is the place of an event in a list.
type AuditPosition struct {
	CreatedAt time.Time
	ID        int64
}

// AuditStore keeps audit events. They are only ever added.
type AuditStore interface {
	// AppendAuditEvent stores e and sets its ID.
	AppendAuditEvent(ctx context.Context, e *AuditEvent) error
	// AuditEvents returns the events of an organization (0: of the platform) in
	// the order in which they were stored, at most limit, after the event with
	// the id after.
	AuditEvents(ctx context.Context, organizationID, after int64, limit int) ([]AuditEvent, error)
	// FindAuditEvents returns the page of the events that the filter names.
	FindAuditEvents(ctx context.Context, f AuditFilter, page AuditPage) ([]AuditEvent, error)
	// AuditEventByID returns the event of the organization (0: of the platform) with that
	// id; ErrNotFound if there is none.
	AuditEventByID(ctx context.Context, organizationID, id int64) (AuditEvent, error)
}
