package integration

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"kiket.dev/auth/storage"
)

const day = 24 * time.Hour

// expiringToken stores a workspace API token of a person that was made a while ago.
func (d *deployment) expiringToken(t testing.TB, organizationID, ownerID int64, name string, life, left time.Duration) storage.Token {
	t.Helper()
	expires := time.Now().Add(left)
	token := storage.Token{
		Kind: storage.WorkspaceAPIToken, OrganizationID: organizationID, UserID: ownerID, Name: name, Reference: fmt.Sprint(name, expires.UnixNano()),
		Prefix: "wksp_00000000", Scopes: storage.NewScopes("issues"), Audience: audience, CreatedAt: expires.Add(-life), ExpiresAt: expires,
	}
	if err := d.verbs().Store.CreateToken(t.Context(), &token); err != nil {
		t.Fatal(err)
	}
	return token
}

// digests counts what the organization's audit log knows of digests.
func (d *deployment) digests(t testing.TB, organizationID int64) (n int) {
	t.Helper()
	events, err := d.verbs().Store.AuditEvents(t.Context(), organizationID, 0, 1000)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range events {
		if e.Action == "expiry_digest.queued" {
			n++
		}
	}
	return n
}

// notify lets several processes look for what expires at the same time.
func (d *deployment) notify(t testing.TB) {
	t.Helper()
	verbs := d.verbs()
	var looking sync.WaitGroup
	for range 6 {
		looking.Go(func() {
			if err := verbs.Expiry.Notify(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	looking.Wait()
}

// mailsTo returns what arrived at an address, without line ends of the transport.
func (a *alerting) mailsTo(address string) (bodies []string) {
	for _, d := range a.mail.holding("") {
		if d.to == address {
			bodies = append(bodies, d.body)
		}
	}
	return bodies
}

func (a *alerting) waitForMails(t *testing.T, address string, want int) []string {
	t.Helper()
	var got []string
	eventually(t, func() error {
		if got = a.mailsTo(address); len(got) != want {
			return fmt.Errorf("%d mails to %s, want %d", len(got), address, want)
		}
		return nil
	})
	return got
}

// wantNames holds that of the names the mail has exactly the wanted ones.
func wantNames(t *testing.T, raw string, all []string, want ...string) {
	t.Helper()
	_, text := parts(t, raw)
	for media, body := range text {
		for _, name := range all {
			if has := strings.Contains(body, name); has != slices.Contains(want, name) {
				t.Errorf("%s has %q: %t\n%s", media, name, has, body)
			}
		}
		if strings.Count(body, issuer+"/console/credentials?expiring_within=14d") != 1 {
			t.Errorf("%s has no link\n%s", media, body)
		}
	}
}

// Each person hears once, in one mail, of what expires within 14 days, and again within 3.
func TestExpiryNotices(t *testing.T) {
	eachEngine(t, func(t *testing.T, e engine) {
		a := newAlerting(t, e)
		acme, admin := a.boot.Organization.ID, a.boot.Admin
		other := a.person(t, "Other", storage.RoleAdmin)
		globex := a.bootstrap("Globex")
		secretive := a.registered(t, "Secretive", "issues")
		a.rotateSecret(t, a.registered(t, "Rotated", "issues"), map[string]any{"previous_expires_in": 2 * 86400})
		if err := a.stop(); err != nil {
			t.Fatal(err)
		}
		all := []string{"Soon", "Later", "Far", "Brief", "Theirs", "Foreign", "Secretive", "Rotated"}
		if err := a.verbs().Store.ExpireClientSecrets(t.Context(), acme, secretive.ID, 0, time.Now().Add(5*day)); err != nil {
			t.Fatal(err)
		}
		a.expiringToken(t, acme, admin.ID, "Soon", 90*day, 2*day)
		later := a.expiringToken(t, acme, admin.ID, "Later", 90*day, 10*day)
		a.expiringToken(t, acme, admin.ID, "Far", 90*day, 20*day)
		a.expiringToken(t, acme, admin.ID, "Brief", 12*time.Hour, 6*time.Hour)
		a.expiringToken(t, acme, other.id, "Theirs", 90*day, 12*day)
		a.expiringToken(t, globex.Organization.ID, globex.Admin.ID, "Foreign", 90*day, day)

		a.instance = a.deployment.serve()
		if e == postgres {
			a.deployment.serve()
		}
		first := a.waitForMails(t, admin.Email, 1)[0]
		wantNames(t, first, all, "Soon", "Later", "Secretive")
		header, text := parts(t, first)
		if subject := header.Get("Subject"); !strings.Contains(subject, "3 credentials expire within 14 days, 1 of them within 3 days") {
			t.Errorf("subject %q", subject)
		}
		if plain := text["text/plain"]; strings.Index(plain, "Within 3 days") > strings.Index(plain, "Soon") || strings.Index(plain, "Within 14 days") > strings.Index(plain, "Later") {
			t.Errorf("in disorder: %s", plain)
		}
		wantNames(t, a.waitForMails(t, other.email, 1)[0], all, "Theirs", "Secretive")
		wantNames(t, a.waitForMails(t, globex.Admin.Email, 1)[0], all, "Foreign")

		a.notify(t)
		if n := a.digests(t, acme); n != 1 {
			t.Errorf("%d digests when nothing is new", n)
		}
		// A day later something is new, and another comes to its second stage.
		verbs := a.verbs()
		err := verbs.Store.ExpireTokens(t.Context(), storage.TokenFilter{OrganizationID: acme, ID: later.ID}, time.Now().Add(2*day))
		if err != nil {
			t.Fatal(err)
		}
		a.expiringToken(t, acme, admin.ID, "Another", 90*day, 13*day)
		all = append(all, "Another")
		a.notify(t)
		if n := a.digests(t, acme); n != 1 {
			t.Errorf("%d digests within a day", n)
		}
		yesterday := time.Now().Add(-25 * time.Hour)
		if err := verbs.Store.UpdateOrganization(t.Context(), acme, storage.OrganizationUpdate{ExpiryDigestAt: &yesterday}); err != nil {
			t.Fatal(err)
		}
		a.notify(t)
		wantNames(t, a.waitForMails(t, admin.Email, 2)[1], all, "Later", "Another")
		if n := a.digests(t, acme); n != 2 {
			t.Errorf("%d digests in all, want 2", n)
		}
		if n := len(a.mailsTo(other.email)); n != 1 {
			t.Errorf("%d mails to who has nothing new", n)
		}
	})
}

// What is to be told survives a mail server that is away and a server that is killed, and
// nothing counts as told while there is no mail server.
func TestExpiryNoticesSurvive(t *testing.T) {
	eachEngine(t, func(t *testing.T, e engine) {
		a := newAlerting(t, e)
		a.kill()
		a.expiringToken(t, a.boot.Organization.ID, a.boot.Admin.ID, "Lasting", 90*day, 10*day)
		silent := a.deployment.serve("KIKET_AUTH_SMTP_URL=", "KIKET_AUTH_MAIL_FROM=")
		if _, err := a.verbs().Store.OrganizationByID(t.Context(), a.boot.Organization.ID); err != nil {
			t.Fatal(err)
		}
		if err := silent.stop(); err != nil {
			t.Fatal(err)
		}
		if n := a.digests(t, a.boot.Organization.ID); n != 0 {
			t.Errorf("%d digests without a mail server", n)
		}
		a.mail.set(fails)
		a.instance = a.deployment.serve()
		eventually(t, func() error {
			if n := a.mail.attempts(); n < 2 {
				return fmt.Errorf("%d attempts", n)
			}
			return nil
		})
		a.kill()
		a.mail.set(takes)
		a.instance = a.deployment.serve()
		a.mail.arrives(t, "Lasting", time.Minute)
		a.notify(t)
		if n := a.digests(t, a.boot.Organization.ID); n != 1 {
			t.Errorf("%d digests", n)
		}
	})
}
