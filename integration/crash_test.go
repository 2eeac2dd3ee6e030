package integration

import (
	"context"
	"errors"
	"sync"
	"testing"

	"kiket.dev/auth/storage/postgrestest"
)

// acknowledged is what a server has answered: tokens that it issued, and of
// those which it revoked. One whose revocation was asked for and not answered
// may be either and is in neither.
type acknowledged struct {
	mu              sync.Mutex
	issued, revoked []string
	enough          chan struct{} // closed when there is enough of both
}

const enoughAcknowledged = 150

func (a *acknowledged) add(to *[]string, token string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	*to = append(*to, token)
	select {
	case <-a.enough:
	default:
		if len(a.issued) >= enoughAcknowledged && len(a.revoked) >= enoughAcknowledged {
			close(a.enough)
		}
	}
}

// load issues tokens and revokes every second one, from several connections,
// until the server is gone.
func (a *acknowledged) load(ctx context.Context, i *instance, c credentials) {
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for {
				kept, err := i.attemptToken(ctx, c)
				if err != nil {
					return
				}
				a.add(&a.issued, kept)
				given, err := i.attemptToken(ctx, c)
				if err != nil || i.attemptRevoke(ctx, c, given) != nil {
					return
				}
				a.add(&a.revoked, given)
			}
		})
	}
	all.Wait()
}

// check returns an error unless everything acknowledged holds.
func (a *acknowledged) check(ctx context.Context, i *instance) error {
	var problems []error
	for want, tokens := range map[bool][]string{true: a.issued, false: a.revoked} {
		lost := 0
		for _, token := range tokens {
			if active, err := i.attemptActive(ctx, token); err != nil {
				problems = append(problems, err)
			} else if active != want {
				lost++
			}
		}
		if lost > 0 && want {
			problems = append(problems, errors.New("issued tokens were lost"))
		} else if lost > 0 {
			problems = append(problems, errors.New("revoked tokens are active again"))
		}
	}
	return errors.Join(problems...)
}

// Nothing that was acknowledged is lost when the server is killed under load.
func TestCrash(t *testing.T) {
	eachEngine(t, func(t *testing.T, e engine) {
		i := start(t, e)
		application := i.application("issues")
		for range 2 {
			a := &acknowledged{enough: make(chan struct{})}
			var load sync.WaitGroup
			load.Go(func() { a.load(t.Context(), i, application) })
			<-a.enough
			i.kill()
			load.Wait()
			i = i.deployment.serve()
			if err := a.check(t.Context(), i); err != nil {
				t.Errorf("%d issued, %d revoked: %v", len(a.issued), len(a.revoked), err)
			}
		}
	})
}

// Nor when it is the database.
func TestCrashOfPostgreSQL(t *testing.T) {
	t.Parallel()
	own := postgrestest.Start(t, postgrestest.Options{})
	i := deployAt(t, own.NewDatabase(t)).serve()
	application := i.application("issues")
	a := &acknowledged{enough: make(chan struct{})}
	var load sync.WaitGroup
	load.Go(func() { a.load(t.Context(), i, application) })
	<-a.enough
	own.Stop()
	load.Wait()
	if err := own.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() error {
		_, err := i.attemptToken(t.Context(), application)
		return err
	})
	if err := a.check(t.Context(), i); err != nil {
		t.Errorf("%d issued, %d revoked: %v", len(a.issued), len(a.revoked), err)
	}
}
