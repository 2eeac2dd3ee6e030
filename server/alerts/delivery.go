package alerts

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"kiket.dev/auth/storage"
)

const (
	// lookEvery is how often the outbox is looked at for what other replicas have put
	// there and what is to be sent again.
	lookEvery = 2 * time.Second
	// sendLimit is how long sending one message may take.
	sendLimit = 10 * time.Second
	// lease is how long a message is its sender's. It is longer than sending takes by
	// what the clocks of replicas may be apart.
	lease = 30 * time.Second
	// mostAtOnce is how many messages are being sent at the same time. Of how many to
	// one channel and of one organization see storage.OutboxStore.
	mostAtOnce = 8
	// longestRetry and giveUpAfter bound the attempts.
	longestRetry = time.Hour
	giveUpAfter  = 24 * time.Hour
)

// Run sends messages until ctx ends, and then waits for those that are being sent.
func (s *Service) Run(ctx context.Context) {
	var tasks sync.WaitGroup
	defer tasks.Wait()
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		if err := s.turn(ctx, &tasks); err != nil && ctx.Err() == nil {
			s.Logger.WarnContext(ctx, "the outbox could not be looked at, will try again", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-s.awake:
		}
	}
}

// turn begins to send as many of the messages that are due as there is room for.
func (s *Service) turn(ctx context.Context, tasks *sync.WaitGroup) error {
	if err := s.tellPending(ctx); err != nil {
		return err
	}
	sending := s.sending.all()
	room := mostAtOnce - len(sending)
	if room <= 0 {
		return nil
	}
	now := s.Clock()
	claimed, err := s.Store.ClaimMessages(ctx, storage.OutboxClaim{Now: now, Lease: now.Add(lease), Limit: room, Sending: sending})
	if err != nil {
		return err
	}
	for _, m := range claimed {
		s.sending.begin(m)
		tasks.Go(func() {
			defer s.wake()
			defer s.sending.end(m)
			_ = s.deliver(context.WithoutCancel(ctx), m, s.next) // it is noted and logged
		})
	}
	return nil
}

// deliver sends a message that was claimed and notes what happened. next says when it is
// sent again if it fails.
func (s *Service) deliver(ctx context.Context, m storage.OutboxMessage, next func(storage.OutboxMessage) time.Time) error {
	ctx, cancel := context.WithTimeout(ctx, sendLimit)
	defer cancel()
	failure := s.send(ctx, m)
	noting, done := context.WithTimeout(context.WithoutCancel(ctx), sendLimit)
	defer done()
	var err error
	if failure == nil {
		err = s.Store.MessageDelivered(noting, m, s.Clock())
	} else {
		at := next(m)
		s.Logger.WarnContext(ctx, "a message was not delivered", slog.Int64("organization_id", m.OrganizationID),
			slog.Int64("channel_id", m.ChannelID), slog.Int64("user_id", m.UserID), slog.Int("attempt", m.Attempts), slog.Bool("given_up", at.IsZero()), slog.Any("error", failure))
		now := s.Clock()
		err = s.Store.MessageFailed(noting, m, storage.FailedAttempt{
			At: now, Next: at, Why: Reason(failure), LongestHold: longestRetry, GiveUpBefore: now.Add(-giveUpAfter),
		})
	}
	if err != nil {
		s.Logger.WarnContext(ctx, "what became of a message could not be noted; it may be sent again", "error", err)
	}
	return failure
}

func (s *Service) send(ctx context.Context, m storage.OutboxMessage) error {
	to, err := s.receiver(ctx, m)
	if err != nil {
		return err
	}
	var message Message
	if err := json.Unmarshal(m.Payload, &message); err != nil {
		return fmt.Errorf("reading message %d: %w", m.ID, err)
	}
	message.ID = m.ID
	if message.Kind == ExpiryMessage {
		if message, err = s.current(ctx, message); err != nil || message.Count == 0 {
			return err
		}
	}
	return s.Messenger.Send(ctx, to, message)
}

// Reason returns what an organization's admins may know of a failure.
func Reason(err error) string {
	var known *DeliveryError
	if errors.As(err, &known) {
		return known.Reason
	}
	return "the server could not send it; its log says why"
}

// next doubles the wait with each attempt, a fifth more or less, so that those who wait
// for the same server do not come back together. Zero: a day has passed.
func (s *Service) next(m storage.OutboxMessage) time.Time {
	wait := longestRetry
	if doubled := s.RetryAfter << min(m.Attempts-1, 30); doubled > 0 {
		wait = min(wait, doubled)
	}
	wait = time.Duration(float64(wait) * (0.8 + 0.4*rand.Float64()))
	at := s.Clock().Add(wait)
	if at.After(m.CreatedAt.Add(giveUpAfter)) {
		return time.Time{}
	}
	return at
}

// never is next for what is sent once.
func never(storage.OutboxMessage) time.Time { return time.Time{} }
