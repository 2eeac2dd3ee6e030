package config_test

import (
	"encoding/base64"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"kiket.dev/auth/config"
)

// Every mistake is told by its variable, in the words of the operator.
func TestMistakesInTheEnvironment(t *testing.T) {
	short := base64.StdEncoding.EncodeToString([]byte("too short"))
	tests := []struct{ entry, want string }{
		{"ISSUER=https://auth.example.com/", "must not end in a slash: write https://auth.example.com"},
		{"ISSUER=http://auth.example.com", "must be https, since the host is not loopback"},
		{"ISSUER=http://localhost.example.com", "must be https, since the host is not loopback"},
		{"ISSUER=ftp://localhost", "must be an https URL"},
		{"ISSUER=https://auth.example.com?a=b", "must have neither a query nor a fragment (RFC 8414 section 2)"},
		{"ISSUER=https://auth.example.com?", "must have neither a query nor a fragment (RFC 8414 section 2)"},
		{"ISSUER=https://auth.example.com#a", "must have neither a query nor a fragment (RFC 8414 section 2)"},
		{"ISSUER=https://user:s3cret@auth.example.com", "must not hold a user name or password"},
		{"ISSUER=https://Auth.example.com", "is not in its normal form: write https://auth.example.com"},
		{"ISSUER=HTTPS://auth.example.com", "is not in its normal form: write https://auth.example.com"},
		{"ISSUER=https://:443", "has no host"},
		{"ISSUER=auth.example.com", "not an absolute URL such as https://auth.example.com"},
		{"ISSUER=", "is empty: give a value, or leave it out for the default"},
		{"LISTEN=8080", "want host:port, such as 127.0.0.1:8080"},
		{"LISTEN=:http", `port "http" is not a number from 0 to 65535`},
		{"LISTEN=:65536", `port "65536" is not a number from 0 to 65535`},
		{"METRICS_LISTEN=127.0.0.1:8080", "is the address of the public listener"},
		{"TRUSTED_PROXIES=10.0.0.1", `"10.0.0.1" is an address, not a network: write 10.0.0.1/32`},
		{"TRUSTED_PROXIES=10.0.0.1/8, proxy", `"10.0.0.1/8" names an address inside a network: write 10.0.0.0/8; "proxy" is not a network such as 10.0.0.0/8`},
		{"TRUSTED_PROXIES=::ffff:10.0.0.0/104", `"::ffff:10.0.0.0/104": write an IPv4 network as one`},
		{"SHUTDOWN_GRACE=0", `"0" is out of range: want 1s to 10m0s`},
		{"DATABASE_URL=mysql://root:s3cret@db/kiket", "want sqlite:FILE or postgres://user:password@host:port/name"},
		{"DATABASE_URL=postgres:s3cret", "not a URL of the form postgres://user:password@host:port/name (special characters of the password are percent-encoded)"},
		{"DATABASE_URL=postgres://kiket:s3cret%zz@db/kiket", "not a URL of the form postgres://user:password@host:port/name (special characters of the password are percent-encoded)"},
		{"DATABASE_URL=postgres://kiket:s3cret/s3cret@db/kiket", "not a URL of the form postgres://user:password@host:port/name (special characters of the password are percent-encoded)"},
		{"DATABASE_URL=postgres:///kiket", "names no host"},
		{"DATABASE_URL=sqlite:", "want a file, such as sqlite:kiket-auth.db"},
		{"DATABASE_URL=sqlite::memory:", "a database in memory would forget every token: want a file, such as sqlite:kiket-auth.db"},
		{"DATABASE_URL=sqlite:a.db?mode=ro", "options are not accepted after the name of a SQLite file"},
		{"DATABASE_URL=sqlite://a.db", "write sqlite:FILE, or sqlite:/FILE for an absolute path"},
		{"DATABASE_URL=", "is empty: give a value, or leave it out for the default"},
		{"DATABASE_MAX_CONNECTIONS=0", `"0" is not a number from 1 to 1000`},
		{"MASTER_KEY=s3cret!", "key 1 is not base64; make one with: openssl rand -base64 32"},
		{"MASTER_KEY=" + masterKey(1) + "," + short, "key 2 is of 9 bytes, want 32; make one with: openssl rand -base64 32"},
		{"MASTER_KEY=" + masterKey(1) + "," + masterKey(1), "key 2 is given twice"},
		{"MASTER_KEY=" + masterKey(1) + ",", "key 2 is of 0 bytes, want 32; make one with: openssl rand -base64 32"},
		{"MASTER_KEY=", "is empty: give a value, or leave it out for the default"},
		{"DEFAULT_AUDIENCE=/api", "not an absolute URI such as https://auth.example.com/api"},
		{"DEFAULT_AUDIENCE=https://auth.example.com/#api", "must not have a fragment (RFC 8707 section 2)"},
		{"ACCESS_TOKEN_LIFETIME=3600", `"3600" is not a duration such as 90s, 15m or 1h30m`},
		{"ACCESS_TOKEN_LIFETIME=0", `"0" is out of range: want 1s to 24h0m0s`},
		{"ACCESS_TOKEN_LIFETIME=24h1s", `"24h1s" is out of range: want 1s to 24h0m0s`},
		{"ACCESS_TOKEN_LIFETIME=90.5s", `"90.5s" is not a whole number of seconds`},
		{"SCOPES=reports,Billing", `"Billing" cannot name a scope: want lower-case letters, digits, '_' and '-', starting with a letter, and not "admin"`},
		{"SIGNING_ALGORITHM=none", `"none" is none of ES256, EdDSA, RS256`},
		{"SIGNING_KEY_ROTATION=59m", `"59m" is out of range: want 0, or at least 1h0m0s`},
		{"JWKS_MAX_AGE=0", `"0" is out of range: want 1s to 24h0m0s`},
		{"TOKEN_RETENTION=-1s", `"-1s" is out of range: want 0s to 720h0m0s`},
		{"MAIL_FROM=example.com", `"example.com" is not a mail address such as Kiket Auth <auth@example.com>`},
		{"SMTP_URL=http://user:s3cret@mail", "want smtp:// or smtps://user:password@host:port"},
		{"SMTP_URL=smtp://user:s3cret%@mail", "not a URL of the form smtp://user:password@host:port (special characters of the password are percent-encoded)"},
		{"SMTP_URL=smtp://mail/s3cret", "must end after the port"},
		{"SMTP_URL=smtp://:25", "names no host"},
		{"LOG_FORMAT=xml", `"xml" is none of text, json`},
		{"LOG_LEVEL=trace", `"trace" is none of debug, info, warn, error`},
		{"ISUER=https://auth.example.com", "unknown variable; did you mean KIKET_AUTH_ISSUER?"},
		{"MASTER_KEY_FLIE=/run/key", "unknown variable; did you mean KIKET_AUTH_MASTER_KEY_FILE?"},
		{"SOMETHING_ELSE_ENTIRELY=1", "unknown variable"},
	}
	for _, tt := range tests {
		t.Run(tt.entry, func(t *testing.T) {
			name, _, _ := strings.Cut(tt.entry, "=")
			_, err := config.Load("", []string{config.Prefix + tt.entry})
			if err == nil {
				t.Fatal("accepted")
			}
			want := "configuration:\n  " + config.Prefix + name + ": " + tt.want
			if err.Error() != want {
				t.Errorf("\n got %s\nwant %s", err, want)
			}
			if strings.Contains(err.Error(), "s3cret") {
				t.Error("the error shows a secret")
			}
		})
	}
}

