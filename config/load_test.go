package config_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"kiket.dev/auth/config"
	"kiket.dev/auth/storage"
)

func TestDefaults(t *testing.T) {
	c := load(t, "")
	catalogue, err := storage.NewCatalogue()
	if err != nil {
		t.Fatal(err)
	}
	want := config.Config{
		Issuer: "http://localhost:8080", Listen: "127.0.0.1:8080", APIRateLimit: 1200,
		ShutdownDelay: time.Second, ShutdownGrace: 20 * time.Second,
		DatabaseURL: storage.NewSecret("sqlite:kiket-auth.db"), DatabaseMaxConnections: 16, TokenRetention: 24 * time.Hour,
		DefaultAudience: "http://localhost:8080/api", AccessTokenLifetime: time.Hour, Catalogue: catalogue,
		SessionLifetime: 168 * time.Hour, SessionIdleTimeout: 12 * time.Hour,
		SigningAlgorithm: "ES256", SigningKeyRotation: 90 * 24 * time.Hour, JWKSMaxAge: 5 * time.Minute,
		AuditVerifyInterval: time.Hour,
		AlertRetry:          30 * time.Second, LogFormat: "text", LogLevel: slog.LevelInfo,
	}
	if diff := cmp.Diff(want, c, compareConfig); diff != "" {
		t.Errorf("defaults (-want +got):\n%s", diff)
	}
	if path, ok := c.SQLiteFile(); !ok || path != "kiket-auth.db" {
		t.Errorf("SQLiteFile() = %q, %v", path, ok)
	}
}

func TestEverySettingCanBeSet(t *testing.T) {
	file := `
issuer: https://auth.example.com
listen: "[::1]:0"
metrics_listen: :9090
trusted_proxies: [10.0.0.0/8, "2001:db8::/32"]
outbound_networks: [10.20.0.0/16]
cors_origins: [https://app.example.com]
api_rate_limit: 60
shutdown_delay: 5s
shutdown_grace: 1m
database_url: postgresql://kiket:p%40ss@db1:5432,db2:5433/kiket?sslmode=verify-full
database_max_connections: 40
master_key: ` + masterKey(1) + ", " + masterKey(2) + `
token_retention: 0
audit_retention: 48h
audit_verify_interval: 30m
default_audience: urn:example:api
access_token_lifetime: 90s
session_lifetime: 1h
session_idle_timeout: 5m
scopes: reports, billing
signing_algorithm: EdDSA
signing_key_rotation: 0
jwks_max_age: 1m
smtp_url: smtps://user:password@mail.example.com:465
mail_from: Kiket Auth <auth@example.com>
alert_retry: 2m
log_format: json
log_level: debug
`
	catalogue, err := storage.NewCatalogue("reports", "billing")
	if err != nil {
		t.Fatal(err)
	}
	want := config.Config{
		Issuer: "https://auth.example.com", Listen: "[::1]:0", MetricsListen: ":9090",
		CORSOrigins: []string{"https://app.example.com"}, APIRateLimit: 60,
		ShutdownDelay: 5 * time.Second, ShutdownGrace: time.Minute,
		TrustedProxies:         []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("2001:db8::/32")},
		OutboundNetworks:       []netip.Prefix{netip.MustParsePrefix("10.20.0.0/16")},
		DatabaseURL:            storage.NewSecret("postgresql://kiket:p%40ss@db1:5432,db2:5433/kiket?sslmode=verify-full"),
		DatabaseMaxConnections: 40,
		MasterKeys:             []storage.Secret{storage.NewSecret(masterKey(1)), storage.NewSecret(masterKey(2))},
		DefaultAudience:        "urn:example:api", AccessTokenLifetime: 90 * time.Second, Catalogue: catalogue,
		SessionLifetime: time.Hour, SessionIdleTimeout: 5 * time.Minute, AuditRetention: 48 * time.Hour, AuditVerifyInterval: 30 * time.Minute,
		SigningAlgorithm: "EdDSA", JWKSMaxAge: time.Minute,
		SMTPURL:    storage.NewSecret("smtps://user:password@mail.example.com:465"),
		MailFrom:   "Kiket Auth <auth@example.com>",
		AlertRetry: 2 * time.Minute,
		LogFormat:  "json", LogLevel: slog.LevelDebug,
	}
	got := load(t, file)
	if diff := cmp.Diff(want, got, compareConfig); diff != "" {
		t.Errorf("from a file (-want +got):\n%s", diff)
	}
	if _, ok := got.SQLiteFile(); ok {
		t.Error("PostgreSQL taken for SQLite")
	}
	for _, v := range got.Values() {
		if v.Source.Line == 0 {
			t.Errorf("%s is not tried by this test", v.Setting.Name)
		}
	}
}

