package integration

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"kiket.dev/auth/storage"
)

// use is what is remembered of a token's latest use.
type use struct {
	Used               bool
	Address, UserAgent string
}

func (d *deployment) useOf(t testing.TB, store storage.TokenStore, issued storage.Token) use {
	t.Helper()
	stored, err := store.OpaqueTokenByID(t.Context(), d.boot.Organization.ID, issued.Kind, issued.ID)
	if err != nil {
		t.Fatal(err)
	}
	return use{!stored.LastUsedAt.IsZero(), stored.LastUsedAddress, stored.LastUsedUserAgent}
}

// A resource server's question is a use of the token, by whom it says.
func TestLastUsed(t *testing.T) {
	eachEngine(t, func(t *testing.T, e engine) {
		i := start(t, e)
		store := i.verbs().Store
		began := time.Now()
		used, byBearer := i.workspaceToken(time.Time{}), i.workspaceToken(time.Time{})
		odd, unused, refused := i.workspaceToken(time.Time{}), i.workspaceToken(time.Time{}), i.workspaceToken(time.Time{}, "issues:read")
		key, session := i.extension("issues:read").Key, i.session()
		application, idle := i.application("issues"), i.application("issues")

		ask := func(token string, parameters ...string) {
			i.introspect(t, i.resourceServer(), token, parameters...)
		}
		ask(used.Secret.Reveal(), "client_ip", "2001:db8::7", "user_agent", "kiket-cli/1.2")
		ask(key.Secret.Reveal(), "client_ip", "192.0.2.7")
		ask(session.Secret.Reveal())
		ask(odd.Secret.Reveal(), "client_ip", "' OR 1=1 --", "user_agent", "a\x00b\xff"+strings.Repeat("é", 5000))
		ask(refused.Secret.Reveal(), "scope", "projects", "client_ip", "192.0.2.8") // not covered, so not used
		asBearer := i.request("POST", "/oauth/introspect", "token="+unused.Secret.Reveal(),
			"Content-Type", "application/x-www-form-urlencoded", "User-Agent", "operator/1", "Authorization", "Bearer "+byBearer.Secret.Reveal())
		if a := do(t, asBearer); a.status != 200 || a.json(t)["active"] != true {
			t.Fatalf("%d %s", a.status, a.body)
		}
		i.introspect(t, application, i.fetch(t, application)) // its own token: no use of it, but of the application
		if err := i.stop(); err != nil {
			t.Fatal(err)
		}

		for name, tt := range map[string]struct {
			issued storage.Token
			want   use
		}{
			"by a resource server":     {used.Token, use{true, "2001:db8::7", "kiket-cli/1.2"}},
			"extension key":            {key.Token, use{true, "192.0.2.7", ""}},
			"session, nothing said":    {session.Token, use{true, "", ""}},
			"as bearer":                {byBearer.Token, use{true, "127.0.0.1", "operator/1"}},
			"asked about by a bearer":  {unused.Token, use{}},
			"scope not covered":        {refused.Token, use{}},
			"nonsense is kept legible": {odd.Token, use{true, "", "a\uFFFDb\uFFFD" + strings.Repeat("é", 246)}},
		} {
			if diff := cmp.Diff(tt.want, i.useOf(t, store, tt.issued)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", name, diff)
			}
		}
		for _, c := range []credentials{application, idle} {
			stored, err := store.ClientByClientID(t.Context(), c.id)
			if err != nil {
				t.Fatal(err)
			}
			for what, at := range map[string]time.Time{"application": stored.LastUsedAt, "secret": stored.Secrets[0].LastUsedAt} {
				if want := c == application; want == at.IsZero() || want && (at.Before(began.Add(-time.Second)) || at.After(time.Now())) {
					t.Errorf("%s (in use: %t) was last used %s", what, want, at)
				}
			}
		}
	})
}

// Uses reach the database by themselves, within seconds.
func TestLastUsedSoon(t *testing.T) {
	eachEngine(t, func(t *testing.T, e engine) {
		i := start(t, e)
		store := i.verbs().Store
		issued := i.workspaceToken(time.Time{})
		i.introspect(t, i.resourceServer(), issued.Secret.Reveal(), "client_ip", "192.0.2.9")
		eventually(t, func() error {
			if got := i.useOf(t, store, issued.Token); got != (use{true, "192.0.2.9", ""}) {
				return fmt.Errorf("%+v", got)
			}
			return nil
		})
	})
}
