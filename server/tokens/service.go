package tokens

import (
	"context"
	"fmt"
	"time"

	"kiket.dev/auth/server/access"
	"kiket.dev/auth/server/audit"
	"kiket.dev/auth/storage"
)

// Issuer makes opaque tokens. Package provider implements it on fosite.
type Issuer interface {
	// Issue makes the secret, stores the token that t describes and sets its ID,
	// Reference and Prefix.
	Issue(ctx context.Context, t *storage.Token) (storage.Secret, error)
}

// Service holds the verbs. All fields are required.
type Service struct {
	Store interface {
		storage.Transactor
		storage.OrganizationStore
		storage.TokenStore
		storage.UserStore
		storage.InstallationStore
	}
	Issuer    Issuer
	Audit     *audit.Recorder
	Catalogue storage.Catalogue
	// Audience is what opaque tokens are meant for.
	Audience string
	Clock    func() time.Time
}

// Issued is a token with its secret, which is known here and never again.
type Issued struct {
	Token  storage.Token
	Secret storage.Secret
	// Owner is whose workspace API token it is.
	Owner storage.Member
}

// IssueExtensionKey issues a key to an installation, with the permissions that
// its manifest declares. It returns access.ErrDenied, also if the key would permit
// more than the caller, and storage.ErrNotFound if the organization has no such
// installation, or one that was uninstalled.
func (s *Service) IssueExtensionKey(ctx context.Context, caller access.Caller, organizationID, installationID int64) (Issued, error) {
	if err := caller.Require(storage.ScopeAdmin, organizationID); err != nil {
		return Issued{}, err
	}
	i, err := s.Store.InstallationByID(ctx, organizationID, installationID)
	if err != nil {
		return Issued{}, fmt.Errorf("finding the installation: %w", err)
	}
	if !i.UninstalledAt.IsZero() {
		return Issued{}, fmt.Errorf("extension %s is uninstalled: %w", i.Key, storage.ErrNotFound)
	}
	if err := caller.RequireAtMost(i.Permissions); err != nil {
		return Issued{}, err
	}
	return s.issue(ctx, caller, storage.Token{
		Kind:           storage.ExtensionKey,
		OrganizationID: organizationID,
		Name:           i.Name,
		Scopes:         i.Permissions.Without(storage.ScopeAdmin),
		ProjectID:      i.ProjectID,
		InstallationID: i.ID,
		CreatedAt:      s.Clock(),
	})
}

func (s *Service) issue(ctx context.Context, caller access.Caller, t storage.Token) (Issued, error) {
	t.Audience = s.Audience
	issued := Issued{}
	err := s.Store.Transaction(ctx, func(ctx context.Context) error {
		secret, err := s.Issuer.Issue(ctx, &t)
		if err != nil {
			return fmt.Errorf("issuing a %s: %w", t.Kind, err)
		}
		issued = Issued{Token: t, Secret: secret}
		return s.Audit.Record(ctx, caller, audit.Event{
			OrganizationID: t.OrganizationID,
			Action:         string(t.Kind) + ".created",
			Target:         party(t),
			Details:        map[string]any{"scopes": t.Scopes, "full_access": t.FullAccess, "token_prefix": t.Prefix},
		})
	})
	if err != nil {
		return Issued{}, err
	}
	return issued, nil
}

// Revoke ends a token for whoever has shown that they may: its holder, an admin, or
// the application it was issued to. It reports whether this call did: of several at
// once, one is told true. When it returns no error, no look-up that begins later finds
// the token active.
func (s *Service) Revoke(ctx context.Context, caller access.Caller, t storage.Token) (bool, error) {
	changed := false
	err := s.Store.Transaction(ctx, func(ctx context.Context) error {
		var err error
		changed, err = s.Store.RevokeToken(ctx, storage.TokenReferenceOf(t), s.Clock())
		if err != nil {
			return fmt.Errorf("revoking a %s: %w", t.Kind, err)
		}
		if !changed {
			return nil
		}
		return s.Audit.Record(ctx, caller, audit.Event{
			OrganizationID: t.OrganizationID,
			Action:         string(t.Kind) + ".revoked",
			Target:         party(t),
		})
	})
	return changed && err == nil, err
}

func party(t storage.Token) storage.Party {
	return storage.Party{Kind: string(t.Kind), ID: t.ID, Name: t.Name}
}
