package alerts

import (
	"context"
	"errors"
	"fmt"
	"time"

	"kiket.dev/auth/server/access"
	"kiket.dev/auth/server/audit"
	"kiket.dev/auth/storage"
)

// OrganizationRule is a rule and what it does for an organization.
type OrganizationRule struct {
	Definition
	Policy Policy
}

// Change is what becomes of a setting; the zero value leaves it as it is.
type Change[T any] struct {
	Made bool
	To   *T // nil: the default
}

// RuleUpdate is a change of what a rule does. What the rule does not have cannot be
// changed.
type RuleUpdate struct {
	Enabled   Change[bool]
	Threshold Change[int64]
	Window    Change[time.Duration] // whole seconds
}

// Rules returns all rules as they are for the organization, or access.ErrDenied.
func (s *Service) Rules(ctx context.Context, caller access.Caller, organizationID int64) ([]OrganizationRule, error) {
	if err := caller.Require(storage.ScopeAdmin, organizationID); err != nil {
		return nil, err
	}
	set, err := s.Store.AlertRules(ctx, organizationID)
	if err != nil {
		return nil, fmt.Errorf("listing alert rules: %w", err)
	}
	policies := newPolicies(set)
	rules := make([]OrganizationRule, len(definitions))
	for i, d := range definitions {
		rules[i] = OrganizationRule{d, policies.of(organizationID, d.Rule)}
	}
	return rules, nil
}

// UpdateRule changes what a rule does for the organization, from a few seconds later on;
// see [Watch.Run]. It returns access.ErrDenied, storage.ErrNotFound if there is no such
// rule, or storage.ErrInvalid.
func (s *Service) UpdateRule(ctx context.Context, caller access.Caller, organizationID int64, rule Rule, u RuleUpdate) (OrganizationRule, error) {
	if err := caller.Require(storage.ScopeAdmin, organizationID); err != nil {
		return OrganizationRule{}, err
	}
	d, err := definitionOf(rule)
	if err == nil {
		err = d.check(u)
	}
	if err != nil {
		return OrganizationRule{}, err
	}
	updated := OrganizationRule{Definition: d}
	err = s.Store.Transaction(ctx, func(ctx context.Context) error {
		if err := s.Store.LockOrganization(ctx, organizationID); err != nil {
			return err
		}
		was, err := s.ruleOf(ctx, organizationID, rule)
		if err != nil {
			return err
		}
		now := u.applied(was)
		now.UpdatedAt = s.Clock()
		if err := s.Store.PutAlertRule(ctx, now); err != nil {
			return err
		}
		before := d.with(was)
		if updated.Policy = d.with(now); updated.Policy == before {
			return nil
		}
		return s.Audit.Record(ctx, caller, audit.Event{
			OrganizationID: organizationID, Action: "alert_rule.updated", Target: storage.Party{Kind: "alert_rule", Name: string(rule)},
			Details: map[string]any{"before": d.recorded(before), "after": d.recorded(updated.Policy)},
		})
	})
	if err != nil {
		return OrganizationRule{}, fmt.Errorf("changing the alert rule %s: %w", rule, err)
	}
	return updated, nil
}

// ruleOf returns what the organization has set of the rule.
func (s *Service) ruleOf(ctx context.Context, organizationID int64, rule Rule) (storage.AlertRule, error) {
	set, err := s.Store.AlertRules(ctx, organizationID)
	for _, r := range set {
		if r.Rule == string(rule) {
			return r, err
		}
	}
	return storage.AlertRule{OrganizationID: organizationID, Rule: string(rule)}, err
}

func (d Definition) check(u RuleUpdate) error {
	var wrong []error
	switch to := u.Threshold.To; {
	case !u.Threshold.Made:
	case d.Threshold == nil:
		wrong = append(wrong, storage.Invalidf("threshold", "the rule has none"))
	case to != nil && (*to < d.Threshold.Least || *to > d.Threshold.Most):
		wrong = append(wrong, storage.Invalidf("threshold", "want a number from %d to %d, or null for the default", d.Threshold.Least, d.Threshold.Most))
	}
	switch to := u.Window.To; {
	case !u.Window.Made:
	case d.Window == nil:
		wrong = append(wrong, storage.Invalidf("window_seconds", "the rule has none"))
	case to != nil && (*to < d.Window.Least || *to > d.Window.Most || *to%time.Second != 0):
		wrong = append(wrong, storage.Invalidf("window_seconds", "want a number from %d to %d, or null for the default",
			d.Window.Least/time.Second, d.Window.Most/time.Second))
	}
	return errors.Join(wrong...)
}

func (u RuleUpdate) applied(r storage.AlertRule) storage.AlertRule {
	if u.Enabled.Made {
		r.Enabled = u.Enabled.To
	}
	if u.Threshold.Made {
		r.Threshold = u.Threshold.To
	}
	if u.Window.Made {
		r.Window = u.Window.To
	}
	return r
}

// recorded is a policy of the rule for the audit log.
func (d Definition) recorded(p Policy) map[string]any {
	policy := map[string]any{"enabled": p.Enabled}
	if d.Threshold != nil {
		policy["threshold"] = p.Threshold
	}
	if d.Window != nil {
		policy["window_seconds"] = int64(p.Window / time.Second)
	}
	return policy
}
