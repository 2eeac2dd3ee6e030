package messages

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"time"

	"kiket.dev/auth/handlers/outbound"
	"kiket.dev/auth/server/alerts"
	"kiket.dev/auth/storage"
)

// Sender sends messages to channels of every kind.
type Sender struct {
	// Web asks the addresses of Slack and of webhooks.
	Web *outbound.Client
	// Mail is nil if there is no mail server.
	Mail *Mailer
	// Clock dates the signatures of webhooks.
	Clock func() time.Time
}

var _ alerts.Messenger = (*Sender)(nil)

// SendsMail implements [alerts.Messenger].
func (s *Sender) SendsMail() bool { return s.Mail != nil }

// CheckURL implements [alerts.Messenger].
func (s *Sender) CheckURL(text string) error { return s.Web.CheckURL(text) }

// Send implements [alerts.Messenger].
func (s *Sender) Send(ctx context.Context, to alerts.Destination, m alerts.Message) error {
	switch to.Kind {
	case storage.EmailChannel:
		if s.Mail == nil {
			return &alerts.DeliveryError{Reason: "this server sends no mail any more", Err: errors.New("there is no mail server")}
		}
		return s.Mail.send(ctx, to, m)
	case storage.SlackChannel:
		body, err := slackBody(m)
		if err != nil {
			return err
		}
		return webFailure(s.Web.Post(ctx, to.URL.Reveal(), body, nil))
	case storage.WebhookChannel:
		body, err := webhookBody(m)
		if err != nil {
			return err
		}
		header, err := signed(to.Signing, m.ID, s.Clock(), body)
		if err != nil {
			return err
		}
		return webFailure(s.Web.Post(ctx, to.URL.Reveal(), body, header))
	}
	return fmt.Errorf("no way to send to the channel kind %q", to.Kind)
}

// webFailure says what admins may know of why an address did not take a message: what
// it answered, and nothing of what a name resolves to or who else can be reached.
func webFailure(err error) error {
	if err == nil {
		return nil
	}
	var status *outbound.StatusError
	var untrusted *tls.CertificateVerificationError
	var resolving *net.DNSError
	reason := "the address could not be reached"
	switch {
	case errors.As(err, &status):
		reason = fmt.Sprintf("the address answered with %d", status.Status)
	case errors.Is(err, outbound.ErrNotPublic):
		reason = "the address is none of the public internet"
	case errors.As(err, &untrusted):
		reason = "the certificate of the address is not trusted"
	case errors.As(err, &resolving):
		reason = "the name of the address could not be resolved"
	case errors.Is(err, outbound.ErrTooSlow):
		reason = "the address did not answer in time"
	}
	return &alerts.DeliveryError{Reason: reason, Err: err}
}