// Every mistake in the file is told with its line.
func TestMistakesInTheFile(t *testing.T) {
	tests := []struct{ name, file, want string }{
		{"unknown key", "\nisuer: https://a.example", ":2: isuer: unknown key; did you mean issuer?"},
		{"capitals", "Issuer: https://a.example", ":1: Issuer: unknown key; did you mean issuer?"},
		{"key of another kind", "listen_file: a", ":1: listen_file: unknown key"},
		{"nested", "smtp:\n  url: s3cret", ":1: smtp: unknown key"},
		{"key twice", "issuer: https://a.example\nlisten: :1\nissuer: https://a.example", ":3: issuer: is given twice, first on line 1"},
		{"value", "listen: :1\nlog_level: loud", `:2: log_level: "loud" is none of debug, info, warn, error`},
		{"null", "issuer:", ":1: issuer: has no value: give one, or leave the key out for the default"},
		{"text in quotes for a number", "database_max_connections: '16'", ":1: database_max_connections: want a whole number, got a string"},
		{"fraction", "database_max_connections: 1.5", ":1: database_max_connections: want a whole number, got a number"},
		{"number for a text", "listen: 8080", ":1: listen: want a string, got a number"},
		{"boolean for a text", "log_format: true", ":1: log_format: want a string, got true or false"},
		{"date for a text", "default_audience: 2030-01-01", ":1: default_audience: want a string, got a date"},
		{"list for a text", "issuer: [a]", ":1: issuer: want a string, got a list"},
		{"mapping for a secret", "database_url: {password: s3cret}", ":1: database_url: want a string, got a mapping"},
		{"list for a file name", "master_key_file: [s3cret]", ":1: master_key_file: want a string, got a list"},
		{"number in a list", "scopes: [reports, 7]", ":1: scopes: want a list of strings, got a number in it"},
		{"mapping for a list", "scopes: {a: b}", ":1: scopes: want a list of strings, got a mapping"},
		{"seconds for a duration", "jwks_max_age: 300", `:1: jwks_max_age: "300" is not a duration such as 90s, 15m or 1h30m`},
		{"a tag", "database_url: !s3cret x", ":1: database_url: want a string, got a value with a tag"},
		{"alias", "issuer: &a https://a.example\ndefault_audience: *a", ":2: default_audience: want a string, got an alias (a value that begins with * must be quoted)"},
		{"alias of nothing", "\nsmtp_url: *s3cret", ":2: not valid YAML: a value that begins with * or & must be quoted"},
		{"list as key", "? [a]\n: b", ":1: want the name of a setting, got a list"},
		{"not a mapping", "- issuer", ":1: want a mapping of names to values, got a list"},
		{"only text", "s3cret", ":1: want a mapping of names to values, got a string"},
		{"two documents", "listen: :1\n---\nlisten: :2", ":2: want one YAML document, got 2"},
		{"syntax", "listen: :1\nscopes: [a\nissuer: b", ":3: not valid YAML: did not find expected ',' or ']'"},
		{"open quote", "smtp_url: 's3cret", ":1: not valid YAML: found unexpected end of stream"},
		{"control character", "listen: \x01", ": not valid YAML: control characters are not allowed (value: 1)"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			write(t, "auth.yaml", tt.file)
			_, err := config.Load("auth.yaml", nil)
			if err == nil {
				t.Fatal("accepted")
			}
			if want := "configuration:\n  auth.yaml" + tt.want; err.Error() != want {
				t.Errorf("\n got %s\nwant %s", err, want)
			}
			if strings.Contains(err.Error(), "s3cret") {
				t.Error("the error shows a secret")
			}
		})
	}
}

