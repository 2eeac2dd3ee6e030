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
}

// AuditStore keeps audit events. They are only ever added.
type AuditStore interface {
	// AppendAuditEvent stores e and sets its ID.
	AppendAuditEvent(ctx context.Context, e *AuditEvent) error
	// AuditEvents returns the events of an organization (0: of the platform) in
	// the order in which they were stored, at most limit, after the event with
	// the id after.
	AuditEvents(ctx context.Context, organizationID, after int64, limit int) ([]AuditEvent, error)
}
