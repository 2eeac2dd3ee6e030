package integration

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"kiket.dev/auth/keys"
	"kiket.dev/auth/storage"
)

// traces is everything that the program wrote, by where.
type traces map[string]string

// leaks returns where a secret is found, in any of the ways in which it might be
// written. Of a long secret a half is enough.
func (w traces) leaks(secrets map[string]string) []string {
	var found []string
	for name, secret := range secrets {
		parts := map[string]string{"": secret}
		if len(secret) >= 48 {
			parts = map[string]string{" (first half)": secret[:len(secret)/2], " (second half)": secret[len(secret)/2:]}
			if strings.HasPrefix(secret, "eyJ") { // the header of a JWT says nothing, and the next one has the same
				_, rest, _ := strings.Cut(secret, ".")
				parts = map[string]string{" (claims)": rest[:40], " (signature)": secret[len(secret)-40:]}
			}
		}
		for part, text := range parts {
			for form, written := range writings(text) {
				for where, all := range w {
					if strings.Contains(all, written) {
						found = append(found, fmt.Sprintf("%s%s, %s, in the %s", name, part, form, where))
					}
				}
			}
		}
	}
	return found
}

// writings are the ways in which a text may be written.
func writings(text string) map[string]string {
	forms := map[string]string{
		"plain":      text,
		"hex":        hex.EncodeToString([]byte(text)),
		"form":       url.QueryEscape(text),
		"upper case": strings.ToUpper(text),
	}
	// Inside a longer text base64 depends on where the text begins in it, and at
	// its ends on what is beside it.
	for before := range 3 {
		encoded := base64.RawStdEncoding.EncodeToString(append(make([]byte, before), text...))
		inner := encoded[(before*8+5)/6 : (before+len(text))*8/6]
		forms[fmt.Sprintf("base64 at %d", before)] = inner
		forms[fmt.Sprintf("base64url at %d", before)] = strings.NewReplacer("+", "-", "/", "_").Replace(inner)
	}
	return forms
}

// No plain secret is written anywhere but into the one answer that shows it,
// whatever is asked and however wrongly.
func TestSecrets(t *testing.T) {
	eachEngine(t, func(t *testing.T, e engine) {
		d := deploy(t, e, "KIKET_AUTH_METRICS_LISTEN=127.0.0.1:0", "KIKET_AUTH_LOG_LEVEL=debug",
			"KIKET_AUTH_SMTP_URL=smtp://mailer:mail-Passw0rd-7261@127.0.0.1:1", "KIKET_AUTH_MAIL_FROM=auth@acme.test", "KIKET_AUTH_OUTBOUND_NETWORKS=127.0.0.0/8")
		d.url = strings.Replace(d.url, "postgres@", "postgres:base-Passw0rd-9127@", 1)
		i := d.serve()
		application, rest := i.application("issues", "projects"), map[string]string{
			"database password": "base-Passw0rd-9127", "mail password": "mail-Passw0rd-7261",
			"master key": d.masterKey.Reveal(), "admin's password": d.boot.Admin.Password,
		}
		issued := map[string]string{
			"access token": i.fetch(t, application), "bootstrap token": d.boot.WorkspaceAPIToken.Token,
			"workspace token": i.workspaceToken(time.Time{}).Secret.Reveal(), "extension key": i.extension("issues").Key.Secret.Reveal(),
			"session": i.session().Secret.Reveal(), "resource server's secret": d.boot.ResourceServer.ClientSecret,
			"application's secret": application.secret,
		}
		for name, secret := range i.alertSecrets(t) {
			rest[name] = secret
		}
		for name, secret := range d.privateKeys(t) {
			rest[name] = secret
		}
		for _, secret := range issued {
			misplace(t, i, application, secret)
		}
		for name, secret := range issued {
			holder := credentials{}
			if name == "access token" {
				holder = application
			}
			i.post(t, "/oauth/revoke", holder, "token", secret)
		}
		written := traces{"commands' output": d.commands(t)}
		for _, path := range []string{"/metrics", "/debug/pprof/heap", "/debug/pprof/goroutine?debug=2"} {
			if a := i.get(t, path); a.status != http.StatusNotFound {
				t.Errorf("%s on the public listener: %d", path, a.status)
			}
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+i.metricsAddress(t)+path, nil)
			if err != nil {
				t.Fatal(err)
			}
			a := do(t, r)
			if a.status != http.StatusOK {
				t.Errorf("%s: %d", path, a.status)
			}
			written["metrics"] += a.body
		}
		canary := i.get(t, "/healthz").header.Get("X-Request-Id")
		if err := i.stop(); err != nil {
			t.Error(err)
		}
		written["log"], written["standard output"], written["database"] = i.log(), i.printed(), d.dump(t)

		for name, secret := range issued {
			rest[name] = secret
		}
		for _, leak := range written.leaks(rest) {
			t.Error(leak)
		}
		// The search sees what is there to be seen.
		for where, text := range map[string]string{
			"log": canary, "database": d.boot.WorkspaceAPIToken.TokenPrefix, "metrics": `route="unmatched"`, "commands' output": "[redacted]",
		} {
			if !strings.Contains(written[where], text) {
				t.Errorf("the %s does not hold %q: is it searched?", where, text)
			}
		}
		for name, secret := range rest {
			only := map[string]string{name: secret}
			for form, planted := range map[string]string{
				"plain": "x" + secret + "x", "hex": hex.EncodeToString([]byte("x" + secret)), "form": url.QueryEscape("id:" + secret),
				"base64": base64.StdEncoding.EncodeToString([]byte("id:" + secret)), "base64url": base64.RawURLEncoding.EncodeToString([]byte("name:" + secret + ":")),
			} {
				if len(traces{"canary": planted}.leaks(only)) == 0 {
					t.Errorf("a planted %s is not found in %s", name, form)
				}
			}
		}
	})
}

