package storage

import (
	"context"
	"time"
)

// Alert is trouble that a rule has seen with one thing, such as a credential. What
// happens to it again is counted in the same alert until somebody acknowledges that.
type Alert struct {
	ID             int64
	OrganizationID int64
	Rule           string
	// Subject is what the trouble is with. The name is copied, so that it survives the
	// deletion of what it names.
	Subject Party
	// DedupeKey is unique among the open alerts of an organization.
	DedupeKey      string
	Summary        string // one line for people
	Details        map[string]any
	Count          int64 // how often it happened
	FirstAt        time.Time
	LastAt         time.Time
	AcknowledgedAt time.Time // zero: open
	AcknowledgedBy Party

	// Told is the count of which messages have told.
	Told int64
	// QuietUntil is until when a count that merely goes on is not told.
	QuietUntil time.Time
}

// Open reports whether nobody has acknowledged the alert.
func (a Alert) Open() bool { return a.AcknowledgedAt.IsZero() }

// AlertFilter names alerts of an organization.
type AlertFilter struct {
	OrganizationID int64
	Open           bool // those that are open
	Acknowledged   bool // those that are not
	// Subject goes by kind and id; nil: whatever.
	Subject *Party
}

// AlertStore keeps alerts.
type AlertStore interface {
	// RaiseAlert stores a, or, if the organization has an open alert with the same
	// dedupe key, adds a.Count to that one, which keeps its subject, takes over summary
	// and details, and moves LastAt forward. a is then as it is stored, locked until the
	// transaction in ctx ends.
	RaiseAlert(ctx context.Context, a *Alert) error
	// MarkAlertTold sets Told and QuietUntil; ErrNotFound if there is no such alert.
	MarkAlertTold(ctx context.Context, organizationID, id, told int64, quietUntil time.Time) error
	// AlertByID returns ErrNotFound if there is none.
	AlertByID(ctx context.Context, organizationID, id int64) (Alert, error)
	// Alerts returns a page of the alerts that the filter names, by id.
	Alerts(ctx context.Context, f AlertFilter, page Page) ([]Alert, error)
	// AcknowledgeAlert acknowledges an open alert and reports whether it was open;
	// ErrNotFound if there is none.
	AcknowledgeAlert(ctx context.Context, organizationID, id int64, by Party, at time.Time) (bool, error)
	// ReopenAlert opens an acknowledged alert again and reports whether it was
	// acknowledged; ErrNotFound if there is none, ErrConflict if the same trouble has
	// another alert that is open.
	ReopenAlert(ctx context.Context, organizationID, id int64) (bool, error)
	// UntoldAlerts returns open alerts of all organizations, at most limit, whose count
	// is above Told and whose QuietUntil is not after now.
	UntoldAlerts(ctx context.Context, now time.Time, limit int) ([]Alert, error)
	// SweepAlerts removes those that last happened before the given time.
	SweepAlerts(ctx context.Context, before time.Time) (int64, error)
}
