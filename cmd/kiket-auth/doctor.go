package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/smtp"
	"net/url"
	"strings"
	"time"

	"kiket.dev/auth/storage"
)

type doctorCommand struct{}

// checkTimeout bounds each check.
const checkTimeout = 5 * time.Second

// Run checks everything that the configuration refers to, one line each. It
// changes nothing but what every command does: a new SQLite file is migrated.
func (doctorCommand) Run(ctx context.Context, p *process) error {
	c, err := p.load()
	if err != nil {
		return err
	}
	d := &diagnosis{process: p}
	d.report("configuration", fmt.Sprintf("%d settings, issuer %s", len(c.Values()), c.Issuer), nil)
	for _, v := range c.Values() {
		p.printf("        %-36s %s (%s)\n", v.Setting.Variable(), v.Text, v.Source)
	}
	if _, err := masterKeys(c); err != nil {
		d.report("master key", "", err)
	} else if o, err := p.assemble(ctx, c); err != nil {
		d.report("database", "", err)
	} else {
		defer o.close()
		d.database(ctx, o)
	}
	d.mail(ctx, c.SMTPURL, c.MailFrom)
	d.report("slack", "channels are kept per organization; nothing to check here", nil)
	return d.verdict()
}

type diagnosis struct {
	process *process
	bad     int
}

func (d *diagnosis) report(what, found string, err error) {
	if err != nil {
		d.bad++
		d.process.printf("FAIL    %-15s %s\n", what, oneLine(err))
		return
	}
	d.process.printf("ok      %-15s %s\n", what, found)
}

func (d *diagnosis) verdict() error {
	if d.bad > 0 {
		return fmt.Errorf("%s failed", counted(d.bad, "check"))
	}
	return nil
}

func (d *diagnosis) database(ctx context.Context, o *opened) {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	if err := o.migrated(ctx); err != nil {
		d.report("database", "", err)
		d.report("keys", "", errors.New("not checked: they are in the database"))
		return
	}
	n, err := o.store.CountOrganizations(ctx)
	d.report("database", fmt.Sprintf("%s, migrated, %s", o.store.Dialect(), counted(n, "organization")), err)
	d.audit(ctx, o)
	stored, err := o.store.SigningKeys(ctx)
	switch {
	case err != nil:
		d.report("keys", "", err)
	case len(stored) == 0:
		d.report("keys", "none yet; the first is made by serve", nil)
	default:
		d.report("keys", fmt.Sprintf("%s, readable with the master key", counted(len(stored), "signing key")), o.ring.Check(ctx))
	}
}

// audit tells what the verifications of the audit log have come to that serve does.
func (d *diagnosis) audit(ctx context.Context, o *opened) {
	verified, err := o.store.AuditVerifications(ctx)
	oldest, broken, chains := time.Time{}, []string{}, 0
	for _, v := range verified {
		if v.At.IsZero() { // it is being verified for the first time
			continue
		}
		chains++
		if oldest.IsZero() || v.At.Before(oldest) {
			oldest = v.At
		}
		if !v.OK() {
			name, errName := o.chainName(ctx, v.OrganizationID)
			err = errors.Join(err, errName)
			broken = append(broken, fmt.Sprintf("%s: %s: %s", name, v.Findings[0].Kind, v.Findings[0].Detail))
		}
	}
	switch {
	case err != nil:
		d.report("audit log", "", err)
	case len(broken) > 0:
		d.report("audit log", "", fmt.Errorf("not as it was sealed: %s; kiket-auth audit verify tells all", strings.Join(broken, "; ")))
	case chains == 0:
		d.report("audit log", "not verified yet; serve does", nil)
	default:
		d.report("audit log", fmt.Sprintf("%s as sealed, verified at %s or later", counted(int64(chains), "chain"), oldest.UTC().Format(time.RFC3339)), nil)
	}
}

// chainName is what a chain of audit events is called.
func (o *opened) chainName(ctx context.Context, organizationID int64) (string, error) {
	if organizationID == 0 {
		return "platform", nil
	}
	organization, err := o.store.OrganizationByID(ctx, organizationID)
	return organization.Slug, err
}

// mail connects to the mail server and signs in; it sends nothing.
func (d *diagnosis) mail(ctx context.Context, address storage.Secret, from string) {
	if address.Empty() {
		d.report("mail", "not configured", nil)
		return
	}
	u, err := url.Parse(address.Reveal())
	if err != nil {
		d.report("mail", "", errors.New("KIKET_AUTH_SMTP_URL is not a URL"))
		return
	}
	d.report("mail", fmt.Sprintf("%s answers, from %s", u.Host, from), signInToMail(ctx, u))
}

func signInToMail(ctx context.Context, u *url.URL) error {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	port := u.Port()
	if port == "" {
		port = map[string]string{"smtp": "587", "smtps": "465"}[u.Scheme]
	}
	connection, err := (&net.Dialer{}).DialContext(ctx, "tcp", net.JoinHostPort(u.Hostname(), port))
	if err != nil {
		return fmt.Errorf("connecting to the mail server: %w", err)
	}
	deadline, _ := ctx.Deadline()
	_ = connection.SetDeadline(deadline)
	secured := &tls.Config{ServerName: u.Hostname(), MinVersion: tls.VersionTLS12}
	if u.Scheme == "smtps" {
		connection = tls.Client(connection, secured)
	}
	client, err := smtp.NewClient(connection, u.Hostname())
	if err != nil {
		_ = connection.Close()
		return fmt.Errorf("greeting the mail server: %w", err)
	}
	defer func() { _ = client.Close() }()
	switch offered, _ := client.Extension("STARTTLS"); {
	case u.Scheme == "smtps":
	case !offered && !storage.OnThisMachine(u.Hostname()):
		return errors.New("the mail server offers no STARTTLS: mail would be sent unencrypted, and is not; use smtps://")
	case offered:
		if err := client.StartTLS(secured); err != nil {
			return fmt.Errorf("starting TLS with the mail server: %w", err)
		}
	}
	if password, ok := u.User.Password(); ok {
		if err := client.Auth(smtp.PlainAuth("", u.User.Username(), password, u.Hostname())); err != nil {
			return fmt.Errorf("signing in to the mail server: %w", err)
		}
	}
	return client.Quit()
}
