package console

import "strings"

// navGroup is a part of the menu.
type navGroup struct {
	Name  string
	Items []navItem
}

// navItem is a page in the menu.
type navItem struct {
	Name, Path string
	Current    bool   // the page that is shown is this one, or below it
	Open       string // how much there is that waits for an admin; empty: nothing
}

// Where things are, for links and redirects.
const (
	signInPath       = Base + "/sign-in"
	setupPath        = Base + "/setup"
	resetPath        = Base + "/password/reset"
	accountPath      = Base + "/account"
	tokensPath       = Base + "/api-tokens"
	extensionsPath   = Base + "/extensions"
	integrationsPath = Base + "/integrations"
	membersPath      = Base + "/members"
	credentialsPath  = Base + "/credentials"
	auditPath        = Base + "/audit"
	alertsPath       = Base + "/alerts"
	organizationPath = Base + "/organization"
)

// navigation is the menu of an admin or of a member, with the page at path marked, and
// how many alerts are open.
func navigation(admin bool, path, alerts string) []navGroup {
	groups := []navGroup{{Name: "Account", Items: []navItem{{Name: "You and your sessions", Path: accountPath}}}}
	if admin {
		groups = append([]navGroup{
			{Name: "Settings", Items: []navItem{{Name: "API Tokens", Path: tokensPath}, {Name: "Extensions", Path: extensionsPath}}},
			{Name: "Organization", Items: []navItem{
				{Name: "Integrations", Path: integrationsPath},
				{Name: "Members", Path: membersPath},
				{Name: "Credentials", Path: credentialsPath},
				{Name: "Audit", Path: auditPath},
				{Name: "Alerts", Path: alertsPath, Open: alerts},
				{Name: "Name and rules", Path: organizationPath},
			}},
		}, groups...)
	}
	for _, group := range groups {
		for i := range group.Items {
			item := &group.Items[i]
			item.Current = path == item.Path || strings.HasPrefix(path, item.Path+"/")
		}
	}
	return groups
}
