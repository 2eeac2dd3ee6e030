package integration

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"kiket.dev/auth/server/access"
	"kiket.dev/auth/server/clients"
	"kiket.dev/auth/server/tokens"
	"kiket.dev/auth/storage"
)

// Introspection: what is said of a token that works, and how little of one that
// does not.
func TestRFC7662(t *testing.T) {
	eachEngine(t, func(t *testing.T, e engine) {
		i := start(t, e)
		t.Run("active", func(t *testing.T) { checkDescriptions(t, i) })
		t.Run("inactive", func(t *testing.T) { checkInactive(t, i) })
		t.Run("ended", func(t *testing.T) { checkEnded(t, i) })
		t.Run("request", func(t *testing.T) { checkIntrospectionRequests(t, i) })
	})
}

// neverExpires is the end of the year 9999: libraries refuse an answer without exp.
const neverExpires = 253402300799

// checkDescriptions compares the whole answer about a token of each kind.
func checkDescriptions(t *testing.T, i *instance) {
	began := time.Now().Add(-time.Second).Truncate(time.Second)
	organization := float64(i.boot.Organization.ID)
	c := i.application("issues", "projects:read", "admin")
	token, installed, session := i.fetch(t, c, "scope", "projects:read issues:write"), i.extension("read:issues", "projects"), i.session()
	expiry := time.Now().Add(48 * time.Hour)
	full, limited := i.workspaceToken(time.Time{}), i.workspaceToken(expiry, "projects", "issues:read", "projects")
	opaque := func(issued tokens.Issued, subject string, more map[string]any) map[string]any {
		name := fmt.Sprintf("%s:%d", issued.Token.Kind, issued.Token.ID)
		want := map[string]any{
			"active": true, "token_type": "Bearer", "iss": issuer, "aud": audience, "organization_id": organization,
			"client_id": name, "jti": name, "sub": subject, "token_kind": string(issued.Token.Kind), "credential_id": float64(issued.Token.ID),
		}
		for member, value := range more {
			want[member] = value
		}
		return want
	}
	admin := fmt.Sprintf("user:%d", i.boot.Admin.ID)
	for name, tt := range map[string]struct {
		token string
		want  map[string]any // but for iat
	}{
		"access_token": {token, map[string]any{
			"active": true, "token_type": "Bearer", "token_kind": "access_token", "iss": issuer, "aud": audience, "organization_id": organization,
			"client_id": c.id, "sub": c.id, "scope": "projects:read issues:write", "jti": jwtClaims(t, token)["jti"], "exp": jwtClaims(t, token)["exp"],
		}},
		"workspace_api_token with full access": {full.Secret.Reveal(), opaque(full, admin, map[string]any{
			"scope": "issues projects comments workflows analytics admin", "exp": float64(neverExpires),
		})},
		"workspace_api_token with scopes and an expiry": {limited.Secret.Reveal(), opaque(limited, admin, map[string]any{
			"scope": "projects issues:read", "exp": float64(expiry.Unix()),
		})},
		"extension_key": {installed.Key.Secret.Reveal(), opaque(installed.Key, fmt.Sprintf("extension:%d", installed.Installation.ID), map[string]any{
			"scope": "issues:read projects", "exp": float64(neverExpires),
			"project_id": float64(i.boot.Project.ID), "extension_id": float64(installed.Installation.ID),
		})},
		"session": {session.Secret.Reveal(), opaque(session, admin, map[string]any{
			"scope": "issues projects comments workflows analytics admin", "exp": float64(session.Token.ExpiresAt.Unix()),
		})},
	} {
		t.Run(name, func(t *testing.T) {
			a := i.post(t, "/oauth/introspect", i.resourceServer(), "token", tt.token)
			checkUncached(t, a)
			seen := a.json(t)
			if issued, _ := seen["iat"].(float64); time.Unix(int64(issued), 0).Before(began) || time.Unix(int64(issued), 0).After(time.Now()) {
				t.Errorf("iat is %v", seen["iat"])
			}
			delete(seen, "iat")
			if number, _ := seen["credential_id"].(float64); tt.want["credential_id"] == nil {
				if number < 1 {
					t.Errorf("credential_id is %v", seen["credential_id"])
				}
				delete(seen, "credential_id")
			}
			if diff := cmp.Diff(tt.want, seen); diff != "" || a.status != http.StatusOK {
				t.Errorf("answered %d (-want +got):\n%s", a.status, diff)
			}
			again := i.introspect(t, i.resourceServer(), tt.token)
			if again["jti"] != seen["jti"] {
				t.Errorf("jti is %v, and then %v", seen["jti"], again["jti"])
			}
		})
	}
}

// checkInactiveAnswer compares an answer about a token that does not work, byte by byte.
func checkInactiveAnswer(t testing.TB, a answer) {
	t.Helper()
	checkUncached(t, a)
	if a.status != http.StatusOK || a.body != `{"active":false}` || a.header.Get("WWW-Authenticate") != "" {
		t.Errorf("answered %d %q", a.status, a.body)
	}
}

