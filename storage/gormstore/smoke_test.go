package gormstore

import (
	"testing"
	"time"
	"context"
	"path/filepath"

	"kiket.dev/auth/storage"
)

func TestSmoke(t *testing.T) {
	for name, url := range map[string]string{"postgres": cluster.NewDatabase(t), "sqlite": "sqlite:"+filepath.Join(t.TempDir(), "a.db"), "memory": "sqlite::memory:"} {
		t.Run(name, func(t *testing.T) {
			ctx := context.Background()
			s, err := Open(Options{URL: storage.NewSecret(url)})
			if err != nil { t.Fatal(err) }
			defer s.Close()
			ok, err := s.Migrated(ctx); t.Log(ok, err)
			_, err = s.CountOrganizations(ctx); t.Log(err)
			n, err := s.Migrate(ctx); t.Log(n, err)
			if err != nil { t.Fatal(err) }
			st, err := s.MigrationStatus(ctx); t.Log(st, err)
			now := time.Now()
			o := storage.Organization{Slug: "a", Name: "A", CreatedAt: now}
			t.Log(s.CreateOrganization(ctx, &o), o)
			o2 := o
			t.Log(s.CreateOrganization(ctx, &o2))
			c := storage.Client{Kind: storage.Application, OrganizationID: o.ID, ClientID: "x", Name: "X", Scopes: storage.NewScopes("issues"), CreatedAt: now, Secrets: []storage.ClientSecret{{Digest: "abc", Prefix: "kcs", CreatedAt: now}}, AuthMethods: []storage.AuthMethod{storage.AuthSecretBasic}}
			t.Log(s.CreateClient(ctx, &c))
			got, err := s.ClientByClientID(ctx, "x")
			t.Log(got, err)
			t.Log(s.CreateSigningKey(ctx, storage.SigningKey{KeyID: "k", CreatedAt: now, ActiveAt: now}))
			t.Log(s.PrepareTokens(ctx, now, now.Add(24*time.Hour)))
			tok := storage.Token{Kind: storage.AccessToken, OrganizationID: o.ID, Reference: "jti", Scopes: storage.NewScopes("issues"), CreatedAt: now, ExpiresAt: now.Add(time.Hour).Truncate(time.Second), ClientID: c.ID, KeyID: "k"}
			t.Log(s.CreateToken(ctx, &tok), tok.ID)
			cred, err := s.CredentialByReference(ctx, storage.TokenReferenceOf(tok))
			t.Logf("%+v %v %v", cred, err, cred.Active(now))
			t.Log(s.RevokeToken(ctx, storage.TokenReferenceOf(tok), now))
			t.Log(s.RevokeToken(ctx, storage.TokenReferenceOf(tok), now))
			cred, err = s.CredentialByReference(ctx, storage.TokenReferenceOf(tok))
			t.Log(err, cred.Active(now))
			t.Log(s.SweepTokens(ctx, now.Add(48*time.Hour)))
		})
	}
}
