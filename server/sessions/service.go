package sessions

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"kiket.dev/auth/keys"
	"kiket.dev/auth/server/access"
	"kiket.dev/auth/server/audit"
	"kiket.dev/auth/server/passwords"
	"kiket.dev/auth/server/tokens"
	"kiket.dev/auth/storage"
)

// Service holds the verbs. All fields are required.
type Service struct {
	Store interface {
		storage.Transactor
		storage.OrganizationStore
		storage.UserStore
		storage.PasswordResetStore
		storage.TokenStore
	}
	Tokens    *tokens.Service
	Passwords *passwords.Hasher
	Guard     *Guard
	Audit     *audit.Recorder
	Failures  *audit.Failures
	Sealer    *keys.Sealer
	Mail      Mail
	Issuer    string // no trailing slash
	// MailRetry is how long after a failure mail is sent again for the first time.
	MailRetry time.Duration
	Logger    *slog.Logger
	// Lifetime is how long a session lasts, IdleTimeout how long without being used.
	Lifetime    time.Duration
	IdleTimeout time.Duration
	Clock       func() time.Time
}

// own names the sessions of the person who calls, in the organization where they do.
// It returns access.ErrDenied for every credential that is not a session.
func own(caller access.Caller) (storage.TokenFilter, error) {
	if caller.Party.Kind != string(storage.Session) {
		return storage.TokenFilter{}, fmt.Errorf("%w: only a session may do that", access.ErrDenied)
	}
	return storage.TokenFilter{
		OrganizationID: caller.OrganizationID, Kinds: []storage.TokenKind{storage.Session}, UserID: caller.UserID,
	}, nil
}

// List returns a page of the sessions that the caller has in the organization and
// that can still be used. It returns access.ErrDenied unless the caller is a session.
func (s *Service) List(ctx context.Context, caller access.Caller, page storage.Page) ([]storage.Token, error) {
	filter, err := own(caller)
	if err != nil {
		return nil, err
	}
	now := s.Clock()
	filter.ActiveAt = now
	var found []storage.Token
	for len(found) < page.Limit {
		batch, err := s.Store.OpaqueTokens(ctx, filter, page)
		if err != nil {
			return nil, fmt.Errorf("listing sessions: %w", err)
		}
		for _, owned := range batch {
			if !owned.Token.Idle(now) && len(found) < page.Limit {
				found = append(found, owned.Token)
			}
			page.Before = owned.Token.ID
		}
		if len(batch) < page.Limit {
			break
		}
	}
	return found, nil
}

// SignOut ends the session that calls. It returns access.ErrDenied if none does.
func (s *Service) SignOut(ctx context.Context, caller access.Caller) error {
	return s.End(ctx, caller, caller.Party.ID)
}

// End ends one of the caller's sessions in the organization; one that has ended stays
// so. It returns access.ErrDenied unless the caller is a session, and
// storage.ErrNotFound if they never had such a one.
func (s *Service) End(ctx context.Context, caller access.Caller, id int64) error {
	filter, err := own(caller)
	if err != nil {
		return err
	}
	session, err := s.Store.OpaqueTokenByID(ctx, caller.OrganizationID, storage.Session, id)
	if err == nil && session.UserID != caller.UserID {
		err = storage.ErrNotFound
	}
	if err != nil {
		return fmt.Errorf("finding the session: %w", err)
	}
	filter.ID = id
	_, err = s.Tokens.RevokeAll(ctx, caller, filter)
	return err
}

// SignOutEverywhere ends all sessions of the caller in the organization, the one that
// calls too, and returns how many. It returns access.ErrDenied unless that is a
// session.
func (s *Service) SignOutEverywhere(ctx context.Context, caller access.Caller) (int, error) {
	filter, err := own(caller)
	if err != nil {
		return 0, err
	}
	ended, err := s.Tokens.RevokeAll(ctx, caller, filter)
	return len(ended), err
}
