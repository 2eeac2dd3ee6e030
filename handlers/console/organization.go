package console

import (
	"net/http"
	"strconv"
	"time"

	"kiket.dev/auth/server/organizations"
	"kiket.dev/auth/storage"
)

// organizationPages are Organization → Name and rules.
var organizationPages = []page{
	{method: http.MethodGet, path: "/organization", permission: admins, show: (*Console).showOrganization},
	{method: http.MethodPost, path: "/organization", permission: admins, action: "organization.update", show: (*Console).updateOrganization},
}

// tokenLimits are the limits of a token's life that are proposed, in days; 0: none.
var tokenLimits = []int{0, 7, 30, 90, 365}

const oneDay = 24 * time.Hour

func (c *Console) showOrganization(v *visit) (view, error) {
	current := v.organization.WorkspaceTokenMaxLifetime
	chosen := current
	if sent, err := v.tokenLimit(); v.posted() && err == nil {
		chosen = sent
	}
	limits := []limitChoice{}
	proposed := false
	for _, days := range tokenLimits {
		limit := limitChoice{Seconds: int64(days) * int64(oneDay/time.Second), Name: "as long as whoever issues it says"}
		if days > 0 {
			limit.Name = plural(days, "day")
		}
		limit.Chosen = time.Duration(days)*oneDay == chosen
		proposed = proposed || time.Duration(days)*oneDay == current
		limits = append(limits, limit)
	}
	if !proposed { // it was set to something else over the API
		limits = append(limits, limitChoice{Seconds: int64(current / time.Second), Name: lasts(current), Chosen: chosen == current})
	}
	return view{template: "organization", title: "Name and rules", data: map[string]any{
		"Limits": limits, "Limit": int64(current / time.Second),
	}}, nil
}

// limitChoice is how long tokens may live.
type limitChoice struct {
	Seconds int64
	Name    string
	Chosen  bool
}

// tokenLimit reads how long tokens may live at most.
func (v *visit) tokenLimit() (time.Duration, error) {
	seconds, err := strconv.ParseInt(v.text("workspace_token_max_lifetime"), 10, 32)
	if err != nil {
		return 0, storage.Invalidf("workspace_token_max_lifetime", "choose one of these")
	}
	return time.Duration(seconds) * time.Second, nil
}

func (c *Console) updateOrganization(v *visit) (view, error) {
	update := organizations.Update{Name: v.changed("name")}
	limit, err := v.tokenLimit()
	if v.changed("workspace_token_max_lifetime") != nil {
		update.WorkspaceTokenMaxLifetime = &limit
	}
	if err == nil {
		_, err = c.server.Organizations.Update(v.context(), v.caller, v.organizationID(), update)
	}
	if err == nil {
		return goTo(organizationPath, "organization-updated"), nil
	}
	shown, errShow := c.showOrganization(v)
	if errShow != nil {
		return view{}, errShow
	}
	return v.again(shown, err)
}
