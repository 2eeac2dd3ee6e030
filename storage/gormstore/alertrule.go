package gormstore

import (
	"context"
	"fmt"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"kiket.dev/auth/storage"
)

type alertRuleRow struct {
	OrganizationID int64  `gorm:"primaryKey;autoIncrement:false"`
	Rule           string `gorm:"primaryKey"`
	Enabled        *bool
	Threshold      *int64
	WindowSeconds  *int64
	UpdatedAt      moment `gorm:"autoUpdateTime:false"`
}

func (alertRuleRow) TableName() string { return "alert_rules" }

func (r alertRuleRow) domain() storage.AlertRule {
	rule := storage.AlertRule{
		OrganizationID: r.OrganizationID, Rule: r.Rule, Enabled: r.Enabled, Threshold: r.Threshold, UpdatedAt: r.UpdatedAt.time(),
	}
	if r.WindowSeconds != nil {
		window := time.Duration(*r.WindowSeconds) * time.Second
		rule.Window = &window
	}
	return rule
}

// PutAlertRule implements [storage.AlertRuleStore].
func (s *Store) PutAlertRule(ctx context.Context, r storage.AlertRule) error {
	const doing = "storing an alert rule"
	row := alertRuleRow{
		OrganizationID: r.OrganizationID, Rule: r.Rule, Enabled: r.Enabled, Threshold: r.Threshold, UpdatedAt: moment(r.UpdatedAt),
	}
	if r.Window != nil {
		seconds := int64(*r.Window / time.Second)
		row.WindowSeconds = &seconds
	}
	if err := storable(row.Rule); err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	return s.write(ctx, doing, func(db *gorm.DB) error {
		return db.Clauses(clause.OnConflict{
			Columns: []clause.Column{{Name: "organization_id"}, {Name: "rule"}}, UpdateAll: true,
		}).Create(&row).Error
	})
}

// AlertRules implements [storage.AlertRuleStore].
func (s *Store) AlertRules(ctx context.Context, organizationID int64) ([]storage.AlertRule, error) {
	var rows []alertRuleRow
	err := s.read(ctx, "reading alert rules", func(db *gorm.DB) error {
		return db.Where("organization_id = ?", organizationID).Order("rule").Find(&rows).Error
	})
	return all(rows, alertRuleRow.domain), err
}

// AllAlertRules implements [storage.AlertRuleStore].
func (s *Store) AllAlertRules(ctx context.Context) ([]storage.AlertRule, error) {
	var rows []alertRuleRow
	err := s.read(ctx, "reading all alert rules", func(db *gorm.DB) error {
		return db.Order("organization_id, rule").Find(&rows).Error
	})
	return all(rows, alertRuleRow.domain), err
}
