package integration

import (
	"encoding/json"
	"net/http"
	"strconv"
	"testing"
)

// Resource servers, the platform's and an organization's, go over from one secret to
// the next without a pause, and a secret that is closed is refused from then on.
func TestResourceServerSecrets(t *testing.T) {
	eachEngine(t, func(t *testing.T, e engine) {
		i := start(t, e)
		for name, organization := range map[string]string{"Platform": "", "Tenant": i.boot.Organization.Slug} {
			identifier := "https://" + name + ".example.com"
			first := i.registerResourceServer(name, identifier, organization)
			token := i.fetch(t, i.application("issues"), "resource", identifier)
			works := func(c credentials) bool {
				t.Helper()
				a := i.post(t, "/oauth/introspect", c, "token", token)
				if a.status == http.StatusUnauthorized {
					return false
				}
				return a.want(t, http.StatusOK)["active"] == true
			}
			second, ids := i.rotateResourceServer(t, name, "1h")
			if !works(first) || !works(second) {
				t.Errorf("%s: within the overlap the old secret works: %t, the new one: %t", name, works(first), works(second))
			}
			i.run("resource-server", "close-secret", strconv.FormatInt(ids[0], 10), "--name", name, "--yes")
			if works(first) || !works(second) {
				t.Errorf("%s: closed, the old secret works: %t, the new one: %t", name, works(first), works(second))
			}
			third, _ := i.rotateResourceServer(t, name, "0s")
			if works(second) || !works(third) {
				t.Errorf("%s: without an overlap the old secret works: %t, the new one: %t", name, works(second), works(third))
			}
		}
	})
}

// rotateResourceServer gives a resource server another secret, and returns it with the
// ids of those that work, the oldest first.
func (d *deployment) rotateResourceServer(t testing.TB, name, overlap string) (credentials, []int64) {
	t.Helper()
	var rotated struct {
		ClientID     string `json:"client_id"`
		ClientSecret string `json:"client_secret"`
		Secrets      []struct{ ID int64 }
	}
	out := d.run("resource-server", "rotate-secret", "--name", name, "--previous-expires-in", overlap, "--yes", "--json")
	if err := json.Unmarshal([]byte(out), &rotated); err != nil {
		t.Fatal(err)
	}
	var ids []int64
	for _, s := range rotated.Secrets {
		ids = append(ids, s.ID)
	}
	return credentials{rotated.ClientID, rotated.ClientSecret}, ids
}
