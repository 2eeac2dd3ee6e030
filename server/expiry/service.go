package expiry

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"kiket.dev/auth/server/alerts"
	"kiket.dev/auth/server/audit"
	"kiket.dev/auth/storage"
)

// stages are how many days before the end people are told, the last first.
var stages = []int{3, 14}

const (
	day = 24 * time.Hour
	// digestEvery is how long an organization's people hear nothing after a digest.
	digestEvery = day
	// briefLife is how long a credential lives at the most that nobody is told of: a
	// program made it for a task, and has others tomorrow.
	briefLife = day
	// lookEvery is how often every replica looks for what is to be told.
	lookEvery = 10 * time.Minute
	// keepNotices is how long it is remembered what was told: it has expired by then.
	keepNotices = 60 * day
	// batch is how many organizations, credentials or members are read at a time.
	batch = 200
	// mostListed is how many credentials a mail lists.
	mostListed = 100
)

// Service holds the verbs. All fields are required.
type Service struct {
	Store interface {
		storage.Transactor
		storage.OrganizationStore
		storage.UserStore
		storage.TokenStore
		storage.ClientStore
		storage.ExpiryNoticeStore
	}
	Alerts *alerts.Service // has the outbox
	Audit  *audit.Recorder
	Issuer string
	Clock  func() time.Time
	Logger *slog.Logger
}

// Run tells what is to be told until ctx ends. Without a mail server it does nothing.
func (s *Service) Run(ctx context.Context) {
	if !s.Alerts.Messenger.SendsMail() {
		return
	}
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		if err := s.Notify(ctx); err != nil && ctx.Err() == nil {
			s.Logger.WarnContext(ctx, "people could not be told of what expires, will try again", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// Notify queues the digests that are due, of all organizations. What cannot be told in
// one keeps nobody from hearing of another.
func (s *Service) Notify(ctx context.Context) error {
	now := s.Clock()
	var failed error
	for _, stage := range stages {
		q := storage.ExpiryQuestion{
			Stage: stage, After: now, Until: now.Add(time.Duration(stage) * day), DigestBefore: now.Add(-digestEvery),
		}
		for after := int64(0); ; {
			due, err := s.Store.OrganizationsToNotify(ctx, q, after, batch)
			if err != nil {
				return errors.Join(failed, fmt.Errorf("looking for what expires: %w", err))
			}
			for _, id := range due {
				after = id
				if err := s.notify(ctx, id, now); err != nil {
					failed = errors.Join(failed, fmt.Errorf("organization %d: %w", id, err))
				}
			}
			if len(due) < batch || ctx.Err() != nil {
				break
			}
		}
	}
	return failed
}

// Sweep forgets what was told of credentials that have expired.
func (s *Service) Sweep(ctx context.Context) error {
	_, err := s.Store.SweepExpiryNotices(ctx, s.Clock().Add(-keepNotices))
	return err
}

// notify queues the digests of one organization, unless another replica was faster.
func (s *Service) notify(ctx context.Context, organizationID int64, now time.Time) error {
	return s.Store.Transaction(ctx, func(ctx context.Context) error {
		if err := s.Store.LockOrganization(ctx, organizationID); err != nil {
			return err
		}
		o, err := s.Store.OrganizationByID(ctx, organizationID)
		if err != nil {
			return err
		}
		if !o.ExpiryDigestAt.Before(now.Add(-digestEvery)) {
			return nil
		}
		news, err := s.news(ctx, organizationID, now)
		if err != nil {
			return err
		}
		digests, err := s.address(ctx, organizationID, news)
		if err != nil || len(digests) == 0 {
			return err
		}
		for _, d := range digests {
			if err := s.Alerts.QueueMail(ctx, organizationID, d.userID, s.message(o, d, now)); err != nil {
				return err
			}
		}
		if err := s.Store.UpdateOrganization(ctx, organizationID, storage.OrganizationUpdate{ExpiryDigestAt: &now}); err != nil {
			return err
		}
		return s.Audit.Record(ctx, teller, audit.Event{
			OrganizationID: organizationID, Action: "expiry_digest.queued",
			Target:  storage.Party{Kind: "organization", ID: o.ID, Name: o.Name},
			Details: map[string]any{"credentials": len(news), "people": len(digests)},
		})
	})
}
