package messages

import (
	"bytes"
	"context"
	"crypto/tls"
	_ "embed"
	"errors"
	"fmt"
	htmltemplate "html/template"
	"net"
	"net/url"
	"strconv"
	"strings"
	texttemplate "text/template"
	"time"

	"github.com/wneessen/go-mail"

	"kiket.dev/auth/server/alerts"
	"kiket.dev/auth/storage"
)

// mailLimit is how long talking to the mail server may take in all.
const mailLimit = 10 * time.Second

// The ports of smtp, which is for submission (RFC 6409), and smtps (RFC 8314).
const (
	submissionPort  = 587
	submissionsPort = 465
)

// Mailer sends mail. Make it with [NewMailer].
type Mailer struct {
	from    string
	domain  string // of message ids
	host    string
	options []mail.Option
	secure  *tls.Config // of smtps; nil: smtp
}

// NewMailer returns a mailer for a mail server, smtp:// or smtps://, that sends as from.
// With smtp the server must offer STARTTLS, unless it is on this machine.
func NewMailer(server storage.Secret, from, issuer string) (*Mailer, error) {
	u, err := url.Parse(server.Reveal())
	if err != nil {
		return nil, errors.New("the mail server is not a URL")
	}
	m := &Mailer{from: from, host: u.Hostname(), domain: "localhost"}
	if base, err := url.Parse(issuer); err == nil && base.Hostname() != "" {
		m.domain = base.Hostname()
	}
	port, policy := submissionPort, mail.TLSMandatory
	config := &tls.Config{ServerName: m.host, MinVersion: tls.VersionTLS12}
	if storage.OnThisMachine(m.host) {
		policy = mail.TLSOpportunistic
	}
	if u.Scheme == "smtps" {
		port, m.secure = submissionsPort, config
		m.options = append(m.options, mail.WithSSL())
	}
	if text := u.Port(); text != "" {
		if port, err = strconv.Atoi(text); err != nil {
			return nil, errors.New("the port of the mail server is no number")
		}
	}
	m.options = append(m.options, mail.WithPort(port), mail.WithTLSPolicy(policy), mail.WithTLSConfig(config),
		mail.WithTimeout(mailLimit), mail.WithDialContextFunc(m.dial))
	if password, ok := u.User.Password(); ok {
		// The connection is encrypted or does not leave this machine, whatever the
		// library knows of it.
		m.options = append(m.options, mail.WithUsername(u.User.Username()), mail.WithPassword(password),
			mail.WithOpportunisticSMTPAuth(mail.SMTPAuthSCRAMSHA256, mail.SMTPAuthPlainNoEnc, mail.SMTPAuthLoginNoEnc))
	}
	_, err = mail.NewClient(m.host, m.options...) // so that what is wrong is known now
	return m, err
}

// dial connects, and cuts the connection when the time is up: the library's own limit
// begins anew with each command.
func (m *Mailer) dial(ctx context.Context, network, address string) (net.Conn, error) {
	bound, ok := ctx.Value(boundKey{}).(context.Context)
	if !ok {
		bound = ctx
	}
	connection, err := (&net.Dialer{}).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	context.AfterFunc(bound, func() { _ = connection.Close() })
	if m.secure == nil {
		return connection, nil
	}
	encrypted := tls.Client(connection, m.secure)
	if err := encrypted.HandshakeContext(ctx); err != nil {
		return nil, errors.Join(err, connection.Close())
	}
	return encrypted, nil
}

// boundKey is where the context of the whole conversation is found in that of dialing,
// which ends when the connection is there.
type boundKey struct{}

// send returns when the mail server has taken the message.
func (m *Mailer) send(ctx context.Context, to alerts.Destination, message alerts.Message) error {
	ctx, cancel := context.WithTimeout(ctx, mailLimit)
	defer cancel()
	composed, err := m.compose(to, message)
	if err != nil {
		return err
	}
	return m.submit(ctx, composed)
}

// submit returns when the mail server has taken the mail.
func (m *Mailer) submit(ctx context.Context, composed *mail.Msg) error {
	client, err := mail.NewClient(m.host, m.options...)
	if err != nil {
		return err
	}
	return mailFailure(client.DialAndSendWithContext(context.WithValue(ctx, boundKey{}, ctx), composed))
}

var (
	//go:embed mail.txt
	plainMail string
	//go:embed mail.html
	htmlMail string

	plainTemplate = texttemplate.Must(texttemplate.New("mail.txt").Parse(plainMail))
	htmlTemplate  = htmltemplate.Must(htmltemplate.New("mail.html").Parse(htmlMail))
)

// page is what the templates of a mail are given.
type page struct {
	Summary, Invitation, Link string
	Facts                     []fact
	Sections                  []section
	Footnote                  string // empty: none
}

// compose writes the mail, with a plain part and one of HTML (RFC 2046 section 5.1.4).
func (m *Mailer) compose(to alerts.Destination, message alerts.Message) (*mail.Msg, error) {
	id := fmt.Sprintf("%d.%d", message.OrganizationID, message.ID)
	page := page{oneLine(message.Summary), invitation(message), message.Link, facts(message), sections(message), footnote(to, message)}
	return m.write(to.Address, subject(message), id, plainTemplate, htmlTemplate, page)
}

// write writes a mail from the templates of its two parts. The id is the same when it is
// sent again.
func (m *Mailer) write(to, subject, id string, plainPart *texttemplate.Template, htmlPart *htmltemplate.Template, page any) (*mail.Msg, error) {
	composed := mail.NewMsg(mail.WithNoDefaultUserAgent())
	if err := errors.Join(composed.From(m.from), composed.To(to)); err != nil {
		return nil, fmt.Errorf("addressing a mail: %w", err)
	}
	composed.Subject(subject)
	composed.SetDate()
	composed.SetMessageIDWithValue(fmt.Sprintf("kiket-auth.%s@%s", id, m.domain))
	composed.SetGenHeader("Auto-Submitted", "auto-generated") // RFC 3834
	var plain, html bytes.Buffer
	if err := errors.Join(plainPart.Execute(&plain, page), htmlPart.Execute(&html, page)); err != nil {
		return nil, fmt.Errorf("writing a mail: %w", err)
	}
	composed.SetBodyString(mail.TypeTextPlain, plain.String())
	composed.AddAlternativeString(mail.TypeTextHTML, html.String())
	return composed, nil
}

// mailFailure says what admins may know of why a mail was not taken: the code that the
// mail server gave, if it was about this mail. The operator's mail server is none of
// their business otherwise.
func mailFailure(err error) error {
	if err == nil {
		return nil
	}
	reason := "the mail server could not be reached, or did not let this server in"
	var refused *mail.SendError
	if errors.As(err, &refused) {
		reason = "the mail server did not take the message"
		if code := refused.ErrorCode(); code != 0 {
			reason += fmt.Sprintf(" (%s)", strings.TrimSpace(fmt.Sprint(code, " ", refused.EnhancedStatusCode())))
		}
	}
	return &alerts.DeliveryError{Reason: reason, Err: err}
}
