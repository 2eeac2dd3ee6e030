package console

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"kiket.dev/auth/server/credentials"
	"kiket.dev/auth/storage"
)

// credentialPages are Organization → Credentials.
var credentialPages = []page{
	{method: http.MethodGet, path: "/credentials", permission: admins, show: (*Console).listCredentials},
	{method: http.MethodGet, path: "/credentials/revoke", permission: admins, show: (*Console).askRevokeCredentials},
	{method: http.MethodPost, path: "/credentials/revoke", permission: admins, action: "credential.revoke", show: (*Console).revokeCredentials},
	{method: http.MethodGet, path: "/credentials/oauth_application/{id:[0-9]+}", permission: admins, show: (*Console).showApplicationCredential},
	{method: http.MethodGet, path: "/credentials/{kind:workspace_api_token|extension_key|session|client_secret}/{id:[0-9]+}", permission: admins, show: (*Console).showCredential},
}

// hasCredentialPage reports whether what is of that kind has one of credentialPages.
func hasCredentialPage(kind string) bool {
	switch credentials.Kind(kind) {
	case credentials.WorkspaceAPIToken, credentials.ExtensionKey, credentials.Session, credentials.ClientSecret:
		return true
	}
	return kind == string(storage.ApplicationCredential)
}

const day24 = 24 * time.Hour

// credentialSight is one of the ways to look at the inventory: a parameter of the query
// as the management API has it, and what it asks for.
type credentialSight struct {
	Name, Parameter, Value string
	set                    func(*credentials.Filter)
}

var credentialSights = []credentialSight{
	{"Unused for 90 days", "unused_for", "90d", func(f *credentials.Filter) { f.UnusedFor = 90 * day24 }},
	{"Never used", "never_used", "true", func(f *credentials.Filter) { f.NeverUsed = true }},
	{"Expires within 14 days", "expiring_within", "14d", func(f *credentials.Filter) { f.ExpiringWithin = 14 * day24 }},
	{"Full access", "full_access", "true", func(f *credentials.Filter) { f.FullAccess = true }},
	{"May do more than it does", "over_privileged", "true", func(f *credentials.Filter) { f.OverPrivileged = true }},
	{"Owner gone or no admin", "owner_gone", "true", func(f *credentials.Filter) { f.OwnerGone = true }},
	{"Lives longer than allowed", "exceeds_max_lifetime", "true", func(f *credentials.Filter) { f.ExceedsMaxLifetime = true }},
}

// credentialKinds are the tabs above the table.
var credentialKinds = []tab{
	{Name: "All", Value: ""},
	{Name: "API tokens", Value: string(credentials.WorkspaceAPIToken)},
	{Name: "Integration secrets", Value: string(credentials.ClientSecret)},
	{Name: "Extension keys", Value: string(credentials.ExtensionKey)},
	{Name: "Sessions", Value: string(credentials.Session)},
}

// chip is a filter that is on or off, and the address that turns it.
type chip struct {
	Name, Address string
	Current       bool
}

// credentialFilter reads what the query asks for, and returns what can be asked for in
// its place.
func (v *visit) credentialFilter() (f credentials.Filter, kinds []tab, chips []chip) {
	kinds, kind := tabs(credentialKinds, v.text("kind"))
	f.Kind = credentials.Kind(kind)
	chosen := url.Values{}
	for _, s := range credentialSights {
		if v.text(s.Parameter) == s.Value {
			s.set(&f)
			chosen.Set(s.Parameter, s.Value)
		}
	}
	for i := range kinds {
		kinds[i].Value = withQuery(credentialsPath, with(clone(chosen), "kind", kinds[i].Value))
	}
	for _, s := range credentialSights {
		turned := with(clone(chosen), "kind", kind)
		current := turned.Has(s.Parameter)
		if current {
			turned.Del(s.Parameter)
		} else {
			turned.Set(s.Parameter, s.Value)
		}
		chips = append(chips, chip{s.Name, withQuery(credentialsPath, turned), current})
	}
	return f, kinds, chips
}

func clone(query url.Values) url.Values { return without(query) }

// shownCredential is a credential as pages have it.
type shownCredential struct {
	credentials.Credential
	Active bool
	Own    bool // the session with which the page is looked at
}

// Page is where the credential is shown.
func (c shownCredential) Page() string {
	return below(credentialsPath+"/"+string(c.Reference.Kind), c.Reference.ID)
}

// Kind is what the credential is.
func (c shownCredential) Kind() credentials.Kind { return c.Reference.Kind }

