package clients

import (
	"context"
	"encoding/hex"
	"errors"
	"log/slog"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"kiket.dev/auth/server/assertions"
	"kiket.dev/auth/server/tokens"
	"kiket.dev/auth/storage"
	"kiket.dev/auth/storage/gormstore"
)

func TestMatchSecret(t *testing.T) {
	now := newClock().Now()
	right, other := tokens.Generate(tokens.PrefixClientSecret), tokens.Generate(tokens.PrefixClientSecret)
	secret := func(id int64, digest string, expires time.Time) storage.ClientSecret {
		return storage.ClientSecret{ID: id, Digest: digest, ExpiresAt: expires}
	}
	never, digest := time.Time{}, right.Digest()
	for _, tt := range []struct {
		name    string
		secrets []storage.ClientSecret
		want    int64 // 0: none
	}{
		{"the one", []storage.ClientSecret{secret(1, digest, never)}, 1},
		{"the first", []storage.ClientSecret{secret(1, digest, never), secret(2, other.Digest(), never)}, 1},
		{"the last", []storage.ClientSecret{secret(1, other.Digest(), never), secret(2, digest, never)}, 2},
		{"until later", []storage.ClientSecret{secret(1, digest, now.Add(1))}, 1},
		{"until now", []storage.ClientSecret{secret(1, digest, now)}, 0},
		{"expired", []storage.ClientSecret{secret(1, digest, now.Add(-time.Hour))}, 0},
		{"expired, and another", []storage.ClientSecret{secret(1, digest, now), secret(2, other.Digest(), never)}, 0},
		{"expired, and renewed", []storage.ClientSecret{secret(2, digest, never), secret(1, digest, now)}, 2},
		{"none", nil, 0},
		{"another", []storage.ClientSecret{secret(1, other.Digest(), never)}, 0},
		{"empty digest", []storage.ClientSecret{secret(1, "", never)}, 0},
		{"beginning of the digest", []storage.ClientSecret{secret(1, digest[:63], never), secret(2, digest[:8], never)}, 0},
		{"more than the digest", []storage.ClientSecret{secret(1, digest+"0", never), secret(2, digest+digest, never)}, 0},
		{"digest in upper case", []storage.ClientSecret{secret(1, strings.ToUpper(digest), never)}, 0},
		{"digest with a space", []storage.ClientSecret{secret(1, digest+" ", never)}, 0},
		{"the text itself", []storage.ClientSecret{secret(1, right.Reveal(), never)}, 0},
		{"another hash", []storage.ClientSecret{secret(1, "$2a$12$"+digest[:53], never)}, 0},
		{"nobody's", nobody.Secrets, 0},
	} {
		id, matched := matchSecret(tt.secrets, right, now)
		if id != tt.want || matched != (tt.want != 0) {
			t.Errorf("%s: matched %t, secret %d; want %d", tt.name, matched, id, tt.want)
		}
	}
	for _, s := range []storage.ClientSecret{{Digest: ""}, nobody.Secrets[0], {Digest: digest}} {
		if _, matched := matchSecret([]storage.ClientSecret{s}, storage.Secret{}, now); matched {
			t.Errorf("no secret matches the digest %q", s.Digest)
		}
	}
}

// A client that does not exist costs the comparisons that one costs which does,
// and would be refused even if one of them succeeded.
func TestNobody(t *testing.T) {
	if len(nobody.Secrets) != 1 || !nobody.Secrets[0].Open(time.Now()) {
		t.Errorf("has the secrets %+v, want one that is open", nobody.Secrets)
	}
	if digest, err := hex.DecodeString(nobody.Secrets[0].Digest); err != nil || len(digest) != 32 {
		t.Errorf("the digest %q is not as long as one", nobody.Secrets[0].Digest)
	}
	for _, method := range []storage.AuthMethod{storage.AuthSecretBasic, storage.AuthSecretPost} {
		if !nobody.Uses(method) {
			t.Errorf("does not use %s", method)
		}
	}
	if nobody.Enabled() {
		t.Error("is enabled")
	}
}

func TestValidClientID(t *testing.T) {
	for _, id := range []string{"a", "app_0123456789abcdef", "A-Z_09", strings.Repeat("x", maxClientIDLength), newClientID("rs_")} {
		if !validClientID(id) {
			t.Errorf("%q is refused", id)
		}
	}
	for _, id := range []string{
		"", " ", "a b", "a\x00", "\xff", "é", "a:b", "a%", "a/b", "a.b", "a'", `a"`, "a\n", "a=b", strings.Repeat("x", maxClientIDLength+1),
	} {
		if validClientID(id) {
			t.Errorf("%q is accepted", id)
		}
	}
}

// nowhere fetches nothing.
type nowhere struct{}

func (nowhere) Fetch(context.Context, string) ([]byte, error) {
	return nil, errors.New("there is no network here")
}

// office is an authenticator with clients to authenticate.
type office struct {
	failed []string // client id and address
	*Authenticator
	t     *testing.T
	store *gormstore.Store
	now   *clock

	organization int64
}

