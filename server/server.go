// Package server assembles the verbs of the authorization server.
//
// [New] is a literal to be read from top to bottom: what each part is made of,
// and nothing else. The parts are plain structs; who needs one takes it from
// the [Server]. The package and those below it do not speak HTTP (package
// handlers does) and do not know what stores things (package gormstore does).
//
// # How a request moves through it
//
// handlers decode it and make an access.Caller; a verb of tokens, clients or
// organizations, or the provider for what OAuth defines, asks whether the caller
// may, acts in one transaction with its audit event, and answers with domain
// types.
package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"kiket.dev/auth/keys"
	"kiket.dev/auth/server/alerts"
	"kiket.dev/auth/server/assertions"
	"kiket.dev/auth/server/audit"
	"kiket.dev/auth/server/clients"
	"kiket.dev/auth/server/credentials"
	"kiket.dev/auth/server/expiry"
	"kiket.dev/auth/server/extensions"
	"kiket.dev/auth/server/members"
	"kiket.dev/auth/server/organizations"
	"kiket.dev/auth/server/passwords"
	"kiket.dev/auth/server/projects"
	"kiket.dev/auth/server/provider"
	"kiket.dev/auth/server/requests"
	"kiket.dev/auth/server/sessions"
	"kiket.dev/auth/server/throttle"
	"kiket.dev/auth/server/tokens"
	"kiket.dev/auth/server/usage"
	"kiket.dev/auth/storage"
)

// Options are what the server is made of. All fields are required.
type Options struct {
	Store               storage.Store
	Ring                *keys.Ring
	Sealer              *keys.Sealer
	Issuer              string        // no trailing slash
	DefaultAudience     string        // aud of opaque tokens, and of access tokens that ask for no resource
	AccessTokenLifetime time.Duration // upper bound for every application
	TokenRetention      time.Duration // how long an access token's row outlives its expiry
	AuditRetention      time.Duration // how long audit events are kept; 0: for ever
	AuditVerifyEvery    time.Duration // how often what is new in the audit log is verified; 0: never
	SessionLifetime     time.Duration // of one that is used
	SessionIdleTimeout  time.Duration // of one that is not used
	Catalogue           storage.Catalogue
	RequestLimit        int64 // requests a minute that a credential may make to the management API
	Outbound            Outbound
	Messenger           Messenger
	AlertRetry          time.Duration // how long after a failure a message is sent again for the first time
	Clock               func() time.Time
	Logger              *slog.Logger
}

// Messenger carries messages out of the server.
type Messenger interface {
	alerts.Messenger
	sessions.Mail
}

// Outbound asks addresses that clients give.
type Outbound interface {
	assertions.Fetcher
	// CheckURL says why an address may not be asked, nil if it may.
	CheckURL(text string) error
}

// Server is the assembled server.
type Server struct {
	Options
	Provider      *provider.Provider
	Tokens        *tokens.Service
	Clients       *clients.Service
	Members       *members.Service
	Sessions      *sessions.Service
	Organizations *organizations.Service
	Extensions    *extensions.Service
	Projects      *projects.Service
	Credentials   *credentials.Service
	Usage         *usage.Recorder
	Reports       *usage.Reports
	Alerts        *alerts.Service
	Expiry        *expiry.Service
	Watch         *alerts.Watch
	Audit         *audit.Recorder
	Notary        *audit.Notary
	Inspector     *audit.Inspector
	Log           *audit.Log
	Failures      *audit.Failures
	Configuration *audit.Configuration
	Budgets       *requests.Budgets
	Answers       *requests.Answers
}