func TestRulesBetweenSettings(t *testing.T) {
	tests := []struct {
		name    string
		environ []string
		want    string
	}{
		{
			"PostgreSQL without a master key",
			[]string{"DATABASE_URL=postgres://db/kiket"},
			"KIKET_AUTH_MASTER_KEY (not set): is required with PostgreSQL; make one with: openssl rand -base64 32",
		},
		{"mail without a sender", []string{"SMTP_URL=smtp://mail:25"}, "KIKET_AUTH_MAIL_FROM (not set): is required, since smtp_url is set"},
		{"sender without mail", []string{"MAIL_FROM=a@example.com", "SMTP_URL="}, "KIKET_AUTH_SMTP_URL: is required, since mail_from is set"},
		{
			"rotation within the life of the key set",
			[]string{"SIGNING_KEY_ROTATION=2h", "JWKS_MAX_AGE=2h"},
			"KIKET_AUTH_SIGNING_KEY_ROTATION: must be longer than jwks_max_age, for which a key is published before it signs",
		},
		{
			"a rule does not repeat a mistake",
			[]string{"DATABASE_URL=postgres://db/kiket", "MASTER_KEY=x"},
			"KIKET_AUTH_MASTER_KEY: key 1 is not base64; make one with: openssl rand -base64 32",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var environ []string
			for _, entry := range tt.environ {
				environ = append(environ, config.Prefix+entry)
			}
			_, err := config.Load("", environ)
			if err == nil {
				t.Fatal("accepted")
			}
			if want := "configuration:\n  " + tt.want; err.Error() != want {
				t.Errorf("\n got %s\nwant %s", err, want)
			}
		})
	}
}

