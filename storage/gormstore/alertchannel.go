package gormstore

import (
	"context"
	"fmt"
	"time"

	"gorm.io/gorm"

	"kiket.dev/auth/storage"
)

type alertChannelRow struct {
	ID              int64
	OrganizationID  int64
	Kind            string
	Name            string
	Address         string
	Sealed          blob
	CreatedAt       moment `gorm:"autoCreateTime:false"`
	AddedByKind     string
	AddedByID       int64
	AddedByName     string
	LastDeliveredAt moment
	FailingSince    moment
	LastFailure     string
	HeldUntil       moment
	BudgetWindow    moment
	BudgetSent      int64
	BudgetLeftOut   int64
}

func (alertChannelRow) TableName() string { return "alert_channels" }

func (r alertChannelRow) domain() storage.AlertChannel {
	return storage.AlertChannel{
		ID: r.ID, OrganizationID: r.OrganizationID, Kind: storage.ChannelKind(r.Kind), Name: r.Name, Address: r.Address,
		Sealed: r.Sealed, CreatedAt: r.CreatedAt.time(), AddedBy: storage.Party{Kind: r.AddedByKind, ID: r.AddedByID, Name: r.AddedByName},
		LastDeliveredAt: r.LastDeliveredAt.time(), FailingSince: r.FailingSince.time(), LastFailure: r.LastFailure, HeldUntil: r.HeldUntil.time(),
		Budget: storage.ChannelBudget{Window: r.BudgetWindow.time(), Sent: r.BudgetSent, LeftOut: r.BudgetLeftOut},
	}
}

// CreateAlertChannel implements [storage.AlertChannelStore].
func (s *Store) CreateAlertChannel(ctx context.Context, c *storage.AlertChannel) error {
	row := alertChannelRow{
		OrganizationID: c.OrganizationID, Kind: string(c.Kind), Name: c.Name, Address: c.Address,
		Sealed: c.Sealed, CreatedAt: moment(c.CreatedAt), AddedByKind: c.AddedBy.Kind, AddedByID: c.AddedBy.ID, AddedByName: c.AddedBy.Name,
		LastDeliveredAt: moment(c.LastDeliveredAt), FailingSince: moment(c.FailingSince), LastFailure: c.LastFailure, HeldUntil: moment(c.HeldUntil),
		BudgetWindow: moment(c.Budget.Window), BudgetSent: c.Budget.Sent, BudgetLeftOut: c.Budget.LeftOut,
	}
	if err := s.create(ctx, "creating an alert channel", &row, row.Kind, row.Name, row.Address, row.LastFailure, row.AddedByKind, row.AddedByName); err != nil {
		return err
	}
	c.ID = row.ID
	return nil
}

// AlertChannelByID implements [storage.AlertChannelStore].
func (s *Store) AlertChannelByID(ctx context.Context, organizationID, id int64) (storage.AlertChannel, error) {
	var row alertChannelRow
	if err := s.first(ctx, "reading an alert channel", &row, "organization_id = ? AND id = ?", organizationID, id); err != nil {
		return storage.AlertChannel{}, err
	}
	return row.domain(), nil
}

// AlertChannels implements [storage.AlertChannelStore].
func (s *Store) AlertChannels(ctx context.Context, organizationID int64, page storage.Page) ([]storage.AlertChannel, error) {
	rows, err := pageRows[alertChannelRow](ctx, s, "listing alert channels", "id", page, "organization_id = ?", organizationID)
	return all(rows, alertChannelRow.domain), err
}

// LockAlertChannels implements [storage.AlertChannelStore].
func (s *Store) LockAlertChannels(ctx context.Context, organizationID int64) ([]storage.AlertChannel, error) {
	const doing = "locking alert channels"
	if s.transaction(ctx) == nil {
		return nil, fmt.Errorf("%s: not in a transaction", doing)
	}
	var rows []alertChannelRow
	err := s.write(ctx, doing, func(db *gorm.DB) error {
		return db.Raw("SELECT * FROM alert_channels WHERE organization_id = ? ORDER BY id"+s.dialect.lockRows, organizationID).Scan(&rows).Error
	})
	return all(rows, alertChannelRow.domain), err
}

// SetChannelBudget implements [storage.AlertChannelStore].
func (s *Store) SetChannelBudget(ctx context.Context, organizationID, id int64, b storage.ChannelBudget) error {
	return s.mustChange(ctx, "setting the budget of an alert channel",
		"UPDATE alert_channels SET budget_window = ?, budget_sent = ?, budget_left_out = ? WHERE organization_id = ? AND id = ?",
		moment(b.Window), b.Sent, b.LeftOut, organizationID, id)
}

