package messages

import (
	"context"
	_ "embed"
	"errors"
	htmltemplate "html/template"
	"net/url"
	texttemplate "text/template"

	"github.com/wneessen/go-mail"

	"kiket.dev/auth/server/alerts"
	"kiket.dev/auth/server/sessions"
)

var (
	//go:embed reset.txt
	plainReset string
	//go:embed reset.html
	htmlReset string

	plainResetTemplate = texttemplate.Must(texttemplate.New("reset.txt").Parse(plainReset))
	htmlResetTemplate  = htmltemplate.Must(htmltemplate.New("reset.html").Parse(htmlReset))
)

var _ sessions.Mail = (*Sender)(nil)

// SendReset implements [sessions.Mail].
func (s *Sender) SendReset(ctx context.Context, r sessions.ResetMail) error {
	if s.Mail == nil {
		return &alerts.DeliveryError{Reason: "this server sends no mail any more", Err: errors.New("there is no mail server")}
	}
	ctx, cancel := context.WithTimeout(ctx, mailLimit)
	defer cancel()
	composed, err := s.Mail.composeReset(r)
	if err != nil {
		return err
	}
	return s.Mail.submit(ctx, composed)
}

// composeReset writes the mail with a code. The code is in its text alone: subjects are
// shown on locked screens.
func (m *Mailer) composeReset(r sessions.ResetMail) (*mail.Msg, error) {
	server := r.Link
	if u, err := url.Parse(r.Link); err == nil {
		server = u.Host
	}
	summary := "Another password for your account at " + server
	page := struct {
		Summary, Code, Link string
		Facts               []fact
	}{summary, r.Code.Reveal(), r.Link, []fact{{"Valid until", moment(r.ExpiresAt)}, {"Asked for from", oneLine(r.Address)}}}
	return m.write(r.To, summary, "reset."+r.Code.Digest()[:16], plainResetTemplate, htmlResetTemplate, page)
}