func newOffice(t *testing.T) *office {
	t.Helper()
	store, err := gormstore.Open(gormstore.Options{URL: storage.NewSecret("sqlite::memory:")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	if _, err := store.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	now := newClock()
	acme := storage.Organization{Slug: "acme", Name: "Acme", CreatedAt: now.Now()}
	if err := store.CreateOrganization(t.Context(), &acme); err != nil {
		t.Fatal(err)
	}
	o := &office{t: t, store: store, now: now, organization: acme.ID}
	o.Authenticator = &Authenticator{
		Store: store, Throttle: NewThrottle(now.Now), Assertions: &assertions.Verifier{Clock: now.Now},
		Published: assertions.NewRemoteKeys(nowhere{}, now.Now, slog.New(slog.DiscardHandler)),
		Issuer:    "https://auth.example.com", TokenURL: "https://auth.example.com/oauth/token", Clock: now.Now,
		Failed: func(clientID, address string) { o.failed = append(o.failed, clientID+" "+address) },
	}
	return o
}

// client registers one that uses the methods and has a secret for each expiry.
func (o *office) client(methods []storage.AuthMethod, expiries ...time.Time) (storage.Client, []storage.Secret) {
	o.t.Helper()
	c := storage.Client{
		Kind: storage.Application, OrganizationID: o.organization, ClientID: newClientID("app_"),
		AuthMethods: methods, CreatedAt: o.now.Now(),
	}
	c.Name = c.ClientID
	var secrets []storage.Secret
	for _, expires := range expiries {
		secret := tokens.Generate(tokens.PrefixClientSecret)
		secrets = append(secrets, secret)
		c.Secrets = append(c.Secrets, storage.ClientSecret{Digest: secret.Digest(), CreatedAt: o.now.Now(), ExpiresAt: expires})
	}
	if err := o.store.CreateClient(o.t.Context(), &c); err != nil {
		o.t.Fatal(err)
	}
	return c, secrets
}

func (o *office) disable(c storage.Client) {
	o.t.Helper()
	now := o.now.Now()
	if err := o.store.UpdateClient(o.t.Context(), c.OrganizationID, c.ID, storage.ClientUpdate{DisabledAt: &now}); err != nil {
		o.t.Fatal(err)
	}
}

func basic(id, secret string) Presented {
	return Presented{Authorization: encoded(url.QueryEscape(id) + ":" + url.QueryEscape(secret))}
}

func post(id, secret string) Presented {
	return Presented{Form: url.Values{"client_id": {id}, "client_secret": {secret}}}
}

func TestAuthenticate(t *testing.T) {
	o := newOffice(t)
	both := []storage.AuthMethod{storage.AuthSecretBasic, storage.AuthSecretPost}
	later := o.now.Now().Add(time.Hour)
	rotated, secrets := o.client(both, later, time.Time{})
	onlyPost, postSecret := o.client(both[1:], time.Time{})
	disabled, disabledSecret := o.client(both, time.Time{})
	o.disable(disabled)
	without, _ := o.client(both)
	expired, expiredSecret := o.client(both, o.now.Now())
	wrong := tokens.Generate(tokens.PrefixClientSecret).Reveal()
	right := secrets[1].Reveal()
	for _, tt := range []struct {
		name      string
		presented Presented
		client    storage.Client // none: refused
		secret    int            // which of its
		method    storage.AuthMethod
	}{
		{"basic", basic(rotated.ClientID, right), rotated, 1, storage.AuthSecretBasic},
		{"post", post(rotated.ClientID, right), rotated, 1, storage.AuthSecretPost},
		{"the previous secret", basic(rotated.ClientID, secrets[0].Reveal()), rotated, 0, storage.AuthSecretBasic},
		{"the registered method", post(onlyPost.ClientID, postSecret[0].Reveal()), onlyPost, 0, storage.AuthSecretPost},
		{name: "another method", presented: basic(onlyPost.ClientID, postSecret[0].Reveal())},
		{name: "wrong secret", presented: basic(rotated.ClientID, wrong)},
		{name: "another client's secret", presented: basic(rotated.ClientID, postSecret[0].Reveal())},
		{name: "secret in upper case", presented: basic(rotated.ClientID, strings.ToUpper(right))},
		{name: "digest of the secret", presented: basic(rotated.ClientID, secrets[1].Digest())},
		{name: "no secret", presented: basic(rotated.ClientID, "")},
		{name: "part of the secret", presented: basic(rotated.ClientID, right[:51])},
		{name: "more than the secret", presented: basic(rotated.ClientID, right+"0")},
		{name: "secret with a space", presented: post(rotated.ClientID, right+" ")},
		{name: "id in upper case", presented: basic(strings.ToUpper(rotated.ClientID), right)},
		{name: "id and a space", presented: post(rotated.ClientID+" ", right)},
		{name: "id and a NUL", presented: post(rotated.ClientID+"\x00", right)},
		{name: "id that is no text", presented: post("\xff", right)},
		{name: "no id", presented: basic("", right)},
		{name: "long id", presented: post(strings.Repeat("a", 1<<16), right)},
		{name: "unknown", presented: basic(newClientID("app_"), right)},
		{name: "disabled", presented: basic(disabled.ClientID, disabledSecret[0].Reveal())},
		{name: "a client without secrets", presented: basic(without.ClientID, wrong)},
		{name: "expired secret", presented: basic(expired.ClientID, expiredSecret[0].Reveal())},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := o.Authenticate(t.Context(), tt.presented, "198.51.100.1")
			if tt.client.ID == 0 {
				// Whatever is wrong, the answer is the same.
				if !errors.Is(err, ErrInvalidClient) || err.Error() != ErrInvalidClient.Error() || got.Client.ID != 0 || got.SecretID != 0 {
					t.Errorf("got client %d, error %v", got.Client.ID, err)
				}
				return
			}
			want := Authenticated{Client: tt.client, SecretID: tt.client.Secrets[tt.secret].ID, Method: tt.method}
			if err != nil || got.Client.ID != want.Client.ID || got.SecretID != want.SecretID || got.Method != want.Method {
				t.Errorf("got client %d, secret %d, %s, error %v; want %d, %d, %s",
					got.Client.ID, got.SecretID, got.Method, err, want.Client.ID, want.SecretID, want.Method)
			}
		})
	}
	// Told of what could be a client, also of one that is not.
	if want := rotated.ClientID + " 198.51.100.1"; !slices.Contains(o.failed, want) || slices.ContainsFunc(o.failed, func(f string) bool { return strings.HasPrefix(f, " ") || strings.Contains(f, "\x00") }) {
		t.Errorf("told of failures of %q, want %q among them and nothing that is no id", o.failed, want)
	}
	o.now.Advance(time.Hour)
	if _, err := o.Authenticate(t.Context(), basic(rotated.ClientID, secrets[0].Reveal()), ""); !errors.Is(err, ErrInvalidClient) {
		t.Errorf("the previous secret after its time: got error %v", err)
	}
	if _, err := o.Authenticate(t.Context(), basic(rotated.ClientID, right), ""); err != nil {
		t.Errorf("the current secret after the previous one's time: %v", err)
	}
}