// New assembles a server. It touches neither the database nor the network.
func New(o Options) *Server {
	record := &audit.Recorder{Store: o.Store, Clock: o.Clock}
	hasher := passwords.NewHasher()
	s := &Server{
		Options: o,
		Audit:   record,
		Log:     &audit.Log{Store: o.Store},

		Failures:      audit.NewFailures(record, o.Store, o.Logger),
		Configuration: &audit.Configuration{Recorder: record, Store: o.Store},
		Notary: &audit.Notary{
			Store: o.Store, Ring: o.Ring, Sealer: o.Sealer, Issuer: o.Issuer, Retention: o.AuditRetention, Clock: o.Clock, Logger: o.Logger,
		},
		Budgets: requests.NewBudgets(o.Store, o.RequestLimit, o.Clock),
		Answers: &requests.Answers{Store: o.Store, Sealer: o.Sealer, Clock: o.Clock},
		Tokens: &tokens.Service{
			Store: o.Store, Audit: record, Catalogue: o.Catalogue, Audience: o.DefaultAudience, Clock: o.Clock,
		},
		Clients: &clients.Service{
			Store: o.Store, Audit: record, Catalogue: o.Catalogue, AccessTokenLifetime: o.AccessTokenLifetime,
			CheckURL: o.Outbound.CheckURL, Clock: o.Clock,
		},
	}
	s.Extensions = &extensions.Service{
		Store: o.Store, Tokens: s.Tokens, Audit: record, Sealer: o.Sealer, Catalogue: o.Catalogue, Clock: o.Clock,
	}
	s.Members = &members.Service{
		Store: o.Store, Tokens: s.Tokens, Passwords: hasher, Audit: record, Clock: o.Clock,
	}
	s.Sessions = &sessions.Service{
		Store: o.Store, Tokens: s.Tokens, Passwords: hasher, Guard: sessions.NewGuard(o.Clock), Audit: record, Failures: s.Failures,
		Lifetime: o.SessionLifetime, IdleTimeout: o.SessionIdleTimeout, Clock: o.Clock,
		Sealer: o.Sealer, Mail: o.Messenger, Issuer: o.Issuer, MailRetry: o.AlertRetry, Logger: o.Logger,
	}
	s.Organizations = &organizations.Service{
		Store: o.Store, Tokens: s.Tokens, Clients: s.Clients, Members: s.Members, Audit: record, Clock: o.Clock,
		DefaultAudience: o.DefaultAudience, Catalogue: o.Catalogue,
		Sealer: o.Sealer, Guesses: throttle.New(organizations.SetupGuesses, o.Clock),
	}
	s.Projects = &projects.Service{Store: o.Store, Audit: record, Clock: o.Clock}
	s.Credentials = &credentials.Service{Store: o.Store, Tokens: s.Tokens, Clients: s.Clients, Catalogue: o.Catalogue, Clock: o.Clock}
	s.Alerts = alerts.New(alerts.Options{
		Store: o.Store, Audit: record, Sealer: o.Sealer, Messenger: o.Messenger, Issuer: o.Issuer, RetryAfter: o.AlertRetry,
		Clock: o.Clock, Logger: o.Logger,
	})
	s.Expiry = &expiry.Service{Store: o.Store, Alerts: s.Alerts, Audit: record, Issuer: o.Issuer, Clock: o.Clock, Logger: o.Logger}
	s.Inspector = &audit.Inspector{
		Notary: s.Notary, Store: o.Store, Every: o.AuditVerifyEvery, Found: s.auditBroken, Clock: o.Clock, Logger: o.Logger,
	}
	s.Watch = alerts.NewWatch(s.Alerts.Raise, o.Store, o.Clock, o.Logger)
	s.Reports = &usage.Reports{Store: o.Store, Clock: o.Clock}
	s.Usage = usage.NewRecorder(o.Store, s.Watch.FirstUsed, o.Clock, o.Logger)
	s.Provider = provider.New(provider.Options{
		Store: o.Store, Ring: o.Ring, Tokens: s.Tokens, Usage: s.Usage, Watch: s.Watch, Failures: s.Failures,
		Clients: &clients.Authenticator{
			Store: o.Store, Throttle: clients.NewThrottle(o.Clock), Failed: s.authenticationFailed, Assertions: &assertions.Verifier{Clock: o.Clock},
			Published: assertions.NewRemoteKeys(o.Outbound, o.Clock, o.Logger), Issuer: o.Issuer, TokenURL: o.Issuer + provider.TokenPath, Clock: o.Clock,
		},
		Issuer: o.Issuer, DefaultAudience: o.DefaultAudience, AccessTokenLifetime: o.AccessTokenLifetime,
		Catalogue: o.Catalogue, Clock: o.Clock,
	})
	return s
}

// authenticationFailed passes on that somebody failed to authenticate as a client.
func (s *Server) authenticationFailed(clientID, address string) {
	s.Watch.AuthenticationFailed(clientID, address)
	s.Failures.Client(clientID, address)
}

// auditBroken passes on what is wrong with the audit log of an organization. That of the
// platform is the operator's, whom the log tells.
func (s *Server) auditBroken(ctx context.Context, organizationID int64, found []audit.Finding) error {
	if organizationID == 0 {
		return nil
	}
	return s.Alerts.AuditBroken(ctx, organizationID, found)
}

// Maintenance runs this often; room for tokens is made for longer than that.
const (
	maintainEvery = 10 * time.Minute
	resealAgain   = time.Minute
	roomAhead     = 24 * time.Hour
	// keepSessions is how long a session that has ended can be looked up.
	keepSessions = 30 * 24 * time.Hour
	// clockSkew is how far the clocks of replicas may be apart: what one has forgotten
	// no other may still accept.
	clockSkew = time.Minute
)

