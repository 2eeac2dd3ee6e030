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

// OutboxStore keeps messages until they have been sent.
type OutboxStore interface {
	// QueueMessage stores m and sets its ID; ErrNotFound if the organization has no such
	// channel, or member. A message ends with either.
	QueueMessage(ctx context.Context, m *OutboxMessage) error
	// ClaimMessages gives messages of all organizations, at most limit, whose next
	// attempt is not after now, to the caller alone: it counts an attempt and puts the
	// next one off until lease, by when the caller must have reported.
	ClaimMessages(ctx context.Context, now, lease time.Time, limit int) ([]OutboxMessage, error)
	// MessageDelivered notes that m arrived, also on its channel if it has one.
	MessageDelivered(ctx context.Context, m OutboxMessage, at time.Time) error
	// MessageFailed notes on m, and on its channel if it has one, why the attempt failed,
	// and when the next one is; zero: m is given up. It does nothing if somebody has
	// claimed m since.
	MessageFailed(ctx context.Context, m OutboxMessage, at, next time.Time, why string) error
	// SweepMessages removes those that are not to be sent any more and whose last lease
	// ended before the given time.
	SweepMessages(ctx context.Context, before time.Time) (int64, error)
}
