package config

import (
	"log/slog"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"kiket.dev/auth/storage"
)

// Settings returns the table of everything that can be configured, in the order
// in which it is documented.
func Settings() []Setting {
	var all []Setting
	all = append(all, listenerSettings()...)
	all = append(all, databaseSettings()...)
	all = append(all, tokenSettings()...)
	all = append(all, keySettings()...)
	return append(all, operationSettings()...)
}

func listenerSettings() []Setting {
	return []Setting{
		{
			Name: "issuer", Default: "http://localhost:8080",
			Doc:   "Issuer of the tokens and base of every URL, without a trailing slash; https unless the host is loopback.",
			field: bind(func(c *Config) *string { return &c.Issuer }, parseIssuer, formatText),
		},
		{
			Name: "listen", Default: "127.0.0.1:8080",
			Doc:   "Address of the public listener, `host:port`; port 0 picks a free one, which is logged.",
			field: bind(func(c *Config) *string { return &c.Listen }, parseAddress, formatText),
		},
		{
			Name: "metrics_listen", Optional: true, Example: "127.0.0.1:9090",
			Doc:   "Address of a separate listener for `/metrics`, `host:port`.",
			field: bind(func(c *Config) *string { return &c.MetricsListen }, parseAddress, formatText),
		},
		{
			Name: "trusted_proxies", Optional: true, kind: list, Example: "10.0.0.0/8, 2001:db8::/32",
			Doc:   "Networks (CIDR) of the proxies whose `X-Forwarded-For` is believed.",
			field: bind(func(c *Config) *[]netip.Prefix { return &c.TrustedProxies }, parsePrefixes, formatPrefixes),
		},
		{
			Name: "outbound_networks", Optional: true, kind: list, Example: "10.20.0.0/16",
			Doc:   "Private networks (CIDR) that addresses which users give (`jwks_uri`, webhooks of alerts) may lie in; without it they must be public.",
			field: bind(func(c *Config) *[]netip.Prefix { return &c.OutboundNetworks }, parsePrefixes, formatPrefixes),
		},
		{
			Name: "cors_origins", Optional: true, kind: list, Example: "https://app.example.com",
			Doc:   "Origins whose pages may call the management API from a browser (CORS).",
			field: bind(func(c *Config) *[]string { return &c.CORSOrigins }, parseOrigins, formatList),
		},
		{
			Name: "api_rate_limit", Default: "1200", kind: integer,
			Doc:   "Requests a minute that one credential may make to the management API (1 to 1000000), counted over all replicas.",
			field: bind(func(c *Config) *int { return &c.APIRateLimit }, parseCount(1, 1_000_000), strconv.Itoa),
		},
		{
			Name: "shutdown_delay", Default: "1s", kind: duration,
			Doc:   "After SIGTERM readiness fails, but requests are still taken for this long (0 to 1m), so that load balancers can notice.",
			field: bind(func(c *Config) *time.Duration { return &c.ShutdownDelay }, between(0, time.Minute), formatDuration),
		},
		{
			Name: "shutdown_grace", Default: "20s", kind: duration,
			Doc:   "After `shutdown_delay` no connection is taken, and requests in flight have this long to finish (1s to 10m); then queued writes are flushed and the process ends.",
			field: bind(func(c *Config) *time.Duration { return &c.ShutdownGrace }, between(time.Second, 10*time.Minute), formatDuration),
		},
	}
}

func databaseSettings() []Setting {
	return []Setting{
		{
			Name: "database_url", Default: "sqlite:kiket-auth.db", Secret: true,
			Doc:   "Database: `sqlite:FILE`, or `postgres://user:password@host:port/name` in production.",
			field: bind(func(c *Config) *storage.Secret { return &c.DatabaseURL }, parseDatabaseURL, formatDatabaseURL),
		},
		{
			Name: "database_max_connections", Default: "16", kind: integer,
			Doc:   "Most connections to PostgreSQL that one replica holds (1 to 1000).",
			field: bind(func(c *Config) *int { return &c.DatabaseMaxConnections }, parseCount(1, 1000), strconv.Itoa),
		},
		{
			Name: "master_key", Secret: true, kind: list,
			Example:     "/run/secrets/kiket-auth-master-key",
			DefaultNote: "with SQLite generated beside the database file (mode 0600); required with PostgreSQL",
			Doc:         "Encrypts signing keys and stored secrets: 32 bytes in base64; several separated by commas, of which the first encrypts and all decrypt.",
			field:       bind(func(c *Config) *[]storage.Secret { return &c.MasterKeys }, parseMasterKeys, formatSecrets),
		},
		{
			Name: "token_retention", Default: "24h", kind: duration,
			Doc:   "How long the record of an access token is kept after it has expired (0 to 720h).",
			field: bind(func(c *Config) *time.Duration { return &c.TokenRetention }, between(0, 720*time.Hour), formatDuration),
		},
		{
			Name: "audit_retention", Default: "0s", kind: duration,
			Doc:   "How long audit events are kept (at least 24h, at most 876000h), and up to a day longer; 0: for ever. What is left stays provable.",
			field: bind(func(c *Config) *time.Duration { return &c.AuditRetention }, zeroOr(between(24*time.Hour, 876000*time.Hour)), formatDuration),
		},
		{
			Name: "audit_verify_interval", Default: "1h", kind: duration,
			Doc:   "How often it is verified that what is new in the audit log is as it was sealed (1s to 24h), by one replica; each 24th time everything is. 0: never.",
			field: bind(func(c *Config) *time.Duration { return &c.AuditVerifyInterval }, zeroOr(between(time.Second, 24*time.Hour)), formatDuration),
		},
	}
}

