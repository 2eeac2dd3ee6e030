package console

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"kiket.dev/auth/server/tokens"
	"kiket.dev/auth/storage"
)

// tokenPages are Settings → API Tokens.
var tokenPages = []page{
	{method: http.MethodGet, path: "/api-tokens", permission: admins, show: (*Console).listTokens},
	{method: http.MethodGet, path: "/api-tokens/new", permission: admins, show: (*Console).newToken},
	{method: http.MethodPost, path: "/api-tokens", permission: admins, action: "workspace_api_token.create", recent: true, show: (*Console).createToken},
	{method: http.MethodGet, path: "/api-tokens/{id:[0-9]+}", permission: admins, show: (*Console).showToken},
	{method: http.MethodPost, path: "/api-tokens/{id:[0-9]+}/name", permission: admins, action: "workspace_api_token.update", show: (*Console).renameToken},
	{method: http.MethodGet, path: "/api-tokens/{id:[0-9]+}/revoke", permission: admins, show: (*Console).askRevokeToken},
	{method: http.MethodPost, path: "/api-tokens/{id:[0-9]+}/revoke", permission: admins, action: "workspace_api_token.revoke", show: (*Console).revokeToken},
}

// tokenStates are the tabs above the table.
var tokenStates = []tab{
	{Name: "Active", Value: string(tokens.StateActive)},
	{Name: "Expired", Value: string(tokens.StateExpired)},
	{Name: "Revoked", Value: string(tokens.StateRevoked)},
}

// tab is a way to look at a list.
type tab struct {
	Name, Value string
	Current     bool
}

// tabs marks one of the tabs, the first if value names none, and returns that.
func tabs(all []tab, value string) (marked []tab, current string) {
	current = all[0].Value
	for _, t := range all {
		if t.Value == value {
			current = value
		}
	}
	for _, t := range all {
		t.Current = t.Value == current
		marked = append(marked, t)
	}
	return marked, current
}

func (c *Console) listTokens(v *visit) (view, error) {
	states, state := tabs(tokenStates, v.text("state"))
	shown, older, err := list(v, tokensPath, func(page storage.Page) ([]storage.OwnedToken, error) {
		return c.server.Tokens.WorkspaceTokens(v.context(), v.caller, v.organizationID(), tokens.State(state), page)
	}, func(o storage.OwnedToken) int64 { return o.Token.ID }, func(o storage.OwnedToken) []string {
		return []string{o.Token.Name, o.Token.Prefix, o.OwnerName}
	})
	return view{template: "tokens", title: "API Tokens", data: map[string]any{
		"Tokens": shown, "Older": older, "States": states, "State": state, "Find": v.finder("Name, prefix or owner", len(shown), "state"),
	}}, err
}

// tokenForm is what the form for a new token is made of.
func (c *Console) tokenForm(v *visit) view {
	return view{template: "token_new", title: "New API token", data: map[string]any{
		"Scopes": scopeChoices(c.server.Catalogue, storage.NewScopes(v.values["scopes"]...)), "Lifetimes": lifetimes(c.server.Clock(), v.organization.WorkspaceTokenMaxLifetime),
		"Limit": v.organization.WorkspaceTokenMaxLifetime,
	}}
}

// lifetime is how long a token may live.
type lifetime struct {
	Days    int
	Name    string
	Expires time.Time
}

// lifetimes are the choices of how long, the one that is proposed first: those that the
// organization's limit allows.
func lifetimes(now time.Time, limit time.Duration) []lifetime {
	var choices []lifetime
	for _, days := range []int{30, 7, 90, 365} {
		if limit > 0 && time.Duration(days)*oneDay > limit {
			continue
		}
		name := plural(days, "day")
		if days == 365 {
			name = "1 year"
		}
		choices = append(choices, lifetime{Days: days, Name: name, Expires: now.Add(time.Duration(days) * oneDay)})
	}
	return choices
}

func (c *Console) newToken(v *visit) (view, error) { return c.tokenForm(v), nil }

// mintedToken is what is shown once.
type mintedToken struct {
	ID         int64
	Name       string
	Secret     string
	Scopes     storage.Scopes
	FullAccess bool
	ExpiresAt  time.Time
}

