package console

import (
	"net/http"

	"kiket.dev/auth/storage"
)

// recoveryPages are for those who have forgotten their password. The code that is mailed
// to them is typed in: it is in no address.
var recoveryPages = []page{
	{method: http.MethodGet, path: "/password/forgot", permission: anybody, show: (*Console).forgotForm},
	{method: http.MethodPost, path: "/password/forgot", permission: anybody, show: (*Console).forgot},
	{method: http.MethodGet, path: "/password/reset", permission: anybody, show: (*Console).resetForm},
	{method: http.MethodPost, path: "/password/reset", permission: anybody, show: (*Console).reset},
}

var (
	forgotPage = view{template: "password_forgot", title: "Forgotten password"}
	resetPage  = view{template: "password_reset", title: "Choose a new password"}
)

func (c *Console) forgotForm(*visit) (view, error) { return forgotPage, nil }

func (c *Console) resetForm(*visit) (view, error) { return resetPage, nil }

func (c *Console) forgot(v *visit) (view, error) {
	if err := c.server.Sessions.ForgotPassword(v.context(), v.caller.Origin, v.text("email")); err != nil {
		return v.again(forgotPage, err)
	}
	return goTo(resetPath, "code-sent"), nil
}

func (c *Console) reset(v *visit) (view, error) {
	err := v.required("code", "new_password")
	if err == nil && v.values.Get("new_password") != v.values.Get("new_password_again") {
		err = storage.Invalidf("new_password_again", "is not the same as above")
	}
	if err == nil {
		err = c.server.Sessions.ResetPassword(v.context(), v.caller.Origin, v.text("email"), v.secret("code"), v.secret("new_password"))
	}
	if err != nil {
		return v.again(resetPage, err)
	}
	return goTo(signInPath, "password-reset"), nil
}
