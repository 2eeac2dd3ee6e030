package gormstore

import (
	"context"
	"time"

	"gorm.io/gorm"

	"kiket.dev/auth/storage"
)

type outboxRow struct {
	ID             int64
	OrganizationID int64
	ChannelID      reference
	UserID         reference
	Payload        []byte
	CreatedAt      moment `gorm:"autoCreateTime:false"`
	Attempts       int
	NextAttemptAt  moment
	DeliveredAt    moment
	FailedAt       moment
	LastError      string
}

func (outboxRow) TableName() string { return "outbox" }

func (r outboxRow) domain() storage.OutboxMessage {
	return storage.OutboxMessage{
		ID: r.ID, OrganizationID: r.OrganizationID, ChannelID: int64(r.ChannelID), UserID: int64(r.UserID), Payload: r.Payload,
		CreatedAt: r.CreatedAt.time(), Attempts: r.Attempts, NextAttemptAt: r.NextAttemptAt.time(),
		DeliveredAt: r.DeliveredAt.time(), FailedAt: r.FailedAt.time(), LastError: r.LastError,
	}
}

// QueueMessage implements [storage.OutboxStore].
func (s *Store) QueueMessage(ctx context.Context, m *storage.OutboxMessage) error {
	row := outboxRow{
		OrganizationID: m.OrganizationID, ChannelID: reference(m.ChannelID), UserID: reference(m.UserID), Payload: notNull(m.Payload),
		CreatedAt: moment(m.CreatedAt), Attempts: m.Attempts, NextAttemptAt: moment(m.NextAttemptAt),
		DeliveredAt: moment(m.DeliveredAt), FailedAt: moment(m.FailedAt), LastError: m.LastError,
	}
	if err := s.create(ctx, "queueing a message", &row, row.LastError); err != nil {
		return err
	}
	m.ID = row.ID
	return nil
}

// ClaimMessages implements [storage.OutboxStore]. It looks first, so that asking often
// when there is nothing writes nothing.
func (s *Store) ClaimMessages(ctx context.Context, now, lease time.Time, limit int) ([]storage.OutboxMessage, error) {
	const doing, due = "claiming messages", "next_attempt_at <= ? AND delivered_at IS NULL AND failed_at IS NULL"
	var rows []outboxRow
	err := s.read(ctx, doing, func(db *gorm.DB) error {
		return db.Select("id").Where(due, moment(now)).Order("next_attempt_at").Limit(max(limit, 0)).Find(&rows).Error
	})
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	rows = nil
	err = s.write(ctx, doing, func(db *gorm.DB) error {
		return db.Raw(`WITH mine AS (SELECT id FROM outbox WHERE `+due+` ORDER BY next_attempt_at LIMIT ?`+s.dialect.skipLocked+`)
			UPDATE outbox SET attempts = attempts + 1, next_attempt_at = ? WHERE id IN (SELECT id FROM mine) RETURNING *`,
			moment(now), limit, moment(lease)).Scan(&rows).Error
	})
	return all(rows, outboxRow.domain), err
}

// MessageDelivered implements [storage.OutboxStore]. That it arrived is true also if
// somebody else has claimed it since.
func (s *Store) MessageDelivered(ctx context.Context, m storage.OutboxMessage, at time.Time) error {
	const doing = "noting that a message was delivered"
	return s.withChannel(ctx, doing, m, func(ctx context.Context) error {
		first, err := s.change(ctx, doing, `UPDATE outbox SET delivered_at = ?, failed_at = NULL, last_error = ''
			WHERE organization_id = ? AND id = ? AND delivered_at IS NULL`, moment(at), m.OrganizationID, m.ID)
		if err != nil || !first || m.ChannelID == 0 {
			return err
		}
		_, err = s.change(ctx, doing, `UPDATE alert_channels SET last_delivered_at = ?, failing_since = NULL, last_failure = ''
			WHERE organization_id = ? AND id = ?`, moment(at), m.OrganizationID, m.ChannelID)
		return err
	})
}

// MessageFailed implements [storage.OutboxStore].
func (s *Store) MessageFailed(ctx context.Context, m storage.OutboxMessage, at, next time.Time, why string) error {
	const doing = "noting that a message was not delivered"
	why = legible(why)
	set, args := "next_attempt_at = ?", []any{moment(next)}
	if next.IsZero() {
		set, args = "failed_at = ?", []any{moment(at)}
	}
	return s.withChannel(ctx, doing, m, func(ctx context.Context) error {
		mine, err := s.change(ctx, doing, "UPDATE outbox SET "+set+`, last_error = ?
			WHERE organization_id = ? AND id = ? AND attempts = ? AND delivered_at IS NULL AND failed_at IS NULL`,
			append(args, why, m.OrganizationID, m.ID, m.Attempts)...)
		if err != nil || !mine || m.ChannelID == 0 {
			return err
		}
		_, err = s.change(ctx, doing, `UPDATE alert_channels SET failing_since = COALESCE(failing_since, ?), last_failure = ?
			WHERE organization_id = ? AND id = ?`, moment(at), why, m.OrganizationID, m.ChannelID)
		return err
	})
}

// withChannel locks the channel before the message, as who deletes the channel does, so
// that neither waits for the other in a circle. If it is gone, so is the message. A message
// to a member has none.
func (s *Store) withChannel(ctx context.Context, doing string, m storage.OutboxMessage, f func(ctx context.Context) error) error {
	return s.Transaction(ctx, func(ctx context.Context) error {
		if m.ChannelID == 0 {
			return f(ctx)
		}
		there, err := s.change(ctx, doing, "UPDATE alert_channels SET name = name WHERE organization_id = ? AND id = ?", m.OrganizationID, m.ChannelID)
		if err != nil || !there {
			return err
		}
		return f(ctx)
	})
}

// SweepMessages implements [storage.OutboxStore].
func (s *Store) SweepMessages(ctx context.Context, before time.Time) (int64, error) {
	return s.deleteInBatches(ctx, "sweeping messages", `DELETE FROM outbox WHERE id IN (SELECT id FROM outbox
		WHERE next_attempt_at < ? AND (delivered_at IS NOT NULL OR failed_at IS NOT NULL)
		ORDER BY next_attempt_at LIMIT ?`+s.dialect.skipLocked+")", before)
}
