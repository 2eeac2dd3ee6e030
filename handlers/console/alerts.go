package console

import (
	"net/http"

	"kiket.dev/auth/server/alerts"
	"kiket.dev/auth/storage"
)

// alertPages are Organization → Alerts.
var alertPages = []page{
	{method: http.MethodGet, path: "/alerts", permission: admins, show: (*Console).listAlerts},
	{method: http.MethodPost, path: "/alerts/{id:[0-9]+}/acknowledge", permission: admins, action: "alert.acknowledge", show: (*Console).acknowledgeAlert},
	{method: http.MethodPost, path: "/alerts/{id:[0-9]+}/reopen", permission: admins, action: "alert.acknowledge", show: (*Console).reopenAlert},
	{method: http.MethodGet, path: "/alerts/channels", permission: admins, show: (*Console).listChannels},
	{method: http.MethodGet, path: "/alerts/channels/new", permission: admins, show: (*Console).newChannel},
	{method: http.MethodPost, path: "/alerts/channels", permission: admins, action: "alert_channel.create", recent: true, show: (*Console).createChannel},
	{method: http.MethodPost, path: "/alerts/channels/{id:[0-9]+}/test", permission: admins, action: "alert_channel.test", show: (*Console).testChannel},
	{method: http.MethodGet, path: "/alerts/channels/{id:[0-9]+}/delete", permission: admins, show: (*Console).askDeleteChannel},
	{method: http.MethodPost, path: "/alerts/channels/{id:[0-9]+}/delete", permission: admins, action: "alert_channel.delete", show: (*Console).deleteChannel},
	{method: http.MethodGet, path: "/alerts/rules", permission: admins, show: (*Console).listRules},
	{method: http.MethodPost, path: "/alerts/rules/{rule:[a-z_]+}", permission: admins, action: "alert_rule.update", show: (*Console).updateRule},
}

// The states of an alert.
const (
	alertOpen         = "open"
	alertAcknowledged = "acknowledged"
)

var alertStates = []tab{{Name: "Open", Value: alertOpen}, {Name: "Acknowledged", Value: alertAcknowledged}}

const (
	channelsPath = alertsPath + "/channels"
	rulesPath    = alertsPath + "/rules"
)

// shownAlert is an alert as pages have it.
type shownAlert struct {
	storage.Alert
	Severity alerts.Severity
	Subject  string // what it is about, "" if the summary says it all
	Page     string // of that; empty: it has none
	Facts    []fact
}

func shownAlerts(found []storage.Alert) []shownAlert {
	shown := make([]shownAlert, 0, len(found))
	for _, a := range found {
		one := shownAlert{Alert: a, Severity: alerts.SeverityOf(alerts.Rule(a.Rule)), Page: pageOf(a.Subject), Subject: a.Subject.Name}
		if one.Page == "" {
			one.Subject = ""
		}
		one.Facts = auditLineOf(storage.AuditEvent{Details: a.Details}).Facts
		shown = append(shown, one)
	}
	return shown
}

func (c *Console) listAlerts(v *visit) (view, error) {
	states, state := tabs(alertStates, v.text("state"))
	filter := storage.AlertFilter{OrganizationID: v.organizationID(), Open: state == alertOpen, Acknowledged: state == alertAcknowledged}
	found, err := c.server.Alerts.Alerts(v.context(), v.caller, filter, v.listPage())
	if err != nil {
		return view{}, err
	}
	found, older := olderOf(v, alertsPath, found, func(a storage.Alert) int64 { return a.ID })
	channels, err := c.server.Alerts.Channels(v.context(), v.caller, v.organizationID(), storage.Page{Limit: 1})
	if err != nil {
		return view{}, err
	}
	return view{template: "alerts", title: "Alerts", data: map[string]any{
		"Alerts": shownAlerts(found), "Older": older, "States": states, "State": state, "Told": len(channels) > 0,
	}}, nil
}

// openAlerts says how many alerts are open, "" if none is. Every page says so beside the
// link to them: who comes twice a year does not look for them. A page that can be shown
// is shown without, if that cannot be found out.
func (v *visit) openAlerts() string {
	const most = 9
	filter := storage.AlertFilter{OrganizationID: v.organizationID(), Open: true}
	found, err := v.console.server.Alerts.Alerts(v.context(), v.caller, filter, storage.Page{Limit: most + 1})
	switch {
	case err != nil || len(found) == 0:
		return ""
	case len(found) > most:
		return decimal(most) + "+"
	}
	return decimal(int64(len(found)))
}

func (c *Console) acknowledgeAlert(v *visit) (view, error) {
	return c.setAcknowledged(v, true, goTo(alertsPath, "alert-acknowledged"))
}

func (c *Console) reopenAlert(v *visit) (view, error) {
	return c.setAcknowledged(v, false, goTo(alertsPath, "alert-reopened"))
}

func (c *Console) setAcknowledged(v *visit, acknowledged bool, then view) (view, error) {
	_, err := c.server.Alerts.Acknowledge(v.context(), v.caller, v.organizationID(), v.id("id"), &acknowledged)
	return then, err
}

// severityClass is how a severity looks.
func severityClass(s alerts.Severity) string {
	switch s {
	case alerts.Critical:
		return "danger"
	case alerts.Warning:
		return "warn"
	case alerts.Notice:
	}
	return ""
}
