package api

import (
	"net/http"
	"time"

	"kiket.dev/auth/server/alerts"
)

var alertRuleEndpoints = []endpoint{
	{method: http.MethodGet, path: "/alert_rules", permission: admin, handle: (*API).listAlertRules},
	{method: http.MethodPatch, path: "/alert_rules/{rule:[a-z_]+}", permission: admin, action: "alert_rule.update", handle: (*API).updateAlertRule},
}

// ruleBounds is the default of a setting and what may be set; null: the rule has none.
type ruleBounds struct {
	Default int64 `json:"default"`
	Least   int64 `json:"minimum"`
	Most    int64 `json:"maximum"`
}

type alertRuleBody struct {
	Rule          alerts.Rule     `json:"rule"`
	Severity      alerts.Severity `json:"severity"`
	Description   string          `json:"description"`
	Enabled       bool            `json:"enabled"`
	Threshold     *int64          `json:"threshold"`
	WindowSeconds *int64          `json:"window_seconds"`
	Settings      struct {
		Threshold     *ruleBounds `json:"threshold"`
		WindowSeconds *ruleBounds `json:"window_seconds"`
	} `json:"settings"`
}

func renderAlertRule(r alerts.OrganizationRule) alertRuleBody {
	body := alertRuleBody{Rule: r.Rule, Severity: r.Severity, Description: r.Description, Enabled: r.Policy.Enabled}
	if t := r.Threshold; t != nil {
		body.Threshold, body.Settings.Threshold = &r.Policy.Threshold, &ruleBounds{t.Default, t.Least, t.Most}
	}
	if w := r.Window; w != nil {
		seconds := inSeconds(r.Policy.Window)
		body.WindowSeconds, body.Settings.WindowSeconds = &seconds, &ruleBounds{inSeconds(w.Default), inSeconds(w.Least), inSeconds(w.Most)}
	}
	return body
}

func inSeconds(d time.Duration) int64 { return int64(d / time.Second) }

func (a *API) listAlertRules(c *call) (reply, error) {
	rules, err := a.Server.Alerts.Rules(c.context(), c.caller, c.organization())
	if err != nil {
		return reply{}, err
	}
	rendered := make([]alertRuleBody, len(rules))
	for i, r := range rules {
		rendered[i] = renderAlertRule(r)
	}
	return ok(listBody{"alert_rules", rendered, nil}), nil
}

func (a *API) updateAlertRule(c *call) (reply, error) {
	var request struct {
		Enabled       optional[bool]  `json:"enabled"`
		Threshold     optional[int64] `json:"threshold"`
		WindowSeconds optional[int64] `json:"window_seconds"`
	}
	if err := c.decode("alert_rule", &request); err != nil {
		return reply{}, err
	}
	updated, err := a.Server.Alerts.UpdateRule(c.context(), c.caller, c.organization(), alerts.Rule(c.variable("rule")), alerts.RuleUpdate{
		Enabled:   alerts.Change[bool]{Made: request.Enabled.set, To: request.Enabled.get()},
		Threshold: alerts.Change[int64]{Made: request.Threshold.set, To: request.Threshold.get()},
		Window:    alerts.Change[time.Duration]{Made: request.WindowSeconds.set, To: window(request.WindowSeconds.get())},
	})
	if err != nil {
		return reply{}, err
	}
	return ok(renderAlertRule(updated)), nil
}

// window is so many seconds. What is no window, or longer than can be told, becomes one
// that is refused.
func window(seconds *int64) *time.Duration {
	if seconds == nil {
		return nil
	}
	var d time.Duration
	if *seconds > 0 && *seconds <= inSeconds(longestSpan) {
		d = time.Duration(*seconds) * time.Second
	}
	return &d
}
