package integration

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/http"
	"net/mail"
	"slices"
	"strings"
	"testing"
	"time"
)

// alerting is a server with people who want to hear of trouble.
type alerting struct {
	*instance
	web  receiver
	mail *mailServer
}

func newAlerting(t *testing.T, e engine, settings ...string) *alerting {
	t.Helper()
	web := newReceiver(t)
	post := newMailServer(t, web.TLS.Certificates[0])
	all := slices.Concat(post.settings(), []string{
		"SSL_CERT_FILE=" + web.trusted(t), "KIKET_AUTH_OUTBOUND_NETWORKS=127.0.0.0/8", "KIKET_AUTH_ALERT_RETRY=1s",
	}, settings)
	a := &alerting{instance: start(t, e, all...), web: web, mail: post}
	return a
}

// revokedToken makes a workspace token that is revoked.
func (i *instance) revokedToken(t *testing.T, name string) string {
	t.Helper()
	made := i.call(t, "POST", "/workspace_api_tokens", i.admin(), map[string]any{"name": name}).want(t, 201)
	i.call(t, "DELETE", fmt.Sprintf("/workspace_api_tokens/%v", made["id"]), i.admin(), nil).want(t, 204)
	token, _ := made["token"].(string)
	return token
}

// openAlerts are those that are open, by what they are about.
func (i *instance) openAlerts(t *testing.T) map[string]map[string]any {
	t.Helper()
	found := map[string]map[string]any{}
	for _, each := range i.call(t, "GET", "/alerts?state=open", i.admin(), nil).want(t, 200)["alerts"].([]any) {
		alert, _ := each.(map[string]any)
		subject, _ := alert["subject"].(map[string]any)
		found[fmt.Sprint(alert["rule"], " ", subject["name"])] = alert
	}
	return found
}

func (i *instance) waitForAlert(t *testing.T, what string, count float64) map[string]any {
	t.Helper()
	var alert map[string]any
	eventually(t, func() error {
		alert = i.openAlerts(t)[what]
		if alert == nil || alert["count"].(float64) < count {
			return fmt.Errorf("alert %q: %v", what, alert)
		}
		return nil
	})
	return alert
}

