package integration

import (
	"cmp"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"kiket.dev/auth/server/tokens"
	"kiket.dev/auth/storage"
)

// usageReport is what the API says of the use of a credential.
type usageReport struct {
	Reference    string
	Since, Until string
	Days         []struct {
		Date   string
		Count  int64
		Scopes []struct {
			Scope *string
			Count int64
		}
		Servers []struct {
			Server *struct {
				ID               int64
				Name, Identifier *string
			} `json:"resource_server"`
			Count int64
		} `json:"resource_servers"`
	}
}

// lines are the counts of all days together, by scope and by name of the resource server.
func (r usageReport) lines() []string {
	total, counts := int64(0), map[string]int64{}
	for _, d := range r.Days {
		total += d.Count
		for _, s := range d.Scopes {
			counts["scope "+*cmp.Or(s.Scope, new(""))] += s.Count
		}
		for _, s := range d.Servers {
			name := "this server"
			if s.Server != nil {
				name = *cmp.Or(s.Server.Name, new("deleted"))
			}
			counts["at "+name] += s.Count
		}
	}
	lines := []string{fmt.Sprint("uses ", total)}
	for what, n := range counts {
		lines = append(lines, fmt.Sprint(what, " ", n))
	}
	slices.Sort(lines[1:])
	return lines
}

func (i *instance) usage(t testing.TB, reference string) usageReport {
	t.Helper()
	return read[usageReport](t, i.call(t, "GET", "/credentials/"+reference+"/usage", i.admin(), nil), 200)
}

// written stops the server, which writes what it has gathered, and starts another.
func (i *instance) written(t testing.TB) *instance {
	t.Helper()
	if err := i.stop(); err != nil {
		t.Fatal(err)
	}
	return i.serve()
}

func wantUsage(t testing.TB, i *instance, reference string, want ...string) {
	t.Helper()
	slices.Sort(want[1:])
	if diff := gocmp.Diff(want, i.usage(t, reference).lines()); diff != "" {
		t.Errorf("%s (-want +got):\n%s", reference, diff)
	}
}

// Uses are counted by scope and resource server, and the last says where it was.
func TestUsage(t *testing.T) {
	eachEngine(t, func(t *testing.T, e engine) {
		i := start(t, e)
		issued := i.workspaceToken(time.Time{})
		secret, reference := issued.Secret.Reveal(), fmt.Sprint("workspace_api_token:", issued.Token.ID)
		key := i.extension("issues:read").Key
		registered := i.registered(t, "Importer", "issues", "projects")
		api := i.resourceServer()
		for range 3 {
			i.introspect(t, api, secret, "scope", "issues:read comments", "client_ip", "192.0.2.7", "user_agent", "cli/1")
		}
		i.introspect(t, api, secret)
		i.introspect(t, api, secret, "scope", "admin")
		i.introspect(t, api, key.Secret.Reveal(), "scope", "issues:write") // not covered: no use
		i.introspect(t, api, key.Secret.Reveal(), "scope", "issues:read", "client_ip", "2001:db8::1")
		i.call(t, "GET", "/projects", secret, nil).want(t, 200)
		i.call(t, "GET", "/users", secret, nil).want(t, 200)
		i.call(t, "GET", "/me", secret, nil).want(t, 200)
		narrow := i.workspaceToken(time.Time{}, "issues")
		i.call(t, "GET", "/users", narrow.Secret.Reveal(), nil).want(t, 403)
		access := i.fetch(t, registered.credentials(), "scope", "issues")
		i.fetch(t, registered.credentials())
		i.introspect(t, api, access, "scope", "issues:read", "client_ip", "192.0.2.9", "user_agent", "job/2")
		i = i.written(t)

		server := "at " + i.serverName(t)
		wantUsage(t, i, reference, "uses 8", "at this server 3", server+" 5",
			"scope  2", "scope admin 2", "scope comments 3", "scope issues:read 3", "scope projects:read 1")
		wantUsage(t, i, fmt.Sprint("extension_key:", key.Token.ID), "uses 1", server+" 1", "scope issues:read 1")
		wantUsage(t, i, fmt.Sprint("workspace_api_token:", narrow.Token.ID), "uses 1", "at this server 1", "scope  1")
		for _, of := range []string{fmt.Sprint("client_secret:", registered.Secrets[0].ID), fmt.Sprint("oauth_application:", registered.ID)} {
			wantUsage(t, i, of, "uses 3", "at this server 2", server+" 1", "scope  1", "scope issues 1", "scope issues:read 1")
		}
		i.lastUsedFrom(t, registered, key.Token)
		i.wrongUsage(t, reference)
	})
}

func (d *deployment) serverName(t testing.TB) string {
	t.Helper()
	c, err := d.verbs().Store.ClientByClientID(t.Context(), d.boot.ResourceServer.ClientID)
	if err != nil {
		t.Fatal(err)
	}
	return c.Name
}

