package integration

import (
	"net/http"
	"testing"
	"time"

	"kiket.dev/auth/server/tokens"
	"kiket.dev/auth/storage"
)

var (
	invalidToken = refusal{401, "invalid_token", []string{
		challengeBearer + `, error="invalid_token", error_description="the bearer token is not active"`,
	}}
	// RFC 7662 section 2.3 wants 401 where RFC 6750 by itself has 403.
	insufficientScope = refusal{401, "insufficient_scope", []string{
		challengeBearer + `, error="insufficient_scope", error_description="introspection needs the scope admin", scope="admin"`,
	}}
)

// Bearer tokens at the introspection endpoint: who may ask by showing one, and
// what anybody else is told.
func TestRFC6750(t *testing.T) {
	eachEngine(t, func(t *testing.T, e engine) {
		i := start(t, e)
		t.Run("accepted", func(t *testing.T) { checkBearers(t, i) })
		t.Run("invalid_token", func(t *testing.T) { checkInvalidBearers(t, i) })
		t.Run("insufficient_scope", func(t *testing.T) { checkInsufficientBearers(t, i) })
		t.Run("presented", func(t *testing.T) { checkBearerPresentation(t, i) })
	})
}

// ask introspects the bootstrap token with these values of Authorization.
func (i *instance) askAs(t testing.TB, authorization ...string) answer {
	t.Helper()
	var headers []string
	for _, value := range authorization {
		headers = append(headers, "Authorization", value)
	}
	return i.postRaw(t, "/oauth/introspect", form("token", i.boot.WorkspaceAPIToken.Token), headers...)
}

func checkBearers(t *testing.T, i *instance) {
	full := i.workspaceToken(time.Time{}).Secret.Reveal()
	for name, authorization := range map[string]string{
		"a workspace token with full access":     "Bearer " + full,
		"a workspace token with admin":           "Bearer " + i.workspaceToken(time.Time{}, "issues", "admin").Secret.Reveal(),
		"one that expires later":                 "Bearer " + i.workspaceToken(time.Now().Add(time.Hour), "admin").Secret.Reveal(),
		"an admin's session":                     "Bearer " + i.session().Secret.Reveal(),
		"an application's access token":          "Bearer " + i.fetch(t, i.application("issues", "admin"), "scope", "admin"),
		"the scheme in lower case":               "bearer " + full,
		"the scheme in capitals":                 "BEARER " + full,
		"the scheme with more than one space":    "Bearer   " + full,
		"a member's token, who is an admin, too": "Bearer " + i.tokenOf(i.member(storage.RoleAdmin), "admin").Secret.Reveal(),
	} {
		t.Run(name, func(t *testing.T) {
			a := i.askAs(t, authorization)
			checkUncached(t, a)
			if a.status != http.StatusOK || a.json(t)["active"] != true || a.header.Get("WWW-Authenticate") != "" {
				t.Errorf("answered %d %s", a.status, a.body)
			}
		})
	}
}

// checkInvalidBearers shows tokens that do not work. One code is for all of
// them: nobody learns why.
func checkInvalidBearers(t *testing.T, i *instance) {
	revoked := i.workspaceToken(time.Time{}).Secret.Reveal()
	i.post(t, "/oauth/revoke", credentials{}, "token", revoked)
	disabled := i.application("admin")
	ofDisabled := i.fetch(t, disabled)
	i.disable(disabled)
	ended := i.application("admin")
	revokedAccess := i.fetch(t, ended)
	i.post(t, "/oauth/revoke", ended, "token", revokedAccess)
	i.registerResourceServer("elsewhere", "https://elsewhere.test", "")
	elsewhere := i.fetch(t, i.application("admin"), "resource", "https://elsewhere.test")
	good := i.workspaceToken(time.Time{}).Secret.Reveal()
	goodAccess := i.fetch(t, i.application("admin"))
	for name, token := range map[string]string{
		"nothing":                                "",
		"unknown":                                tokens.Generate(tokens.PrefixWorkspaceAPIToken).Reveal(),
		"not a token":                            "x",
		"a token with more to it":                good + "0",
		"two tokens":                             good + " " + good,
		"a token in another case":                "WKSP_" + good[5:],
		"revoked":                                revoked,
		"expired":                                i.expired(storage.WorkspaceAPIToken),
		"a revoked access token":                 revokedAccess,
		"an access token for somebody else":      elsewhere,
		"an access token of a disabled client":   ofDisabled,
		"an access token that was tampered with": tampered(goodAccess),
		"an access token without a signature":    goodAccess[:len(goodAccess)-86],
		"a client's secret":                      i.resourceServer().secret,
		"no text":                                "\xff\xfe",
	} {
		t.Run(name, func(t *testing.T) { checkRefused(t, i.askAs(t, "Bearer "+token), invalidToken) })
	}
	t.Run("the scheme alone", func(t *testing.T) { checkRefused(t, i.askAs(t, "Bearer"), invalidToken) })
	t.Run("before a missing token parameter", func(t *testing.T) {
		checkRefused(t, i.postRaw(t, "/oauth/introspect", "scope=issues", "Authorization", "Bearer x"), invalidToken)
		checkRefused(t, i.postRaw(t, "/oauth/introspect", "scope=issues", "Authorization", "Bearer "+good), invalidRequest)
	})
}