// parts returns the header of a mail and its parts by media type.
func parts(t *testing.T, raw string) (mail.Header, map[string]string) {
	t.Helper()
	m, err := mail.ReadMessage(strings.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	media, parameters, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil || media != "multipart/alternative" {
		t.Fatal(media, err)
	}
	found := map[string]string{}
	reader := multipart.NewReader(m.Body, parameters["boundary"])
	for {
		part, err := reader.NextRawPart()
		if err != nil {
			return m.Header, found
		}
		text, err := io.ReadAll(quotedprintable.NewReader(part))
		if err != nil {
			t.Fatal(err)
		}
		media, _, _ := mime.ParseMediaType(part.Header.Get("Content-Type"))
		found[media] = string(text)
	}
}

// Trouble is told on every channel within a minute, once and with a count.
func TestAlertsArrive(t *testing.T) {
	eachEngine(t, func(t *testing.T, e engine) {
		a := newAlerting(t, e)
		channels := map[string]map[string]any{
			"mail":    {"kind": "email", "address": "Ops@acme.test"},
			"slack":   {"kind": "slack", "name": "#ops", "webhook_url": a.web.URL + "/services/T000/B000/slack-secret-2718281828459045"},
			"webhook": {"kind": "webhook", "webhook_url": a.web.URL + "/pager?key=pager-secret-3141592653589793"},
		}
		secret := ""
		for name, fields := range channels {
			path, made := a.channel(t, fields)
			if name == "webhook" {
				secret, _ = made["signing_secret"].(string)
			}
			if tested := a.call(t, "POST", path+"/test", a.admin(), nil).want(t, 200); tested["delivered"] != true || tested["problem"] != nil {
				t.Errorf("testing %s: %v", name, tested)
			}
		}
		const name = "Deploy <!channel> \"of\" <b>CI</b>"
		token := a.revokedToken(t, name)
		for range 30 {
			if answer := a.introspect(t, a.resourceServer(), token, "client_ip", "203.0.113.9", "user_agent", "curl/8"); len(answer) != 1 {
				t.Fatal(answer)
			}
		}
		a.call(t, "GET", "/me", token, nil).want(t, 401)
		alert := a.waitForAlert(t, "revoked_credential_used "+name, 31)
		link, _ := alert["link"].(string)
		subject, _ := alert["subject"].(map[string]any)
		if want := fmt.Sprintf("%s/console/credentials/workspace_api_token/%v", issuer, subject["id"]); link != want {
			t.Errorf("the link is %s, want %s", link, want)
		}

		header, text := parts(t, a.mail.arrives(t, "credentials/workspace_api_token", time.Minute).body)
		decoded, err := new(mime.WordDecoder).DecodeHeader(header.Get("Subject"))
		if err != nil || !strings.Contains(decoded, "Acme") || !strings.Contains(decoded, "was used although it is revoked") {
			t.Errorf("subject %q, %v", decoded, err)
		}
		if header.Get("From") != `"Kiket Auth" <auth@acme.test>` || header.Get("To") != "<ops@acme.test>" {
			t.Errorf("header: %v", header)
		}
		for media, body := range text {
			if strings.Count(body, link) != 1 || strings.Contains(body, "<b>CI") == (media == "text/html") {
				t.Errorf("%s: %s", media, body)
			}
		}
		if len(text) != 2 {
			t.Errorf("parts: %v", text)
		}
		if slack := a.web.arrives(t, `"blocks"`, time.Minute); !strings.HasPrefix(slack.to, "/services/T000") {
			t.Errorf("slack: %+v", slack)
		}
		for _, d := range a.web.holding(link) {
			if strings.HasPrefix(d.to, "/services") && strings.Contains(d.body, "<!channel>") {
				t.Errorf("somebody is called in Slack: %s", d.body)
			}
		}
		hook := a.web.arrives(t, `"rule":"revoked_credential_used"`, time.Minute)
		wantSigned(t, hook, secret)
		if told := len(a.mail.holding(link)); told > 2 {
			t.Errorf("%d mails of one thing", told)
		}

		path := fmt.Sprintf("/alerts/%v", alert["id"])
		done := a.call(t, "PATCH", path, a.admin(), `{"alert":{"acknowledged":true}}`).want(t, 200)
		if done["state"] != "acknowledged" || done["acknowledged_by"].(map[string]any)["kind"] != "workspace_api_token" {
			t.Errorf("acknowledged: %v", done)
		}
		if left := a.openAlerts(t); len(left) != 0 {
			t.Errorf("open: %v", left)
		}
		if all := a.call(t, "GET", "/alerts?state=acknowledged", a.admin(), nil).want(t, 200)["alerts"].([]any); len(all) != 1 {
			t.Errorf("acknowledged: %v", all)
		}
		eventually(t, func() error { // it is noted after it has arrived
			for _, each := range a.call(t, "GET", "/alert_channels", a.admin(), nil).want(t, 200)["alert_channels"].([]any) {
				c, _ := each.(map[string]any)
				if c["last_delivered_at"] == nil || c["failing_since"] != nil || c["waiting"] != 0.0 || strings.Contains(fmt.Sprint(c), "secret") {
					return fmt.Errorf("channel: %v", c)
				}
			}
			return nil
		})
	})
}

// wantSigned verifies a message as the documentation says.
func wantSigned(t *testing.T, d delivery, secret string) {
	t.Helper()
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
	if err != nil {
		t.Fatal(err)
	}
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(d.header.Get("webhook-id") + "." + d.header.Get("webhook-timestamp") + "." + d.body))
	if want := "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil)); d.header.Get("webhook-signature") != want {
		t.Errorf("signature %q, want %q", d.header.Get("webhook-signature"), want)
	}
	var body struct{ Type string }
	if err := json.Unmarshal([]byte(d.body), &body); err != nil || body.Type != "kiket.alert" {
		t.Errorf("%s: %v", d.body, err)
	}
}

