package integration

import (
	"net/http"
	"strings"
	"testing"
)

// Resource indicators (RFC 8707).
func TestResourceIndicators(t *testing.T) {
	eachEngine(t, func(t *testing.T, e engine) {
		i := start(t, e)
		tickets := i.registerResourceServer("Tickets", "https://tickets.example.com/api", "")
		files := i.registerResourceServer("Files", "https://files.example.com/", "")
		own := i.registerResourceServer("Own", "https://own.example.com", i.boot.Organization.Slug)
		globex := i.bootstrap("Globex")
		i.registerResourceServer("Abroad", "https://abroad.example.com", globex.Organization.Slug)
		application := i.application("issues")
		servers := map[string]credentials{
			audience: i.resourceServer(), "https://tickets.example.com/api": tickets,
			"https://files.example.com/": files, "https://own.example.com": own,
		}
		for asked, identifier := range map[string]string{
			"":                                 audience,
			audience:                           audience,
			audience + "/":                     audience,
			"https://tickets.example.com/api":  "https://tickets.example.com/api",
			"https://tickets.example.com/api/": "https://tickets.example.com/api",
			"https://files.example.com":        "https://files.example.com/",
			"https://files.example.com/":       "https://files.example.com/",
			"https://own.example.com":          "https://own.example.com",
		} {
			token := i.fetch(t, application, "resource", asked)
			if aud := jwtClaims(t, token)["aud"]; aud != identifier {
				t.Errorf("asked for %s, aud %v", asked, aud)
			}
			for at, server := range servers {
				if active := i.introspect(t, server, token)["active"] == true; active != (at == identifier) {
					t.Errorf("asked for %s: active at %s: %t", asked, at, active)
				}
			}
		}
		wrongResources(t, i, application)
		// Who is deleted serves nobody any more, and nothing can be asked for it.
		token := i.fetch(t, application, "resource", "https://files.example.com/")
		i.run("resource-server", "delete", "--name", "Files")
		if i.introspect(t, application, token)["active"] != true {
			t.Error("the application does not see its own token")
		}
		refusedTarget(t, i, application, "deleted", "https://files.example.com/")
	})
}

func refusedTarget(t *testing.T, i *instance, application credentials, name string, resources ...string) {
	t.Helper()
	parameters := []string{"grant_type", "client_credentials"}
	for _, resource := range resources {
		parameters = append(parameters, "resource", resource)
	}
	if a := i.post(t, "/oauth/token", application, parameters...); a.status != http.StatusBadRequest || a.json(t)["error"] != "invalid_target" {
		t.Errorf("%s: %d %s", name, a.status, a.body)
	}
}

func wrongResources(t *testing.T, i *instance, application credentials) {
	for name, resource := range map[string]string{
		"unknown":                  "https://nobody.example.com",
		"of another organization":  "https://abroad.example.com",
		"a fragment":               "https://tickets.example.com/api#top",
		"an empty fragment":        "https://tickets.example.com/api#",
		"relative":                 "/api",
		"without a scheme":         "tickets.example.com/api",
		"a longer path":            "https://tickets.example.com/api/v1",
		"a shorter path":           "https://tickets.example.com",
		"two slashes":              "https://tickets.example.com/api//",
		"no slash and one more":    "https://files.example.com//",
		"a query":                  "https://tickets.example.com/api?x=1",
		"another scheme":           "http://tickets.example.com/api",
		"another case of the host": "https://Tickets.example.com/api",
		"another case of the path": "https://tickets.example.com/API",
		"a port":                   "https://tickets.example.com:443/api",
		"a slash":                  "/",
		"a space":                  " ",
		"a NUL":                    "https://tickets.example.com/api\x00",
		"not UTF-8":                "https://tickets.example.com/\xff",
		"a wildcard":               "%",
		"very long":                "https://tickets.example.com/" + strings.Repeat("x", 10_000),
	} {
		refusedTarget(t, i, application, name, resource)
	}
	refusedTarget(t, i, application, "two", audience, "https://tickets.example.com/api")
	refusedTarget(t, i, application, "the same twice", audience, audience)
	refusedTarget(t, i, application, "one of two unknown", audience, "https://nobody.example.com")
}
