package storage

import (
	"context"
	"time"
)

// OutboxMessage is one message to one channel, or to one member by mail, on its way. It
// is stored in the transaction of what it tells of.
type OutboxMessage struct {
	ID             int64
	OrganizationID int64
	ChannelID      int64  // 0: to a member
	UserID         int64  // 0: to a channel
	Payload        []byte // no secret
	CreatedAt      time.Time
	// Attempts is how often somebody has begun to send it. It also tells those apart
	// who did: what one reports who is no longer the latest changes nothing.
	Attempts      int
	NextAttemptAt time.Time
	DeliveredAt   time.Time // zero: not delivered
	FailedAt      time.Time // zero: not given up
	LastError     string
}

// OutboxPerOrganization is how many messages of an organization are sent at the same time,
// beside one to a channel or a member, so that nobody who is slow to take messages keeps
// others waiting.
const OutboxPerOrganization = 2

// OutboxClaim asks for messages.
type OutboxClaim struct {
	Now   time.Time
	Lease time.Time // by when the caller must have reported
	Limit int
	// Sending are those that the caller is sending already.
	Sending []OutboxMessage
}

// FailedAttempt is an attempt to send a message that did not arrive.
type FailedAttempt struct {
	At   time.Time
	Next time.Time // when the message is to be sent again; zero: it is given up
	Why  string
	// LongestHold bounds for how long nothing is sent to the channel.
	LongestHold time.Duration
	// GiveUpBefore is of when the messages are that also wait for the channel and are
	// given up.
	GiveUpBefore time.Time
}

// OutboxStore keeps messages until they have been sent.
type OutboxStore interface {
	// QueueMessage stores m and sets its ID; ErrNotFound if the organization has no such
	// channel, or member. A message ends with either.
	QueueMessage(ctx context.Context, m *OutboxMessage) error
	// ClaimMessages gives messages of all organizations, at most as many as the limit,
	// whose next attempt is not after now, to the caller alone: it counts an attempt and
	// puts the next one off until the lease. With those that the caller is sending they
	// are one of each channel and member at the most, and [OutboxPerOrganization] of each
	// organization; every organization's first comes before anybody's second. Those of
	// channels that are held are left out.
	ClaimMessages(ctx context.Context, c OutboxClaim) ([]OutboxMessage, error)
	// MessageDelivered notes that m arrived, also on its channel if it has one, which is
	// held no longer.
	MessageDelivered(ctx context.Context, m OutboxMessage, at time.Time) error
	// MessageFailed notes on m, and on its channel if it has one, why the attempt failed,
	// and when the next one is. The channel is held for as long as it has failed, so that
	// what waits for it does not fail one by one. It does nothing if somebody has claimed
	// m since.
	MessageFailed(ctx context.Context, m OutboxMessage, f FailedAttempt) error
	// SweepMessages removes those that are not to be sent any more and whose last lease
	// ended before the given time.
	SweepMessages(ctx context.Context, before time.Time) (int64, error)
}
