package gormstore

import (
	"context"
	"fmt"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"kiket.dev/auth/storage"
)

// The hot paths, with 16 callers at a time and alone. Beside the time they report
// the CPU that this process (go-µs/op) and PostgreSQL (db-µs/op) spent. For
// durable commits on PostgreSQL set GORMSTORE_DURABLE.
func BenchmarkHotPaths(b *testing.B) {
	for _, engine := range []string{"postgres", "sqlite"} {
		b.Run(engine, func(b *testing.B) {
			w := newBench(b, openMigrated(b, engines[engine](b)))
			for _, op := range []struct {
				name string
				run  func(n int) error
			}{
				{"CreateToken", w.createToken},
				{"SpendAssertion", w.spend},
				{"AccessCredential", w.accessCredential},
				{"OpaqueCredential", w.opaqueCredential},
				{"ClientByClientID", w.client},
				{"RevokeToken", w.revoke},
			} {
				for _, callers := range []int{1, 16} {
					b.Run(fmt.Sprintf("%s/%d", op.name, callers), func(b *testing.B) { w.measure(b, callers, op.run) })
				}
			}
		})
	}
}

type bench struct {
	ctx    context.Context
	s      *Store
	tokens []storage.Token
	opaque []storage.Token
	c      storage.Client
	serial atomic.Int64
	now    time.Time
}

func newBench(b *testing.B, s *Store) *bench {
	b.Helper()
	w := &bench{ctx: context.Background(), s: s, now: time.Now()}
	check := func(err error) {
		if err != nil {
			b.Fatal(err)
		}
	}
	check(s.PrepareTokens(w.ctx, w.now, w.now.Add(24*time.Hour)))
	o := storage.Organization{Slug: "bench", CreatedAt: w.now}
	check(s.CreateOrganization(w.ctx, &o))
	u := storage.User{Email: "bench@acme.test", CreatedAt: w.now}
	check(s.CreateUser(w.ctx, &u))
	check(s.CreateMembership(w.ctx, storage.Membership{OrganizationID: o.ID, UserID: u.ID, Role: storage.RoleAdmin, CreatedAt: w.now}))
	check(s.CreateSigningKey(w.ctx, storage.SigningKey{KeyID: "kid", CreatedAt: w.now, ActiveAt: w.now}))
	w.c = storage.Client{
		Kind: storage.Application, OrganizationID: o.ID, ClientID: "bench", Name: "bench", CreatedAt: w.now,
		AuthMethods: []storage.AuthMethod{storage.AuthSecretBasic}, Scopes: storage.NewScopes("issues", "projects"),
		Secrets: []storage.ClientSecret{{Digest: storage.NewSecret("x").Digest(), CreatedAt: w.now}},
	}
	check(s.CreateClient(w.ctx, &w.c))
	for n := range 1000 {
		t := w.newToken()
		check(s.CreateToken(w.ctx, &t))
		w.tokens = append(w.tokens, t)
		t = storage.Token{
			Kind: storage.WorkspaceAPIToken, OrganizationID: o.ID, UserID: u.ID, FullAccess: true, CreatedAt: w.now,
			Reference: storage.NewSecret(fmt.Sprint(n)).Digest(),
		}
		check(s.CreateToken(w.ctx, &t))
		w.opaque = append(w.opaque, t)
	}
	return w
}

func (w *bench) newToken() storage.Token {
	return storage.Token{
		Kind: storage.AccessToken, OrganizationID: w.c.OrganizationID, Scopes: storage.NewScopes("issues"),
		Reference: storage.NewSecret(fmt.Sprint(w.serial.Add(1))).Digest()[:32], Audience: "https://kiket.test/api",
		CreatedAt: w.now, ExpiresAt: w.now.Add(time.Hour).Truncate(time.Second),
		ClientID: w.c.ID, ClientSecretID: w.c.Secrets[0].ID, KeyID: "kid",
	}
}

func (w *bench) createToken(int) error {
	t := w.newToken()
	return w.s.CreateToken(w.ctx, &t)
}

func (w *bench) spend(int) error {
	return w.s.SpendAssertion(w.ctx, w.c.ID, fmt.Sprint(w.serial.Add(1)), w.now)
}

func (w *bench) accessCredential(n int) error {
	_, err := w.s.CredentialByReference(w.ctx, storage.TokenReferenceOf(w.tokens[n%len(w.tokens)]))
	return err
}

func (w *bench) opaqueCredential(n int) error {
	_, err := w.s.CredentialByReference(w.ctx, storage.TokenReferenceOf(w.opaque[n%len(w.opaque)]))
	return err
}

func (w *bench) client(int) error {
	_, err := w.s.ClientByClientID(w.ctx, w.c.ClientID)
	return err
}

func (w *bench) revoke(int) error {
	t := w.newToken()
	_, err := w.s.RevokeToken(w.ctx, storage.TokenReferenceOf(t), w.now)
	return err
}

// measure runs op b.N times, by so many callers.
func (w *bench) measure(b *testing.B, callers int, op func(n int) error) {
	var next atomic.Int64
	done := make(chan error, callers)
	goBefore, dbBefore := cpuTime(b)
	b.ResetTimer()
	for range callers {
		go func() {
			for {
				n := int(next.Add(1))
				if n > b.N {
					done <- nil
					return
				}
				if err := op(n); err != nil {
					done <- err
					return
				}
			}
		}()
	}
	for range callers {
		if err := <-done; err != nil {
			b.Fatal(err)
		}
	}
	b.StopTimer()
	goAfter, dbAfter := cpuTime(b)
	perOp := func(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1000 / float64(b.N) }
	b.ReportMetric(perOp(goAfter-goBefore), "go-µs/op")
	b.ReportMetric(perOp(dbAfter-dbBefore), "db-µs/op")
}

func cpuTime(b *testing.B) (process, server time.Duration) {
	b.Helper()
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	server, err := cluster.CPUTime()
	if err != nil {
		b.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano()), server
}