func checkInsufficientBearers(t *testing.T, i *instance) {
	demoted, narrowed := i.member(storage.RoleAdmin), i.application("issues", "admin")
	full, admin, access := i.tokenOf(demoted), i.tokenOf(demoted, "admin"), i.fetch(t, narrowed)
	i.demote(demoted)
	i.narrow(narrowed, "issues")
	for name, token := range map[string]string{
		"a workspace token without admin":    i.workspaceToken(time.Time{}, "issues", "projects", "comments", "workflows", "analytics").Secret.Reveal(),
		"an extension key":                   i.extension("issues", "projects:write").Key.Secret.Reveal(),
		"an access token without admin":      i.fetch(t, i.application("issues", "admin"), "scope", "issues"),
		"a session of a member":              i.sessionIn(i.boot, i.member(storage.RoleMember)).Secret.Reveal(),
		"a full access token, owner demoted": full.Secret.Reveal(),
		"an admin token, owner demoted":      admin.Secret.Reveal(),
		"an application registered for less": access,
	} {
		t.Run(name, func(t *testing.T) { checkRefused(t, i.askAs(t, "Bearer "+token), insufficientScope) })
	}
}

// checkBearerPresentation shows a good token in other places: a token counts in
// the header, and alone (RFC 6750 section 2).
func checkBearerPresentation(t *testing.T, i *instance) {
	good, c := i.workspaceToken(time.Time{}).Secret.Reveal(), i.application("issues")
	unauthenticated := refusal{401, "invalid_client", []string{challengeBasic, challengeBearer}}
	bearer := []string{"Authorization", "Bearer " + good}
	token := form("token", good)
	for name, tt := range map[string]struct {
		query, body string
		headers     []string
		want        refusal
	}{
		"nothing":                  {"", token, nil, unauthenticated},
		"in the body":              {"", token + "&" + form("access_token", good), nil, unauthenticated},
		"in the query":             {"?" + form("access_token", good), token, nil, unauthenticated},
		"in a header for API keys": {"", token, []string{"X-Kiket-API-Key", good}, unauthenticated},
		"in a cookie":              {"", token, []string{"Cookie", "access_token=" + good}, unauthenticated},
		"without a scheme":         {"", token, []string{"Authorization", good}, invalidClient},
		"of another scheme":        {"", token, []string{"Authorization", "Token " + good}, invalidClient},
		"as a password":            {"", token, []string{"Authorization", basic("", good)}, invalidClient},
		"beside a client's secret": {"", token + "&" + form("client_id", c.id, "client_secret", c.secret), bearer, invalidRequest},
		"beside an assertion":      {"", token + "&" + form("client_assertion", "x"), bearer, invalidRequest},
		"beside Basic":             {"", token, append([]string{"Authorization", basic(c.id, c.secret)}, bearer...), invalidRequest},
		"twice":                    {"", token, append(bearer[:2:2], bearer...), invalidRequest},
		"a wrong one, and a good one in the body": {"", token + "&" + form("access_token", good), []string{"Authorization", "Bearer x"}, invalidToken},
	} {
		t.Run(name, func(t *testing.T) {
			checkRefused(t, i.postRaw(t, "/oauth/introspect"+tt.query, tt.body, tt.headers...), tt.want)
		})
	}
	access := i.fetch(t, c)
	for path, body := range map[string]string{"/oauth/token": complete, "/oauth/revoke": form("token", access)} {
		t.Run("nobody is a client by a token at "+endpoint(path), func(t *testing.T) {
			checkRefused(t, i.postRaw(t, path, body, bearer...), invalidClient)
		})
	}
	if !i.active(t, access) {
		t.Error("a bearer has revoked another's access token")
	}
}

// tampered changes one character in the middle of a token's claims.
func tampered(token string) string {
	middle := len(token) / 2
	other := "A"
	if token[middle] == 'A' {
		other = "B"
	}
	return token[:middle] + other + token[middle+1:]
}
