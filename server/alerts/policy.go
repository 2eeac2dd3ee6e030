package alerts

import (
	"context"
	"fmt"
	"time"

	"kiket.dev/auth/storage"
)

// learnEvery is how often a [Watch] reads what organizations have set.
const learnEvery = 10 * time.Second

// policies are what the organizations have set, and what follows of it for what is
// counted before it is known whose it is.
type policies struct {
	set     map[organizationRule]Policy
	least   map[Rule]int64         // the lowest threshold of any organization
	longest map[Rule]time.Duration // the longest window of any organization
}

type organizationRule struct {
	organizationID int64
	rule           Rule
}

// newPolicies returns the policies that are set; of rules which are no more none is.
func newPolicies(set []storage.AlertRule) *policies {
	p := &policies{set: map[organizationRule]Policy{}, least: map[Rule]int64{}, longest: map[Rule]time.Duration{}}
	for _, d := range definitions {
		p.least[d.Rule], p.longest[d.Rule] = d.Default().Threshold, d.Default().Window
	}
	for _, r := range set {
		d, err := definitionOf(Rule(r.Rule))
		if err != nil {
			continue
		}
		policy := d.with(r)
		p.set[organizationRule{r.OrganizationID, d.Rule}] = policy
		p.least[d.Rule] = min(p.least[d.Rule], policy.Threshold)
		p.longest[d.Rule] = max(p.longest[d.Rule], policy.Window)
	}
	return p
}

// with returns the policy of an organization that has set r.
func (d Definition) with(r storage.AlertRule) Policy {
	p := d.Default()
	if r.Enabled != nil {
		p.Enabled = *r.Enabled
	}
	if r.Threshold != nil && d.Threshold != nil {
		p.Threshold = *r.Threshold
	}
	if r.Window != nil && d.Window != nil {
		p.Window = *r.Window
	}
	return p
}

// of returns the policy of the rule in the organization.
func (p *policies) of(organizationID int64, rule Rule) Policy {
	if policy, set := p.set[organizationRule{organizationID, rule}]; set {
		return policy
	}
	d, err := definitionOf(rule)
	if err != nil {
		return Policy{}
	}
	return d.Default()
}

// learn reads what the organizations have set. Until it has succeeded once, everything is
// as it is by default.
func (w *Watch) learn(ctx context.Context) error {
	set, err := w.store.AllAlertRules(ctx)
	if err != nil {
		return fmt.Errorf("learning what organizations have set of alerts: %w", err)
	}
	w.policies.Store(newPolicies(set))
	return nil
}

// policy returns what the rule does for the organization. It reads memory alone.
func (w *Watch) policy(organizationID int64, rule Rule) Policy {
	return w.policies.Load().of(organizationID, rule)
}