// Owned reports whether somebody owns credentials of the kind.
func (c shownCredential) Owned() bool {
	return c.Reference.Kind == credentials.WorkspaceAPIToken || c.Reference.Kind == credentials.Session
}

func (v *visit) shownCredential(c credentials.Credential) shownCredential {
	own := c.Reference.Kind == credentials.Session && v.credential.Token.Kind == storage.Session && c.Reference.ID == v.credential.Token.ID
	return shownCredential{Credential: c, Active: c.Active(v.console.server.Clock()), Own: own}
}

func (c *Console) listCredentials(v *visit) (view, error) {
	filter, kinds, chips := v.credentialFilter()
	found, after, err := c.server.Credentials.List(v.context(), v.caller, v.organizationID(), filter, v.credentialPosition(), pageLimit)
	if err != nil {
		return view{}, err
	}
	shown := make([]shownCredential, 0, len(found))
	for _, one := range found {
		shown = append(shown, v.shownCredential(one))
	}
	older := ""
	if after != nil {
		query := without(v.values, "ids", "notice")
		older = withQuery(credentialsPath, with(query, "before", strconv.FormatInt(after.Token, 10)+"."+strconv.FormatInt(after.Secret, 10)))
	}
	return view{template: "credentials", title: "Credentials", data: map[string]any{
		"Credentials": shown, "Older": older, "Kinds": kinds, "Chips": chips, "Filter": without(v.values, "ids", "notice"),
	}}, nil
}

// credentialPosition returns the place in the list that ?before= names, its beginning if
// it names none.
func (v *visit) credentialPosition() credentials.Position {
	token, secret, _ := strings.Cut(v.text("before"), ".")
	p := credentials.Position{Token: number(token), Secret: number(secret)}
	if p.Token == 0 || p.Secret == 0 {
		return credentials.Position{}
	}
	return p
}

// reference returns the credential that the path names.
func (v *visit) reference() credentials.Reference {
	return credentials.Reference{Kind: credentials.Kind(v.variable("kind")), ID: v.id("id")}
}

func (c *Console) showCredential(v *visit) (view, error) {
	found, err := c.server.Credentials.Show(v.context(), v.caller, v.organizationID(), v.reference())
	if err != nil {
		return view{}, err
	}
	shown := v.shownCredential(found)
	about, err := c.credentialAbout(v, string(shown.Reference.Kind), shown.Reference.ID)
	if err != nil {
		return view{}, err
	}
	about["Credential"] = shown
	return view{template: "credential", title: credentialTitle(shown), data: about}, nil
}

// credentialKind is what a kind of credential is called where there are several.
func credentialKind(kind credentials.Kind) string {
	if kind == credentials.ClientSecret {
		return "Integration secret"
	}
	return kindName(kind)
}

func credentialTitle(c shownCredential) string {
	switch c.Reference.Kind {
	case credentials.Session:
		return "Session of " + c.Name
	case credentials.ClientSecret:
		return "Secret of " + c.Name
	case credentials.ExtensionKey:
		return "Key of " + c.Name
	case credentials.WorkspaceAPIToken:
	}
	return c.Name
}

// showApplicationCredential shows what is behind all secrets and access tokens of an
// application.
func (c *Console) showApplicationCredential(v *visit) (view, error) {
	found, err := c.server.Clients.Application(v.context(), v.caller, v.organizationID(), v.id("id"))
	if err != nil {
		return view{}, err
	}
	about, err := c.credentialAbout(v, string(storage.ApplicationCredential), found.ID)
	if err != nil {
		return view{}, err
	}
	about["Application"] = found
	return view{template: "credential_application", title: found.Name, data: about}, nil
}

// recentAlerts is how many alerts the page of a credential shows.
const recentAlerts = 5

// credentialAbout is what the pages of all kinds of credentials have.
func (c *Console) credentialAbout(v *visit, kind string, id int64) (map[string]any, error) {
	filter := storage.AlertFilter{OrganizationID: v.organizationID(), Subject: &storage.Party{Kind: kind, ID: id}}
	found, err := c.server.Alerts.Alerts(v.context(), v.caller, filter, storage.Page{Limit: recentAlerts})
	if err != nil {
		return nil, err
	}
	used := storage.CredentialID{Kind: storage.CredentialKind(kind), ID: id}
	chart, err := c.usage(v, used)
	return map[string]any{"Alerts": shownAlerts(found), "Usage": chart, "Reference": used.String()}, err
}