func (c *Console) createToken(v *visit) (view, error) {
	request, err := c.tokenRequest(v)
	if err != nil {
		return v.again(c.tokenForm(v), err)
	}
	minted, err := once(v, func(ctx context.Context) (mintedToken, error) {
		issued, err := c.server.Tokens.IssueWorkspaceToken(ctx, v.caller, request)
		t := issued.Token
		return mintedToken{t.ID, t.Name, issued.Secret.Reveal(), t.Scopes, t.FullAccess, t.ExpiresAt}, err
	})
	if err != nil {
		return v.again(c.tokenForm(v), err)
	}
	return view{status: http.StatusCreated, template: "token_created", title: "Copy your new token", data: minted}, nil
}

// tokenRequest reads the form.
func (c *Console) tokenRequest(v *visit) (tokens.WorkspaceTokenRequest, error) {
	r := tokens.WorkspaceTokenRequest{OrganizationID: v.organizationID(), Name: v.text("name")}
	switch v.text("access") {
	case "full":
	case "scopes":
		if r.Scopes = v.chosenScopes(); len(r.Scopes) == 0 {
			return r, storage.Invalidf("scopes", "choose at least one, or full access")
		}
	default:
		return r, storage.Invalidf("access", "choose what the token may do")
	}
	var err error
	r.ExpiresAt, err = v.expiry(c.server.Clock())
	return r, err
}

// expiry reads for how long a token is to live: a number of days, a date, as long as is
// allowed, or for ever.
func (v *visit) expiry(now time.Time) (time.Time, error) {
	switch chosen := v.text("expires_in"); chosen {
	case "never":
		return time.Time{}, nil
	case "most":
		return now.Add(v.organization.WorkspaceTokenMaxLifetime), nil
	case "date":
		at, err := time.Parse(time.DateOnly, v.text("expires_on"))
		if err != nil {
			return at, storage.Invalidf("expires_at", "want a date such as %s", now.AddDate(0, 1, 0).Format(time.DateOnly))
		}
		return at.Add(24*time.Hour - time.Second), nil // that day is the last, in UTC
	default:
		const most = 10 * 365
		days, err := strconv.Atoi(chosen)
		if err != nil || days < 1 || days > most {
			return time.Time{}, storage.Invalidf("expires_at", "choose when it ends")
		}
		return now.Add(time.Duration(days) * oneDay), nil
	}
}

// shownToken is a token with how often it was used.
type shownToken struct {
	storage.OwnedToken
	Expired bool
	Usage   usageChart
}

func (c *Console) showToken(v *visit) (view, error) {
	found, err := c.server.Tokens.WorkspaceToken(v.context(), v.caller, v.organizationID(), v.id("id"))
	if err != nil {
		return view{}, err
	}
	chart, err := c.usage(v, storage.CredentialID{Kind: storage.CredentialKind(storage.WorkspaceAPIToken), ID: found.Token.ID})
	ends := found.Token.ExpiresAt
	expired := !ends.IsZero() && !c.server.Clock().Before(ends)
	return view{template: "token", title: found.Token.Name, data: shownToken{found, expired, chart}}, err
}

func (c *Console) renameToken(v *visit) (view, error) {
	id := v.id("id")
	renamed, err := c.server.Tokens.RenameWorkspaceToken(v.context(), v.caller, v.organizationID(), id, v.text("name"))
	if err == nil {
		return goTo(below(tokensPath, renamed.Token.ID), "token-renamed"), nil
	}
	shown, errShow := c.showToken(v)
	if errShow != nil {
		return view{}, errShow
	}
	return v.again(shown, err)
}

func below(path string, id int64) string { return path + "/" + strconv.FormatInt(id, 10) }

func (c *Console) askRevokeToken(v *visit) (view, error) {
	shown, err := c.showToken(v)
	shown.template, shown.title = "token_revoke", "Revoke "+shown.title
	return shown, err
}

func (c *Console) revokeToken(v *visit) (view, error) {
	if err := c.server.Tokens.RevokeWorkspaceToken(v.context(), v.caller, v.organizationID(), v.id("id")); err != nil {
		return view{}, err
	}
	return goTo(tokensPath, "token-revoked"), nil
}