// lastUsedFrom looks at every answer that says when something was used last.
func (i *instance) lastUsedFrom(t testing.TB, a oauthApplication, key storage.Token) {
	t.Helper()
	job := map[string]any{"ip_address": "192.0.2.9", "user_agent": "job/2", "resource_server": i.serverName(t)}
	from := func(body map[string]any) map[string]any {
		from, _ := body["last_used_from"].(map[string]any)
		if server, ok := from["resource_server"].(map[string]any); ok {
			if server["identifier"] != audience {
				t.Errorf("the resource server is %v", server)
			}
			from["resource_server"] = server["name"]
		}
		return from
	}
	check := func(what string, got, want map[string]any) {
		t.Helper()
		if diff := gocmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", what, diff)
		}
	}
	shown := i.call(t, "GET", fmt.Sprint("/oauth_applications/", a.ID), i.admin(), nil).want(t, 200)
	check("application", from(shown), job)
	check("its secret", from(shown["secrets"].([]any)[0].(map[string]any)), job)
	api := i.call(t, "GET", fmt.Sprint("/workspace_api_tokens/", i.boot.WorkspaceAPIToken.ID), i.admin(), nil).want(t, 200)
	check("token", from(api), map[string]any{"ip_address": "127.0.0.1", "user_agent": "Go-http-client/1.1", "resource_server": nil})
	fresh := i.call(t, "POST", "/workspace_api_tokens", i.admin(), map[string]any{"name": "Fresh"}).want(t, 201)
	check("token never used", from(fresh), nil)
	listed := i.call(t, "GET", "/credentials?kind=extension_key", i.admin(), nil).want(t, 200)
	check("in the list", from(listed["credentials"].([]any)[0].(map[string]any)),
		map[string]any{"ip_address": "2001:db8::1", "user_agent": nil, "resource_server": i.serverName(t)})
	keys := i.call(t, "GET", fmt.Sprintf("/extensions/%d/secrets", key.InstallationID), i.admin(), nil).want(t, 200)
	check("extension key", from(keys["api_keys"].([]any)[0].(map[string]any)),
		map[string]any{"ip_address": "2001:db8::1", "user_agent": nil, "resource_server": i.serverName(t)})
}

// wrongUsage asks for what is not there, or not the organization's, or no span of days.
func (i *instance) wrongUsage(t testing.TB, reference string) {
	t.Helper()
	globex := i.bootstrap("Globex").WorkspaceAPIToken.Token
	for _, path := range []string{"workspace_api_token:4711", "client_secret:4711", "oauth_application:4711", "4711", "nonsense:1", "access_token:1", "session:01"} {
		i.call(t, "GET", "/credentials/"+path+"/usage", i.admin(), nil).wantProblem(t, 404, "not_found")
	}
	i.call(t, "GET", "/credentials/"+reference+"/usage", globex, nil).wantProblem(t, 404, "not_found")
	for _, query := range []string{"since=yesterday", "since=2026-01-02T00:00:00Z&until=2026-01-01T00:00:00Z", "since=2001-01-01T00:00:00Z"} {
		i.call(t, "GET", "/credentials/"+reference+"/usage?"+query, i.admin(), nil).wantProblem(t, 422, "invalid")
	}
	past := read[usageReport](t, i.call(t, "GET", "/credentials/"+reference+"/usage?until=2026-01-31T12:00:00Z", i.admin(), nil), 200)
	if past.Since != "2026-01-01" || past.Until != "2026-01-31" || len(past.Days) != 0 {
		t.Errorf("of January: %+v", past)
	}
}

// ask introspects a token over and over.
func (i *instance) ask(t testing.TB, token tokens.Issued, times int, parameters ...string) {
	var asking sync.WaitGroup
	for range 4 {
		asking.Go(func() {
			for range times / 4 {
				i.introspect(t, i.resourceServer(), token.Secret.Reveal(), parameters...)
			}
		})
	}
	asking.Wait()
}

// What replicas count adds up, whatever they write at the same moment.
func TestUsageOfReplicas(t *testing.T) {
	eachEngine(t, func(t *testing.T, e engine) {
		one := start(t, e)
		other := one.serve()
		token := one.workspaceToken(time.Time{})
		var both sync.WaitGroup
		for _, i := range []*instance{one, other} {
			both.Go(func() { i.ask(t, token, 60, "scope", "issues") })
		}
		both.Wait()
		both.Go(func() { one.ask(t, token, 40, "scope", "issues") })
		both.Go(func() { other.ask(t, token, 40) })
		both.Wait()
		var stopped sync.WaitGroup
		for _, i := range []*instance{one, other} {
			stopped.Go(func() {
				if err := i.stop(); err != nil {
					t.Error(err)
				}
			})
		}
		stopped.Wait()
		i := one.serve()
		wantUsage(t, i, fmt.Sprint("workspace_api_token:", token.Token.ID), "uses 200", "at "+i.serverName(t)+" 200", "scope  40", "scope issues 160")
	})
}

