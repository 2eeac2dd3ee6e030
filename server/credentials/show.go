package credentials

import (
	"context"
	"fmt"

	"kiket.dev/auth/server/access"
	"kiket.dev/auth/storage"
)

// Show returns one credential of the organization, also one that has ended. It returns
// access.ErrDenied or storage.ErrNotFound.
func (s *Service) Show(ctx context.Context, caller access.Caller, organizationID int64, r Reference) (Credential, error) {
	if err := caller.Require(storage.ScopeAdmin, organizationID); err != nil {
		return Credential{}, err
	}
	shown, err := s.show(ctx, organizationID, r)
	if err != nil {
		return Credential{}, fmt.Errorf("finding %s: %w", r, err)
	}
	u, err := s.usage(ctx, organizationID, s.Clock())
	if err != nil {
		return Credential{}, err
	}
	shown.UnusedScopes = u.unused(shown, s.Catalogue)
	return shown, nil
}

func (s *Service) show(ctx context.Context, organizationID int64, r Reference) (Credential, error) {
	if r.ID <= 0 {
		return Credential{}, storage.ErrNotFound
	}
	if r.Kind == ClientSecret {
		secrets, err := s.Store.ApplicationSecrets(ctx, storage.ClientSecretFilter{OrganizationID: organizationID, ID: r.ID}, storage.Page{Limit: 1})
		if err != nil || len(secrets) == 0 {
			return Credential{}, orNotFound(err)
		}
		return ofSecret(secrets[0]), nil
	}
	filter := storage.TokenFilter{OrganizationID: organizationID, ID: r.ID}
	if r.Kind != "" {
		filter.Kinds = []storage.TokenKind{storage.TokenKind(r.Kind)}
	}
	tokens, err := s.Store.OpaqueTokens(ctx, filter, storage.Page{Limit: 1})
	if err != nil || len(tokens) == 0 {
		return Credential{}, orNotFound(err)
	}
	return ofToken(tokens[0]), nil
}

func orNotFound(err error) error {
	if err == nil {
		return storage.ErrNotFound
	}
	return err
}
