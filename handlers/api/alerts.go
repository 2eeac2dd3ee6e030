package api

import (
	"net/http"
	"time"

	"kiket.dev/auth/server/alerts"
	"kiket.dev/auth/storage"
)

var alertEndpoints = []endpoint{
	{method: http.MethodGet, path: "/alerts", permission: admin, handle: (*API).listAlerts, parameters: append([]string{"state"}, pages...)},
	{method: http.MethodPatch, path: "/alerts/{id:[0-9]+}", permission: admin, action: "alert.acknowledge", handle: (*API).acknowledgeAlert},
}

// The states of an alert.
const (
	alertOpen         = "open"
	alertAcknowledged = "acknowledged"
)

type partyBody struct {
	Kind string `json:"kind"`
	ID   int64  `json:"id"` // 0: what has none, such as a network
	Name string `json:"name"`
}

type alertBody struct {
	ID             int64           `json:"id"`
	State          string          `json:"state"`
	Rule           string          `json:"rule"`
	Severity       alerts.Severity `json:"severity"`
	Summary        string          `json:"summary"`
	Subject        partyBody       `json:"subject"`
	Details        map[string]any  `json:"details"`
	Count          int64           `json:"count"`
	FirstAt        *time.Time      `json:"first_at"`
	LastAt         *time.Time      `json:"last_at"`
	Link           string          `json:"link"`
	AcknowledgedAt *time.Time      `json:"acknowledged_at"`
	AcknowledgedBy *partyBody      `json:"acknowledged_by"`
}

func (a *API) renderAlert(alert storage.Alert) alertBody {
	body := alertBody{
		ID: alert.ID, State: alertOpen, Rule: alert.Rule, Severity: alerts.SeverityOf(alerts.Rule(alert.Rule)), Summary: alert.Summary, Subject: partyBody(alert.Subject),
		Details: alert.Details, Count: alert.Count, FirstAt: moment(alert.FirstAt), LastAt: moment(alert.LastAt),
		Link: a.Server.Alerts.Link(alert.Subject),
	}
	if body.Details == nil {
		body.Details = map[string]any{}
	}
	if !alert.Open() {
		by := partyBody(alert.AcknowledgedBy)
		body.State, body.AcknowledgedAt, body.AcknowledgedBy = alertAcknowledged, moment(alert.AcknowledgedAt), &by
	}
	return body
}

func (a *API) listAlerts(c *call) (reply, error) {
	page, err := c.page()
	if err != nil {
		return reply{}, err
	}
	filter := storage.AlertFilter{OrganizationID: c.organization()}
	switch c.query.Get("state") {
	case "":
	case alertOpen:
		filter.Open = true
	case alertAcknowledged:
		filter.Acknowledged = true
	default:
		return reply{}, storage.Invalidf("state", "want %s or %s", alertOpen, alertAcknowledged)
	}
	found, err := a.Server.Alerts.Alerts(c.context(), c.caller, filter, page)
	if err != nil {
		return reply{}, err
	}
	return list(c, "alerts", page, found, func(alert storage.Alert) int64 { return alert.ID }, a.renderAlert), nil
}

func (a *API) acknowledgeAlert(c *call) (reply, error) {
	var request struct {
		Acknowledged *bool `json:"acknowledged"`
	}
	if err := c.decode("alert", &request); err != nil {
		return reply{}, err
	}
	alert, err := a.Server.Alerts.Acknowledge(c.context(), c.caller, c.organization(), c.id("id"), request.Acknowledged)
	if err != nil {
		return reply{}, err
	}
	return ok(a.renderAlert(alert)), nil
}
