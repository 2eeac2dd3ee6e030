package gormstore

import (
	"context"
	"fmt"
	"slices"

	"gorm.io/gorm"

	"kiket.dev/auth/storage"
)

// CredentialByReference implements [storage.TokenStore]: one SELECT reads the
// token with all that decides whether it works.
func (s *Store) CredentialByReference(ctx context.Context, ref storage.TokenReference) (storage.Credential, error) {
	l := s.opaqueTokens
	if ref.Kind == storage.AccessToken {
		l = s.accessTokens
	}
	if err := findable(ref.Value); err != nil {
		return storage.Credential{}, fmt.Errorf("%s: %w", l.doing, err)
	}
	return l.in(ctx, s, ref)
}

// joined is a token's row with the rows that it depends on, of which those that
// do not apply, or are gone, are NULL.
type joined struct {
	token tokenRow

	client     joinedClient
	keyTrusted bool
	// secretRevoked is false for a token that was fetched without a secret, or whose
	// secret is gone.
	secretRevoked bool

	ownerID     reference
	ownerName   text
	ownerEmail  text
	ownerRole   text
	ownerJoined moment

	installation joinedInstallation
}

// installationColumns are the columns of joinedInstallation, in the order of its scan
// targets.
const installationColumns = "i.id, i.organization_id, i.project_id, i.key, i.name, i.version, i.permissions, i.created_at, i.uninstalled_at"

// joinedInstallation is an installationRow, without its manifest, that may be absent:
// all NULL.
type joinedInstallation struct {
	id, organization, project       reference
	key, name, version, permissions text
	installed, uninstalled          moment
}

func (i *joinedInstallation) targets() []any {
	return []any{&i.id, &i.organization, &i.project, &i.key, &i.name, &i.version, &i.permissions, &i.installed, &i.uninstalled}
}

func (i *joinedInstallation) domain() storage.Installation {
	if i.id == 0 {
		return storage.Installation{}
	}
	return storage.Installation{
		ID: int64(i.id), OrganizationID: int64(i.organization), ProjectID: int64(i.project),
		Key: string(i.key), Name: string(i.name), Version: string(i.version),
		Permissions: storage.ParseScopes(string(i.permissions)),
		CreatedAt:   i.installed.time(), UninstalledAt: i.uninstalled.time(),
	}
}

// The kind is named in both, and in the first a span of expiries too, so that
// PostgreSQL touches the partitions where the tokens lie and no others. It is a
// span and not a list, because PostgreSQL looks into the index once for every
// combination of two lists.
const (
	accessTokenHead = "SELECT " + tokenColumns + ", " + clientColumns + `,
	k.key_id IS NOT NULL AND k.revoked_at IS NULL, COALESCE(s.tokens_revoked, FALSE)
FROM tokens t
LEFT JOIN clients c ON c.id = t.client_id
LEFT JOIN signing_keys k ON k.key_id = t.key_id
LEFT JOIN client_secrets s ON s.id = t.client_secret_id
WHERE t.kind = 'access_token' AND t.reference`
	accessTokenTail = " AND t.expires_at >= ? AND t.expires_at <= ?"

	opaqueTokenHead = "SELECT " + tokenColumns + `,
	u.id, ` + memberName + `, u.email, m.role, m.created_at, ` + installationColumns + `
FROM tokens t
LEFT JOIN memberships m ON m.organization_id = t.organization_id AND m.user_id = t.user_id
LEFT JOIN users u ON u.id = m.user_id
LEFT JOIN installations i ON i.organization_id = t.organization_id AND i.id = t.installation_id
WHERE t.kind IN ('workspace_api_token', 'extension_key', 'session') AND t.reference`
)

func (j *joined) accessTargets() []any {
	return append(append(j.token.targets(), j.client.targets()...), &j.keyTrusted, &j.secretRevoked)
}

func (j *joined) opaqueTargets() []any {
	owner := []any{&j.ownerID, &j.ownerName, &j.ownerEmail, &j.ownerRole, &j.ownerJoined}
	return slices.Concat(j.token.targets(), owner, j.installation.targets())
}

func (j *joined) domain() storage.Credential {
	c := storage.Credential{Token: j.token.domain()}
	if c.Token.Kind == storage.AccessToken {
		c.Client, c.KeyRevoked, c.SecretRevoked = j.client.domain(), !j.keyTrusted, j.secretRevoked
		return c
	}
	if j.ownerID != 0 {
		c.Owner = storage.Member{
			UserID: int64(j.ownerID), Name: string(j.ownerName),
			Email: string(j.ownerEmail), Role: storage.Role(j.ownerRole), JoinedAt: j.ownerJoined.time(),
		}
	}
	c.Installation = j.installation.domain()
	return c
}

// matches reports whether the row is what ref names, and not one with the same
// value and another kind or expiry.
func (j *joined) matches(ref storage.TokenReference) bool {
	return j.token.Kind == string(ref.Kind) &&
		(ref.Kind != storage.AccessToken || j.token.ExpiresAt.time().Equal(ref.ExpiresAt))
}

func newAccessTokenLookup(s *Store) lookup[storage.TokenReference, storage.Credential] {
	return newTokenLookup(s, newSelection(s.dialect, accessTokenHead, accessTokenTail), expirySpan, (*joined).accessTargets)
}

func newOpaqueTokenLookup(s *Store) lookup[storage.TokenReference, storage.Credential] {
	none := func([]storage.TokenReference) []any { return nil }
	return newTokenLookup(s, newSelection(s.dialect, opaqueTokenHead, ""), none, (*joined).opaqueTargets)
}

// expirySpan returns the earliest and the latest expiry of the references.
func expirySpan(refs []storage.TokenReference) []any {
	earliest, latest := refs[0].ExpiresAt, refs[0].ExpiresAt
	for _, ref := range refs[1:] {
		if ref.ExpiresAt.Before(earliest) {
			earliest = ref.ExpiresAt
		}
		if ref.ExpiresAt.After(latest) {
			latest = ref.ExpiresAt
		}
	}
	return []any{stored(earliest), stored(latest)}
}

func newTokenLookup(s *Store, selection selection, tail func([]storage.TokenReference) []any, targets func(*joined) []any) lookup[storage.TokenReference, storage.Credential] {
	return newLookup(s, "reading a token", func(ctx context.Context, pool gorm.ConnPool, refs []storage.TokenReference) ([]answer[storage.Credential], error) {
		values := make([]string, len(refs))
		for i, ref := range refs {
			values[i] = ref.Value
		}
		rows := make(map[string][]*joined, len(refs))
		err := selection.each(ctx, pool, values, tail(refs), func(scan func(...any) error) error {
			row := new(joined)
			if err := scan(targets(row)...); err != nil {
				return err
			}
			rows[row.token.Reference] = append(rows[row.token.Reference], row)
			return nil
		})
		answers := make([]answer[storage.Credential], len(refs))
		for i, ref := range refs {
			answers[i].err = storage.ErrNotFound
			for _, row := range rows[ref.Value] {
				if row.matches(ref) {
					answers[i] = answer[storage.Credential]{value: row.domain()}
				}
			}
		}
		return answers, err
	})
}
