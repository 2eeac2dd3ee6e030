package integration

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestOrganization(t *testing.T) {
	eachEngine(t, func(t *testing.T, e engine) {
		i := start(t, e)
		other := i.bootstrap("Globex")
		got := i.call(t, "GET", "/organization", i.admin(), nil).want(t, 200)
		if got["id"] != float64(i.boot.Organization.ID) || got["slug"] != "acme" || got["name"] != "Acme" || got["created_at"] == nil {
			t.Errorf("answered %v", got)
		}
		application := i.fetch(t, i.application("admin"))
		before := len(i.events(t))
		for _, body := range []string{`{}`, `{"name":"Acme"}`, `{"name":null}`} {
			i.call(t, "PATCH", "/organization", i.admin(), body).want(t, 200)
		}
		renamed := i.call(t, "PATCH", "/organization", application, `{"organization":{"name":" Acme & Sons "}}`).want(t, 200)
		got["name"] = "Acme & Sons"
		if diff := cmp.Diff(got, renamed); diff != "" {
			t.Errorf("renamed (-want +got):\n%s", diff)
		}
		events := i.events(t)[before:]
		if len(events) != 1 || events[0].Action != "organization.updated" || events[0].Target.Name != "Acme & Sons" {
			t.Errorf("audit events %+v", events)
		}
		i.call(t, "PATCH", "/organization", i.admin(), `{"name":" "}`).wantInvalid(t, "name")
		i.call(t, "PATCH", "/organization", i.admin(), `{"slug":"acme2"}`).wantInvalid(t, "slug")
		if theirs := i.call(t, "GET", "/organization", other.WorkspaceAPIToken.Token, nil).want(t, 200); theirs["name"] != "Globex" {
			t.Errorf("the other organization is %v", theirs)
		}
	})
}
