package console

import (
	"net/http"

	"kiket.dev/auth/server/organizations"
	"kiket.dev/auth/storage"
)

// setupPages are there as long as there is no organization.
var setupPages = []page{
	{method: http.MethodGet, path: "/setup", permission: anybody, show: (*Console).setupForm},
	{method: http.MethodPost, path: "/setup", permission: anybody, show: (*Console).setUp},
}

var setupPage = view{template: "setup", title: "Set up Kiket Auth"}

// setupForm is there for whoever finds it; what it asks for they know only from the
// server's terminal.
func (c *Console) setupForm(v *visit) (view, error) {
	switch open, err := c.server.Organizations.NeedsSetup(v.context()); {
	case err != nil:
		return view{}, err
	case !open:
		return view{}, errNothingHere
	}
	return setupPage, nil
}

func (c *Console) setUp(v *visit) (view, error) {
	if v.values.Get("password") != v.values.Get("password_again") {
		return v.again(setupPage, storage.Invalidf("password_again", "is not the same as above"))
	}
	made, err := c.server.Organizations.Setup(v.context(), v.caller.Origin, v.secret("code"), organizations.SetupRequest{
		Organization: v.text("organization"), Email: v.text("email"), Name: v.text("name"), Password: v.secret("password"),
	})
	if err != nil {
		return v.again(setupPage, err)
	}
	return view{status: http.StatusCreated, template: "setup_done", title: made.Organization.Name + " is set up", data: map[string]any{
		"Organization": made.Organization, "Identifier": made.ResourceServer.Client.Identifier,
		"ClientID": made.ResourceServer.Client.ClientID, "Secret": made.ResourceServer.Secret.Reveal(),
	}}, nil
}