// However often others guess, whoever has the secret passes; and so that it is
// no guess, what is malformed does not count.
func TestAuthenticateThrottled(t *testing.T) {
	o := newOffice(t)
	c, secrets := o.client([]storage.AuthMethod{storage.AuthSecretBasic}, time.Time{})
	try := func(p Presented, from string) error {
		_, err := o.Authenticate(t.Context(), p, from)
		return err
	}
	guess := func(n int) error {
		return try(basic(c.ClientID, tokens.Generate(tokens.PrefixClientSecret).Reveal()), address(n%100))
	}
	genuine := func() {
		t.Helper()
		if err := try(basic(c.ClientID, secrets[0].Reveal()), address(0)); err != nil {
			t.Errorf("the genuine client: %v", err)
		}
	}
	for n := range 2 * failuresPerClient.Burst {
		if err := try(Presented{Authorization: encoded(c.ClientID + ":x"), Form: url.Values{"client_secret": {"x"}}}, address(0)); !errors.Is(err, ErrMalformed) {
			t.Fatalf("malformed: %v", err)
		}
		if err := try(Presented{Form: url.Values{"client_id": {c.ClientID}}}, address(0)); !errors.Is(err, ErrNoCredentials) {
			t.Fatalf("no credentials: %v", err)
		}
		if n%10 == 0 {
			genuine()
		}
	}
	for n := range failuresPerClient.Burst {
		if err := guess(n); !errors.Is(err, ErrInvalidClient) {
			t.Fatalf("guess %d: %v", n, err)
		}
	}
	genuine()
	var throttled *ThrottledError
	if err := guess(0); !errors.As(err, &throttled) || errors.Is(err, ErrInvalidClient) || throttled.RetryAfter != failuresPerClient.Recovery {
		t.Fatalf("one guess more: %v", err)
	}
	genuine()
	// A secret that could not be one is a guess like any other.
	if err := try(basic(c.ClientID, "x"), address(1)); !errors.As(err, &throttled) {
		t.Errorf("a malformed secret: %v", err)
	}
	o.now.Advance(throttled.RetryAfter)
	if err := guess(0); !errors.Is(err, ErrInvalidClient) {
		t.Errorf("a guess after waiting: %v", err)
	}
	genuine()
}

// An unavailable database is no wrong secret, and does not count as one.
func TestAuthenticateUnavailable(t *testing.T) {
	o := newOffice(t)
	store, err := gormstore.Open(gormstore.Options{URL: storage.NewSecret("postgres://nobody@127.0.0.1:1/nowhere")})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = store.Close() }()
	o.Store = store
	for range 2 * failuresPerClient.Burst {
		_, err := o.Authenticate(t.Context(), basic("app_1", tokens.Generate(tokens.PrefixClientSecret).Reveal()), address(0))
		if !errors.Is(err, storage.ErrUnavailable) || errors.Is(err, ErrInvalidClient) {
			t.Fatalf("got error %v, want ErrUnavailable", err)
		}
	}
}
