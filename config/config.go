package config

import (
	"log/slog"
	"net/netip"
	"strings"
	"time"

	"kiket.dev/auth/storage"
)

// Config is a complete and valid configuration. It may be logged: what is
// secret in it prints as redacted.
type Config struct {
	// Issuer is the issuer identifier (RFC 8414 section 2), without a trailing
	// slash: every token carries it and every endpoint's URL begins with it.
	Issuer string
	// Listen is the host:port of the public listener; port 0 picks a free one.
	Listen string
	// MetricsListen is the host:port of the listener for metrics, empty: none.
	MetricsListen string
	// TrustedProxies are the networks whose X-Forwarded-For is believed.
	TrustedProxies []netip.Prefix
	// OutboundNetworks are private networks that addresses which users give, such as a
	// jwks_uri or the webhook of an alert channel, may lie in.
	OutboundNetworks []netip.Prefix
	// CORSOrigins are the origins whose pages may call the management API.
	CORSOrigins []string
	// APIRateLimit is how many requests a minute one credential may make to it.
	APIRateLimit int
	// ShutdownDelay is how long requests are still taken after SIGTERM, while
	// readiness fails already.
	ShutdownDelay time.Duration
	// ShutdownGrace is how long requests in flight may take to finish after
	// that.
	ShutdownGrace time.Duration

	// DatabaseURL is sqlite:FILE or postgres://…; see [Config.SQLiteFile].
	DatabaseURL storage.Secret
	// DatabaseMaxConnections bounds the connections to PostgreSQL.
	DatabaseMaxConnections int
	// MasterKeys encrypt what is secret at rest, each base64 (RFC 4648 section
	// 4, padded) of 32 bytes. The first encrypts, all decrypt. It is empty only
	// with SQLite, where a key is then generated beside the database file.
	MasterKeys []storage.Secret
	// TokenRetention is how long an access token's row outlives its expiry.
	TokenRetention time.Duration
	// AuditRetention is how long audit events are kept; 0: for ever.
	AuditRetention time.Duration
	// AuditVerifyInterval is how often what is new in the audit log is verified; 0: never.
	AuditVerifyInterval time.Duration

	// DefaultAudience is the audience of a token when no resource was asked for
	// (RFC 8707), and of the opaque kinds.
	DefaultAudience string
	// AccessTokenLifetime is the longest an access token lives, in whole seconds.
	AccessTokenLifetime time.Duration
	// SessionLifetime is how long a session of somebody who signed in lasts.
	SessionLifetime time.Duration
	// SessionIdleTimeout is how long a session lasts without being used.
	SessionIdleTimeout time.Duration
	// Catalogue holds the scopes that can be granted.
	Catalogue storage.Catalogue

	// SigningAlgorithm is the JWS alg of new signing keys: ES256, EdDSA or RS256.
	SigningAlgorithm string
	// SigningKeyRotation is how long a key signs before the next takes over;
	// 0: until it is rotated by hand.
	SigningKeyRotation time.Duration
	// JWKSMaxAge is how long a client may keep the key set (RFC 9111 max-age),
	// in whole seconds; a new key is published at least that long before it
	// signs.
	JWKSMaxAge time.Duration

	// SMTPURL is the mail server, smtp:// or smtps://, empty: no mail.
	SMTPURL storage.Secret
	// MailFrom is the sender of mail (RFC 5322), set if and only if SMTPURL is.
	MailFrom string
	// AlertRetry is how long after a failure the message of an alert is sent again for
	// the first time.
	AlertRetry time.Duration

	// LogFormat is json or text.
	LogFormat string
	// LogLevel is the least severe level that is logged.
	LogLevel slog.Level

	sources map[string]Source // by Setting.Name; absent: the default
}

const sqliteScheme = "sqlite:"

// SQLiteFile returns the path of the SQLite database file, and false if the
// database is PostgreSQL.
func (c Config) SQLiteFile() (string, bool) {
	return strings.CutPrefix(c.DatabaseURL.Reveal(), sqliteScheme)
}

// Value is one setting as it stands, fit to be shown.
type Value struct {
	Setting Setting
	Text    string // "[redacted]" for a secret, "none" for what is not set
	Source  Source
}

// Values returns every setting in the order of [Settings].
func (c Config) Values() []Value {
	settings := Settings()
	values := make([]Value, 0, len(settings))
	for _, s := range settings {
		text := s.format(c)
		if text == "" {
			text = "none"
		}
		values = append(values, Value{Setting: s, Text: text, Source: c.sources[s.Name]})
	}
	return values
}
