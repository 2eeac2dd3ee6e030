package alerts

import (
	"testing"
	"time"

	"kiket.dev/auth/storage"
)

// What has been revoked, closed or given another end while a digest waited is not in it,
// and a digest of nothing is not sent.
func TestDigestIsCurrent(t *testing.T) {
	w := newWorld(t)
	u := storage.User{Email: "avery@acme.test", CreatedAt: w.now}
	w.ok(w.store.CreateUser(t.Context(), &u))
	w.ok(w.store.CreateMembership(t.Context(), storage.Membership{OrganizationID: w.org, UserID: u.ID, Role: storage.RoleAdmin, CreatedAt: w.now}))
	end := w.now.Add(10 * day)
	var list []Expiring
	add := func(kind storage.CredentialKind, id int64) {
		list = append(list, Expiring{Credential: storage.CredentialID{Kind: kind, ID: id}.String(), Kind: string(kind), ExpiresAt: end, Days: 14})
	}
	var tokens []storage.Token
	for _, reference := range []string{"revoked", "moved", "kept"} {
		token := storage.Token{Kind: storage.WorkspaceAPIToken, OrganizationID: w.org, UserID: u.ID, Reference: reference, CreatedAt: w.now, ExpiresAt: end}
		w.ok(w.store.CreateToken(t.Context(), &token))
		add(storage.CredentialKind(token.Kind), token.ID)
		tokens = append(tokens, token)
	}
	app := storage.Client{
		Kind: storage.Application, OrganizationID: w.org, ClientID: "app", CreatedAt: w.now,
		Secrets: []storage.ClientSecret{{Digest: "a", CreatedAt: w.now, ExpiresAt: end}},
	}
	w.ok(w.store.CreateClient(t.Context(), &app))
	add(storage.ClientSecretCredential, app.Secrets[0].ID)
	queue := func() {
		w.ok(w.QueueMail(t.Context(), w.org, u.ID, Message{
			Kind: ExpiryMessage, OrganizationID: w.org, Summary: ExpirySummary(list, int64(len(list))), Count: int64(len(list)), Expiring: list,
		}))
	}
	queue()
	w.want("as it was", w.delivered(), "avery@acme.test expiry 4")

	queue()
	change := func(token storage.Token, end time.Time) {
		w.ok(w.store.ExpireTokens(t.Context(), storage.TokenFilter{OrganizationID: w.org, ID: token.ID}, end))
	}
	_, err := w.store.RevokeToken(t.Context(), storage.TokenReferenceOf(tokens[0]), w.now)
	w.ok(err)
	change(tokens[1], w.now.Add(day))
	_, err = w.store.CloseClientSecret(t.Context(), w.org, app.ID, app.Secrets[0].ID, w.now, false)
	w.ok(err)
	w.want("when most has ended", w.delivered(), "avery@acme.test expiry 1")

	queue()
	change(tokens[2], w.now.Add(time.Hour))
	w.want("when all has", w.delivered())
	w.now = w.now.Add(25 * time.Hour)
	w.want("a day later", w.delivered())
}

func TestExpirySummary(t *testing.T) {
	three, fourteen := Expiring{Days: 3}, Expiring{Days: 14}
	for want, list := range map[string][]Expiring{
		"1 credential expires within 3 days":                           {three},
		"1 credential expires within 14 days":                          {fourteen},
		"2 credentials expire within 14 days":                          {fourteen, fourteen},
		"3 credentials expire within 14 days, 1 of them within 3 days": {three, fourteen, fourteen},
	} {
		if got := ExpirySummary(list, int64(len(list))); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	if got := ExpirySummary([]Expiring{three}, 200); got != "200 credentials expire soon" {
		t.Errorf("got %q", got)
	}
}
