package console

import (
	"net/http"

	"kiket.dev/auth/storage"
)

// accountPages are about whoever looks at them.
var accountPages = []page{
	{method: http.MethodGet, path: "/account", permission: signedIn, show: (*Console).showAccount},
	{method: http.MethodPost, path: "/account/password", permission: signedIn, action: "user.change_password", show: (*Console).changePassword},
	{method: http.MethodPost, path: "/account/sessions/{id:[0-9]+}/end", permission: signedIn, action: "session.revoke", show: (*Console).endSession},
	{method: http.MethodPost, path: "/account/sessions/end", permission: signedIn, action: "session.revoke", show: (*Console).signOutEverywhere},
}

func (c *Console) showAccount(v *visit) (view, error) {
	found, err := c.server.Sessions.List(v.context(), v.caller, v.listPage())
	if err != nil {
		return view{}, err
	}
	shown, older := olderOf(v, accountPath, found, func(t storage.Token) int64 { return t.ID })
	return view{template: "account", title: "You and your sessions", data: map[string]any{
		"Sessions": shown, "Older": older, "Current": v.credential.Token.ID,
	}}, nil
}

func (c *Console) changePassword(v *visit) (view, error) {
	err := v.required("current_password", "new_password")
	if err == nil && v.values.Get("new_password") != v.values.Get("new_password_again") {
		err = storage.Invalidf("new_password_again", "is not the same as above")
	}
	if err == nil {
		err = c.server.Sessions.ChangePassword(v.context(), v.caller, v.secret("current_password"), v.secret("new_password"))
	}
	if err == nil {
		return goTo(accountPath, "password-changed"), nil
	}
	shown, errShow := c.showAccount(v)
	if errShow != nil {
		return view{}, errShow
	}
	return v.again(shown, err)
}

func (c *Console) endSession(v *visit) (view, error) {
	id := v.id("id")
	if id == v.credential.Token.ID {
		return c.signOut(v)
	}
	if err := c.server.Sessions.End(v.context(), v.caller, id); err != nil {
		return view{}, err
	}
	return goTo(accountPath, "session-revoked"), nil
}

func (c *Console) signOutEverywhere(v *visit) (view, error) {
	if _, err := c.server.Sessions.SignOutEverywhere(v.context(), v.caller); err != nil {
		return view{}, err
	}
	v.dropCookie()
	return goTo(signInPath, "signed-out-everywhere"), nil
}
