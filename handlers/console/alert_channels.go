package console

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"slices"

	"kiket.dev/auth/server/alerts"
	"kiket.dev/auth/storage"
)

// channelKinds are the ways to be told, as they are offered.
var channelKinds = []struct {
	Kind          storage.ChannelKind
	Name, Meaning string
}{
	{storage.EmailChannel, "E-mail", "To one address, of a person or a list."},
	{storage.SlackChannel, "Slack", "To the incoming webhook of a Slack channel."},
	{storage.WebhookChannel, "Webhook", "To a program of your own, as JSON that is signed."},
}

// channelKind is what a kind of channel is called.
func channelKind(kind storage.ChannelKind) string {
	for _, k := range channelKinds {
		if k.Kind == kind {
			return k.Name
		}
	}
	return string(kind)
}

// channelsView shows all channels, of which an organization has few.
func (c *Console) channelsView(v *visit) (view, []alerts.ListedChannel, error) {
	const all = 100
	found, err := c.server.Alerts.Channels(v.context(), v.caller, v.organizationID(), storage.Page{Limit: all})
	return view{template: "channels", title: "Alert channels", data: map[string]any{"Channels": found}}, found, err
}

func (c *Console) listChannels(v *visit) (view, error) {
	shown, _, err := c.channelsView(v)
	return shown, err
}

func (c *Console) channelForm() view {
	return view{template: "channel_new", title: "New alert channel", data: map[string]any{"Kinds": channelKinds}}
}

func (c *Console) newChannel(*visit) (view, error) { return c.channelForm(), nil }

// addedChannel is what is shown once.
type addedChannel struct {
	ID      int64
	Name    string
	Address string
	Signing string // empty: it has none
}

func (c *Console) createChannel(v *visit) (view, error) {
	request := alerts.ChannelRequest{Kind: storage.ChannelKind(v.text("kind")), Name: v.text("name")}
	// What was typed before another kind was chosen is kept, and does not count.
	if request.Kind == storage.EmailChannel {
		request.Address = v.text("address")
	} else {
		request.URL = storage.NewSecret(v.text("webhook_url"))
	}
	added, err := once(v, func(ctx context.Context) (addedChannel, error) {
		made, err := c.server.Alerts.CreateChannel(ctx, v.caller, v.organizationID(), request)
		return addedChannel{made.Channel.ID, made.Channel.Name, made.Channel.Address, made.Signing.Reveal()}, err
	})
	if err != nil {
		return v.again(c.channelForm(), err)
	}
	if added.Signing == "" {
		return goTo(channelsPath, "channel-added"), nil
	}
	return view{status: http.StatusCreated, template: "channel_created", title: "Copy the signing secret", data: added}, nil
}

func (c *Console) testChannel(v *visit) (view, error) {
	failure, err := c.server.Alerts.TestChannel(v.context(), v.caller, v.organizationID(), v.id("id"))
	if err == nil && failure == nil {
		return goTo(channelsPath, "channel-tested"), nil
	}
	shown, channels, errShow := c.channelsView(v)
	if errShow != nil {
		return view{}, errShow
	}
	if err != nil {
		return v.again(shown, err)
	}
	at := slices.IndexFunc(channels, func(l alerts.ListedChannel) bool { return l.Channel.ID == v.id("id") })
	called := "the channel"
	if at >= 0 {
		called = cmp.Or(channels[at].Channel.Name, channels[at].Channel.Address)
	}
	v.wrong = map[string][]string{"": {fmt.Sprintf("The test did not arrive at %s: %s.", called, alerts.Reason(failure))}}
	return shown, nil
}

// findChannel returns one of the organization's channels, or storage.ErrNotFound.
func (c *Console) findChannel(v *visit) (alerts.ListedChannel, error) {
	_, channels, err := c.channelsView(v)
	if err != nil {
		return alerts.ListedChannel{}, err
	}
	at := slices.IndexFunc(channels, func(l alerts.ListedChannel) bool { return l.Channel.ID == v.id("id") })
	if at < 0 {
		return alerts.ListedChannel{}, storage.ErrNotFound
	}
	return channels[at], nil
}

func (c *Console) askDeleteChannel(v *visit) (view, error) {
	found, err := c.findChannel(v)
	return view{template: "channel_delete", title: "Delete the channel", data: found}, err
}

func (c *Console) deleteChannel(v *visit) (view, error) {
	err := c.server.Alerts.DeleteChannel(v.context(), v.caller, v.organizationID(), v.id("id"))
	return goTo(channelsPath, "channel-deleted"), err
}
