package gormstore

import (
	"context"
	"fmt"

	"gorm.io/gorm"

	"kiket.dev/auth/storage"
)

// clientColumns are the columns of joinedClient, in the order of its scan targets.
const clientColumns = `c.id, c.kind, c.organization_id, c.client_id, c.name, c.auth_methods, c.scopes,
	c.access_token_lifetime, c.identifier, c.created_at, c.disabled_at, c.last_used_at`

// joinedClient is a clientRow that may be absent: all NULL.
type joinedClient struct {
	id, organization, lifetime            reference
	kind, clientID, name, methods, scopes text
	identifier                            text
	created, disabled, lastUsed           moment
}

func (c *joinedClient) targets() []any {
	return []any{
		&c.id, &c.kind, &c.organization, &c.clientID, &c.name, &c.methods, &c.scopes,
		&c.lifetime, &c.identifier, &c.created, &c.disabled, &c.lastUsed,
	}
}

func (c *joinedClient) domain() storage.Client {
	if c.id == 0 {
		return storage.Client{}
	}
	return clientRow{
		ID: int64(c.id), Kind: string(c.kind), OrganizationID: c.organization,
		ClientID: string(c.clientID), Name: string(c.name),
		AuthMethods: string(c.methods), Scopes: string(c.scopes),
		AccessTokenLifetime: int64(c.lifetime), Identifier: string(c.identifier),
		CreatedAt: c.created, DisabledAt: c.disabled, LastUsedAt: c.lastUsed,
	}.domain()
}

// joinedSecret is a clientSecretRow that may be absent.
type joinedSecret struct {
	id                         reference
	digest, prefix             text
	created, expires, lastUsed moment
}

func (s *joinedSecret) domain() storage.ClientSecret {
	return storage.ClientSecret{
		ID: int64(s.id), Digest: string(s.digest), Prefix: string(s.prefix),
		CreatedAt: s.created.time(), ExpiresAt: s.expires.time(), LastUsedAt: s.lastUsed.time(),
	}
}

// ClientByClientID implements [storage.ClientStore]. The secrets come in the
// order in which they were added.
func (s *Store) ClientByClientID(ctx context.Context, clientID string) (storage.Client, error) {
	if err := findable(clientID); err != nil {
		return storage.Client{}, fmt.Errorf("%s: %w", s.clients.doing, err)
	}
	return s.clients.in(ctx, s, clientID)
}

func newClientLookup(s *Store) lookup[string, storage.Client] {
	selection := newSelection(s.dialect,
		"SELECT "+clientColumns+`, s.id, s.digest, s.prefix, s.created_at, s.expires_at, s.last_used_at
		FROM clients c LEFT JOIN client_secrets s ON s.client_id = c.id WHERE c.client_id`,
		" ORDER BY c.id, s.id")
	return newLookup(s, "reading a client", func(ctx context.Context, pool gorm.ConnPool, keys []string) ([]answer[storage.Client], error) {
		type found struct {
			client  joinedClient
			secrets []joinedSecret
		}
		clients := make(map[string]*found, len(keys))
		err := selection.each(ctx, pool, keys, nil, func(scan func(...any) error) error {
			var client joinedClient
			var secret joinedSecret
			err := scan(append(client.targets(), &secret.id, &secret.digest, &secret.prefix,
				&secret.created, &secret.expires, &secret.lastUsed)...)
			if err != nil {
				return err
			}
			f := clients[string(client.clientID)]
			if f == nil {
				f = &found{client: client}
				clients[string(client.clientID)] = f
			}
			if secret.id != 0 {
				f.secrets = append(f.secrets, secret)
			}
			return nil
		})
		answers := make([]answer[storage.Client], len(keys))
		for i, key := range keys {
			f := clients[key]
			if f == nil {
				answers[i].err = storage.ErrNotFound
				continue
			}
			// Made anew for each key, so that no two callers share a slice.
			answers[i].value = f.client.domain()
			for _, secret := range f.secrets {
				answers[i].value.Secrets = append(answers[i].value.Secrets, secret.domain())
			}
		}
		return answers, err
	})
}