// Prepare loads the signing keys and makes room for tokens. It must have
// succeeded once before tokens can be issued; it may be called again. It returns
// an error that wraps storage.ErrUnavailable while the database does not answer.
func (s *Server) Prepare(ctx context.Context) error {
	if err := s.Ring.Load(ctx); err != nil {
		return fmt.Errorf("loading the signing keys: %w", err)
	}
	return s.makeRoom(ctx)
}

func (s *Server) makeRoom(ctx context.Context) error {
	now := s.Clock()
	if err := s.Store.PrepareTokens(ctx, now, now.Add(s.AccessTokenLifetime+roomAhead)); err != nil {
		return fmt.Errorf("making room for tokens: %w", err)
	}
	return nil
}

// Run does what has to be done beside requests until ctx ends: it follows and
// rotates the signing keys, writes last-used times, raises alerts and sends their
// messages, tells of what expires, seals and verifies audit events, makes room for tokens and sweeps
// what has long expired. What is still in memory is left to [Server.Flush].
func (s *Server) Run(ctx context.Context) {
	var tasks sync.WaitGroup
	tasks.Go(func() { _ = s.Ring.Run(ctx) }) // ends with ctx alone
	tasks.Go(func() { s.Usage.Run(ctx) })
	tasks.Go(func() { s.Watch.Run(ctx) })
	tasks.Go(func() { s.Alerts.Run(ctx) })
	tasks.Go(func() { s.Sessions.Run(ctx) })
	tasks.Go(func() { s.Expiry.Run(ctx) })
	tasks.Go(func() { s.Failures.Run(ctx) })
	tasks.Go(func() { s.Notary.Run(ctx) })
	tasks.Go(func() { s.Inspector.Run(ctx) })
	tasks.Go(func() { s.maintain(ctx) })
	tasks.Go(func() { s.reseal(ctx) })
	tasks.Wait()
}

func (s *Server) maintain(ctx context.Context) {
	tick := time.NewTicker(maintainEvery)
	defer tick.Stop()
	for {
		if err := s.sweep(ctx); err != nil && ctx.Err() == nil {
			s.Logger.WarnContext(ctx, "maintenance of the database failed, will try again", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// Flush writes what is still in memory: last-used times, what was seen of trouble, and
// failed authentications. Then it seals the audit log.
func (s *Server) Flush(ctx context.Context) error {
	err := errors.Join(s.Usage.Flush(ctx), s.Watch.Flush(ctx), s.Failures.Flush(ctx))
	if err := s.Notary.Finish(ctx); err != nil { // nothing is lost: the next start goes on
		s.Logger.WarnContext(ctx, "audit events are not sealed yet", "error", err)
	}
	return err
}

// reseal seals under the first master key the named secrets, the addresses of alert
// channels and the keys of checkpoints that are not, so that the others can be taken
// away. That is done once after the start, as with the signing keys.
func (s *Server) reseal(ctx context.Context) {
	again := time.NewTicker(resealAgain)
	defer again.Stop()
	for {
		n, err := s.Extensions.Reseal(ctx)
		channels, errChannels := s.Alerts.Reseal(ctx)
		audited, errAudit := s.Notary.Reseal(ctx)
		err = errors.Join(err, errChannels, errAudit)
		if n > 0 || channels > 0 || audited > 0 {
			s.Logger.InfoContext(ctx, "secrets sealed under the first master key", "named_secrets", n, "alert_channels", channels, "audit_keys", audited)
		}
		if err == nil || ctx.Err() != nil {
			return
		}
		s.Logger.WarnContext(ctx, "secrets could not be sealed under the first master key, will try again", "error", err)
		select {
		case <-ctx.Done():
			return
		case <-again.C:
		}
	}
}

func (s *Server) sweep(ctx context.Context) error {
	if err := s.makeRoom(ctx); err != nil {
		return err
	}
	if _, err := s.Store.SweepUsage(ctx, s.Clock().Add(-usage.Keep)); err != nil {
		return err
	}
	_, err := s.Store.SweepTokens(ctx, s.Clock().Add(-s.TokenRetention))
	_, errSessions := s.Store.SweepSessions(ctx, s.Clock().Add(-keepSessions))
	_, errAssertions := s.Store.SweepAssertions(ctx, s.Clock().Add(-clockSkew))
	_, errAudit := s.Notary.Prune(ctx)
	return errors.Join(err, errSessions, errAssertions, errAudit, requests.Sweep(ctx, s.Store, s.Clock()), s.Sessions.SweepResets(ctx), s.Alerts.Sweep(ctx), s.Expiry.Sweep(ctx))
}
