package extensions

import (
	"context"
	"fmt"
	"time"

	"kiket.dev/auth/server/access"
	"kiket.dev/auth/server/tokens"
	"kiket.dev/auth/storage"
)

const (
	// mostOpenKeys is how many keys of an installation may be open at a time.
	mostOpenKeys = 10
	// longestOverlap is for how long a key may go on after its successor was issued.
	longestOverlap = 30 * 24 * time.Hour
)

// OpenKeys returns the keys of an installation that work, newest first, for admins
// and for the installation's own key. It returns access.ErrDenied or
// storage.ErrNotFound.
func (s *Service) OpenKeys(ctx context.Context, caller access.Caller, organizationID, id int64) ([]storage.Token, error) {
	if err := requireOwn(caller, organizationID, id); err != nil {
		return nil, err
	}
	i, err := s.installed(ctx, organizationID, id)
	if err != nil {
		return nil, err
	}
	filter := keysOf(i)
	filter.ActiveAt = s.Clock()
	owned, err := s.Store.OpaqueTokens(ctx, filter, storage.Page{Limit: mostOpenKeys})
	if err != nil {
		return nil, fmt.Errorf("listing the keys of %s: %w", i.Key, err)
	}
	open := make([]storage.Token, 0, len(owned))
	for _, o := range owned {
		open = append(open, o.Token)
	}
	return open, nil
}

// RotateKey issues another key to an installation. Those that it has go on for the
// overlap, at most 30 days, or end at once if it is 0. It returns
// access.ErrDenied, also if the key would permit more than the caller,
// storage.ErrInvalid, storage.ErrNotFound, or an access.Refusal too_many_keys.
func (s *Service) RotateKey(ctx context.Context, caller access.Caller, organizationID, id int64, overlap time.Duration) (tokens.Issued, error) {
	if err := caller.Require(storage.ScopeAdmin, organizationID); err != nil {
		return tokens.Issued{}, err
	}
	if overlap < 0 || overlap > longestOverlap {
		return tokens.Issued{}, storage.Invalidf("previous_expires_in", "want 0 to %d seconds", longestOverlap/time.Second)
	}
	var issued tokens.Issued
	err := s.change(ctx, organizationID, id, func(ctx context.Context, i storage.Installation) error {
		if err := s.endKeys(ctx, i, overlap); err != nil {
			return err
		}
		var err error
		if issued, err = s.Tokens.IssueExtensionKey(ctx, caller, organizationID, id); err != nil {
			return err
		}
		return s.record(ctx, caller, "extension.key_rotated", i, map[string]any{
			"key_id": issued.Token.ID, "token_prefix": issued.Token.Prefix, "previous_expires_in": int64(overlap / time.Second),
		})
	})
	if err != nil {
		return tokens.Issued{}, err
	}
	return issued, nil
}

// endKeys lets the keys that are open end after the overlap.
func (s *Service) endKeys(ctx context.Context, i storage.Installation, overlap time.Duration) error {
	now := s.Clock()
	if overlap == 0 {
		_, err := s.Store.RevokeTokens(ctx, keysOf(i), now)
		return err
	}
	filter := keysOf(i)
	filter.ActiveAt = now
	open, err := s.Store.OpaqueTokens(ctx, filter, storage.Page{Limit: mostOpenKeys})
	if err != nil {
		return err
	}
	if len(open) >= mostOpenKeys {
		return access.Refuse("too_many_keys", "the extension %s has %d keys that work: close one, or let the others end at once", i.Key, len(open))
	}
	return s.Store.ExpireTokens(ctx, filter, now.Add(overlap))
}

// CloseKey ends one key of an installation at once; one that has ended stays so. It
// returns access.ErrDenied, or storage.ErrNotFound if the installation never had
// such a key.
func (s *Service) CloseKey(ctx context.Context, caller access.Caller, organizationID, id, keyID int64) error {
	if err := caller.Require(storage.ScopeAdmin, organizationID); err != nil {
		return err
	}
	return s.change(ctx, organizationID, id, func(ctx context.Context, i storage.Installation) error {
		key, err := s.Store.OpaqueTokenByID(ctx, organizationID, storage.ExtensionKey, keyID)
		if err == nil && key.InstallationID != id {
			err = storage.ErrNotFound
		}
		if err != nil {
			return fmt.Errorf("finding the key: %w", err)
		}
		changed, err := s.Store.RevokeToken(ctx, storage.TokenReferenceOf(key), s.Clock())
		if err != nil || !changed {
			return err
		}
		return s.record(ctx, caller, "extension.key_closed", i, map[string]any{"key_id": key.ID, "token_prefix": key.Prefix})
	})
}

// keysOf names the keys of an installation.
func keysOf(i storage.Installation) storage.TokenFilter {
	return storage.TokenFilter{
		OrganizationID: i.OrganizationID, Kinds: []storage.TokenKind{storage.ExtensionKey}, InstallationID: i.ID,
	}
}