// checkInactive asks about texts that are no tokens.
func checkInactive(t *testing.T, i *instance) {
	workspace, token := i.boot.WorkspaceAPIToken.Token, i.fetch(t, i.application("issues"))
	for name, text := range map[string]string{
		"a letter":                        "x",
		"a space":                         " ",
		"NUL":                             "\x00",
		"no text":                         "\xff\xfe\xfd",
		"unknown":                         tokens.Generate(tokens.PrefixWorkspaceAPIToken).Reveal(),
		"an unknown session":              tokens.Generate(tokens.PrefixSession).Reveal(),
		"a prefix":                        "wksp_",
		"a wrong checksum":                workspace[:len(workspace)-1] + string("0123456789abcdef0"[strings.IndexByte("0123456789abcdef", workspace[len(workspace)-1])+1]),
		"another kind's prefix":           "kext_" + workspace[5:],
		"capitals":                        strings.ToUpper(workspace),
		"a space before":                  " " + workspace,
		"a line feed after":               workspace + "\n",
		"two tokens":                      workspace + " " + workspace,
		"with its scheme":                 "Bearer " + workspace,
		"its prefix alone":                i.boot.WorkspaceAPIToken.TokenPrefix,
		"its digest":                      storage.NewSecret(workspace).Digest(),
		"a client's secret":               i.resourceServer().secret,
		"60,000 letters":                  strings.Repeat("a", 60_000),
		"60,000 dots":                     strings.Repeat(".", 60_000),
		"three dots":                      "...",
		"tampered with":                   tampered(token),
		"a second spelling":               respelled(token),
		"without its signature":           token[:len(token)-86],
		"without a signature's bytes":     token[:len(token)-1],
		"with padding":                    token + "==",
		"the token's jti":                 jwtClaims(t, token)["jti"].(string),
		"a wildcard for a database":       "%",
		"an end of a string and of a row": "'; DROP TABLE tokens; --",
	} {
		t.Run(name, func(t *testing.T) {
			checkInactiveAnswer(t, i.post(t, "/oauth/introspect", i.resourceServer(), "token", text))
		})
	}
	if !i.active(t, token) || !i.active(t, workspace) {
		t.Error("the tokens themselves are not active")
	}
}

// checkEnded asks about tokens that worked before.
func checkEnded(t *testing.T, i *instance) {
	owner, disabled := i.member(storage.RoleAdmin), i.application("issues")
	short := i.register(clients.ApplicationRequest{Scopes: storage.NewScopes("issues"), AccessTokenLifetime: time.Second})
	ofOwner, session, ofDisabled, expiring := i.tokenOf(owner).Secret.Reveal(), i.sessionIn(i.boot, owner).Secret.Reveal(), i.fetch(t, disabled), i.fetch(t, short)
	uninstalled, revoked := i.extension("issues"), i.workspaceToken(time.Time{}).Secret.Reveal()
	key := uninstalled.Key.Secret.Reveal()
	soon := i.workspaceToken(time.Now().Add(2 * time.Second)).Secret.Reveal()
	for name, token := range map[string]string{"owner's": ofOwner, "session": session, "application's": ofDisabled, "key": key, "workspace token": revoked, "one that expires": soon} {
		if !i.active(t, token) {
			t.Errorf("%s: not active to begin with", name)
		}
	}
	i.remove(owner)
	i.disable(disabled)
	if err := i.verbs().Extensions.Uninstall(t.Context(), access.Operator(), i.boot.Organization.ID, uninstalled.Installation.ID); err != nil {
		t.Fatal(err)
	}
	i.post(t, "/oauth/revoke", credentials{}, "token", revoked)
	eventually(t, func() error {
		if i.active(t, expiring) || i.active(t, soon) {
			return errors.New("does not expire")
		}
		return nil
	})
	for name, token := range map[string]string{
		"a removed owner's token": ofOwner, "a removed owner's session": session, "a disabled application's": ofDisabled,
		"an uninstalled extension's": key, "revoked": revoked, "an expired access token": expiring, "an expired workspace token": soon,
		"expired long ago": i.expired(storage.WorkspaceAPIToken), "an expired session": i.expired(storage.Session),
	} {
		t.Run(name, func(t *testing.T) {
			checkInactiveAnswer(t, i.post(t, "/oauth/introspect", i.resourceServer(), "token", token))
		})
	}
	checkInactiveAnswer(t, i.post(t, "/oauth/introspect", short, "token", expiring)) // whoever asks
}

// checkIntrospectionRequests asks in all the ways that RFC 7662 section 2.1 allows.
func checkIntrospectionRequests(t *testing.T, i *instance) {
	c := i.application("issues")
	tokens := map[string]string{"access token": i.fetch(t, c), "workspace token": i.boot.WorkspaceAPIToken.Token}
	for kind, token := range tokens {
		for _, hint := range []string{"access_token", "refresh_token", "workspace_api_token", "nonsense", "\x00"} {
			if seen := i.introspect(t, i.resourceServer(), token, "token_type_hint", hint); seen["active"] != true {
				t.Errorf("%s with the hint %q: %v", kind, hint, seen)
			}
		}
	}
	for who, asks := range map[string]credentials{"the resource server": i.resourceServer(), "an application": c} {
		for name, parameters := range map[string][]string{
			"no token": nil, "an empty token": {"token", ""}, "a scope alone": {"scope", "issues"}, "an access_token": {"access_token", tokens["access token"]},
		} {
			t.Run(name+", by "+who, func(t *testing.T) {
				checkRefused(t, i.post(t, "/oauth/introspect", asks, parameters...), invalidRequest)
			})
		}
	}
	t.Run("who asks comes before what", func(t *testing.T) {
		checkRefused(t, i.post(t, "/oauth/introspect", credentials{c.id, wrongSecret}), invalidClient)
	})
}
