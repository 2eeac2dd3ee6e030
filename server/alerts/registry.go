package alerts

import (
	"slices"
	"time"

	"kiket.dev/auth/storage"
)

// Severity is how soon somebody should look.
type Severity string

// The severities.
const (
	Critical Severity = "critical" // at once
	Warning  Severity = "warning"  // today
	Notice   Severity = "notice"   // some time
)

// Definition says what a rule is. A rule is in [Definitions] or it does not exist.
type Definition struct {
	Rule        Rule
	Severity    Severity
	Description string     // one sentence, for people
	Threshold   *Threshold // nil: once is enough
	Window      *Window    // nil: it has none
}

// Threshold is how often something has to happen, and what organizations may set.
type Threshold struct{ Default, Least, Most int64 }

// Window is a time that a rule looks back, and what organizations may set.
type Window struct{ Default, Least, Most time.Duration }

// Policy is what a rule does for an organization.
type Policy struct {
	Enabled   bool
	Threshold int64         // 0: the rule has none
	Window    time.Duration // 0: the rule has none
}

// Default is the policy of organizations that have set nothing.
func (d Definition) Default() Policy {
	p := Policy{Enabled: true}
	if d.Threshold != nil {
		p.Threshold = d.Threshold.Default
	}
	if d.Window != nil {
		p.Window = d.Window.Default
	}
	return p
}

const day = 24 * time.Hour

// Definitions returns all rules, the worst trouble first.
func Definitions() []Definition { return slices.Clone(definitions) }

var definitions = []Definition{
	{
		Rule: AuditBroken, Severity: Critical,
		Description: "The audit log is not as it was sealed: an event was changed, removed, inserted or moved.",
	},
	{
		Rule: RevokedUsed, Severity: Warning,
		Description: "A credential is used although it was revoked, or what it stands on has gone.",
	},
	{
		Rule: ApplicationFailures, Severity: Warning,
		Description: "Somebody fails again and again to authenticate as an application.",
		Threshold:   &Threshold{Default: mostApplicationFailures, Least: 3, Most: 10_000},
		Window:      &Window{Default: burstWindow, Least: time.Minute, Most: time.Hour},
	},
	{
		Rule: NetworkFailures, Severity: Warning,
		Description: "Somebody in one network fails again and again to authenticate as several applications.",
		Threshold:   &Threshold{Default: mostNetworkFailures, Least: 3, Most: 10_000},
		Window:      &Window{Default: burstWindow, Least: time.Minute, Most: time.Hour},
	},
	{
		Rule: DormantUsed, Severity: Warning,
		Description: "A credential is used that was not used for as long as the window.",
		Window:      &Window{Default: dormantAfter, Least: day, Most: 730 * day},
	},
	{
		Rule: NewNetwork, Severity: Notice,
		Description: "A credential is used from a network that it was never used from.",
	},
	{
		Rule: NewScope, Severity: Notice,
		Description: "A credential is used for the first time with another scope of its grant, after its uses have named scopes for as long as the window.",
		Window:      &Window{Default: settled, Least: day, Most: 365 * day},
	},
	{
		Rule: ExpiredUsed, Severity: Notice,
		Description: "A credential is used some time after it has expired.",
	},
	{
		Rule: TokenPerCall, Severity: Notice,
		Description: "An application fetches access tokens again and again that could all have been one.",
		Threshold:   &Threshold{Default: mostFetches, Least: 10, Most: 100_000},
		Window:      &Window{Default: fetchWindow, Least: time.Minute, Most: time.Hour},
	},
}

// definitionOf returns storage.ErrNotFound if there is no such rule.
func definitionOf(rule Rule) (Definition, error) {
	i := slices.IndexFunc(definitions, func(d Definition) bool { return d.Rule == rule })
	if i < 0 {
		return Definition{}, storage.ErrNotFound
	}
	return definitions[i], nil
}

// SeverityOf returns the severity of a rule; that of one which is no more is Warning.
func SeverityOf(rule Rule) Severity {
	d, err := definitionOf(rule)
	if err != nil {
		return Warning
	}
	return d.Severity
}
