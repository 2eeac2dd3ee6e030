package clients

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"kiket.dev/auth/server/access"
	"kiket.dev/auth/server/audit"
	"kiket.dev/auth/server/tokens"
	"kiket.dev/auth/storage"
)

// Service holds the verbs. All fields are required.
type Service struct {
	Store interface {
		storage.Transactor
		storage.OrganizationStore
		storage.ClientStore
	}
	Audit     *audit.Recorder
	Catalogue storage.Catalogue
	// AccessTokenLifetime is the upper bound for every application.
	AccessTokenLifetime time.Duration
	// CheckURL says why an address that a client gives may not be asked, nil if it may.
	CheckURL func(string) error
	Clock    func() time.Time
}

// Registered is a client with its secret, which is known here and never again. It is
// empty if the client has none.
type Registered struct {
	Client storage.Client
	Secret storage.Secret
}

// register stores a client with how it authenticates, which has been checked.
func (s *Service) register(ctx context.Context, caller access.Caller, action string, a Authentication, c storage.Client) (Registered, error) {
	c.CreatedAt = s.Clock()
	c.AuthMethods, c.JWKS, c.JWKSURI, c.TokenURLAudience = a.Methods, a.JWKS, a.JWKSURI, a.TokenURLAudience
	var secret storage.Secret
	if takesSecrets(a.Methods) {
		var kept storage.ClientSecret
		secret, kept = newSecret(c.CreatedAt)
		c.Secrets = []storage.ClientSecret{kept}
	}
	err := s.Store.Transaction(ctx, func(ctx context.Context) error {
		if err := s.Store.CreateClient(ctx, &c); err != nil {
			return fmt.Errorf("registering %s: %w", c.Name, err)
		}
		return s.Audit.Record(ctx, caller, audit.Event{
			OrganizationID: c.OrganizationID, Action: action, Target: c.Party(),
			Details: map[string]any{
				"client_id": c.ClientID, "scopes": c.Scopes, "identifier": c.Identifier,
				"token_endpoint_auth_methods": a.Methods, "jwks": json.RawMessage(a.JWKS), "jwks_uri": a.JWKSURI,
				"token_url_audience": a.TokenURLAudience,
			},
		})
	})
	if err != nil {
		return Registered{}, err
	}
	return Registered{Client: c, Secret: secret}, nil
}

// newClientID makes a client id of [A-Za-z0-9_], 96 random bits.
func newClientID(prefix string) string {
	random := make([]byte, 12)
	_, _ = rand.Read(random) // never fails, see crypto/rand
	return prefix + hex.EncodeToString(random)
}

// newSecret makes a secret and what is kept of it.
func newSecret(now time.Time) (storage.Secret, storage.ClientSecret) {
	secret := tokens.Generate(tokens.PrefixClientSecret)
	return secret, storage.ClientSecret{
		Digest: secret.Digest(), Prefix: tokens.Shown(tokens.PrefixClientSecret, secret), CreatedAt: now,
	}
}
