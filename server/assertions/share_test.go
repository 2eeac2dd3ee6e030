package assertions_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"kiket.dev/auth/server/assertions"
)

// pit is a fetcher with a limit for everybody, as the outgoing client has one. Addresses
// of the host silent never answer.
type pit struct {
	turns   chan struct{}
	asked   atomic.Int32
	content []byte
}

func (p *pit) Fetch(ctx context.Context, url string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	select {
	case p.turns <- struct{}{}:
		defer func() { <-p.turns }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if strings.HasPrefix(url, "https://silent.example/") {
		p.asked.Add(1)
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return p.content, nil
}

// However many addresses of one owner do not answer, those of another are asked at
// once, and nothing is kept of either when it is over.
func TestAddressesOfOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &pit{turns: make(chan struct{}, 32), content: set(t, named(t, newP256(t), "k"))}
		keys := assertions.NewRemoteKeys(p, time.Now, slog.New(slog.DiscardHandler))
		var all sync.WaitGroup
		for n := range 400 {
			all.Go(func() {
				if _, err := keys.At(fmt.Sprintf("https://silent.example/%d", n), 1).Current(t.Context()); err == nil {
					t.Errorf("address %d answered", n)
				}
			})
		}
		synctest.Wait()
		if asked := p.asked.Load(); asked < 2 || asked > 8 {
			t.Errorf("%d addresses of one owner are asked at once", asked)
		}
		before := time.Now()
		if _, err := keys.At("https://other.example/", 2).Current(t.Context()); err != nil || time.Since(before) > 0 {
			t.Errorf("after %s: %v", time.Since(before), err)
		}
		// An address that waits for one owner's turn does not keep the other waiting.
		if _, err := keys.At("https://third.example/", 1).Current(soon(t)); err == nil {
			t.Error("the first owner had a turn")
		}
		if _, err := keys.At("https://third.example/", 2).Current(soon(t)); err != nil {
			t.Errorf("an address that the other owner has given, too: %v", err)
		}
		all.Wait()
		if took := time.Since(before); took > 15*time.Second {
			t.Errorf("the last was told after %s", took)
		}
	})
}

// soon is over a second from now.
func soon(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	t.Cleanup(cancel)
	return ctx
}
