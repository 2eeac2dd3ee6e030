package integration

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"kiket.dev/auth/server/access"
	"kiket.dev/auth/server/tokens"
	"kiket.dev/auth/storage"
)

// signedIn is an answer to a sign-in.
type signedIn struct {
	ID        int64
	Token     string
	ExpiresAt time.Time `json:"expires_at"`
	User      struct {
		ID                int64
		Email, Name, Role string
	}
	Organization struct {
		ID         int64
		Slug, Name string
	}
}

// enter asks for a session; organization may be left out.
func (i *instance) enter(t testing.TB, email, password string, organization ...string) answer {
	t.Helper()
	body := map[string]any{"email": email, "password": password}
	if len(organization) > 0 {
		body["organization"] = organization[0]
	}
	return i.call(t, "POST", "/sessions", "", body)
}

// person is a member of the first organization.
type person struct {
	id             int64
	email, session string
}

func (p person) path() string { return fmt.Sprintf("/users/%d", p.id) }

// person makes a member without a password, which is quick, and a session of theirs.
func (d *deployment) person(t testing.TB, name string, role storage.Role) person {
	t.Helper()
	v := d.verbs()
	user := storage.User{Email: strings.ToLower(name) + "@people.test", Name: name, CreatedAt: time.Now()}
	if err := v.Store.CreateUser(t.Context(), &user); err != nil {
		t.Fatal(err)
	}
	if err := v.Store.CreateMembership(t.Context(), storage.Membership{
		OrganizationID: d.boot.Organization.ID, UserID: user.ID, Role: role, CreatedAt: time.Now(),
	}); err != nil {
		t.Fatal(err)
	}
	return person{user.ID, user.Email, d.sessionOf(t, d.boot.Organization.ID, user.ID).Secret.Reveal()}
}

func (d *deployment) sessionOf(t testing.TB, organization, user int64) tokens.Issued {
	t.Helper()
	issued, err := d.verbs().Tokens.IssueSession(t.Context(), access.Operator(), tokens.SessionRequest{
		OrganizationID: organization, UserID: user, Lifetime: time.Hour, IdleTimeout: time.Hour,
	})
	if err != nil {
		t.Fatal(err)
	}
	return issued
}

func TestSignIn(t *testing.T) {
	eachEngine(t, func(t *testing.T, e engine) {
		i := start(t, e)
		i.bootstrap("Globex")
		i.boot.Admin.Password = i.adopt(t, "globex", "admin@acme.test", "Ms. Acme", "member")
		t.Run("right", func(t *testing.T) { signInRight(t, i) })
		t.Run("one of several organizations", func(t *testing.T) { signInChoosing(t, i) })
		t.Run("malformed", func(t *testing.T) { signInMalformed(t, i) })
		t.Run("wrong, and then it is stopped", func(t *testing.T) { signInWrong(t, i) })
	})
}

func signInRight(t *testing.T, i *instance) {
	admin := i.boot.Admin
	a := i.call(t, "POST", "/sessions", "", map[string]any{"session": map[string]any{"email": " Admin@ACME.test ", "password": admin.Password}})
	got := read[signedIn](t, a, http.StatusCreated)
	if !regexp.MustCompile(`^ksess_[0-9a-f]{48}$`).MatchString(got.Token) || a.header.Get("Cache-Control") != "no-store" {
		t.Errorf("token %q, headers %v", got.Token, a.header)
	}
	if left := time.Until(got.ExpiresAt); left < 167*time.Hour || left > 168*time.Hour {
		t.Errorf("expires in %s", left)
	}
	if u, o := got.User, got.Organization; u.ID != admin.ID || u.Email != admin.Email || u.Name != admin.Name || u.Role != "admin" ||
		o.ID != i.boot.Organization.ID || o.Slug != "acme" || o.Name != "Acme" {
		t.Errorf("answered %s", a.body)
	}
	i.call(t, "GET", "/users", got.Token, nil).want(t, 200)
	seen := i.introspect(t, i.resourceServer(), got.Token)
	if seen["active"] != true || seen["token_kind"] != "session" || seen["client_id"] != fmt.Sprintf("session:%d", got.ID) ||
		seen["sub"] != fmt.Sprintf("user:%d", admin.ID) || seen["exp"] != float64(got.ExpiresAt.Unix()) {
		t.Errorf("introspected as %v", seen)
	}
	events := i.events(t)
	last := events[len(events)-1]
	want := storage.Party{Kind: "user", ID: admin.ID, Name: admin.Name}
	if last.Action != "session.created" || last.Actor != want || last.Target.ID != got.ID || last.IPAddress != "127.0.0.1" || last.RequestID != a.header.Get("X-Request-Id") {
		t.Errorf("audit event %+v", last)
	}
}

