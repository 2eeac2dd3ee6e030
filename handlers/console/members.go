package console

import (
	"context"
	"net/http"

	"kiket.dev/auth/server/members"
	"kiket.dev/auth/server/tokens"
	"kiket.dev/auth/storage"
)

// memberPages are Organization → Members.
var memberPages = []page{
	{method: http.MethodGet, path: "/members", permission: admins, show: (*Console).listMembers},
	{method: http.MethodGet, path: "/members/new", permission: admins, show: (*Console).newMember},
	{method: http.MethodPost, path: "/members", permission: admins, action: "user.create", recent: true, show: (*Console).addMember},
	{method: http.MethodGet, path: "/members/{id:[0-9]+}", permission: admins, show: (*Console).showMember},
	{method: http.MethodPost, path: "/members/{id:[0-9]+}", permission: admins, action: "user.update", recent: true, show: (*Console).updateMember},
	{method: http.MethodGet, path: "/members/{id:[0-9]+}/remove", permission: admins, show: (*Console).askRemoveMember},
	{method: http.MethodPost, path: "/members/{id:[0-9]+}/remove", permission: admins, action: "user.remove", show: (*Console).removeMember},
}

func (c *Console) listMembers(v *visit) (view, error) {
	shown, older, err := list(v, membersPath, func(page storage.Page) ([]storage.Member, error) {
		return c.server.Members.List(v.context(), v.caller, v.organizationID(), page)
	}, func(m storage.Member) int64 { return m.UserID }, func(m storage.Member) []string { return []string{m.Name, m.Email} })
	return view{template: "members", title: "Members", data: map[string]any{
		"Members": shown, "Older": older, "Find": v.finder("Name or e-mail address", len(shown)),
	}}, err
}

var memberForm = view{template: "member_new", title: "Add a member"}

func (c *Console) newMember(*visit) (view, error) { return memberForm, nil }

// addedMember is what is shown once.
type addedMember struct {
	ID                    int64
	Name, Email, Password string
}

func (c *Console) addMember(v *visit) (view, error) {
	added, err := once(v, func(ctx context.Context) (addedMember, error) {
		added, err := c.server.Members.Add(ctx, v.caller, v.organizationID(), members.Addition{
			Email: v.text("email"), Name: v.text("name"), Role: storage.Role(v.text("role")),
		})
		m := added.Member
		return addedMember{m.UserID, m.Name, m.Email, added.InitialPassword.Reveal()}, err
	})
	if err != nil {
		return v.again(memberForm, err)
	}
	return view{status: http.StatusCreated, template: "member_added", title: added.Name + " is a member", data: added}, nil
}

func (c *Console) showMember(v *visit) (view, error) {
	m, err := c.server.Members.Show(v.context(), v.caller, v.organizationID(), v.id("id"))
	if err != nil {
		return view{}, err
	}
	owned, err := c.tokensOwnedBy(v, m.UserID)
	if err != nil {
		return view{}, err
	}
	return view{template: "member", title: m.Name, data: map[string]any{"Member": m, "Tokens": owned, "You": m.UserID == v.caller.UserID}}, nil
}

// tokensOwnedBy returns the active API tokens of a member.
func (c *Console) tokensOwnedBy(v *visit, userID int64) ([]storage.OwnedToken, error) {
	owned := []storage.OwnedToken{}
	err := eachOf(func(page storage.Page) ([]storage.OwnedToken, error) {
		return c.server.Tokens.WorkspaceTokens(v.context(), v.caller, v.organizationID(), tokens.StateActive, page)
	}, func(o storage.OwnedToken) int64 { return o.Token.ID }, func(o storage.OwnedToken) {
		if o.Token.UserID == userID {
			owned = append(owned, o)
		}
	})
	return owned, err
}

// eachMember calls do with every member of the organization.
func (v *visit) eachMember(do func(storage.Member)) error {
	return eachOf(func(page storage.Page) ([]storage.Member, error) {
		return v.console.server.Members.List(v.context(), v.caller, v.organizationID(), page)
	}, func(m storage.Member) int64 { return m.UserID }, do)
}

func (c *Console) updateMember(v *visit) (view, error) {
	update := members.Update{Name: v.changed("name")}
	if role := v.changed("role"); role != nil {
		update.Role = (*storage.Role)(role)
	}
	m, err := c.server.Members.Update(v.context(), v.caller, v.organizationID(), v.id("id"), update)
	if err == nil {
		return goTo(below(membersPath, m.UserID), "member-updated"), nil
	}
	shown, errShow := c.showMember(v)
	if errShow != nil {
		return view{}, errShow
	}
	return v.again(shown, err)
}

func (c *Console) askRemoveMember(v *visit) (view, error) {
	shown, err := c.showMember(v)
	if err != nil {
		return view{}, err
	}
	heirs, err := c.heirs(v, v.id("id"))
	if err != nil {
		return view{}, err
	}
	shown.data.(map[string]any)["Heirs"] = heirs
	shown.template, shown.title = "member_remove", "Remove "+shown.title
	return shown, nil
}

// heirs are the admins who can be given what a member owns.
func (c *Console) heirs(v *visit, without int64) ([]storage.Member, error) {
	var heirs []storage.Member
	err := v.eachMember(func(m storage.Member) {
		if m.Role == storage.RoleAdmin && m.UserID != without {
			heirs = append(heirs, m)
		}
	})
	return heirs, err
}

func (c *Console) removeMember(v *visit) (view, error) {
	id := v.id("id")
	var heir int64
	err := error(nil)
	switch chosen := v.text("reassign_tokens_to"); chosen {
	case "revoke":
	default:
		if heir = number(chosen); heir == 0 {
			err = storage.Invalidf("reassign_tokens_to", "choose what becomes of the tokens")
		}
	}
	if err == nil {
		err = c.server.Members.Remove(v.context(), v.caller, v.organizationID(), id, heir)
	}
	switch {
	case err != nil:
		shown, errShow := c.askRemoveMember(v)
		if errShow != nil {
			return view{}, errShow
		}
		return v.again(shown, err)
	case id == v.caller.UserID: // the session that asked has ended with it
		v.dropCookie()
		return goTo(signInPath, "signed-out"), nil
	}
	return goTo(membersPath, "member-removed"), nil
}
