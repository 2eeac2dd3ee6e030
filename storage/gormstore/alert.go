package gormstore

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"gorm.io/gorm"

	"kiket.dev/auth/storage"
)

type alertRow struct {
	ID                 int64
	OrganizationID     int64
	Rule               string
	SubjectKind        string
	SubjectID          int64
	SubjectName        string
	DedupeKey          string
	Summary            string
	Details            string // JSON
	Count              int64
	FirstAt            moment
	LastAt             moment
	AcknowledgedAt     moment
	AcknowledgedByKind string
	AcknowledgedByID   int64
	AcknowledgedByName string
	Told               int64
	QuietUntil         moment
}

func (alertRow) TableName() string { return "alerts" }

func alertRowOf(a *storage.Alert) (alertRow, error) {
	details, err := encodeDetails(a.Details)
	return alertRow{
		OrganizationID: a.OrganizationID, Rule: a.Rule,
		SubjectKind: a.Subject.Kind, SubjectID: a.Subject.ID, SubjectName: legible(a.Subject.Name),
		DedupeKey: a.DedupeKey, Summary: legible(a.Summary), Details: details, Count: a.Count,
		FirstAt: moment(a.FirstAt), LastAt: moment(a.LastAt), AcknowledgedAt: moment(a.AcknowledgedAt),
		AcknowledgedByKind: a.AcknowledgedBy.Kind, AcknowledgedByID: a.AcknowledgedBy.ID, AcknowledgedByName: a.AcknowledgedBy.Name,
		Told: a.Told, QuietUntil: moment(a.QuietUntil),
	}, err
}

func (r alertRow) domain() (storage.Alert, error) {
	a := storage.Alert{
		ID: r.ID, OrganizationID: r.OrganizationID, Rule: r.Rule,
		Subject:   storage.Party{Kind: r.SubjectKind, ID: r.SubjectID, Name: r.SubjectName},
		DedupeKey: r.DedupeKey, Summary: r.Summary, Count: r.Count,
		FirstAt: r.FirstAt.time(), LastAt: r.LastAt.time(), AcknowledgedAt: r.AcknowledgedAt.time(),
		AcknowledgedBy: storage.Party{Kind: r.AcknowledgedByKind, ID: r.AcknowledgedByID, Name: r.AcknowledgedByName},
		Told:           r.Told, QuietUntil: r.QuietUntil.time(),
	}
	if r.Details == "" {
		return a, nil
	}
	if err := json.Unmarshal([]byte(r.Details), &a.Details); err != nil {
		return a, fmt.Errorf("details of alert %d: %w", r.ID, err)
	}
	return a, nil
}

func alertsOf(rows []alertRow) ([]storage.Alert, error) {
	alerts := make([]storage.Alert, len(rows))
	for i, r := range rows {
		var err error
		if alerts[i], err = r.domain(); err != nil {
			return nil, err
		}
	}
	return alerts, nil
}

