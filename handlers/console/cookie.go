package console

import (
	"net/http"
	"time"

	"kiket.dev/auth/storage"
)

// cookieName is what the session's cookie is called. The prefix makes browsers refuse
// one that another host set, or that came without TLS; without TLS, which is for the
// loopback address alone, there can be none.
func (c *Console) cookieName() string {
	if c.secure {
		return "__Host-kiket_session"
	}
	return "kiket_session"
}

// setCookie gives the browser a session. It is sent along when a link from a mail is
// followed, and not when another site posts a form.
func (v *visit) setCookie(session storage.Secret, expires time.Time) {
	http.SetCookie(v.response, &http.Cookie{
		Name: v.console.cookieName(), Value: session.Reveal(), Path: "/", Expires: expires,
		Secure: v.console.secure, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
}

func (v *visit) dropCookie() {
	http.SetCookie(v.response, &http.Cookie{
		Name: v.console.cookieName(), Path: "/", MaxAge: -1,
		Secure: v.console.secure, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
}
