package storage

import (
	"context"
	"time"
)

// ChannelKind is by what an alert channel reaches people.
type ChannelKind string

// The kinds of channels.
const (
	EmailChannel   ChannelKind = "email"
	SlackChannel   ChannelKind = "slack"
	WebhookChannel ChannelKind = "webhook"
)

// AlertChannel is where an organization wants to hear of its alerts.
type AlertChannel struct {
	ID             int64
	OrganizationID int64
	Kind           ChannelKind
	Name           string // empty: none
	Address        string // the e-mail address, or what may be shown of a URL
	Sealed         []byte // what may not be shown; empty for e-mail
	CreatedAt      time.Time
	AddedBy        Party // zero: that was not kept yet

	LastDeliveredAt time.Time // zero: never
	FailingSince    time.Time // zero: the latest message was delivered, or none was sent
	LastFailure     string    // why the latest message was not delivered
	HeldUntil       time.Time // nothing is sent before; zero: it is not held

	Budget ChannelBudget
}

// ChannelBudget is how many messages a channel was given in a window of time.
type ChannelBudget struct {
	Window  time.Time // when it began; zero: none has
	Sent    int64
	LeftOut int64 // messages that were not sent for want of budget
}

// Backlog is what of a channel's messages has not arrived.
type Backlog struct {
	Waiting int64 // to be sent, for the first time or again
	GivenUp int64 // in the time for which messages are kept
}

// AlertChannelStore keeps alert channels.
type AlertChannelStore interface {
	// CreateAlertChannel stores c and sets its ID.
	CreateAlertChannel(ctx context.Context, c *AlertChannel) error
	// AlertChannelByID returns ErrNotFound if there is none.
	AlertChannelByID(ctx context.Context, organizationID, id int64) (AlertChannel, error)
	// AlertChannels returns a page of an organization's channels, by id.
	AlertChannels(ctx context.Context, organizationID int64, page Page) ([]AlertChannel, error)
	// LockAlertChannels returns all channels of an organization in the order of their
	// ids. Nobody else changes them until the transaction in ctx ends; outside one it is
	// an error.
	LockAlertChannels(ctx context.Context, organizationID int64) ([]AlertChannel, error)
	// SetChannelBudget returns ErrNotFound if there is no such channel.
	SetChannelBudget(ctx context.Context, organizationID, id int64, b ChannelBudget) error
	// CountMail counts one more mail of an organization to an address, through whichever
	// channel, and returns how many there were within the window, this one included. A
	// window begins with the first mail after the one before. An empty address stands for
	// all.
	CountMail(ctx context.Context, organizationID int64, address string, at time.Time, window time.Duration) (int64, error)
	// SweepMail forgets counts of windows that began before the given time.
	SweepMail(ctx context.Context, before time.Time) (int64, error)
	// ChannelsLeftOut returns channels of all organizations, at most limit, which were
	// left out messages in a window that began before the given time.
	ChannelsLeftOut(ctx context.Context, before time.Time, limit int) ([]AlertChannel, error)
	// DeleteAlertChannel removes a channel with its messages; ErrNotFound if there is
	// none.
	DeleteAlertChannel(ctx context.Context, organizationID, id int64) error
	// AlertChannelsAfter returns channels of all organizations in the order of their
	// ids, at most limit, after the one with the id after.
	AlertChannelsAfter(ctx context.Context, after int64, limit int) ([]AlertChannel, error)
	// ResealAlertChannel replaces what is sealed by c.Sealed if it is still was, and
	// reports whether it did.
	ResealAlertChannel(ctx context.Context, c AlertChannel, was []byte) (bool, error)
	// Backlogs returns the backlog of each of an organization's channels that has one,
	// by id.
	Backlogs(ctx context.Context, organizationID int64) (map[int64]Backlog, error)
}
