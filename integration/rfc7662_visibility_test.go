package integration

import (
	"maps"
	"slices"
	"testing"

	"kiket.dev/auth/server/clients"
	"kiket.dev/auth/storage"
)

const elsewhere = "https://elsewhere.test/api"

// Who sees which tokens: everybody, and every kind of token, of two
// organizations. What may not be seen is not active.
func TestRFC7662Visibility(t *testing.T) {
	eachEngine(t, func(t *testing.T, e engine) {
		i := start(t, e)
		globex := i.bootstrap("Globex")
		platformElsewhere := i.registerResourceServer("platform elsewhere", elsewhere, "")
		acmeServer := i.registerResourceServer("acme's", audience, "acme")
		acmeElsewhere := i.registerResourceServer("acme's elsewhere", elsewhere, "acme")
		globexServer := i.registerResourceServer("globex's", audience, "globex")
		application, sibling := i.application("issues", "admin"), i.application("issues", "admin")
		abroad := i.register(clients.ApplicationRequest{OrganizationID: globex.Organization.ID, Scopes: storage.NewScopes("issues", "admin")})

		all := map[string]string{
			"acme's access token":                 i.fetch(t, application),
			"acme's access token for elsewhere":   i.fetch(t, application, "resource", elsewhere),
			"acme's other application's":          i.fetch(t, sibling),
			"acme's workspace token":              i.boot.WorkspaceAPIToken.Token,
			"acme's extension key":                i.extension("issues").Key.Secret.Reveal(),
			"acme's session":                      i.session().Secret.Reveal(),
			"globex's access token":               i.fetch(t, abroad),
			"globex's access token for elsewhere": i.fetch(t, abroad, "resource", elsewhere),
			"globex's workspace token":            globex.WorkspaceAPIToken.Token,
			"globex's extension key":              i.extensionIn(globex, "issues").Key.Secret.Reveal(),
			"globex's session":                    i.sessionIn(globex, globex.Admin.ID).Secret.Reveal(),
		}
		ofAcme := []string{"acme's access token", "acme's other application's", "acme's workspace token", "acme's extension key", "acme's session"}
		ofGlobex := []string{"globex's access token", "globex's workspace token", "globex's extension key", "globex's session"}
		const abroadElsewhere, hereElsewhere = "globex's access token for elsewhere", "acme's access token for elsewhere"
		bearer := func(token string) []string { return []string{"Authorization", "Bearer " + token} }
		client := func(c credentials) []string { return []string{"Authorization", basic(c.id, c.secret)} }
		for name, tt := range map[string]struct {
			as   []string
			sees []string
		}{
			"the platform's resource server":               {client(i.resourceServer()), slices.Concat(ofAcme, ofGlobex)},
			"another one of the same identifier":           {client(credentials{globex.ResourceServer.ClientID, globex.ResourceServer.ClientSecret}), slices.Concat(ofAcme, ofGlobex)},
			"the platform's of another identifier":         {client(platformElsewhere), []string{hereElsewhere, abroadElsewhere}},
			"acme's resource server":                       {client(acmeServer), ofAcme},
			"acme's of another identifier":                 {client(acmeElsewhere), []string{hereElsewhere}},
			"globex's resource server":                     {client(globexServer), ofGlobex},
			"an application":                               {client(application), []string{"acme's access token", hereElsewhere}},
			"another application of the same organization": {client(sibling), []string{"acme's other application's"}},
			"an application of another organization":       {client(abroad), []string{"globex's access token", abroadElsewhere}},
			"an application that has no token":             {client(i.application("issues")), nil},
			"acme's workspace token":                       {bearer(i.boot.WorkspaceAPIToken.Token), append(ofAcme[:5:5], hereElsewhere)},
			"acme's session":                               {bearer(all["acme's session"]), append(ofAcme[:5:5], hereElsewhere)},
			"acme's application as bearer":                 {bearer(all["acme's access token"]), append(ofAcme[:5:5], hereElsewhere)},
			"globex's workspace token":                     {bearer(globex.WorkspaceAPIToken.Token), append(ofGlobex[:4:4], abroadElsewhere)},
			"globex's application as bearer":               {bearer(all["globex's access token"]), append(ofGlobex[:4:4], abroadElsewhere)},
		} {
			t.Run(name, func(t *testing.T) {
				for _, what := range slices.Sorted(maps.Keys(all)) {
					a := i.postRaw(t, "/oauth/introspect", form("token", all[what]), tt.as...)
					if slices.Contains(tt.sees, what) {
						if a.status != 200 || a.json(t)["active"] != true {
							t.Errorf("%s: answered %d %s", what, a.status, a.body)
						}
						continue
					}
					if a.status != 200 || a.body != `{"active":false}` {
						t.Errorf("%s, not to be seen: answered %d %s", what, a.status, a.body)
					}
				}
			})
		}
	})
}
