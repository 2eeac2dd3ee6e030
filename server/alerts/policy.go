package alerts

import "time"

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

// newPolicies returns policies of which everything that is not set is the default.
func newPolicies(set map[organizationRule]Policy) *policies {
	p := &policies{set: set, least: map[Rule]int64{}, longest: map[Rule]time.Duration{}}
	for _, d := range definitions {
		p.least[d.Rule], p.longest[d.Rule] = d.Default().Threshold, d.Default().Window
	}
	for of, policy := range set {
		p.least[of.rule] = min(p.least[of.rule], policy.Threshold)
		p.longest[of.rule] = max(p.longest[of.rule], policy.Window)
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