func TestEnvironmentBeatsFileBeatsDefault(t *testing.T) {
	path := filepath.Join(t.TempDir(), "kiket-auth.yaml")
	write(t, path, "# comment\nlisten: 127.0.0.1:1\nlog_level: warn\nmetrics_listen: :9\n")
	c, err := config.Load(path, []string{"KIKET_AUTH_LISTEN=127.0.0.1:2", "KIKET_AUTH_METRICS_LISTEN=", "HOME=/nowhere"})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"listen":         "127.0.0.1:2 from KIKET_AUTH_LISTEN",
		"log_level":      "warn from " + path + ":3",
		"metrics_listen": "none from KIKET_AUTH_METRICS_LISTEN",
		"log_format":     "text from default",
		"database_url":   "sqlite:kiket-auth.db from default",
		"master_key":     "none from default",
		"scopes":         "issues projects comments workflows analytics admin from default",
	}
	got := map[string]string{}
	for _, v := range c.Values() {
		if _, ok := want[v.Setting.Name]; ok {
			got[v.Setting.Name] = v.Text + " from " + v.Source.String()
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestFileNamedByVariable(t *testing.T) {
	named, flagged := filepath.Join(t.TempDir(), "a.yaml"), filepath.Join(t.TempDir(), "b.yaml")
	write(t, named, "log_level: warn\n")
	write(t, flagged, "log_level: error\n")
	for flag, want := range map[string]slog.Level{"": slog.LevelWarn, flagged: slog.LevelError} {
		c, err := config.Load(flag, []string{"KIKET_AUTH_CONFIG=" + named})
		if err != nil {
			t.Fatal(err)
		}
		if c.LogLevel != want {
			t.Errorf("--config=%q: level %v, want %v", flag, c.LogLevel, want)
		}
	}
	_, err := config.Load("", []string{"KIKET_AUTH_CONFIG=" + filepath.Join(t.TempDir(), "missing.yaml")})
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing file: %v", err)
	}
}

func TestSecretFiles(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	for name, content := range map[string]string{
		"key": masterKey(1) + "\n", "crlf": masterKey(2) + "\r\n", "bare": masterKey(3), "empty": "\n",
	} {
		write(t, name, content)
	}
	tests := []struct {
		name, file string
		environ    []string
		want       string // revealed key, or error
	}{
		{"variable", "", []string{"KIKET_AUTH_MASTER_KEY_FILE=key"}, masterKey(1)},
		{"carriage return", "", []string{"KIKET_AUTH_MASTER_KEY_FILE=crlf"}, masterKey(2)},
		{"no newline", "", []string{"KIKET_AUTH_MASTER_KEY_FILE=bare"}, masterKey(3)},
		{"key in the file", "master_key_file: key", nil, masterKey(1)},
		{"environment beats file", "master_key_file: key", []string{"KIKET_AUTH_MASTER_KEY=" + masterKey(4)}, masterKey(4)},
		{"file form in the environment beats file", "master_key: " + masterKey(4), []string{"KIKET_AUTH_MASTER_KEY_FILE=bare"}, masterKey(3)},
		{
			"both variables", "",
			[]string{"KIKET_AUTH_MASTER_KEY_FILE=key", "KIKET_AUTH_MASTER_KEY=" + masterKey(1)},
			"configuration:\n  KIKET_AUTH_MASTER_KEY_FILE: KIKET_AUTH_MASTER_KEY is given too: want one of them",
		},
		{
			"both keys", "master_key: " + masterKey(1) + "\nmaster_key_file: key", nil,
			"configuration:\n  kiket-auth.yaml:2: master_key_file: master_key is given too: want one of them",
		},
		{
			"empty file", "",
			[]string{"KIKET_AUTH_MASTER_KEY_FILE=empty"},
			"configuration:\n  KIKET_AUTH_MASTER_KEY_FILE: the file it names is empty",
		},
		{
			"secret in place of the file", "",
			[]string{"KIKET_AUTH_MASTER_KEY_FILE=" + masterKey(1)},
			"configuration:\n  KIKET_AUTH_MASTER_KEY_FILE: reading the file it names: no such file or directory",
		},
		{
			"not a secret", "",
			[]string{"KIKET_AUTH_LISTEN_FILE=key"},
			"configuration:\n  KIKET_AUTH_LISTEN_FILE: unknown variable; did you mean KIKET_AUTH_LISTEN?",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			write(t, "kiket-auth.yaml", tt.file)
			c, err := config.Load("kiket-auth.yaml", tt.environ)
			got := ""
			switch {
			case err != nil:
				got = err.Error()
			case len(c.MasterKeys) == 1:
				got = c.MasterKeys[0].Reveal()
			}
			if got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

// A configuration can be printed, logged and encoded, and doctor lists it.
func TestNothingSecretIsShown(t *testing.T) {
	secrets := []string{"s3cret", masterKey(1), masterKey(2)}
	c := load(t, "database_url: postgres://kiket:s3cret@db/kiket\nmaster_key: "+masterKey(1)+","+masterKey(2)+
		"\nsmtp_url: smtp://kiket:s3cret@mail:25\nmail_from: a@example.com\n")
	var out bytes.Buffer
	fmt.Fprintf(&out, "%v %+v %#v %v\n", c, c, c, &c)
	if err := json.NewEncoder(&out).Encode(c); err != nil {
		t.Fatal(err)
	}
	for _, handler := range []slog.Handler{slog.NewTextHandler(&out, nil), slog.NewJSONHandler(&out, nil)} {
		slog.New(handler).Info("starting", "configuration", c)
	}
	for _, v := range c.Values() {
		fmt.Fprintln(&out, v, v.Text)
	}
	for _, secret := range secrets {
		if strings.Contains(out.String(), secret) {
			t.Errorf("%q is shown in:\n%s", secret, &out)
		}
	}
}

// compareConfig compares what can be seen of a Config, and secrets by content.
var compareConfig = cmp.Options{
	cmp.Comparer(func(a, b storage.Secret) bool { return a.Reveal() == b.Reveal() }),
	cmp.Comparer(func(a, b storage.Catalogue) bool { return cmp.Equal(a.All(), b.All()) }),
	cmp.Comparer(func(a, b netip.Prefix) bool { return a == b }),
	cmp.FilterPath(func(p cmp.Path) bool { return p.Last().String() == ".sources" }, cmp.Ignore()),
}

// load loads a file with the given content and no environment.
func load(t *testing.T, content string) config.Config {
	t.Helper()
	path := filepath.Join(t.TempDir(), "kiket-auth.yaml")
	write(t, path, content)
	c, err := config.Load(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// masterKey returns a key that tests can tell from others.
func masterKey(n byte) string {
	return base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{n}, 32))
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}