// What is to be told survives a server that is killed, and receivers that fail and
// stall; no request waits for them.
func TestAlertDeliverySurvives(t *testing.T) {
	eachEngine(t, func(t *testing.T, e engine) {
		a := newAlerting(t, e)
		_, _ = a.channel(t, map[string]any{"kind": "email", "address": "ops@acme.test"})
		hook, _ := a.channel(t, map[string]any{"kind": "webhook", "webhook_url": a.web.URL + "/pager"})
		a.web.set(fails)
		a.mail.set(stalls)
		first := a.revokedToken(t, "first")
		a.active(t, first)
		eventually(t, func() error {
			if a.web.attempts() < 2 || a.mail.attempts() < 1 {
				return fmt.Errorf("%d attempts of the webhook, %d of mail", a.web.attempts(), a.mail.attempts())
			}
			return nil
		})
		if tested := a.call(t, "POST", hook+"/test", a.admin(), nil).want(t, 200); tested["delivered"] != false || tested["problem"] != "the address answered with 503" {
			t.Errorf("tested: %v", tested)
		}
		seen := false
		for _, each := range a.call(t, "GET", "/alert_channels", a.admin(), nil).want(t, 200)["alert_channels"].([]any) {
			c, _ := each.(map[string]any)
			if c["kind"] == "webhook" {
				seen = c["failing_since"] != nil && c["last_failure"] == "the address answered with 503" && c["waiting"] == 1.0
			}
		}
		if !seen {
			t.Error("it is not shown that the webhook fails")
		}
		began := time.Now()
		for range 20 {
			a.active(t, first)
		}
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("twenty questions took %s beside a mail server that stalls", took)
		}

		a.kill() // while mail is being sent
		a.web.set(takes)
		a.mail.set(takes)
		a.instance = a.deployment.serve()
		a.web.arrives(t, `"name":"first"`, time.Minute)
		a.mail.arrives(t, "first", time.Minute) // when the lease of who was killed is over
		if got := len(a.web.holding(`"name":"first"`)); got != 1 {
			t.Errorf("the webhook took it %d times", got)
		}

		// Seen, and killed at once: what was raised is told by the next.
		second := a.revokedToken(t, "second")
		a.web.set(fails)
		a.active(t, second)
		a.waitForAlert(t, "revoked_credential_used second", 1)
		a.kill()
		a.web.set(takes)
		a.instance = a.deployment.serve()
		a.web.arrives(t, `"name":"second"`, time.Minute)
	})
}

// Replicas share the work: every message is sent by one of them.
func TestAlertsOfReplicas(t *testing.T) {
	t.Parallel()
	a := newAlerting(t, postgres)
	others := []*instance{a.deployment.serve(), a.deployment.serve()}
	a.channel(t, map[string]any{"kind": "webhook", "webhook_url": a.web.URL + "/pager"})
	const alerts = 15
	for n := range alerts {
		token := a.revokedToken(t, fmt.Sprintf("token-%d-", n))
		a.active(t, token)
		for _, other := range others {
			other.active(t, token)
		}
	}
	for n := range alerts {
		a.web.arrives(t, fmt.Sprintf("token-%d-", n), time.Minute)
		a.waitForAlert(t, fmt.Sprintf("revoked_credential_used token-%d-", n), 3)
	}
	for n := range alerts {
		if got := len(a.web.holding(fmt.Sprintf("token-%d-", n))); got != 1 {
			t.Errorf("alert %d arrived %d times", n, got)
		}
	}
}

