package console

import (
	"errors"
	"slices"
	"strconv"
	"time"

	"kiket.dev/auth/server/alerts"
	"kiket.dev/auth/storage"
)

// windowUnits are what the window of a rule is counted in.
var windowUnits = []struct {
	Name string
	Unit time.Duration
}{{"days", 24 * time.Hour}, {"hours", time.Hour}, {"minutes", time.Minute}, {"seconds", time.Second}}

// shownRule is a rule as its form has it.
type shownRule struct {
	alerts.OrganizationRule
	Name    string
	Changed bool // it is not as it is by default
	Sent    bool // its form was sent, and the page shows it again

	// What the fields hold.
	On                     bool
	Often, Amount, Measure string
}

// Normal says how the rule is by default.
func (r shownRule) Normal() string {
	normal := "on"
	if r.Threshold != nil {
		normal += ", from " + plural(r.Threshold.Default, "time") + " on"
	}
	if r.Window != nil {
		normal += ", within " + lasting(r.Window.Default)
	}
	return normal
}

// ruleNames are what rules are called; one that is not here is called by its own words.
var ruleNames = map[alerts.Rule]string{
	alerts.RevokedUsed:         "Revoked credential used",
	alerts.ExpiredUsed:         "Expired credential used",
	alerts.ApplicationFailures: "Failures of one integration",
	alerts.NetworkFailures:     "Failures from one network",
	alerts.DormantUsed:         "Dormant credential used",
	alerts.TokenPerCall:        "A token for every call",
}

func ruleName(rule alerts.Rule) string {
	if name, known := ruleNames[rule]; known {
		return name
	}
	return words(string(rule))
}

func (v *visit) shownRule(r alerts.OrganizationRule) shownRule {
	shown := shownRule{OrganizationRule: r, Name: ruleName(r.Rule), Changed: r.Policy != r.Default(), Sent: v.variable("rule") == string(r.Rule)}
	if shown.Sent {
		shown.On, shown.Often, shown.Amount, shown.Measure = v.text("enabled") != "", v.text("threshold"), v.text("window"), v.text("unit")
		return shown
	}
	shown.On, shown.Often = r.Policy.Enabled, strconv.FormatInt(r.Policy.Threshold, 10)
	for _, u := range windowUnits {
		if r.Policy.Window%u.Unit == 0 {
			shown.Amount, shown.Measure = strconv.FormatInt(int64(r.Policy.Window/u.Unit), 10), u.Name
			break
		}
	}
	return shown
}

func (c *Console) listRules(v *visit) (view, error) {
	rules, err := c.server.Alerts.Rules(v.context(), v.caller, v.organizationID())
	if err != nil {
		return view{}, err
	}
	shown := make([]shownRule, 0, len(rules))
	for _, r := range rules {
		shown = append(shown, v.shownRule(r))
	}
	return view{template: "rules", title: "Alert rules", data: map[string]any{
		"Rules": shown, "Units": windowUnits,
	}}, nil
}

func (c *Console) updateRule(v *visit) (view, error) {
	rule := alerts.Rule(v.variable("rule"))
	update, err := v.ruleUpdate(rule)
	if err == nil {
		_, err = c.server.Alerts.UpdateRule(v.context(), v.caller, v.organizationID(), rule, update)
	}
	if err == nil {
		return goTo(rulesPath, "rule-updated"), nil
	}
	shown, errShow := c.listRules(v)
	if errShow != nil {
		return view{}, errShow
	}
	return v.again(shown, err)
}

// ruleUpdate reads the form of a rule. What the form of the rule does not have is left as
// it is.
func (v *visit) ruleUpdate(rule alerts.Rule) (alerts.RuleUpdate, error) {
	if v.text("reset") != "" {
		return resetOf(rule), nil
	}
	enabled := v.text("enabled") != ""
	u := alerts.RuleUpdate{Enabled: alerts.Change[bool]{Made: true, To: &enabled}}
	d := definitionOf(rule)
	var errThreshold, errWindow error
	if d.Threshold != nil {
		n, err := strconv.ParseInt(v.text("threshold"), 10, 64)
		if err != nil {
			errThreshold = storage.Invalidf("threshold", "want a number from %d to %d", d.Threshold.Least, d.Threshold.Most)
		}
		u.Threshold = alerts.Change[int64]{Made: true, To: &n}
	}
	if d.Window != nil {
		window := v.window()
		if window < d.Window.Least || window > d.Window.Most {
			errWindow = storage.Invalidf("window", "want %s to %s", lasting(d.Window.Least), lasting(d.Window.Most))
		}
		u.Window = alerts.Change[time.Duration]{Made: true, To: &window}
	}
	return u, errors.Join(errThreshold, errWindow)
}

// resetOf makes a rule as it is by default.
func resetOf(rule alerts.Rule) alerts.RuleUpdate {
	d := definitionOf(rule)
	return alerts.RuleUpdate{
		Enabled: alerts.Change[bool]{Made: true}, Threshold: alerts.Change[int64]{Made: d.Threshold != nil},
		Window: alerts.Change[time.Duration]{Made: d.Window != nil},
	}
}

// definitionOf returns what a rule has; nothing if there is no such rule.
func definitionOf(rule alerts.Rule) alerts.Definition {
	all := alerts.Definitions()
	at := slices.IndexFunc(all, func(d alerts.Definition) bool { return d.Rule == rule })
	if at < 0 {
		return alerts.Definition{Rule: rule}
	}
	return all[at]
}

// window reads an amount and its unit, 0 if that is none.
func (v *visit) window() time.Duration {
	const most = 100_000 // of days is less than the longest duration
	amount := number(v.text("window"))
	for _, u := range windowUnits {
		if u.Name == v.text("unit") && amount <= most {
			return time.Duration(amount) * u.Unit
		}
	}
	return 0
}

// lasting is how long a window is, in its own unit.
func lasting(d time.Duration) string {
	for _, u := range windowUnits {
		if d%u.Unit == 0 {
			return plural(int64(d/u.Unit), u.Name[:len(u.Name)-1])
		}
	}
	return d.String()
}
