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

// due are messages that are to be sent and that nobody is sending.
const due = "next_attempt_at <= ? AND delivered_at IS NULL AND failed_at IS NULL"

// ClaimMessages implements [storage.OutboxStore]. It looks first, so that asking often
// when there is nothing writes nothing.
func (s *Store) ClaimMessages(ctx context.Context, c storage.OutboxClaim) ([]storage.OutboxMessage, error) {
	const doing = "claiming messages"
	ids, err := s.claimable(ctx, doing, c)
	if err != nil || len(ids) == 0 {
		return nil, err
	}
	var rows []outboxRow
	err = s.write(ctx, doing, func(db *gorm.DB) error {
		return db.Raw(`WITH mine AS (SELECT id FROM outbox WHERE id IN ? AND `+due+` ORDER BY id`+s.dialect.skipLocked+`)
			UPDATE outbox SET attempts = attempts + 1, next_attempt_at = ? WHERE id IN (SELECT id FROM mine) RETURNING *`,
			ids, moment(c.Now), moment(c.Lease)).Scan(&rows).Error
	})
	return all(rows, outboxRow.domain), err
}

// claimable returns the ids of messages that the caller may claim if nobody is faster.
func (s *Store) claimable(ctx context.Context, doing string, c storage.OutboxClaim) ([]int64, error) {
	// A list must not be empty, and no id is 0.
	channels, members, full, half, sending := []int64{0}, []int64{0}, []int64{0}, []int64{0}, map[int64]int{}
	for _, m := range c.Sending {
		channels, members = append(channels, m.ChannelID), append(members, m.UserID)
		sending[m.OrganizationID]++
	}
	for organization, n := range sending {
		if n >= storage.OutboxPerOrganization {
			full = append(full, organization)
		} else {
			half = append(half, organization)
		}
	}
	var ids []int64
	err := s.read(ctx, doing, func(db *gorm.DB) error {
		return db.Raw(`SELECT id FROM (
			SELECT id, next_attempt_at, organization_id, row_number() OVER (PARTITION BY organization_id ORDER BY next_attempt_at, id) AS nth FROM (
				SELECT o.id, o.next_attempt_at, o.organization_id,
					row_number() OVER (PARTITION BY o.organization_id, o.channel_id, o.user_id ORDER BY o.next_attempt_at, o.id) AS nth
				FROM outbox o LEFT JOIN alert_channels c ON c.organization_id = o.organization_id AND c.id = o.channel_id
				WHERE `+due+` AND (c.held_until IS NULL OR c.held_until <= ?) AND o.organization_id NOT IN ?
					AND (o.channel_id IS NULL OR o.channel_id NOT IN ?) AND (o.user_id IS NULL OR o.user_id NOT IN ?)
			) of_channel WHERE nth = 1
		) of_organization WHERE nth = 1 OR (nth <= ? AND organization_id NOT IN ?) ORDER BY nth, next_attempt_at, id LIMIT ?`,
			moment(c.Now), moment(c.Now), full, channels, members, storage.OutboxPerOrganization, half, max(c.Limit, 0)).Scan(&ids).Error
	})
	return ids, err
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
		_, err = s.change(ctx, doing, `UPDATE alert_channels SET last_delivered_at = ?, failing_since = NULL, last_failure = '', held_until = NULL
			WHERE organization_id = ? AND id = ?`, moment(at), m.OrganizationID, m.ChannelID)
		return err
	})
}

// MessageFailed implements [storage.OutboxStore].
func (s *Store) MessageFailed(ctx context.Context, m storage.OutboxMessage, f storage.FailedAttempt) error {
	const doing = "noting that a message was not delivered"
	f.Why, f.At = legible(f.Why), stored(f.At)
	set, args := "next_attempt_at = ?", []any{moment(f.Next)}
	if f.Next.IsZero() {
		set, args = "failed_at = ?", []any{moment(f.At)}
	}
	return s.withChannel(ctx, doing, m, func(ctx context.Context) error {
		mine, err := s.change(ctx, doing, "UPDATE outbox SET "+set+`, last_error = ?
			WHERE organization_id = ? AND id = ? AND attempts = ? AND delivered_at IS NULL AND failed_at IS NULL`,
			append(args, f.Why, m.OrganizationID, m.ID, m.Attempts)...)
		if err != nil || !mine || m.ChannelID == 0 {
			return err
		}
		return s.channelFailed(ctx, doing, m, f)
	})
}

// channelFailed notes on the channel of m, which is locked, that it failed, and gives up
// what has waited for it for too long.
func (s *Store) channelFailed(ctx context.Context, doing string, m storage.OutboxMessage, f storage.FailedAttempt) error {
	c, err := s.AlertChannelByID(ctx, m.OrganizationID, m.ChannelID)
	if err != nil {
		return err
	}
	if c.FailingSince.IsZero() {
		c.FailingSince = f.At
	}
	held := f.At.Add(max(0, min(f.At.Sub(c.FailingSince), f.LongestHold)))
	if _, err := s.change(ctx, doing, `UPDATE alert_channels SET failing_since = ?, last_failure = ?, held_until = ?
		WHERE organization_id = ? AND id = ?`, moment(c.FailingSince), f.Why, moment(held), m.OrganizationID, m.ChannelID); err != nil {
		return err
	}
	_, err = s.change(ctx, doing, `UPDATE outbox SET failed_at = ?, last_error = ?
		WHERE organization_id = ? AND channel_id = ? AND created_at < ? AND delivered_at IS NULL AND failed_at IS NULL`,
		moment(f.At), f.Why, m.OrganizationID, m.ChannelID, moment(f.GiveUpBefore))
	return err
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
