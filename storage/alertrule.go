package storage

import (
	"context"
	"time"
)

// AlertRule is what an organization has set of a rule that raises alerts. What is nil is
// as it is by default.
type AlertRule struct {
	OrganizationID int64
	Rule           string
	Enabled        *bool
	Threshold      *int64
	Window         *time.Duration // whole seconds
	UpdatedAt      time.Time
}

// AlertRuleStore keeps what organizations have set of their rules.
type AlertRuleStore interface {
	// PutAlertRule stores r in the place of what there was of the rule; ErrNotFound if
	// there is no such organization.
	PutAlertRule(ctx context.Context, r AlertRule) error
	// AlertRules returns what the organization has set, by rule.
	AlertRules(ctx context.Context, organizationID int64) ([]AlertRule, error)
	// AllAlertRules returns what all organizations have set.
	AllAlertRules(ctx context.Context) ([]AlertRule, error)
}