func TestAlertChannels(t *testing.T) {
	eachEngine(t, func(t *testing.T, e engine) {
		i := start(t, e)
		post := func(fields map[string]any, headers ...string) answer {
			t.Helper()
			return i.call(t, "POST", "/alert_channels", i.admin(), fields, headers...)
		}
		post(map[string]any{"kind": "email", "address": "ops@acme.test"}).wantProblem(t, 409, "mail_not_configured")
		post(map[string]any{"kind": "pigeon"}).wantInvalid(t, "kind")
		post(map[string]any{"kind": "email", "address": "ops@acme.test\r\nBcc: x@y.test"}).wantInvalid(t, "address")
		post(map[string]any{"kind": "slack", "address": "ops@acme.test", "webhook_url": "https://hooks.slack.test/x"}).wantInvalid(t, "address")
		for _, wrong := range []string{"", "http://hooks.slack.test/x", "https://127.0.0.1/x", "https://[::1]/x", "https://10.1.2.3/x", "https://169.254.169.254/latest", "https://user:pass@hooks.slack.test/", "nonsense"} {
			post(map[string]any{"kind": "slack", "webhook_url": wrong}).wantInvalid(t, "webhook_url")
			post(map[string]any{"kind": "webhook", "webhook_url": wrong}).wantInvalid(t, "webhook_url")
		}
		made := post(map[string]any{"alert_channel": map[string]any{"kind": "webhook", "name": "Pager", "webhook_url": "https://localhost:1/services/0123456789abcdef0123"}}, "Idempotency-Key", "one")
		again := post(map[string]any{"alert_channel": map[string]any{"kind": "webhook", "name": "Pager", "webhook_url": "https://localhost:1/services/0123456789abcdef0123"}}, "Idempotency-Key", "one")
		c := made.want(t, 201)
		if again.body != made.body || c["address"] != "localhost:1/…0123" || c["name"] != "Pager" || c["signing_secret"] == nil {
			t.Errorf("made %s, again %s", made.body, again.body)
		}
		path := fmt.Sprintf("/alert_channels/%v", c["id"])
		// A name that leads to this machine is found out when it is used.
		if tested := i.call(t, "POST", path+"/test", i.admin(), nil, "Idempotency-Key", "two").want(t, 200); tested["delivered"] != false || tested["problem"] != "the address is none of the public internet" {
			t.Errorf("tested: %v", tested)
		}
		listed := i.call(t, "GET", "/alert_channels", i.admin(), nil)
		if text := listed.body; strings.Contains(text, "signing_secret") || strings.Contains(text, "0123456789abcdef") {
			t.Errorf("listed: %s", text)
		}
		i.call(t, "GET", "/alerts?state=new", i.admin(), nil).wantInvalid(t, "state")
		i.call(t, "PATCH", "/alerts/4711", i.admin(), `{}`).wantProblem(t, 404, "not_found")
		i.call(t, "PATCH", "/alerts/4711", i.admin(), `{"acknowledged":"yes"}`).wantInvalid(t, "acknowledged")
		i.call(t, "PATCH", "/alerts/4711", i.admin(), `{"acknowledged":true}`).wantProblem(t, 404, "not_found")
		i.call(t, "DELETE", path, i.admin(), nil).want(t, 204)
		i.call(t, "DELETE", path, i.admin(), nil).wantProblem(t, 404, "not_found")
		i.call(t, "POST", path+"/test", i.admin(), nil).wantProblem(t, 404, "not_found")
	})
}

// A mail that the mail server refuses is told with its code, and nothing of its network.
func TestMailRefused(t *testing.T) {
	t.Parallel()
	a := newAlerting(t, sqlite)
	path, _ := a.channel(t, map[string]any{"kind": "email", "address": "nobody@acme.test"})
	tested := a.call(t, "POST", path+"/test", a.admin(), nil).want(t, 200)
	if tested["delivered"] != false || tested["problem"] != "the mail server did not take the message (550 5.1.1)" {
		t.Errorf("tested: %v", tested)
	}
	// Without TLS the password is not shown to anybody but this machine.
	other := a.deployment.serve("KIKET_AUTH_SMTP_URL=smtps://mailer:" + mailPassword + "@" + a.mail.address)
	if tested := other.call(t, "POST", path+"/test", a.admin(), nil).want(t, http.StatusOK); tested["problem"] != "the mail server could not be reached, or did not let this server in" {
		t.Errorf("with smtps where there is none: %v", tested)
	}
}
