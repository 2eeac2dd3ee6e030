package api

import (
	"context"
	"net/http"
	"time"

	"kiket.dev/auth/server/alerts"
	"kiket.dev/auth/storage"
)

var alertChannelEndpoints = []endpoint{
	{method: http.MethodGet, path: "/alert_channels", permission: admin, handle: (*API).listAlertChannels, parameters: pages},
	{method: http.MethodPost, path: "/alert_channels", permission: admin, action: "alert_channel.create", handle: (*API).createAlertChannel},
	{method: http.MethodDelete, path: "/alert_channels/{id:[0-9]+}", permission: admin, action: "alert_channel.delete", handle: (*API).deleteAlertChannel},
	{method: http.MethodPost, path: "/alert_channels/{id:[0-9]+}/test", permission: admin, action: "alert_channel.test", handle: (*API).testAlertChannel, waits: true},
}

type alertChannelBody struct {
	ID   int64               `json:"id"`
	Kind storage.ChannelKind `json:"kind"`
	Name string              `json:"name"`
	// Address is that of e-mail, or what may be shown of a URL, which is a secret.
	Address         string     `json:"address"`
	CreatedAt       *time.Time `json:"created_at"`
	LastDeliveredAt *time.Time `json:"last_delivered_at"`
	FailingSince    *time.Time `json:"failing_since"`
	LastFailure     *string    `json:"last_failure"`
	Waiting         int64      `json:"waiting"`
	GivenUp         int64      `json:"given_up"`
}

func renderAlertChannel(l alerts.ListedChannel) alertChannelBody {
	c := l.Channel
	return alertChannelBody{
		ID: c.ID, Kind: c.Kind, Name: c.Name, Address: c.Address, CreatedAt: moment(c.CreatedAt),
		LastDeliveredAt: moment(c.LastDeliveredAt), FailingSince: moment(c.FailingSince),
		LastFailure: orNull(c.LastFailure), Waiting: l.Backlog.Waiting, GivenUp: l.Backlog.GivenUp,
	}
}

func (a *API) listAlertChannels(c *call) (reply, error) {
	page, err := c.page()
	if err != nil {
		return reply{}, err
	}
	found, err := a.Server.Alerts.Channels(c.context(), c.caller, c.organization(), page)
	if err != nil {
		return reply{}, err
	}
	return list(c, "alert_channels", page, found, func(l alerts.ListedChannel) int64 { return l.Channel.ID }, renderAlertChannel), nil
}

func (a *API) createAlertChannel(c *call) (reply, error) {
	var request struct {
		Kind       storage.ChannelKind `json:"kind"`
		Name       string              `json:"name"`
		Address    string              `json:"address"`
		WebhookURL string              `json:"webhook_url"`
	}
	if err := c.decode("alert_channel", &request); err != nil {
		return reply{}, err
	}
	made, err := a.Server.Alerts.CreateChannel(c.context(), c.caller, c.organization(), alerts.ChannelRequest{
		Kind: request.Kind, Name: request.Name, Address: request.Address, URL: storage.NewSecret(request.WebhookURL),
	})
	if err != nil {
		return reply{}, err
	}
	return created(struct {
		alertChannelBody
		// SigningSecret is shown once, of webhooks.
		SigningSecret string `json:"signing_secret,omitempty"`
	}{renderAlertChannel(alerts.ListedChannel{Channel: made.Channel}), made.Signing.Reveal()}), nil
}

func (a *API) deleteAlertChannel(c *call) (reply, error) {
	return noContent(), a.Server.Alerts.DeleteChannel(c.context(), c.caller, c.organization(), c.id("id"))
}

func (a *API) testAlertChannel(c *call) (reply, error) {
	if err := c.decode("", &struct{}{}); err != nil {
		return reply{}, err
	}
	begun, err := a.Server.Alerts.BeginTest(c.context(), c.caller, c.organization(), c.id("id"))
	if err != nil {
		return reply{}, err
	}
	return reply{after: func(ctx context.Context) (reply, error) {
		failure := begun.Send(ctx)
		var problem *string
		if failure != nil {
			reason := alerts.Reason(failure)
			problem = &reason
		}
		return ok(struct {
			Delivered bool    `json:"delivered"`
			Problem   *string `json:"problem"`
		}{failure == nil, problem}), nil
	}}, nil
}
