package alerts

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"kiket.dev/auth/server/access"
	"kiket.dev/auth/server/audit"
	"kiket.dev/auth/storage"
)

// mostChannels is how many an organization may have.
const mostChannels = 20

// ChannelRequest asks for a channel.
type ChannelRequest struct {
	Kind    storage.ChannelKind
	Name    string         // at most 100 characters; empty: none
	Address string         // of e-mail
	URL     storage.Secret // of the others: public https
}

// CreatedChannel is a channel with the secret that its messages are signed with, which
// is known here and never again. Only webhooks have one.
type CreatedChannel struct {
	Channel storage.AlertChannel
	Signing storage.Secret
}

// ListedChannel is a channel with what has not arrived there.
type ListedChannel struct {
	Channel storage.AlertChannel
	Backlog storage.Backlog
}

// CreateChannel makes a channel. It returns access.ErrDenied, storage.ErrInvalid, or an
// access.Refusal mail_not_configured or too_many_channels.
func (s *Service) CreateChannel(ctx context.Context, caller access.Caller, organizationID int64, r ChannelRequest) (CreatedChannel, error) {
	if err := caller.Require(storage.ScopeAdmin, organizationID); err != nil {
		return CreatedChannel{}, err
	}
	made, err := s.newChannel(organizationID, r)
	if err != nil {
		return CreatedChannel{}, err
	}
	made.Channel.AddedBy = caller.Party
	err = s.Store.Transaction(ctx, func(ctx context.Context) error {
		if err := s.Store.LockOrganization(ctx, organizationID); err != nil {
			return err
		}
		there, err := s.Store.AlertChannels(ctx, organizationID, storage.Page{Limit: mostChannels})
		if err != nil {
			return err
		}
		if len(there) >= mostChannels {
			return access.Refuse("too_many_channels", "the organization has %d alert channels, which is all that it may", len(there))
		}
		if err := s.Store.CreateAlertChannel(ctx, &made.Channel); err != nil {
			return err
		}
		return s.recordChannel(ctx, caller, "alert_channel.created", made.Channel)
	})
	if err != nil {
		return CreatedChannel{}, fmt.Errorf("creating an alert channel: %w", err)
	}
	return made, nil
}

// Channels returns a page of the organization's channels, or access.ErrDenied.
func (s *Service) Channels(ctx context.Context, caller access.Caller, organizationID int64, page storage.Page) ([]ListedChannel, error) {
	if err := caller.Require(storage.ScopeAdmin, organizationID); err != nil {
		return nil, err
	}
	channels, err := s.Store.AlertChannels(ctx, organizationID, page)
	if err != nil {
		return nil, fmt.Errorf("listing alert channels: %w", err)
	}
	backlogs, err := s.Store.Backlogs(ctx, organizationID)
	if err != nil {
		return nil, fmt.Errorf("listing alert channels: %w", err)
	}
	listed := make([]ListedChannel, len(channels))
	for i, c := range channels {
		listed[i] = ListedChannel{Channel: c, Backlog: backlogs[c.ID]}
	}
	return listed, nil
}

// DeleteChannel removes a channel with what waits for it. It returns access.ErrDenied or
// storage.ErrNotFound.
func (s *Service) DeleteChannel(ctx context.Context, caller access.Caller, organizationID, id int64) error {
	if err := caller.Require(storage.ScopeAdmin, organizationID); err != nil {
		return err
	}
	err := s.Store.Transaction(ctx, func(ctx context.Context) error {
		c, err := s.Store.AlertChannelByID(ctx, organizationID, id)
		if err != nil {
			return err
		}
		if err := s.Store.DeleteAlertChannel(ctx, organizationID, id); err != nil {
			return err
		}
		return s.recordChannel(ctx, caller, "alert_channel.deleted", c)
	})
	if err != nil {
		return fmt.Errorf("deleting alert channel %d: %w", id, err)
	}
	return nil
}

