package provider

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/ory/fosite"
	"github.com/ory/fosite/handler/oauth2"

	"kiket.dev/auth/keys"
	"kiket.dev/auth/server/tokens"
	"kiket.dev/auth/storage"
)

// typeAccessToken is the media type of a JWT access token (RFC 9068 section 2.1).
const typeAccessToken = "at+jwt"

// accessClaims are the claims of an access token (RFC 9068 section 2.2).
type accessClaims struct {
	Issuer         string `json:"iss"`
	Subject        string `json:"sub"`
	ClientID       string `json:"client_id"`
	Audience       string `json:"aud"`
	ExpiresAt      int64  `json:"exp"`
	IssuedAt       int64  `json:"iat"`
	ID             string `json:"jti"`
	Scope          string `json:"scope"`
	OrganizationID int64  `json:"organization_id"`
}

// strategy makes and recognises the tokens of all kinds. What fosite calls a
// signature is what a token is found by, written by signatureOf.
type strategy struct {
	ring   *keys.Ring
	issuer string
	clock  func() time.Time
}

var _ oauth2.AccessTokenStrategy = (*strategy)(nil)

// GenerateAccessToken makes the token that the session describes and completes
// the description.
func (s *strategy) GenerateAccessToken(ctx context.Context, r fosite.Requester) (token, signature string, err error) {
	described, ok := r.GetSession().(*session)
	if !ok || described.token == nil {
		return "", "", errors.New("generating a token that nobody described")
	}
	t := described.token
	if prefix, opaque := tokens.PrefixOf(t.Kind); opaque {
		secret := tokens.Generate(prefix)
		t.Reference = secret.Digest()
		t.Prefix = tokens.Shown(prefix, secret)
		return secret.Reveal(), signatureOf(storage.TokenReferenceOf(*t)), nil
	}
	t.Reference = newTokenID()
	token, t.KeyID, err = s.ring.Sign(ctx, typeAccessToken, accessClaims{
		Issuer:         s.issuer,
		Subject:        r.GetClient().GetID(),
		ClientID:       r.GetClient().GetID(),
		Audience:       t.Audience,
		ExpiresAt:      t.ExpiresAt.Unix(),
		IssuedAt:       t.CreatedAt.Unix(),
		ID:             t.Reference,
		Scope:          t.Scopes.String(),
		OrganizationID: t.OrganizationID,
	})
	if err != nil {
		return "", "", fmt.Errorf("signing an access token: %w", err)
	}
	return token, signatureOf(storage.TokenReferenceOf(*t)), nil
}

// AccessTokenSignature returns what the token is found by, or "" for a text
// that this server cannot have issued. A JWT is found by its jti once its
// signature has been verified, so that a second spelling of it is no token.
func (s *strategy) AccessTokenSignature(ctx context.Context, token string) string {
	if _, opaque := tokens.KindOf(token); opaque {
		ref, _ := tokens.ReferenceOf(token)
		return signatureOf(ref)
	}
	verified, err := s.ring.Verify(ctx, token, typeAccessToken)
	if err != nil {
		remember(ctx, err)
		return ""
	}
	var claims accessClaims
	if json.Unmarshal(verified.Claims, &claims) != nil || claims.Issuer != s.issuer || claims.ID == "" || claims.ExpiresAt <= 0 {
		return ""
	}
	return signatureOf(storage.TokenReference{
		Kind: storage.AccessToken, Value: claims.ID, ExpiresAt: time.Unix(claims.ExpiresAt, 0).UTC(),
	})
}

// ValidateAccessToken says whether the credential that was found works now.
func (s *strategy) ValidateAccessToken(ctx context.Context, r fosite.Requester, _ string) error {
	seen, ok := r.GetSession().(*session)
	if !ok {
		return fosite.ErrInactiveToken
	}
	if !seen.credential.Active(s.clock()) {
		callOf(ctx).inactive = seen.credential
		return fosite.ErrInactiveToken
	}
	return nil
}

// newTokenID makes a jti of 128 random bits.
func newTokenID() string {
	random := make([]byte, 16)
	_, _ = rand.Read(random) // never fails, see crypto/rand
	return base64.RawURLEncoding.EncodeToString(random)
}

// signatureOf writes a reference as fosite's signature: kind, expiry and value,
// or "" for none.
func signatureOf(ref storage.TokenReference) string {
	if ref.Value == "" {
		return ""
	}
	var expiry int64
	if !ref.ExpiresAt.IsZero() {
		expiry = ref.ExpiresAt.Unix()
	}
	return string(ref.Kind) + " " + strconv.FormatInt(expiry, 10) + " " + ref.Value
}

// referenceOf reads what signatureOf wrote.
func referenceOf(signature string) (storage.TokenReference, bool) {
	kind, rest, _ := strings.Cut(signature, " ")
	expiry, value, ok := strings.Cut(rest, " ")
	if !ok {
		return storage.TokenReference{}, false
	}
	ref := storage.TokenReference{Kind: storage.TokenKind(kind), Value: value}
	if seconds, err := strconv.ParseInt(expiry, 10, 64); err == nil && seconds != 0 {
		ref.ExpiresAt = time.Unix(seconds, 0).UTC()
	}
	return ref, true
}
