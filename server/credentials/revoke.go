package credentials

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"kiket.dev/auth/server/access"
	"kiket.dev/auth/storage"
)

// MostRevoked is how many credentials can be revoked at once.
const MostRevoked = 200

// Revocation is what became of the credentials that were to be revoked.
type Revocation struct {
	Revoked []Reference // by this call
	Already []Reference // revoked before
	Unknown []Reference // not the organization's, as they were named
	// Own are those among Revoked that the caller's own credential is, or stands on: it
	// ends with them.
	Own []Reference
}

// Revoke ends credentials of the organization in one transaction: all that it has of
// them, or none if it fails. With a client secret end the access tokens that were
// fetched with it. A dry run changes nothing and returns what would become of them. It
// returns access.ErrDenied, or storage.ErrInvalid for none or more than [MostRevoked].
func (s *Service) Revoke(ctx context.Context, caller access.Caller, organizationID int64, references []Reference, dryRun bool) (Revocation, error) {
	if err := caller.Require(storage.ScopeAdmin, organizationID); err != nil {
		return Revocation{}, err
	}
	if len(references) < 1 || len(references) > MostRevoked {
		return Revocation{}, storage.Invalidf("ids", "want 1 to %d", MostRevoked)
	}
	var result Revocation
	err := s.Store.Transaction(ctx, func(ctx context.Context) error {
		// First of all, as everybody does who ends several things in one transaction, so
		// that nobody waits in a circle.
		if err := s.Store.LockOrganization(ctx, organizationID); err != nil {
			return err
		}
		found, unknown, err := s.find(ctx, organizationID, slices.SortedFunc(slices.Values(references), compare))
		if err != nil {
			return err
		}
		result, err = revokeAll(ctx, caller, found, dryRun)
		result.Unknown = unknown
		return err
	})
	if err != nil {
		return Revocation{}, fmt.Errorf("revoking %d credentials: %w", len(references), err)
	}
	return result, nil
}

func revokeAll(ctx context.Context, caller access.Caller, found []held, dryRun bool) (Revocation, error) {
	var result Revocation
	for _, one := range found {
		revoked := one.open
		if revoked && !dryRun {
			var err error
			if revoked, err = one.revoke(ctx, caller); err != nil {
				return Revocation{}, fmt.Errorf("revoking %s: %w", one.reference, err)
			}
		}
		if revoked {
			result.Revoked = append(result.Revoked, one.reference)
			if standsOn(caller, one.reference) {
				result.Own = append(result.Own, one.reference)
			}
		} else {
			result.Already = append(result.Already, one.reference)
		}
	}
	return result, nil
}

// standsOn reports whether the caller's credential ends with the other.
func standsOn(caller access.Caller, r Reference) bool {
	if r.Kind == ClientSecret {
		return caller.ClientSecretID == r.ID
	}
	return caller.Party.Kind == string(r.Kind) && caller.Party.ID == r.ID
}

// held is a credential that the organization has, and how it is revoked.
type held struct {
	reference Reference
	open      bool // not revoked yet
	revoke    func(context.Context, access.Caller) (bool, error)
}

// find returns each of the references once, or as unknown.
func (s *Service) find(ctx context.Context, organizationID int64, references []Reference) (found []held, unknown []Reference, err error) {
	for _, r := range slices.Compact(references) {
		one, err := s.findOne(ctx, organizationID, r)
		switch {
		case errors.Is(err, storage.ErrNotFound):
			unknown = append(unknown, r)
		case err != nil:
			return nil, nil, err
		case !slices.ContainsFunc(found, func(h held) bool { return h.reference == one.reference }):
			found = append(found, one)
		}
	}
	return found, unknown, nil
}

func (s *Service) findOne(ctx context.Context, organizationID int64, r Reference) (held, error) {
	if r.ID <= 0 {
		return held{}, storage.ErrNotFound
	}
	if r.Kind == ClientSecret {
		return s.findSecret(ctx, organizationID, r)
	}
	filter := storage.TokenFilter{OrganizationID: organizationID, ID: r.ID}
	if r.Kind != "" {
		filter.Kinds = []storage.TokenKind{storage.TokenKind(r.Kind)}
	}
	tokens, err := s.Store.OpaqueTokens(ctx, filter, storage.Page{Limit: 1})
	if err != nil {
		return held{}, fmt.Errorf("finding %s: %w", r, err)
	}
	if len(tokens) == 0 {
		return held{}, storage.ErrNotFound
	}
	t := tokens[0].Token
	return held{
		reference: Reference{Kind: Kind(t.Kind), ID: t.ID}, open: t.RevokedAt.IsZero(),
		revoke: func(ctx context.Context, caller access.Caller) (bool, error) { return s.Tokens.Revoke(ctx, caller, t) },
	}, nil
}

func (s *Service) findSecret(ctx context.Context, organizationID int64, r Reference) (held, error) {
	secrets, err := s.Store.ApplicationSecrets(ctx, storage.ClientSecretFilter{OrganizationID: organizationID, ID: r.ID}, storage.Page{Limit: 1})
	if err != nil {
		return held{}, fmt.Errorf("finding %s: %w", r, err)
	}
	if len(secrets) == 0 {
		return held{}, storage.ErrNotFound
	}
	secret := secrets[0]
	return held{
		reference: r, open: secret.Secret.ClosedAt.IsZero(),
		revoke: func(ctx context.Context, caller access.Caller) (bool, error) {
			return s.Clients.CloseSecret(ctx, caller, organizationID, secret.Application.ID, r.ID, true)
		},
	}, nil
}
