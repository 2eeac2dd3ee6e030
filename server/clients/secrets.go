package clients

import (
	"context"
	"fmt"
	"time"

	"kiket.dev/auth/server/access"
	"kiket.dev/auth/server/audit"
	"kiket.dev/auth/storage"
)

const (
	// mostOpenSecrets is how many secrets of an application may be open at a time.
	mostOpenSecrets = 10
	// LongestOverlap is for how long a secret may go on after its successor was made.
	LongestOverlap = 30 * 24 * time.Hour
)

var errNoSecrets = access.Refuse("no_secrets", "the client is registered for private_key_jwt alone: it has keys and no secrets")

// RotateSecret adds a secret to an application. Those that it has go on for the
// overlap, at most [LongestOverlap], or are closed at once if it is 0. It returns
// access.ErrDenied, also if the application may do more than the caller,
// storage.ErrInvalid, storage.ErrNotFound, or an access.Refusal too_many_secrets
// or no_secrets.
func (s *Service) RotateSecret(ctx context.Context, caller access.Caller, organizationID, id int64, overlap time.Duration) (Registered, error) {
	if err := caller.Require(storage.ScopeAdmin, organizationID); err != nil {
		return Registered{}, err
	}
	if err := checkOverlap(overlap); err != nil {
		return Registered{}, err
	}
	var rotated Registered
	err := s.change(ctx, organizationID, id, func(ctx context.Context, application storage.Client) (err error) {
		rotated, err = s.succeed(ctx, caller, application, overlap, func(ctx context.Context) (storage.Client, error) {
			return s.application(ctx, organizationID, id)
		})
		return err
	})
	if err != nil {
		return Registered{}, err
	}
	return rotated, nil
}

func checkOverlap(overlap time.Duration) error {
	if overlap < 0 || overlap > LongestOverlap {
		return storage.Invalidf("previous_expires_in", "want 0 to %d seconds", LongestOverlap/time.Second)
	}
	return nil
}

// succeed adds the next secret of a client, ends those before it, now or later, and
// returns the client as it is then, which again finds.
func (s *Service) succeed(ctx context.Context, caller access.Caller, c storage.Client, overlap time.Duration, again func(context.Context) (storage.Client, error)) (Registered, error) {
	// Whoever gets the secret can do what the client can.
	if err := caller.RequireAtMost(c.Scopes); err != nil {
		return Registered{}, err
	}
	if !takesSecrets(c.AuthMethods) {
		return Registered{}, errNoSecrets
	}
	now := s.Clock()
	secret, kept := newSecret(now)
	// From here on nobody else changes the secrets.
	if err := s.Store.AddClientSecret(ctx, c.OrganizationID, c.ID, &kept); err != nil {
		return Registered{}, fmt.Errorf("adding a secret: %w", err)
	}
	c, err := again(ctx)
	if err != nil {
		return Registered{}, err
	}
	if err := s.endBefore(ctx, c, kept.ID, now, overlap); err != nil {
		return Registered{}, err
	}
	if c, err = again(ctx); err != nil {
		return Registered{}, err
	}
	return Registered{Client: c, Secret: secret}, s.Audit.Record(ctx, caller, audit.Event{
		OrganizationID: c.OrganizationID, Action: c.Party().Kind + ".secret_rotated", Target: c.Party(),
		Details: map[string]any{
			"secret_id": kept.ID, "prefix": kept.Prefix, "previous_expires_in": int64(overlap / time.Second),
		},
	})
}

// endBefore ends the secrets of a client other than the newest.
func (s *Service) endBefore(ctx context.Context, c storage.Client, newest int64, now time.Time, overlap time.Duration) error {
	if overlap == 0 {
		return s.closeSecrets(ctx, c, newest, now)
	}
	if open := len(c.OpenSecrets(now)); open > mostOpenSecrets {
		return access.Refuse("too_many_secrets", "the client %s has %d open secrets, which is the most; close one first", c.Name, open-1)
	}
	if err := s.Store.ExpireClientSecrets(ctx, c.OrganizationID, c.ID, newest, now.Add(overlap)); err != nil {
		return fmt.Errorf("ending the secrets before: %w", err)
	}
	return nil
}

