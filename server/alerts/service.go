package alerts

import (
	"context"
	"log/slog"
	"strconv"
	"time"

	"kiket.dev/auth/keys"
	"kiket.dev/auth/server/audit"
	"kiket.dev/auth/storage"
)

const (
	// quiet is how long after a message trouble that goes on is only counted, but for
	// each power of ten.
	quiet = time.Hour
	// mostMessages is how many messages a channel is sent in a budgetWindow, and an
	// address by all channels of an organization.
	mostMessages = 20
	budgetWindow = time.Hour
	// mostMail is how many mails an organization's channels are sent in all meanwhile.
	mostMail = mostChannels * mostMessages
	// keepMessages and keepAlerts are how long after their end they can be looked up.
	keepMessages = 7 * 24 * time.Hour
	keepAlerts   = 90 * 24 * time.Hour
)

// Service holds the verbs. Make it with [New].
type Service struct {
	Options
	awake   chan struct{}
	sending sending
}

// Options are what a service is made of. All fields are required.
type Options struct {
	Store interface {
		storage.Transactor
		storage.OrganizationStore
		storage.UserStore
		storage.TokenStore
		storage.ClientStore
		storage.AlertStore
		storage.AlertRuleStore
		storage.AlertChannelStore
		storage.OutboxStore
	}
	Audit     *audit.Recorder
	Sealer    *keys.Sealer
	Messenger Messenger
	Issuer    string
	// RetryAfter is how long after a failure a message is sent again for the first time.
	RetryAfter time.Duration
	Clock      func() time.Time
	Logger     *slog.Logger
}

// New returns a service that sends nothing until it runs.
func New(o Options) *Service {
	return &Service{Options: o, awake: make(chan struct{}, 1)}
}

// Messenger carries messages out of the server.
type Messenger interface {
	// SendsMail reports whether there is a mail server.
	SendsMail() bool
	// CheckURL says why a URL may not be asked, nil if it may.
	CheckURL(text string) error
	// Send returns when the other side has taken the message. What may be shown of an
	// error is a [*DeliveryError].
	Send(ctx context.Context, to Destination, m Message) error
}

// Destination is where a channel leads.
type Destination struct {
	Kind    storage.ChannelKind
	Address string         // of e-mail
	URL     storage.Secret // of the others
	// AddedBy is who made the channel, which strangers are told; zero: that is not known,
	// or the message is to a member.
	AddedBy storage.Party
	// Signing is what messages to a webhook are signed with.
	Signing storage.Secret
}

// DeliveryError says why a message was not delivered.
type DeliveryError struct {
	Reason string // for the organization's admins; nothing of the server's own network
	Err    error  // for the log
}

func (e *DeliveryError) Error() string { return e.Reason + ": " + e.Err.Error() }
func (e *DeliveryError) Unwrap() error { return e.Err }

// MessageKind is what a message is about.
type MessageKind string

// The kinds of messages.
const (
	AlertMessage   MessageKind = "alert"
	LeftOutMessage MessageKind = "left_out" // Count messages were too many for the channel
	TestMessage    MessageKind = "test"
)

// Message is what a channel is told. What is not about an alert has no Rule,
// Severity, Subject, AlertID and Details.
type Message struct {
	ID             int64          `json:"-"` // the same when it is sent again
	Kind           MessageKind    `json:"kind"`
	OrganizationID int64          `json:"organization_id"`
	Organization   string         `json:"organization"`
	AlertID        int64          `json:"alert_id,omitempty"`
	Rule           string         `json:"rule,omitempty"`
	Severity       Severity       `json:"severity,omitempty"`
	Subject        Subject        `json:"subject,omitzero"`
	Summary        string         `json:"summary"`
	Details        map[string]any `json:"details,omitempty"`
	Count          int64          `json:"count"`
	FirstAt        time.Time      `json:"first_at"`
	LastAt         time.Time      `json:"last_at"`
	Expiring       []Expiring     `json:"expiring,omitempty"`
	Link           string         `json:"link"`
}

// Subject is what an alert is about.
type Subject struct {
	Kind string `json:"kind"`
	ID   int64  `json:"id"`
	Name string `json:"name"`
}

// Where the console shows things, below the issuer.
const (
	credentialPath = "/console/credentials/"
	alertsPath     = "/console/alerts"
	auditPath      = "/console/audit"
)

// Link returns where a person can look at what an alert is about, and end it.
func (s *Service) Link(subject storage.Party) string {
	switch {
	case subject.Kind == auditLog:
		return s.Issuer + auditPath
	case subject.ID == 0: // a network
		return s.Issuer + alertsPath
	}
	return s.Issuer + credentialPath + subject.Kind + "/" + strconv.FormatInt(subject.ID, 10)
}

// wake lets the delivery look for messages now.
func (s *Service) wake() {
	select {
	case s.awake <- struct{}{}:
	default: // it will
	}
}
