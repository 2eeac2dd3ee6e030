package gormstore

import (
	"bytes"
	"context"
	"fmt"

	"gorm.io/gorm"

	"kiket.dev/auth/storage"
)

// clientColumns are the columns of joinedClient, in the order of its scan targets.
const clientColumns = `c.id, c.kind, c.organization_id, c.client_id, c.name, c.auth_methods, c.scopes,
	c.access_token_lifetime, c.identifier, c.created_at, c.disabled_at, c.last_used_at, c.tokens_revoked_through`

// joinedClient is a clientRow that may be absent: all NULL.
type joinedClient struct {
	id, organization, lifetime, revoked   reference
	kind, clientID, name, methods, scopes text
	identifier                            text
	created, disabled, lastUsed           moment
}

func (c *joinedClient) targets() []any {
	return []any{
		&c.id, &c.kind, &c.organization, &c.clientID, &c.name, &c.methods, &c.scopes,
		&c.lifetime, &c.identifier, &c.created, &c.disabled, &c.lastUsed, &c.revoked,
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
		TokensRevokedThrough: int64(c.revoked),
	}.domain()
}

// keyedClient is a joinedClient with what else it can authenticate with: keys, which a
// look-up of tokens does without.
type keyedClient struct {
	joinedClient
	jwks             blob
	jwksURI          text
	tokenURLAudience bool
	used             joinedUse
}

// joinedUse is where something was used last; all NULL if it is absent.
type joinedUse struct {
	address, userAgent text
	server             reference
}

func (u *joinedUse) targets() []any { return []any{&u.address, &u.userAgent, &u.server} }

func (c *keyedClient) targets() []any {
	return append(append(c.joinedClient.targets(), &c.jwks, &c.jwksURI, &c.tokenURLAudience), c.used.targets()...)
}

func (c *keyedClient) domain() storage.Client {
	client := c.joinedClient.domain()
	client.JWKS, client.JWKSURI, client.TokenURLAudience = bytes.Clone(c.jwks), string(c.jwksURI), c.tokenURLAudience
	client.LastUsedAddress, client.LastUsedUserAgent, client.LastUsedServerID = string(c.used.address), string(c.used.userAgent), int64(c.used.server)
	return client
}

// clientSecretColumns are those of a client c and of one of its secrets s, in the
// order of the scan targets of keyedClient and joinedSecret.
const clientSecretColumns = clientColumns + `, c.jwks, c.jwks_uri, c.token_url_audience,
	c.last_used_address, c.last_used_user_agent, c.last_used_server_id, s.id, s.digest, s.prefix, s.created_at, s.expires_at,
	s.last_used_at, s.last_used_address, s.last_used_user_agent, s.last_used_server_id`

// openSecrets joins the secrets that are not closed to the clients c.
const openSecrets = "LEFT JOIN client_secrets s ON s.client_id = c.id AND s.closed_at IS NULL"

// joinedSecret is a clientSecretRow that may be absent.
type joinedSecret struct {
	id                         reference
	digest, prefix             text
	created, expires, lastUsed moment
	used                       joinedUse
}

func (s *joinedSecret) targets() []any {
	return append([]any{&s.id, &s.digest, &s.prefix, &s.created, &s.expires, &s.lastUsed}, s.used.targets()...)
}

func (s *joinedSecret) domain() storage.ClientSecret {
	return storage.ClientSecret{
		ID: int64(s.id), Digest: string(s.digest), Prefix: string(s.prefix),
		CreatedAt: s.created.time(), ExpiresAt: s.expires.time(), LastUsedAt: s.lastUsed.time(),
		LastUsedAddress: string(s.used.address), LastUsedUserAgent: string(s.used.userAgent), LastUsedServerID: int64(s.used.server),
	}
}

// foundClient is a client with its secrets.
type foundClient struct {
	client  keyedClient
	secrets []joinedSecret
}

// domain makes the client anew at each call, so that no two callers share a slice.
func (f *foundClient) domain() storage.Client {
	client := f.client.domain()
	for _, secret := range f.secrets {
		client.Secrets = append(client.Secrets, secret.domain())
	}
	return client
}

// clientSet puts together rows of clientSecretColumns, of which those of one client
// follow each other.
type clientSet struct{ order []*foundClient }

func (c *clientSet) add(scan func(...any) error) error {
	f := new(foundClient)
	var secret joinedSecret
	if err := scan(append(f.client.targets(), secret.targets()...)...); err != nil {
		return err
	}
	if last := len(c.order) - 1; last >= 0 && c.order[last].client.id == f.client.id {
		f = c.order[last]
	} else {
		c.order = append(c.order, f)
	}
	if secret.id != 0 {
		f.secrets = append(f.secrets, secret)
	}
	return nil
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
		"SELECT "+clientSecretColumns+" FROM clients c "+openSecrets+" WHERE c.client_id",
		" ORDER BY c.id, s.id")
	return newLookup(s, "reading a client", func(ctx context.Context, pool gorm.ConnPool, keys []string) ([]answer[storage.Client], error) {
		var found clientSet
		err := selection.each(ctx, pool, keys, nil, found.add)
		clients := make(map[string]*foundClient, len(found.order))
		for _, f := range found.order {
			clients[string(f.client.clientID)] = f
		}
		answers := make([]answer[storage.Client], len(keys))
		for i, key := range keys {
			if f := clients[key]; f != nil {
				answers[i].value = f.domain()
			} else {
				answers[i].err = storage.ErrNotFound
			}
		}
		return answers, err
	})
}
