package console

import (
	"errors"
	"net/http"

	"kiket.dev/auth/server/sessions"
)

// entryPages are those by which people come and go.
var entryPages = []page{
	{method: http.MethodGet, path: "", permission: signedIn, show: (*Console).home},
	{method: http.MethodGet, path: "/sign-in", permission: anybody, show: (*Console).signInForm},
	{method: http.MethodPost, path: "/sign-in", permission: anybody, action: "session.create", show: (*Console).signIn},
	{method: http.MethodPost, path: "/sign-out", permission: signedIn, action: "session.revoke", show: (*Console).signOut},
}

// home leads to where people go first.
func (c *Console) home(v *visit) (view, error) {
	if v.permittedAs(admins) {
		return view{redirect: tokensPath}, nil
	}
	return view{redirect: accountPath}, nil
}

func (c *Console) signInForm(v *visit) (view, error) {
	if v.signedIn() {
		return view{redirect: next(v.values.Get("next"))}, nil
	}
	switch empty, err := c.server.Organizations.NeedsSetup(v.context()); {
	case err != nil:
		return view{}, err
	case empty:
		return view{redirect: setupPath}, nil
	}
	return view{template: "sign_in", title: "Sign in"}, nil
}

func (c *Console) signIn(v *visit) (view, error) {
	form := view{template: "sign_in", title: "Sign in"}
	if err := v.required("email", "password"); err != nil {
		return v.again(form, err)
	}
	signed, err := c.server.Sessions.SignIn(v.context(), v.caller.Origin, sessions.Credentials{
		Email: v.text("email"), Password: v.secret("password"), Organization: v.text("organization"),
	})
	if errors.Is(err, sessions.ErrInvalidCredentials) {
		v.wrong = map[string][]string{"": {"The e-mail address or the password is wrong."}}
		form.status = http.StatusUnprocessableEntity
		return form, nil
	}
	if err != nil {
		return view{}, err
	}
	if v.signedIn() { // somebody goes on as somebody else, and leaves nothing behind
		if err := c.server.Sessions.SignOut(v.context(), v.caller); err != nil {
			return view{}, err
		}
	}
	v.setCookie(signed.Session.Secret, signed.Session.Token.ExpiresAt)
	return view{redirect: next(v.values.Get("next"))}, nil
}

func (c *Console) signOut(v *visit) (view, error) {
	if err := c.server.Sessions.SignOut(v.context(), v.caller); err != nil {
		return view{}, err
	}
	v.dropCookie()
	return goTo(signInPath, "signed-out"), nil
}