// TestChannel sends a message as all are sent, once, and returns why it was not
// delivered; nil: it was. The error is that of [Service.BeginTest]. It must not be called
// in a transaction.
func (s *Service) TestChannel(ctx context.Context, caller access.Caller, organizationID, id int64) (failure, err error) {
	begun, err := s.BeginTest(ctx, caller, organizationID, id)
	if err != nil {
		return nil, err
	}
	return begun.Send(ctx), nil
}

// ChannelTest is a message that is queued, and whose sender is who began the test.
type ChannelTest struct {
	service *Service
	claimed storage.OutboxMessage
}

// Send sends the message, once, and returns why it was not delivered; nil: it was. It
// must be called when the transaction in which the test began has been committed, and not
// in another.
func (t *ChannelTest) Send(ctx context.Context) (failure error) {
	return t.service.deliver(ctx, t.claimed, never)
}

// BeginTest queues a message to a channel, which is the caller's to send. Messages of
// tests are taken from the channel's budget. It returns access.ErrDenied,
// storage.ErrNotFound, or an access.Refusal too_many_messages.
func (s *Service) BeginTest(ctx context.Context, caller access.Caller, organizationID, id int64) (*ChannelTest, error) {
	if err := caller.Require(storage.ScopeAdmin, organizationID); err != nil {
		return nil, err
	}
	var claimed storage.OutboxMessage
	err := s.Store.Transaction(ctx, func(ctx context.Context) error {
		channels, err := s.Store.LockAlertChannels(ctx, organizationID)
		if err != nil {
			return err
		}
		i := slices.IndexFunc(channels, func(c storage.AlertChannel) bool { return c.ID == id })
		if i < 0 {
			return storage.ErrNotFound
		}
		claimed, err = s.queueTest(ctx, channels[i])
		if err != nil {
			return err
		}
		return s.recordChannel(ctx, caller, "alert_channel.tested", channels[i])
	})
	if err != nil {
		return nil, fmt.Errorf("testing alert channel %d: %w", id, err)
	}
	return &ChannelTest{s, claimed}, nil
}

// queueTest queues a message that is the caller's to send.
func (s *Service) queueTest(ctx context.Context, c storage.AlertChannel) (storage.OutboxMessage, error) {
	var m storage.OutboxMessage
	o, err := s.Store.OrganizationByID(ctx, c.OrganizationID)
	if err != nil {
		return m, err
	}
	if err := s.refill(ctx, &c, o); err != nil {
		return m, err
	}
	room, err := s.spend(ctx, &c)
	if err != nil {
		return m, err
	}
	if !room {
		return m, access.Refuse("too_many_messages", "the channel, or its address, was sent %d messages within an hour, which is all that it may be", mostMessages)
	}
	if err := s.Store.SetChannelBudget(ctx, c.OrganizationID, c.ID, c.Budget); err != nil {
		return m, err
	}
	now := s.Clock()
	payload, err := json.Marshal(Message{
		Kind: TestMessage, OrganizationID: o.ID, Organization: o.Name, Count: 1,
		Summary: "This is a test: alerts arrive here", FirstAt: now.UTC(), LastAt: now.UTC(), Link: s.Issuer + alertsPath,
	})
	if err != nil {
		return m, err
	}
	m = storage.OutboxMessage{
		OrganizationID: c.OrganizationID, ChannelID: c.ID, Payload: payload, CreatedAt: now, Attempts: 1, NextAttemptAt: now.Add(lease),
	}
	return m, s.Store.QueueMessage(ctx, &m)
}

func (s *Service) recordChannel(ctx context.Context, caller access.Caller, action string, c storage.AlertChannel) error {
	name := c.Name
	if name == "" {
		name = c.Address
	}
	return s.Audit.Record(ctx, caller, audit.Event{
		OrganizationID: c.OrganizationID, Action: action,
		Target:  storage.Party{Kind: "alert_channel", ID: c.ID, Name: name},
		Details: map[string]any{"kind": string(c.Kind), "address": c.Address},
	})
}
