package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"kiket.dev/auth/config"
	"kiket.dev/auth/handlers/messages"
	"kiket.dev/auth/handlers/outbound"
	"kiket.dev/auth/keys"
	"kiket.dev/auth/server"
	"kiket.dev/auth/server/access"
	"kiket.dev/auth/server/audit"
	"kiket.dev/auth/storage"
	"kiket.dev/auth/storage/gormstore"
)

// process is what a subcommand is given of the world.
type process struct {
	configFile     string
	environ        []string
	stdin          *os.File
	stdout, stderr io.Writer
	// serving says that what is done is done by the server, and not by its operator.
	serving bool
}

// opened is a configured server on an open database.
type opened struct {
	config config.Config
	store  *gormstore.Store
	sealer *keys.Sealer
	ring   *keys.Ring
	server *server.Server
	logger *slog.Logger
}

func (o *opened) close() { _ = o.store.Close() }

// load reads the configuration.
func (p *process) load() (config.Config, error) { return config.Load(p.configFile, p.environ) }

// open loads the configuration and assembles the server. A SQLite database is
// migrated on the way, and its master key made if the database is new.
func (p *process) open(ctx context.Context) (*opened, error) {
	c, err := p.load()
	if err != nil {
		return nil, err
	}
	return p.assemble(ctx, c)
}

func (p *process) assemble(ctx context.Context, c config.Config) (*opened, error) {
	o := &opened{config: c, logger: newLogger(c, p.stderr)}
	master, err := masterKeys(c)
	if err != nil {
		return nil, err
	}
	if o.sealer, err = keys.NewSealer(master); err != nil {
		return nil, err
	}
	o.store, err = gormstore.Open(gormstore.Options{URL: c.DatabaseURL, MaxConnections: c.DatabaseMaxConnections, Logger: o.logger})
	if err != nil {
		return nil, err
	}
	if _, sqlite := c.SQLiteFile(); sqlite {
		if _, err := o.store.Migrate(ctx); err != nil {
			o.close()
			return nil, err
		}
	}
	o.ring, err = keys.NewRing(keys.RingOptions{
		Store: o.store, Sealer: o.sealer, Algorithm: keys.Algorithm(c.SigningAlgorithm),
		TokenLifetime: c.AccessTokenLifetime, PublishFor: c.JWKSMaxAge, RotateEvery: c.SigningKeyRotation,
		Clock: time.Now, Logger: o.logger, Record: p.recordKeys(o.store),
	})
	if err != nil {
		o.close()
		return nil, err
	}
	web := outbound.New(outbound.Options{Allowed: c.OutboundNetworks})
	messenger := &messages.Sender{Web: web, Clock: time.Now}
	if !c.SMTPURL.Empty() {
		if messenger.Mail, err = messages.NewMailer(c.SMTPURL, c.MailFrom, c.Issuer); err != nil {
			o.close()
			return nil, err
		}
	}
	o.server = server.New(server.Options{
		Store: o.store, Ring: o.ring, Sealer: o.sealer, RequestLimit: int64(c.APIRateLimit),
		Outbound: web, Messenger: messenger, AlertRetry: c.AlertRetry, Issuer: c.Issuer, DefaultAudience: c.DefaultAudience,
		AccessTokenLifetime: c.AccessTokenLifetime, TokenRetention: c.TokenRetention, AuditRetention: c.AuditRetention, AuditVerifyEvery: c.AuditVerifyInterval,
		SessionLifetime: c.SessionLifetime, SessionIdleTimeout: c.SessionIdleTimeout,
		Catalogue: c.Catalogue, Clock: time.Now, Logger: o.logger,
	})
	return o, nil
}

// recordKeys returns what writes down what is done to signing keys.
func (p *process) recordKeys(store storage.AuditStore) func(context.Context, keys.Event) error {
	caller := access.Operator()
	if p.serving {
		caller = access.Caller{Party: audit.Machine}
	}
	recorder := audit.Recorder{Store: store, Clock: time.Now}
	return func(ctx context.Context, e keys.Event) error {
		return recorder.Record(ctx, caller, audit.Event{
			Action: e.Action, Target: storage.Party{Kind: "signing_key", Name: e.KeyID}, Details: e.Details,
		})
	}
}

// migrated returns an error that says what to do if the database lacks
// migrations.
func (o *opened) migrated(ctx context.Context) error {
	done, err := o.store.Migrated(ctx)
	switch {
	case errors.Is(err, storage.ErrUnavailable):
		return fmt.Errorf("the database does not answer: %w", err)
	case err != nil:
		return err
	case !done:
		return errNotMigrated
	}
	return nil
}

var errNotMigrated = errors.New("the database is not migrated: run kiket-auth migrate up")

// openMigrated is open for commands that work on the database.
func (p *process) openMigrated(ctx context.Context) (*opened, error) {
	o, err := p.open(ctx)
	if err != nil {
		return nil, err
	}
	if err := o.migrated(ctx); err != nil {
		o.close()
		return nil, err
	}
	return o, nil
}

func newLogger(c config.Config, w io.Writer) *slog.Logger {
	options := &slog.HandlerOptions{Level: c.LogLevel}
	if c.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}

// printJSON writes one object and nothing else to standard output.
func (p *process) printJSON(v any) error {
	encoder := json.NewEncoder(p.stdout)
	encoder.SetEscapeHTML(false)
	return encoder.Encode(v)
}

func (p *process) printf(format string, args ...any) {
	_, _ = fmt.Fprintf(p.stdout, format, args...)
}

// output is standard output that remembers what went wrong with it: a secret that is
// shown once and could not be written is lost, and the command has failed.
type output struct {
	io.Writer
	err error
}

// Write implements [io.Writer].
func (o *output) Write(text []byte) (int, error) {
	n, err := o.Writer.Write(text)
	if err != nil && o.err == nil {
		o.err = err
	}
	return n, err
}
