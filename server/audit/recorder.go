// Package audit writes down who did what to what.
//
// A verb calls [Recorder.Record] inside the transaction of its act, so that
// there is neither an act without its event nor an event without its act: an
// event that cannot be written fails the act. The package decides what an event
// holds; it never holds a secret.
package audit

import (
	"context"
	"errors"
	"fmt"
	"time"

	"kiket.dev/auth/server/access"
	"kiket.dev/auth/storage"
)

// Event is what a verb says about its act.
type Event struct {
	OrganizationID int64  // 0: of the platform
	Action         string // noun.verb in the past, such as workspace_api_token.created
	Target         storage.Party
	Details        map[string]any
}

// Machine is the actor of what the server does by itself.
var Machine = storage.Party{Kind: "server", Name: "kiket-auth"}

// Recorder appends events to the log.
type Recorder struct {
	Store storage.AuditStore
	Clock func() time.Time
}

// Record appends the event in the transaction that ctx carries.
func (r *Recorder) Record(ctx context.Context, caller access.Caller, e Event) error {
	err := r.Store.AppendAuditEvent(ctx, &storage.AuditEvent{
		OrganizationID: e.OrganizationID,
		CreatedAt:      r.Clock(),
		Action:         e.Action,
		Actor:          caller.Party,
		Target:         e.Target,
		IPAddress:      caller.Origin.Address,
		UserAgent:      caller.Origin.UserAgent,
		RequestID:      caller.Origin.RequestID,
		Details:        e.Details,
	})
	if err != nil {
		return fmt.Errorf("recording %s: %w", e.Action, err)
	}
	return nil
}

// Refused records that the caller was refused an act, if that is what err says: it may
// not, or not as things stand. The action is noun.verb in the present; what is recorded
// ends in _denied. Of who has no organization there is nothing to record.
func (r *Recorder) Refused(ctx context.Context, caller access.Caller, action string, target storage.Party, err error) error {
	if !IsRefusal(err) || caller.OrganizationID == 0 {
		return nil
	}
	return r.Record(ctx, caller, Event{
		OrganizationID: caller.OrganizationID, Action: action + "_denied", Target: target,
		Details: map[string]any{"reason": access.Reason(err)},
	})
}

// IsRefusal reports whether err is one that [Recorder.Refused] records.
func IsRefusal(err error) bool {
	var refusal *access.Refusal
	return errors.Is(err, access.ErrDenied) || errors.As(err, &refusal)
}