// Without being told it is the organization that the person joined first.
func signInChoosing(t *testing.T, i *instance) {
	tests := []struct{ asked, slug, name, role string }{
		{"", "acme", "Admin", "admin"},
		{"acme", "acme", "Admin", "admin"},
		{"globex", "globex", "Ms. Acme", "member"},
	}
	for _, tt := range tests {
		got := read[signedIn](t, i.enter(t, i.boot.Admin.Email, i.boot.Admin.Password, tt.asked), http.StatusCreated)
		if got.Organization.Slug != tt.slug || got.User.Name != tt.name || got.User.Role != tt.role {
			t.Errorf("asked for %q, got %+v", tt.asked, got)
		}
	}
}

// Whatever is wrong, the answer is the same, and it is written down where it belongs.
func signInWrong(t *testing.T, i *instance) {
	gone := i.person(t, "Gone", storage.RoleMember)
	i.call(t, "DELETE", gone.path(), i.admin(), nil).want(t, 204)
	email, password := i.boot.Admin.Email, i.boot.Admin.Password
	tests := []struct{ name, email, password, organization string }{
		{"wrong password", email, "not the password", ""},
		{"the password in another case", email, strings.ToLower(password), ""},
		{"the password with a space", email, password + " ", ""},
		{"nobody", "nobody@acme.test", password, ""},
		{"not an address", "nobody", password, ""},
		{"a very long address", email + strings.Repeat("x", 300), password, ""},
		{"no such organization", email, password, "nowhere"},
		{"another organization's admin", "admin@globex.test", password, "acme"},
		{"a member of none, without a password", gone.email, password, ""},
	}
	answers := map[string]bool{}
	before := len(i.events(t))
	for _, tt := range tests {
		a := i.enter(t, tt.email, tt.password, tt.organization)
		a.wantProblem(t, http.StatusUnauthorized, "invalid_credentials")
		answers[strings.ReplaceAll(a.body, a.header.Get("X-Request-Id"), "ID")] = true
	}
	if len(answers) != 1 {
		t.Errorf("%d different answers: %v", len(answers), answers)
	}
	if err := i.stop(); err != nil { // which writes down what was summed up
		t.Fatal(err)
	}
	var sums []storage.AuditEvent
	for _, event := range i.events(t)[before:] {
		if event.Action == "session.create_denied" {
			sums = append(sums, event)
		}
	}
	if len(sums) != 1 || sums[0].Target.ID != i.boot.Admin.ID || sums[0].Actor.Kind != "anonymous" || sums[0].IPAddress != "127.0.0.1" || sums[0].Details["count"] != 3.0 {
		t.Errorf("in the organization: %+v, want one event for the three wrong passwords", sums)
	}
	others, err := i.verbs().Store.AuditEvents(t.Context(), 0, 0, 1000)
	if err != nil {
		t.Fatal(err)
	}
	refused := 0.0
	for _, event := range others {
		if event.Action == "session.create_denied" {
			refused += event.Details["count"].(float64)
		}
		if text := fmt.Sprintf("%+v", event); strings.Contains(text, "nobody") || strings.Contains(text, password) {
			t.Errorf("what was typed is in the log: %s", text)
		}
	}
	if refused != float64(len(tests)-3) {
		t.Errorf("%v refusals of the platform, want %d", refused, len(tests)-3)
	}
}

func signInMalformed(t *testing.T, i *instance) {
	tests := []struct {
		body   string
		fields []string
	}{
		{``, []string{"email", "password"}},
		{`{"email":"admin@acme.test"}`, []string{"password"}},
		{`{"email":"","password":"x"}`, []string{"email"}},
		{`{"email":["admin@acme.test"],"password":1,"organization":{}}`, []string{"email", "password", "organization"}},
		{`{"email":"admin@acme.test","password":"x","remember_me":true}`, []string{"remember_me"}},
		{`{"email":"a\u0000b","password":"x"}`, []string{"email"}},
		{`{"email":"admin@acme.test","password":"x","password":"y"}`, []string{"password"}},
	}
	for _, tt := range tests {
		i.call(t, "POST", "/sessions", "", tt.body).wantInvalid(t, tt.fields...)
	}
}