// alertSecrets makes channels that lead nowhere, tries them, and returns what of them is
// secret.
func (i *instance) alertSecrets(t *testing.T) map[string]string {
	t.Helper()
	paths := map[string]string{"slack": "T0000/B0000/slack-Secret-5772156649015328", "webhook": "hook-Secret-6931471805599453?key=also-1618033988749894"}
	secrets := map[string]string{}
	for kind, path := range paths {
		channel, made := i.channel(t, map[string]any{"kind": kind, "webhook_url": "https://127.0.0.1:1/" + path})
		secrets["path of "+kind] = path
		if signing, ok := made["signing_secret"].(string); ok {
			secrets["signing secret"] = signing
		}
		if tested := i.call(t, "POST", channel+"/test", i.admin(), nil).want(t, http.StatusOK); tested["delivered"] != false {
			t.Errorf("testing %s: %v", kind, tested)
		}
	}
	mail, _ := i.channel(t, map[string]any{"kind": "email", "address": "ops@acme.test"})
	i.call(t, "POST", mail+"/test", i.admin(), nil).want(t, http.StatusOK)
	return secrets
}

// privateKeys opens the private parts of the signing keys.
func (d *deployment) privateKeys(t testing.TB) map[string]string {
	t.Helper()
	sealer, err := keys.NewSealer([]storage.Secret{d.masterKey})
	if err != nil {
		t.Fatal(err)
	}
	stored, err := d.verbs().Store.SigningKeys(t.Context())
	if err != nil || len(stored) == 0 {
		t.Fatal(len(stored), err)
	}
	private := map[string]string{}
	for n, k := range stored {
		raw, err := sealer.Open(k.Sealed, "signing-key:"+k.KeyID)
		if err != nil {
			t.Fatal(err)
		}
		var jwk struct{ D string }
		if err := json.Unmarshal(raw, &jwk); err != nil || jwk.D == "" {
			t.Fatalf("signing key %d is no private JWK: %v", n, err)
		}
		private[fmt.Sprintf("private key %d", n)] = jwk.D
		number, err := base64.RawURLEncoding.DecodeString(jwk.D)
		if err != nil {
			t.Fatal(err)
		}
		private[fmt.Sprintf("private key %d as a number", n)] = string(number)
	}
	return private
}

