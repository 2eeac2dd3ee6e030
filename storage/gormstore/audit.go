package gormstore

import (
	"context"
	"encoding/json"
	"fmt"

	"gorm.io/gorm"

	"kiket.dev/auth/storage"
)

type auditEventRow struct {
	ID             int64
	OrganizationID reference
	CreatedAt      moment `gorm:"autoCreateTime:false"`
	Action         string
	ActorKind      string
	ActorID        int64
	ActorName      string
	TargetKind     string
	TargetID       int64
	TargetName     string
	IPAddress      string `gorm:"column:ip_address"`
	UserAgent      string
	RequestID      string
	Details        string // JSON
	Sequence       reference
	Hash           blob
}

func (auditEventRow) TableName() string { return "audit_events" }

// event is without the details.
func (r auditEventRow) event() storage.AuditEvent {
	return storage.AuditEvent{
		ID: r.ID, OrganizationID: int64(r.OrganizationID), CreatedAt: r.CreatedAt.time(), Action: r.Action,
		Actor:     storage.Party{Kind: r.ActorKind, ID: r.ActorID, Name: r.ActorName},
		Target:    storage.Party{Kind: r.TargetKind, ID: r.TargetID, Name: r.TargetName},
		IPAddress: r.IPAddress, UserAgent: r.UserAgent, RequestID: r.RequestID,
		Sequence: int64(r.Sequence), Hash: r.Hash,
	}
}

func (r auditEventRow) domain() (storage.AuditEvent, error) {
	e := r.event()
	if r.Details == "" {
		return e, nil
	}
	if err := json.Unmarshal([]byte(r.Details), &e.Details); err != nil {
		return e, fmt.Errorf("details of event %d: %w", r.ID, err)
	}
	return e, nil
}

// AppendAuditEvent implements [storage.AuditStore]. What a stranger's user agent
// holds cannot keep the event from being written: what cannot be stored of it is
// replaced by U+FFFD.
func (s *Store) AppendAuditEvent(ctx context.Context, e *storage.AuditEvent) error {
	const doing = "appending an audit event"
	details, err := encodeDetails(e.Details)
	if err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	row := auditEventRow{
		OrganizationID: reference(e.OrganizationID), CreatedAt: moment(e.CreatedAt), Action: e.Action,
		ActorKind: e.Actor.Kind, ActorID: e.Actor.ID, ActorName: e.Actor.Name,
		TargetKind: e.Target.Kind, TargetID: e.Target.ID, TargetName: e.Target.Name,
		IPAddress: e.IPAddress, UserAgent: legible(e.UserAgent), RequestID: e.RequestID, Details: details,
	}
	err = s.create(ctx, doing, &row, row.Action, row.ActorKind, row.ActorName,
		row.TargetKind, row.TargetName, row.IPAddress, row.RequestID)
	if err != nil {
		return err
	}
	e.ID = row.ID
	return nil
}

func encodeDetails(details map[string]any) (string, error) {
	if len(details) == 0 {
		return "", nil
	}
	text, err := json.Marshal(details)
	return string(text), err
}

// AuditEvents implements [storage.AuditStore]. A limit of 0 or less returns none.
func (s *Store) AuditEvents(ctx context.Context, organizationID, after int64, limit int) ([]storage.AuditEvent, error) {
	const doing = "reading audit events"
	var rows []auditEventRow
	where, args := owned(organizationID)
	err := s.read(ctx, doing, func(db *gorm.DB) error {
		return db.Where(where, args...).Where("id > ?", after).Order("id").Limit(max(limit, 0)).Find(&rows).Error
	})
	if err != nil {
		return nil, err
	}
	return auditEvents(doing, rows)
}