func tokenSettings() []Setting {
	return []Setting{
		{
			Name: "default_audience", DefaultNote: "the issuer and `/api`", Example: "https://auth.example.com/api",
			Doc:   "Audience (`aud`) of a token when no resource is asked for: an absolute URI without a fragment.",
			field: bind(func(c *Config) *string { return &c.DefaultAudience }, parseAudience, formatText),
		},
		{
			Name: "access_token_lifetime", Default: "1h", kind: duration,
			Doc:   "Longest life of an access token, for every application (1s to 24h, whole seconds).",
			field: bind(func(c *Config) *time.Duration { return &c.AccessTokenLifetime }, wholeSeconds(between(time.Second, 24*time.Hour)), formatDuration),
		},
		{
			Name: "session_lifetime", Default: "168h", kind: duration,
			Doc:   "How long somebody who signed in stays so (1m to 8760h).",
			field: bind(func(c *Config) *time.Duration { return &c.SessionLifetime }, between(time.Minute, 8760*time.Hour), formatDuration),
		},
		{
			Name: "session_idle_timeout", Default: "12h", kind: duration,
			Doc:   "A session that is not used for this long ends sooner (5m to 8760h).",
			field: bind(func(c *Config) *time.Duration { return &c.SessionIdleTimeout }, between(5*time.Minute, 8760*time.Hour), formatDuration),
		},
		{
			Name: "scopes", Optional: true, kind: list, Example: "reports, billing",
			Doc:   "Names added to the catalogue of scopes; each also exists as `NAME:read` and `NAME:write`.",
			field: bind(func(c *Config) *storage.Catalogue { return &c.Catalogue }, parseScopes, formatCatalogue),
		},
	}
}

func keySettings() []Setting {
	return []Setting{
		{
			Name: "signing_algorithm", Default: "ES256",
			Doc:   "Algorithm of new signing keys: `ES256`, `EdDSA` or `RS256`.",
			field: bind(func(c *Config) *string { return &c.SigningAlgorithm }, oneOf("ES256", "EdDSA", "RS256"), formatText),
		},
		{
			Name: "signing_key_rotation", Default: "2160h", kind: duration,
			Doc:   "How long a signing key signs before the next takes over (at least 1h and longer than `jwks_max_age`); 0: until `keys rotate`.",
			field: bind(func(c *Config) *time.Duration { return &c.SigningKeyRotation }, parseRotation, formatDuration),
		},
		{
			Name: "jwks_max_age", Default: "5m", kind: duration,
			Doc:   "How long clients may keep the published keys (1s to 24h, whole seconds); a new key is published that long before it signs.",
			field: bind(func(c *Config) *time.Duration { return &c.JWKSMaxAge }, wholeSeconds(between(time.Second, 24*time.Hour)), formatDuration),
		},
	}
}

func operationSettings() []Setting {
	return []Setting{
		{
			Name: "smtp_url", Secret: true, Optional: true, Example: "/run/secrets/kiket-auth-smtp-url",
			Doc:   "Mail server for alerts: `smtp://user:password@host:port`, which must offer STARTTLS unless it is on this machine, or `smtps://…`; needs `mail_from`.",
			field: bind(func(c *Config) *storage.Secret { return &c.SMTPURL }, parseSMTPURL, formatSecret),
		},
		{
			Name: "mail_from", Optional: true, Example: "Kiket Auth <auth@example.com>",
			Doc:   "Sender of mail, such as `Kiket Auth <auth@example.com>`; needs `smtp_url`.",
			field: bind(func(c *Config) *string { return &c.MailFrom }, parseMailbox, formatText),
		},
		{
			Name: "alert_retry", Default: "30s", kind: duration,
			Doc:   "When a message of an alert does not arrive, it is sent again after this long (1s to 1h), then after twice as long and so on, at most an hour, for a day.",
			field: bind(func(c *Config) *time.Duration { return &c.AlertRetry }, between(time.Second, time.Hour), formatDuration),
		},
		{
			Name: "log_format", Default: "text",
			Doc:   "Format of the log on standard error: `text` or `json`.",
			field: bind(func(c *Config) *string { return &c.LogFormat }, oneOf("text", "json"), formatText),
		},
		{
			Name: "log_level", Default: "info",
			Doc:   "Least severe level that is logged: `debug`, `info`, `warn` or `error`.",
			field: bind(func(c *Config) *slog.Level { return &c.LogLevel }, parseLevel, formatLevel),
		},
	}
}

func formatText(s string) string { return s }

func formatList(items []string) string { return strings.Join(items, ", ") }

func formatDuration(d time.Duration) string { return d.String() }

func formatLevel(l slog.Level) string { return strings.ToLower(l.String()) }

func formatCatalogue(c storage.Catalogue) string { return c.Names().String() }

func formatPrefixes(prefixes []netip.Prefix) string {
	texts := make([]string, len(prefixes))
	for i, p := range prefixes {
		texts[i] = p.String()
	}
	return strings.Join(texts, ",")
}

func formatSecret(s storage.Secret) string {
	if s.Empty() {
		return ""
	}
	return redacted
}

func formatSecrets(secrets []storage.Secret) string {
	if len(secrets) == 0 {
		return ""
	}
	return redacted
}

// formatDatabaseURL shows the file of a SQLite database, which has no password.
func formatDatabaseURL(s storage.Secret) string {
	if strings.HasPrefix(s.Reveal(), sqliteScheme) {
		return s.Reveal()
	}
	return formatSecret(s)
}

const redacted = "[redacted]"