// RaiseAlert implements [storage.AlertStore]. One statement finds the open alert or
// makes it, so that replicas which see the same trouble at once raise one.
func (s *Store) RaiseAlert(ctx context.Context, a *storage.Alert) error {
	const doing = "raising an alert"
	row, err := alertRowOf(a)
	if err == nil {
		err = storable(row.Rule, row.SubjectKind, row.DedupeKey, row.Details)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	var raised alertRow
	err = s.write(ctx, doing, func(db *gorm.DB) error {
		return db.Raw(`INSERT INTO alerts (organization_id, rule, subject_kind, subject_id, subject_name, dedupe_key, summary, details,
				count, first_at, last_at, acknowledged_at, acknowledged_by_kind, acknowledged_by_id, acknowledged_by_name, told, quiet_until)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL, '', 0, '', 0, NULL)
			ON CONFLICT (organization_id, dedupe_key) WHERE acknowledged_at IS NULL DO UPDATE SET
				count = alerts.count + excluded.count, summary = excluded.summary, details = excluded.details,
				last_at = CASE WHEN alerts.last_at < excluded.last_at THEN excluded.last_at ELSE alerts.last_at END
			RETURNING *`,
			row.OrganizationID, row.Rule, row.SubjectKind, row.SubjectID, row.SubjectName, row.DedupeKey, row.Summary, row.Details,
			row.Count, row.FirstAt, row.LastAt).Scan(&raised).Error
	})
	if err != nil {
		return err
	}
	*a, err = raised.domain()
	return err
}

// MarkAlertTold implements [storage.AlertStore].
func (s *Store) MarkAlertTold(ctx context.Context, organizationID, id, told int64, quietUntil time.Time) error {
	return s.mustChange(ctx, "noting what was told of an alert",
		"UPDATE alerts SET told = ?, quiet_until = ? WHERE organization_id = ? AND id = ?",
		told, moment(quietUntil), organizationID, id)
}

// AlertByID implements [storage.AlertStore].
func (s *Store) AlertByID(ctx context.Context, organizationID, id int64) (storage.Alert, error) {
	var row alertRow
	if err := s.first(ctx, "reading an alert", &row, "organization_id = ? AND id = ?", organizationID, id); err != nil {
		return storage.Alert{}, err
	}
	return row.domain()
}

// Alerts implements [storage.AlertStore].
func (s *Store) Alerts(ctx context.Context, f storage.AlertFilter, page storage.Page) ([]storage.Alert, error) {
	where := &conditions{}
	where.add("organization_id = ?", f.OrganizationID)
	where.addIf(f.Open, "acknowledged_at IS NULL")
	where.addIf(f.Acknowledged, "acknowledged_at IS NOT NULL")
	if f.Subject != nil {
		where.add("subject_kind = ? AND subject_id = ?", f.Subject.Kind, f.Subject.ID)
	}
	rows, err := pageRows[alertRow](ctx, s, "listing alerts", "id", page, where.String(), where.args...)
	if err != nil {
		return nil, err
	}
	return alertsOf(rows)
}

// AcknowledgeAlert implements [storage.AlertStore].
func (s *Store) AcknowledgeAlert(ctx context.Context, organizationID, id int64, by storage.Party, at time.Time) (bool, error) {
	const doing = "acknowledging an alert"
	if err := storable(by.Kind, by.Name); err != nil {
		return false, fmt.Errorf("%s: %w", doing, err)
	}
	return s.changeOnce(ctx, doing, `UPDATE alerts
		SET acknowledged_at = ?, acknowledged_by_kind = ?, acknowledged_by_id = ?, acknowledged_by_name = ?
		WHERE organization_id = ? AND id = ? AND acknowledged_at IS NULL`,
		[]any{moment(at), by.Kind, by.ID, by.Name, organizationID, id},
		alertExists, organizationID, id)
}

// ReopenAlert implements [storage.AlertStore].
func (s *Store) ReopenAlert(ctx context.Context, organizationID, id int64) (bool, error) {
	return s.changeOnce(ctx, "opening an alert again", `UPDATE alerts
		SET acknowledged_at = NULL, acknowledged_by_kind = '', acknowledged_by_id = 0, acknowledged_by_name = ''
		WHERE organization_id = ? AND id = ? AND acknowledged_at IS NOT NULL`,
		[]any{organizationID, id}, alertExists, organizationID, id)
}

const alertExists = "SELECT 1 FROM alerts WHERE organization_id = ? AND id = ?"

// UntoldAlerts implements [storage.AlertStore].
func (s *Store) UntoldAlerts(ctx context.Context, now time.Time, limit int) ([]storage.Alert, error) {
	var rows []alertRow
	err := s.read(ctx, "looking for alerts to be told", func(db *gorm.DB) error {
		return db.Where("acknowledged_at IS NULL AND count > told AND quiet_until <= ?", moment(now)).
			Order("quiet_until").Limit(max(limit, 0)).Find(&rows).Error
	})
	if err != nil {
		return nil, err
	}
	return alertsOf(rows)
}

// SweepAlerts implements [storage.AlertStore].
func (s *Store) SweepAlerts(ctx context.Context, before time.Time) (int64, error) {
	return s.deleteInBatches(ctx, "sweeping alerts",
		"DELETE FROM alerts WHERE id IN (SELECT id FROM alerts WHERE last_at < ? ORDER BY last_at LIMIT ?"+s.dialect.skipLocked+")", before)
}