// closeSecrets closes the secrets that the client has, but for one to keep. They do not
// expire: nobody's clock has a say in it.
func (s *Service) closeSecrets(ctx context.Context, c storage.Client, keep int64, now time.Time) error {
	for _, secret := range c.OpenSecrets(now) {
		if secret.ID == keep {
			continue
		}
		if _, err := s.Store.CloseClientSecret(ctx, c.OrganizationID, c.ID, secret.ID, now, false); err != nil {
			return fmt.Errorf("closing secret %d: %w", secret.ID, err)
		}
	}
	return nil
}

// CloseSecret closes a secret of an application, and with revokeTokens ends the access
// tokens that were fetched with it, also if it is closed already. It reports whether
// this call closed it: of several at once, one is told true. It returns
// access.ErrDenied, or storage.ErrNotFound if the application never had such a secret.
func (s *Service) CloseSecret(ctx context.Context, caller access.Caller, organizationID, id, secretID int64, revokeTokens bool) (bool, error) {
	if err := caller.Require(storage.ScopeAdmin, organizationID); err != nil {
		return false, err
	}
	closed := false
	err := s.change(ctx, organizationID, id, func(ctx context.Context, application storage.Client) error {
		before, err := s.secret(ctx, application, secretID)
		if err != nil {
			return err
		}
		closed, err = s.Store.CloseClientSecret(ctx, organizationID, id, secretID, s.Clock(), revokeTokens)
		if err != nil {
			return fmt.Errorf("closing secret %d: %w", secretID, err)
		}
		event := audit.Event{
			OrganizationID: organizationID, Action: "oauth_application.secret_closed", Target: application.Party(),
			Details: map[string]any{"secret_id": secretID, "prefix": before.Prefix, "tokens_revoked": revokeTokens},
		}
		switch {
		case closed:
			return s.Audit.Record(ctx, caller, event)
		case revokeTokens && !before.TokensRevoked:
			event.Action = "oauth_application.tokens_revoked"
			return s.Audit.Record(ctx, caller, event)
		}
		return nil
	})
	return closed && err == nil, err
}

// secret returns a secret of an application, closed or not.
func (s *Service) secret(ctx context.Context, application storage.Client, id int64) (storage.ClientSecret, error) {
	if id <= 0 {
		return storage.ClientSecret{}, fmt.Errorf("secret %d: %w", id, storage.ErrNotFound)
	}
	found, err := s.Store.ApplicationSecrets(ctx, storage.ClientSecretFilter{OrganizationID: application.OrganizationID, ID: id}, storage.Page{Limit: 1})
	if err != nil {
		return storage.ClientSecret{}, fmt.Errorf("finding secret %d: %w", id, err)
	}
	if len(found) == 0 || found[0].Application.ID != application.ID {
		return storage.ClientSecret{}, fmt.Errorf("secret %d: %w", id, storage.ErrNotFound)
	}
	return found[0].Secret, nil
}

// RevokeTokens ends all access tokens that an application was given so far. It
// returns access.ErrDenied, or storage.ErrNotFound if the organization has none.
func (s *Service) RevokeTokens(ctx context.Context, caller access.Caller, organizationID, id int64) error {
	if err := caller.Require(storage.ScopeAdmin, organizationID); err != nil {
		return err
	}
	return s.change(ctx, organizationID, id, func(ctx context.Context, application storage.Client) error {
		if err := s.Store.RevokeClientTokens(ctx, organizationID, id); err != nil {
			return fmt.Errorf("revoking the tokens of application %d: %w", id, err)
		}
		return s.Audit.Record(ctx, caller, audit.Event{
			OrganizationID: organizationID, Action: "oauth_application.tokens_revoked", Target: application.Party(),
		})
	})
}
