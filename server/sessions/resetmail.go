package sessions

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"kiket.dev/auth/server/access"
	"kiket.dev/auth/server/audit"
	"kiket.dev/auth/storage"
)

const (
	// lookEvery is how often it is looked for mail that is to be sent.
	lookEvery = time.Second
	// sendLimit is how long sending one may take, and lease how long it is its sender's.
	sendLimit = 10 * time.Second
	lease     = 30 * time.Second
	// mostAtOnce is how much mail is being sent at the same time.
	mostAtOnce = 8
	// longestRetry bounds the wait between two attempts.
	longestRetry = 5 * time.Minute
)

// Run sends the mail of forgotten passwords until ctx ends, and then waits for what is
// being sent.
func (s *Service) Run(ctx context.Context) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		if err := s.SendMail(ctx); err != nil && ctx.Err() == nil {
			s.Logger.WarnContext(ctx, "it could not be looked for mail to be sent, will try again", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// SendMail tries to send what is due, once, and returns when it is done. What could not
// be sent is tried again until its code has expired.
func (s *Service) SendMail(ctx context.Context) error {
	for {
		now := s.Clock()
		claimed, err := s.Store.ClaimPasswordResets(ctx, now, now.Add(lease), mostAtOnce)
		if err != nil {
			return err
		}
		var tasks sync.WaitGroup
		for _, r := range claimed {
			tasks.Go(func() { s.deliver(context.WithoutCancel(ctx), r) })
		}
		tasks.Wait()
		if len(claimed) < mostAtOnce || ctx.Err() != nil {
			return nil
		}
	}
}

// deliver sends a mail that was claimed, and notes what happened.
func (s *Service) deliver(ctx context.Context, r storage.PasswordReset) {
	sending, cancel := context.WithTimeout(ctx, sendLimit)
	defer cancel()
	var next time.Time
	if err := s.send(sending, r); err != nil {
		next = s.next(r)
		s.Logger.WarnContext(ctx, "the mail for a forgotten password was not delivered", "attempt", r.Attempts, "given_up", next.IsZero(), "error", err)
	}
	noting, done := context.WithTimeout(ctx, sendLimit)
	defer done()
	if err := s.Store.PasswordResetSent(noting, r, next); err != nil {
		s.Logger.WarnContext(ctx, "what became of the mail for a forgotten password could not be noted; it may be sent again", "error", err)
	}
}

// send sends the mail, if there is somebody to read it.
func (s *Service) send(ctx context.Context, r storage.PasswordReset) error {
	plain, err := s.Sealer.Open(r.Sealed, resetPurpose(r.Account))
	if err != nil {
		return err
	}
	var asked forgotten
	if err := json.Unmarshal(plain, &asked); err != nil {
		return errors.New("the mail cannot be read") // and the code not be shown
	}
	if !s.Clock().Before(r.ExpiresAt) {
		return errors.New("the code has expired")
	}
	user, err := absent(s.Store.UserByEmail(ctx, asked.Email))
	if err != nil {
		return fmt.Errorf("finding the user: %w", err)
	}
	memberships, err := s.Store.MembershipsOf(ctx, user.ID)
	if err != nil {
		return fmt.Errorf("finding the memberships: %w", err)
	}
	if len(memberships) == 0 { // nobody, or nobody who could sign in
		return nil
	}
	if err := s.recordForgotten(ctx, r, asked.origin(), user); err != nil {
		return err
	}
	return s.Mail.SendReset(ctx, ResetMail{
		To: user.Email, Code: storage.NewSecret(asked.Code), ExpiresAt: r.ExpiresAt, Link: s.Issuer + resetPath, Address: asked.Address,
	})
}

// recordForgotten writes down that a code was asked for, the first time that its mail is
// sent. Who asked is not known.
func (s *Service) recordForgotten(ctx context.Context, r storage.PasswordReset, origin access.Origin, user storage.User) error {
	if !r.RecordedAt.IsZero() {
		return nil
	}
	return s.Store.Transaction(ctx, func(ctx context.Context) error {
		first, err := s.Store.RecordPasswordReset(ctx, r, s.Clock())
		if err != nil || !first {
			return err
		}
		return s.inEach(ctx, user, func(organizationID int64, person storage.Party) error {
			caller := access.Caller{Party: storage.Party{Kind: "anonymous"}, Origin: origin}
			return s.Audit.Record(ctx, caller, audit.Event{
				OrganizationID: organizationID, Action: "user.password_reset_requested", Target: person,
				Details: map[string]any{"requested_at": r.CreatedAt.UTC().Format(time.RFC3339)},
			})
		})
	})
}

// next doubles the wait with each attempt, a fifth more or less. Zero: the code will have
// expired.
func (s *Service) next(r storage.PasswordReset) time.Time {
	wait := longestRetry
	if doubled := s.MailRetry << min(r.Attempts-1, 30); doubled > 0 {
		wait = min(wait, doubled)
	}
	at := s.Clock().Add(time.Duration(float64(wait) * (0.8 + 0.4*rand.Float64())))
	if !at.Before(r.ExpiresAt) {
		return time.Time{}
	}
	return at
}

// SweepResets removes what was asked for and has expired.
func (s *Service) SweepResets(ctx context.Context) error {
	_, err := s.Store.SweepPasswordResets(ctx, s.Clock().Add(-codeLifetime))
	return err
}