// Whoever guesses from one address is told to wait before a password is even looked
// at, also in changing it; elsewhere the person signs in as always. How much each
// limit allows is tried beside the guard itself.
func TestSignInThrottle(t *testing.T) {
	t.Parallel()
	i := start(t, sqlite, "KIKET_AUTH_TRUSTED_PROXIES=127.0.0.0/8")
	from := func(address, method, path, token string, body any) answer {
		return i.call(t, method, path, token, body, "X-Forwarded-For", address)
	}
	enter := func(address, password string) answer {
		return from(address, "POST", "/sessions", "", map[string]any{"email": i.boot.Admin.Email, "password": password})
	}
	for n := range 10 {
		if a := enter("192.0.2.1", "wrong"); a.status != http.StatusUnauthorized {
			t.Fatalf("failure %d: %d %s", n+1, a.status, a.body)
		}
	}
	for _, password := range []string{"wrong", i.boot.Admin.Password} {
		a := enter("192.0.2.1", password)
		p := a.wantProblem(t, http.StatusTooManyRequests, "too_many_failures")
		if after, _ := p["retry_after"].(float64); after < 1 || after > 30 || a.header.Get("Retry-After") != fmt.Sprint(after) {
			t.Errorf("Retry-After %q, answered %s", a.header.Get("Retry-After"), a.body)
		}
	}
	session := read[signedIn](t, enter("192.0.2.2", i.boot.Admin.Password), http.StatusCreated).Token
	change := map[string]any{"current_password": i.boot.Admin.Password, "new_password": "correct horse battery"}
	from("192.0.2.1", "PUT", "/me/password", session, change).wantProblem(t, http.StatusTooManyRequests, "too_many_failures")
	from("192.0.2.2", "PUT", "/me/password", session, change).want(t, 204)
}

// A session ends when it was not used for too long, and in any case after a while.
func TestSessionEndsByItself(t *testing.T) {
	eachEngine(t, func(t *testing.T, e engine) {
		i := start(t, e)
		v := i.verbs()
		v.Tokens.Clock = func() time.Time { return time.Now().Add(-2 * time.Hour) }
		tests := []struct {
			name           string
			lifetime, idle time.Duration
			used, active   bool
		}{
			{"expired", time.Hour, 3 * time.Hour, false, false},
			{"idle", 3 * time.Hour, time.Hour, false, false},
			{"used", 3 * time.Hour, time.Hour, true, true},
			{"used and expired", time.Hour, time.Hour, true, false},
			{"neither", 3 * time.Hour, 3 * time.Hour, false, true},
		}
		var want []int64
		var asker string
		for _, tt := range tests {
			issued, err := v.Tokens.IssueSession(t.Context(), access.Operator(), tokens.SessionRequest{
				OrganizationID: i.boot.Organization.ID, UserID: i.boot.Admin.ID, Lifetime: tt.lifetime, IdleTimeout: tt.idle,
			})
			if err != nil {
				t.Fatal(err)
			}
			if tt.used {
				if err := v.Store.RecordUses(t.Context(), []storage.TokenUse{{Kind: storage.Session, ID: issued.Token.ID, At: time.Now()}}); err != nil {
					t.Fatal(err)
				}
			}
			if got := i.active(t, issued.Secret.Reveal()); got != tt.active {
				t.Errorf("%s: active %v", tt.name, got)
			}
			a := i.call(t, "GET", "/me", issued.Secret.Reveal(), nil)
			if !tt.active {
				a.wantProblem(t, http.StatusUnauthorized, "invalid_token")
				continue
			}
			a.want(t, 200)
			asker = issued.Secret.Reveal()
			want = append([]int64{issued.Token.ID}, want...)
		}
		if diff := cmp.Diff(want, ids(t, i.call(t, "GET", "/sessions", asker, nil))); diff != "" {
			t.Errorf("listed (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(want[:1], ids(t, i.call(t, "GET", "/sessions?limit=1", asker, nil))); diff != "" {
			t.Errorf("first page (-want +got):\n%s", diff)
		}
	})
}

// ids returns the ids of a list of sessions.
func ids(t testing.TB, a answer) (all []int64) {
	t.Helper()
	for _, s := range read[struct{ Sessions []struct{ ID int64 } }](t, a, 200).Sessions {
		all = append(all, s.ID)
	}
	return all
}