// A server that is killed loses what it had not written, and nothing goes backwards.
func TestUsageAfterKill(t *testing.T) {
	eachEngine(t, func(t *testing.T, e engine) {
		i := start(t, e)
		token := i.workspaceToken(time.Time{})
		store := i.verbs().Store
		state := func() (uses int64, last time.Time) {
			counts, err := store.UsesOf(t.Context(), i.boot.Organization.ID, token.Token.UsedCredentials()[0], time.Now().Add(-24*time.Hour), time.Now())
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range counts {
				uses += c.Uses
			}
			stored, err := store.OpaqueTokenByID(t.Context(), i.boot.Organization.ID, token.Token.Kind, token.Token.ID)
			if err != nil {
				t.Fatal(err)
			}
			return uses, stored.LastUsedAt
		}
		i.ask(t, token, 8, "scope", "issues")
		i = i.written(t)
		written, last := state()
		if written != 8 || last.IsZero() {
			t.Fatalf("%d were written, the last at %s", written, last)
		}
		i.ask(t, token, 20, "scope", "issues")
		i.kill()
		kept, lastKept := state()
		if kept < written || kept > 28 || lastKept.Before(last) {
			t.Errorf("%d at %s before, %d at %s after", written, last, kept, lastKept)
		}
		i = i.serve()
		i.ask(t, token, 4, "scope", "issues")
		i.written(t)
		if got, lastGot := state(); got != kept+4 || !lastGot.After(lastKept) {
			t.Errorf("%d uses, the last at %s; want %d, later than %s", got, lastGot, kept+4, lastKept)
		}
	})
}

// writesTo makes the database remember every write to a table.
func writesTo(t testing.TB, e engine, db *sql.DB, tables ...string) (counted func() int) {
	t.Helper()
	statements := []string{"CREATE TABLE writes_seen (name TEXT)"}
	if e == postgres {
		statements = append(statements, `CREATE FUNCTION see_write() RETURNS trigger LANGUAGE plpgsql AS
			$$ BEGIN INSERT INTO writes_seen VALUES (TG_TABLE_NAME); RETURN NULL; END $$`)
	}
	for _, table := range tables {
		for _, change := range []string{"INSERT", "UPDATE"} {
			then := "BEGIN INSERT INTO writes_seen VALUES ('" + table + "'); END"
			if e == postgres {
				then = "FOR EACH ROW EXECUTE FUNCTION see_write()"
			}
			statements = append(statements, fmt.Sprintf("CREATE TRIGGER see_%s_%s AFTER %s ON %s %s", table, strings.ToLower(change), change, table, then))
		}
	}
	for _, statement := range statements {
		if _, err := db.ExecContext(t.Context(), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	return func() (n int) {
		if err := db.QueryRowContext(t.Context(), "SELECT count(*) FROM writes_seen").Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
}

// A thousand uses of one token are a handful of writes.
func TestUsageWritesLittle(t *testing.T) {
	eachEngine(t, func(t *testing.T, e engine) {
		i := start(t, e)
		token := i.workspaceToken(time.Time{})
		counted := writesTo(t, e, i.database(t), "tokens", "clients", "client_secrets", "credential_uses", "credential_traits")
		began := time.Now()
		i.ask(t, token, 1000, "scope", "issues:read", "client_ip", "192.0.2.7")
		i = i.written(t)
		// Of the token: its last use, the count, a network and a scope; of the resource
		// server: its last use and its secret's. Once at first, each minute, and at the end.
		flushes := 2 + int(time.Since(began)/time.Minute)
		if n := counted(); n > 6*flushes+6 || n < 6 {
			t.Errorf("%d writes for a thousand uses, in %s", n, time.Since(began))
		} else {
			t.Logf("%d writes for a thousand uses", n)
		}
		wantUsage(t, i, fmt.Sprint("workspace_api_token:", token.Token.ID), "uses 1000", "at "+i.serverName(t)+" 1000", "scope issues:read 1000")
	})
}

// A resource server that is gone is named by its number alone.
func TestUsageAtDeletedServer(t *testing.T) {
	eachEngine(t, func(t *testing.T, e engine) {
		i := start(t, e)
		token := i.workspaceToken(time.Time{})
		i.introspect(t, i.resourceServer(), token.Secret.Reveal())
		i = i.written(t)
		store := i.verbs().Store
		server, err := store.ClientByClientID(t.Context(), i.boot.ResourceServer.ClientID)
		if err == nil {
			err = store.DeleteClient(t.Context(), 0, server.ID)
		}
		if err != nil {
			t.Fatal(err)
		}
		wantUsage(t, i, fmt.Sprint("workspace_api_token:", token.Token.ID), "uses 1", "at deleted 1", "scope  1")
	})
}