// misplace puts a secret everywhere where it does not belong, and where it does
// in requests that are wrong.
func misplace(t *testing.T, i *instance, application credentials, secret string) {
	t.Helper()
	paths := []string{"/oauth/token", "/oauth/introspect", "/oauth/revoke"}
	send := func(method, path, body string, headers ...string) {
		t.Helper()
		headers = append([]string{"Content-Type", "application/x-www-form-urlencoded"}, headers...)
		if a := do(t, i.request(method, path, body, headers...)); a.status >= 500 {
			t.Errorf("%s: %d %s", path, a.status, a.body)
		}
	}
	for _, path := range append(paths, "/", "/healthz", "/readyz", "/.well-known/jwks.json", "/oauth/authorize") {
		send("GET", path+"?client_secret="+secret+"&access_token="+secret, "")
		send("GET", strings.TrimSuffix(path, "/")+"/"+secret, "")
		send(strings.ReplaceAll(secret, ".", "-"), path, "") // as the method
		send("POST", path+"?token="+secret, "grant_type=client_credentials")
	}
	for _, path := range paths {
		for _, name := range []string{"client_id", "client_secret", "grant_type", "scope", "resource", "token_type_hint", "client_assertion", "client_assertion_type", "username", "password", secret} {
			form := url.Values{"grant_type": {"client_credentials"}, "token": {"x"}}
			form.Set(name, secret)
			send("POST", path, form.Encode())
			r := i.request("POST", path, form.Encode(), "Content-Type", "application/x-www-form-urlencoded")
			r.SetBasicAuth(application.id, application.secret)
			do(t, r)
		}
		for _, authorization := range []string{secret, "Bearer " + secret + "x", "Basic " + secret, "Token " + secret, "Basic " + base64.StdEncoding.EncodeToString([]byte(secret)), "Basic " + base64.StdEncoding.EncodeToString([]byte(secret+":"+secret))} {
			send("POST", path, "grant_type=client_credentials&token=x", "Authorization", authorization)
		}
		send("POST", path, secret)
		send("POST", path, `{"token":"`+secret+`"}`, "Content-Type", "application/json")
		for _, header := range []string{"X-Request-Id", "User-Agent", "Referer", "X-Forwarded-For", "Cookie", "X-Kiket-API-Key", "Origin", "Accept", "If-None-Match", "Traceparent", "Host"} {
			send("POST", path, "grant_type=client_credentials&token=x", header, secret)
		}
	}
	used := i.workspaceToken(time.Time{}).Secret.Reveal()
	for _, who := range []credentials{i.resourceServer(), application, {application.id, secret}, {secret, secret}} {
		i.post(t, "/oauth/introspect", who, "token", used, "client_ip", secret, "user_agent", "cli/1 "+secret, "token_type_hint", secret)
		i.post(t, "/oauth/introspect", who, "token", secret, "scope", secret)
		i.post(t, "/oauth/revoke", who, "token", secret+"x", "token_type_hint", secret)
	}
	r := i.request("POST", "/oauth/revoke", "token="+used, "Content-Type", "application/x-www-form-urlencoded", "User-Agent", "cli/1 "+secret)
	do(t, r) // its audit event says who
}

// commands runs every command, rightly and wrongly, and returns what was
// printed but for the answers that show a new secret.
func (d *deployment) commands(t testing.TB) string {
	t.Helper()
	var all strings.Builder
	for _, args := range [][]string{
		{"version"},
		{"doctor"},
		{"migrate", "up"},
		{"migrate", "status"},
		{"keys", "list"},
		{"keys", "list", "--json"},
		{"keys", "rotate"},
		{"keys", "rotate", "--json"},
		{"keys", "revoke", "unknown"},
		{"resource-server", "list"},
		{"resource-server", "list", "--json"},
		{"resource-server", "delete", "--name", "unknown"},
		{"bootstrap", "--organization", "Acme", "--email", "admin@acme.test"},
		{"bootstrap", "--organization", "Acme", "--email", "x", "--json"},
	} {
		stdout, stderr, _ := d.try(args...)
		all.WriteString(stdout + stderr)
	}
	for _, args := range [][]string{
		{"bootstrap", "--organization", "Other", "--email", "admin@other.test"},
		{"resource-server", "create", "--name", "other", "--identifier", "https://other.test"},
	} {
		_, stderr, _ := d.try(args...)
		all.WriteString(stderr)
	}
	broken := *d
	for _, setting := range []string{
		"KIKET_AUTH_MASTER_KEY=" + d.masterKey.Reveal() + "," + d.masterKey.Reveal(), "KIKET_AUTH_MASTER_KEY=" + d.masterKey.Reveal()[1:],
		"KIKET_AUTH_SMTP_URL=smtp//mailer:mail-Passw0rd-7261@127.0.0.1:1", "KIKET_AUTH_SMTP_URL=smtp://mailer:mail-Passw0rd-7261@[::1",
		"KIKET_AUTH_DATABASE_URL=postgres://postgres:base-Passw0rd-9127@127.0.0.1:port/x", "KIKET_AUTH_DATABASE_URL=postgres://postgres:base-Passw0rd-9127@127.0.0.1:1/x",
		"KIKET_AUTH_DATABASE_URL=mysql://root:base-Passw0rd-9127@127.0.0.1",
	} {
		broken.settings = append(d.settings[:len(d.settings):len(d.settings)], setting)
		for _, args := range [][]string{{"doctor"}, {"keys", "list"}} {
			stdout, stderr, _ := broken.try(args...)
			all.WriteString(stdout + stderr)
		}
	}
	return all.String()
}