func TestAllMistakesAtOnce(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, "auth.yaml", "isuer: https://a.example\nlog_level: loud\nlisten: 8080\n")
	_, err := config.Load("auth.yaml", []string{
		"KIKET_AUTH_SCOPES=UPPER",
		"KIKET_AUTH_TYPO=1",
		"KIKET_AUTH_DATABASE_URL=postgres://db/kiket",
		"KIKET_AUTH_SMTP_URL_FILE=missing",
	})
	var mistakes config.Mistakes
	if !errors.As(err, &mistakes) {
		t.Fatalf("%T: %v", err, err)
	}
	var got []string
	for _, m := range mistakes {
		got = append(got, m.Source.String()+" "+m.Name)
	}
	want := []string{
		"auth.yaml:1 isuer",
		"auth.yaml:3 listen",
		"KIKET_AUTH_TYPO KIKET_AUTH_TYPO",
		"KIKET_AUTH_SMTP_URL_FILE KIKET_AUTH_SMTP_URL_FILE",
		"KIKET_AUTH_SCOPES KIKET_AUTH_SCOPES",
		"auth.yaml:2 log_level",
		"default KIKET_AUTH_MASTER_KEY",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if !errors.Is(err, os.ErrNotExist) {
		t.Error("the reason for the missing file is lost")
	}
}

func TestKubernetesServiceLinksAreIgnored(t *testing.T) {
	links := []string{
		"KIKET_AUTH_SERVICE_HOST=10.0.0.1", "KIKET_AUTH_SERVICE_PORT=80", "KIKET_AUTH_SERVICE_PORT_HTTP=80",
		"KIKET_AUTH_PORT=tcp://10.0.0.1:80", "KIKET_AUTH_PORT_80_TCP=tcp://10.0.0.1:80", "KIKET_AUTH_PORT_80_TCP_PROTO=tcp",
		"KIKET_AUTH_PORT_80_TCP_PORT=80", "KIKET_AUTH_PORT_80_TCP_ADDR=10.0.0.1",
		"KIKET_AUTH_METRICS_SERVICE_HOST=10.0.0.2", "KIKET_AUTH_METRICS_PORT=tcp://10.0.0.2:80",
	}
	if _, err := config.Load("", links); err != nil {
		t.Error(err)
	}
	if _, err := config.Load("", links[1:]); err == nil {
		t.Error("variables of no service are accepted")
	}
}

// Whatever is in the file, Load returns a configuration or mistakes that can be
// read line by line, and what it returns is complete.
func FuzzFile(f *testing.F) {
	example, err := os.ReadFile(exampleFile)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(example)
	for _, seed := range []string{
		"", "a: *b", "- 1", "scopes: [a, b]\n", "issuer: &x y\nlisten: *x\n<<: {a: b}", "a: 1\n---\nb: 2", "\xff\xfe", "? {}\n: []", "master_key: !!binary aGk=",
		"trusted_proxies: 10.0.0.0/8,::/0", "database_url: postgres://a:b@c,d/e?f#g",
	} {
		f.Add([]byte(seed))
	}
	path := filepath.Join(f.TempDir(), "auth.yaml")
	f.Fuzz(func(t *testing.T, content []byte) {
		write(t, path, string(content))
		c, err := config.Load(path, nil)
		var mistakes config.Mistakes
		switch {
		case errors.As(err, &mistakes) && len(mistakes) > 0:
			for _, m := range mistakes {
				if m.Source.File != path && m.Name == "" {
					t.Errorf("nobody could find %q", m.Error())
				}
			}
		case err != nil:
			t.Errorf("not of type Mistakes: %v", err)
		case c.Issuer == "" || c.Listen == "" || c.DatabaseURL.Empty() || c.DefaultAudience == "" || c.AccessTokenLifetime == 0:
			t.Errorf("incomplete: %+v", c)
		}
	})
}
