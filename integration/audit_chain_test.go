package integration

import (
	"database/sql"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver pgx

	"kiket.dev/auth/server/audit"
	"kiket.dev/auth/storage"
)

// database opens the database underneath the server.
func (d *deployment) database(t testing.TB) *sql.DB {
	t.Helper()
	driver, name := "pgx", d.url
	if d.engine == sqlite {
		driver, name = "sqlite", strings.TrimPrefix(d.url, "sqlite:")+"?_pragma=busy_timeout(10000)"
	}
	db, err := sql.Open(driver, name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// meddler edits the tables of the audit log, and puts them back.
type meddler struct {
	*deployment
	t    *testing.T
	db   *sql.DB
	last int64 // sequence of the organization's last event
}

var auditTables = []string{"audit_events", "audit_chains", "audit_checkpoints"}

func newMeddler(t *testing.T, d *deployment) *meddler {
	t.Helper()
	m := &meddler{deployment: d, t: t, db: d.database(t)}
	for _, table := range auditTables {
		m.exec("CREATE TABLE kept_" + table + " AS SELECT * FROM " + table)
	}
	if err := m.db.QueryRow("SELECT sequence FROM audit_chains WHERE chain = 1").Scan(&m.last); err != nil || m.last < 12 {
		t.Fatalf("%d events are sealed, %v", m.last, err)
	}
	return m
}

func (m *meddler) exec(statements ...string) {
	m.t.Helper()
	for _, statement := range statements {
		if _, err := m.db.ExecContext(m.t.Context(), statement); err != nil {
			m.t.Fatalf("%s: %v", statement, err)
		}
	}
}

func (m *meddler) restore() {
	for _, table := range auditTables {
		m.exec("DELETE FROM "+table, "INSERT INTO "+table+" SELECT * FROM kept_"+table)
	}
}

// verify verifies the organization's chain.
func (d *deployment) verify(t testing.TB, given ...string) *audit.ChainReport {
	t.Helper()
	report, err := d.verbs().Notary.Verify(t.Context(), d.boot.Organization.ID, given)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// sealed makes events and stops the server, which seals and signs them.
func sealed(t *testing.T, e engine) *instance {
	t.Helper()
	i := start(t, e)
	for n := range 12 {
		i.call(t, "POST", "/projects", i.admin(), fmt.Sprintf(`{"key":"P%d","name":"Project"}`, n)).want(t, http.StatusCreated)
	}
	if err := i.stop(); err != nil {
		t.Fatal(err)
	}
	if report := i.verify(t); !report.OK() || report.Unsealed != 0 || report.Checkpointed != report.Last || report.Checkpoints == 0 {
		t.Fatalf("before anything was done: %+v", report)
	}
	return i
}

// Whoever edits the database underneath is found out: what was done is named, and where.
func TestAuditTampering(t *testing.T) {
	eachEngine(t, func(t *testing.T, e engine) {
		i := sealed(t, e)
		m := newMeddler(t, i.deployment)
		at := func(sequence int64) string { return fmt.Sprintf("organization_id = 1 AND sequence = %d", sequence) }
		swap := func(a, b int64) []string {
			return []string{
				"UPDATE audit_events SET sequence = -1 WHERE " + at(a), fmt.Sprintf("UPDATE audit_events SET sequence = %d WHERE %s", a, at(b)),
				fmt.Sprintf("UPDATE audit_events SET sequence = %d WHERE organization_id = 1 AND sequence = -1", b),
			}
		}
		var shift []string
		for n := m.last; n >= 5; n-- {
			shift = append(shift, fmt.Sprintf("UPDATE audit_events SET sequence = %d WHERE %s", n+1, at(n)))
		}
		insert := func(sequence int64) string {
			return fmt.Sprintf(`INSERT INTO audit_events (organization_id, created_at, action, actor_kind, actor_id, actor_name, target_kind, target_id, target_name,
				ip_address, user_agent, request_id, details, sequence, hash) SELECT organization_id, created_at, action, actor_kind, actor_id, actor_name,
				target_kind, target_id, target_name, ip_address, user_agent, request_id, details, %d, hash FROM audit_events WHERE %s`, sequence, at(3))
		}
		type finding struct {
			kind     audit.FindingKind
			sequence int64
		}
		type attack struct {
			edit []string
			want []finding
		}
		attacks := map[string]attack{
			"deleted":                  {[]string{"DELETE FROM audit_events WHERE " + at(5)}, []finding{{audit.Removed, 5}}},
			"deleted two":              {[]string{"DELETE FROM audit_events WHERE " + at(5), "DELETE FROM audit_events WHERE " + at(6)}, []finding{{audit.Removed, 5}}},
			"deleted the first":        {[]string{"DELETE FROM audit_events WHERE " + at(1)}, []finding{{audit.Removed, 1}}},
			"deleted the last":         {[]string{"DELETE FROM audit_events WHERE " + at(m.last), "DELETE FROM audit_events WHERE " + at(m.last-1)}, []finding{{audit.Removed, m.last - 1}}},
			"deleted and hidden":       {[]string{"DELETE FROM audit_events WHERE " + at(m.last), fmt.Sprintf("UPDATE audit_chains SET sequence = %d, hash = (SELECT hash FROM audit_events WHERE %s) WHERE chain = 1", m.last-1, at(m.last-1))}, []finding{{audit.Removed, m.last}}},
			"put back to be sealed":    {[]string{"UPDATE audit_events SET sequence = NULL, hash = NULL WHERE " + at(5)}, []finding{{audit.Removed, 5}}},
			"all deleted":              {[]string{"DELETE FROM audit_events WHERE organization_id = 1"}, []finding{{audit.Removed, 1}}},
			"inserted":                 {append(shift, insert(5)), []finding{{audit.Inserted, 5}, {audit.Reordered, 6}}},
			"inserted at the end":      {[]string{insert(m.last + 1)}, []finding{{audit.Changed, m.last + 1}, {audit.Inserted, m.last + 1}}},
			"inserted before all":      {[]string{insert(-7)}, []finding{{audit.Inserted, -7}}},
			"inserted at nothing":      {[]string{insert(0)}, []finding{{audit.Inserted, 0}}},
			"swapped":                  {swap(4, 9), []finding{{audit.Reordered, 4}, {audit.Reordered, 9}}},
			"swapped neighbours":       {swap(6, 7), []finding{{audit.Reordered, 6}, {audit.Reordered, 7}}},
			"swapped, with the last":   {swap(3, m.last), []finding{{audit.Reordered, 3}, {audit.Reordered, m.last}}},
			"its hash":                 {[]string{"UPDATE audit_events SET hash = (SELECT hash FROM audit_events WHERE " + at(3) + ") WHERE " + at(7)}, []finding{{audit.Changed, 7}}},
			"the head":                 {[]string{"UPDATE audit_chains SET hash = base_hash WHERE chain = 1"}, []finding{{audit.Head, m.last}}},
			"the chain":                {[]string{"DELETE FROM audit_chains WHERE chain = 1"}, []finding{{audit.Head, 0}}},
			"a checkpoint":             {[]string{"DELETE FROM audit_checkpoints WHERE chain = 1"}, []finding{{audit.Checkpoint, m.last}}},
			"another's checkpoint":     {[]string{"UPDATE audit_checkpoints SET statement = (SELECT statement FROM kept_audit_checkpoints WHERE chain = 0 LIMIT 1) WHERE chain = 1"}, []finding{{audit.Checkpoint, 0}}},
			"the beginning, as if old": {[]string{"UPDATE audit_chains SET base_sequence = 4, base_hash = (SELECT hash FROM audit_events WHERE " + at(4) + ") WHERE chain = 1", "DELETE FROM audit_events WHERE organization_id = 1 AND sequence <= 4"}, []finding{{audit.Removed, 1}}},
		}
		for column, value := range map[string]string{
			"created_at": "'2026-01-01 00:00:00+00:00'", "action": "'x.y'", "actor_kind": "'x'", "actor_id": "4711", "actor_name": "'Mallory'", "target_kind": "'x'",
			"target_id": "4711", "target_name": "'x'", "ip_address": "'192.0.2.1'", "user_agent": "'x'", "request_id": "'x'", "details": "'{\"a\":1}'", "id": "4711",
		} {
			attacks["changed "+column] = attack{[]string{"UPDATE audit_events SET " + column + " = " + value + " WHERE " + at(5)}, []finding{{audit.Changed, 5}}}
		}
		attacks["to another organization"] = attack{[]string{"UPDATE audit_events SET organization_id = NULL, sequence = 4711 WHERE " + at(5)}, []finding{{audit.Removed, 5}}}
		if e == sqlite {
			attacks["unreadable"] = attack{[]string{"UPDATE audit_events SET actor_id = 'x' WHERE " + at(5)}, []finding{{audit.Changed, 5}}}
		}
		for name, attack := range attacks {
			m.exec(attack.edit...)
			report := i.verify(t)
			for n, want := range attack.want {
				if n >= len(report.Findings) || report.Findings[n].Kind != want.kind || want.sequence != 0 && report.Findings[n].Sequence != want.sequence {
					t.Errorf("%s: want %v, got %+v", name, attack.want, report.Findings)
					break
				}
			}
			m.restore()
			if report := i.verify(t); !report.OK() {
				t.Fatalf("%s: put back: %+v", name, report.Findings)
			}
		}
	})
}

var loggedCheckpoint = regexp.MustCompile(`"msg":"audit checkpoint","organization_id":1,"sequence":[0-9]+,"checkpoint":"([^"]+)"`)

// Who rewrites the whole chain is found out by a checkpoint, and, if they remove those
// from the database, by one from the log. They cannot make any.
func TestAuditRewritten(t *testing.T) {
	eachEngine(t, func(t *testing.T, e engine) {
		i := sealed(t, e)
		m := newMeddler(t, i.deployment)
		logged := loggedCheckpoint.FindAllStringSubmatch(i.log(), -1)
		if len(logged) == 0 {
			t.Fatalf("no checkpoint in the log\n%s", i.log())
		}
		statement := logged[len(logged)-1][1]
		m.exec("UPDATE audit_events SET actor_name = 'Mallory' WHERE organization_id = 1 AND sequence = 5",
			"UPDATE audit_events SET sequence = NULL, hash = NULL WHERE organization_id = 1", "DELETE FROM audit_chains WHERE chain = 1")
		if _, err := i.verbs().Notary.Seal(t.Context()); err != nil { // as anybody could
			t.Fatal(err)
		}
		report := i.verify(t)
		if len(report.Findings) == 0 || report.Findings[0].Kind != audit.Rewritten {
			t.Errorf("with checkpoints: %+v", report.Findings)
		}
		m.exec("DELETE FROM audit_checkpoints WHERE chain = 1")
		if report := i.verify(t); !report.OK() {
			t.Errorf("it is all there is: %+v", report.Findings)
		}
		if report := i.verify(t, statement); len(report.Findings) != 1 || report.Findings[0].Kind != audit.Rewritten {
			t.Errorf("with the checkpoint of the log: %+v", report.Findings)
		}
		stranger := prepare(t, sqlite).verbs()
		if err := stranger.Notary.CheckGiven(t.Context(), statement); err == nil {
			t.Error("another installation believes the checkpoint")
		}
		if err := i.verbs().Notary.CheckGiven(t.Context(), statement+"x"); err == nil {
			t.Error("a checkpoint with another signature is believed")
		}
	})
}

// No event is lost, and the chain is whole, when the server is killed while events are
// written; and two servers seal without a gap and without a sequence given out twice.
func TestAuditChainSurvives(t *testing.T) {
	eachEngine(t, func(t *testing.T, e engine) {
		i := start(t, e, "KIKET_AUTH_API_RATE_LIMIT=1000000")
		servers := []*instance{i}
		if e == postgres {
			servers = append(servers, i.deployment.serve())
		}
		var mu sync.Mutex
		var made []string
		enough := make(chan struct{})
		var load sync.WaitGroup
		admin := i.admin()
		for worker := range 4 {
			load.Go(func() {
				for n := 0; ; n++ {
					key := fmt.Sprintf("W%dN%d", worker, n)
					response, err := http.DefaultClient.Do(servers[worker%len(servers)].request("POST", "/api/v1/projects", `{"key":"`+key+`","name":"P"}`,
						"Authorization", "Bearer "+admin, "Content-Type", "application/json"))
					if err != nil {
						return
					}
					_ = response.Body.Close()
					mu.Lock()
					if response.StatusCode == http.StatusCreated {
						made = append(made, key)
					}
					if len(made) == 120 {
						close(enough)
					}
					mu.Unlock()
				}
			})
		}
		<-enough
		for _, s := range servers {
			s.kill()
		}
		load.Wait()
		again := i.deployment.serve()
		eventually(t, func() error {
			if report := again.verify(t); report.Unsealed > 0 || report.Checkpointed != report.Last {
				return fmt.Errorf("%+v", report)
			}
			return nil
		})
		report := again.verify(t)
		if !report.OK() || report.First != 1 || report.Last != report.Sealed {
			t.Errorf("the chain: %+v", report)
		}
		recorded := map[string]bool{}
		filter := storage.AuditFilter{OrganizationID: i.boot.Organization.ID, Action: "project.created"}
		events, err := i.verbs().Store.FindAuditEvents(t.Context(), filter, storage.AuditPage{Limit: 100_000})
		if err != nil {
			t.Fatal(err)
		}
		for _, event := range events {
			recorded[fmt.Sprint(event.Details["key"])] = true
		}
		for _, key := range made {
			if !recorded[key] {
				t.Errorf("no event of %s", key)
			}
		}
	})
}