// CountMail implements [storage.AlertChannelStore].
func (s *Store) CountMail(ctx context.Context, organizationID int64, address string, at time.Time, window time.Duration) (int64, error) {
	const doing = "counting a mail"
	if err := storable(address); err != nil {
		return 0, fmt.Errorf("%s: %w", doing, err)
	}
	var sent int64
	over := moment(at.Add(-window))
	err := s.write(ctx, doing, func(db *gorm.DB) error {
		return db.Raw(`INSERT INTO alert_mail (organization_id, address, began_at, sent) VALUES (?, ?, ?, 1)
			ON CONFLICT (organization_id, address) DO UPDATE SET
				sent = CASE WHEN alert_mail.began_at <= ? THEN 1 ELSE alert_mail.sent + 1 END,
				began_at = CASE WHEN alert_mail.began_at <= ? THEN excluded.began_at ELSE alert_mail.began_at END
			RETURNING sent`, organizationID, address, moment(at), over, over).Row().Scan(&sent)
	})
	return sent, err
}

// SweepMail implements [storage.AlertChannelStore].
func (s *Store) SweepMail(ctx context.Context, before time.Time) (int64, error) {
	return s.deleteInBatches(ctx, "sweeping counts of mail", `DELETE FROM alert_mail
		WHERE (organization_id, address) IN (SELECT organization_id, address FROM alert_mail
			WHERE began_at < ? ORDER BY began_at LIMIT ?`+s.dialect.skipLocked+")", before)
}

// ChannelsLeftOut implements [storage.AlertChannelStore].
func (s *Store) ChannelsLeftOut(ctx context.Context, before time.Time, limit int) ([]storage.AlertChannel, error) {
	var rows []alertChannelRow
	err := s.read(ctx, "looking for channels that were left out", func(db *gorm.DB) error {
		return db.Where("budget_left_out > 0 AND budget_window < ?", moment(before)).
			Order("budget_window").Limit(max(limit, 0)).Find(&rows).Error
	})
	return all(rows, alertChannelRow.domain), err
}

// DeleteAlertChannel implements [storage.AlertChannelStore]. Its messages go with it by
// their foreign key, also those that are queued at this moment.
func (s *Store) DeleteAlertChannel(ctx context.Context, organizationID, id int64) error {
	return s.mustChange(ctx, "deleting an alert channel",
		"DELETE FROM alert_channels WHERE organization_id = ? AND id = ?", organizationID, id)
}

// AlertChannelsAfter implements [storage.AlertChannelStore].
func (s *Store) AlertChannelsAfter(ctx context.Context, after int64, limit int) ([]storage.AlertChannel, error) {
	var rows []alertChannelRow
	err := s.read(ctx, "reading the alert channels", func(db *gorm.DB) error {
		return db.Where("id > ?", after).Order("id").Limit(max(limit, 0)).Find(&rows).Error
	})
	return all(rows, alertChannelRow.domain), err
}

// ResealAlertChannel implements [storage.AlertChannelStore].
func (s *Store) ResealAlertChannel(ctx context.Context, c storage.AlertChannel, was []byte) (bool, error) {
	return s.change(ctx, "sealing an alert channel anew",
		"UPDATE alert_channels SET sealed = ? WHERE organization_id = ? AND id = ? AND sealed = ?",
		blob(c.Sealed), c.OrganizationID, c.ID, was)
}

// Backlogs implements [storage.AlertChannelStore].
func (s *Store) Backlogs(ctx context.Context, organizationID int64) (map[int64]storage.Backlog, error) {
	backlogs := map[int64]storage.Backlog{}
	err := s.rows(ctx, s.reader, "counting what channels wait for", `SELECT channel_id,
			count(CASE WHEN failed_at IS NULL THEN 1 END), count(failed_at)
		FROM outbox WHERE organization_id = ? AND channel_id > 0 AND delivered_at IS NULL GROUP BY channel_id`,
		[]any{organizationID}, func(scan func(...any) error) error {
			var id int64
			var b storage.Backlog
			if err := scan(&id, &b.Waiting, &b.GivenUp); err != nil {
				return err
			}
			backlogs[id] = b
			return nil
		})
	if err != nil {
		return nil, err
	}
	return backlogs, nil
}
