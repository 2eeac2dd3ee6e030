package requests_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"kiket.dev/auth/server/requests"
	"kiket.dev/auth/server/servertest"
	"kiket.dev/auth/storage"
)

// A request whose process ended before its answer was known is carried out again, by one,
// when it is sent again after a minute.
func TestAbandonedRequest(t *testing.T) {
	w := servertest.New(t)
	r := requests.Request{Caller: "session:1", Key: storage.NewSecret("key"), Content: []byte("content")}
	var mu sync.Mutex
	acted := 0
	send := func(after func(context.Context) ([]byte, error)) ([]byte, bool, error) {
		return w.Answers.OnceAfter(w.Ctx, r, func(context.Context) (func(context.Context) ([]byte, error), error) {
			mu.Lock()
			defer mu.Unlock()
			acted++
			return after, nil
		})
	}
	gone := errors.New("the process is gone")
	if _, _, err := send(func(context.Context) ([]byte, error) { return nil, gone }); !errors.Is(err, gone) {
		t.Fatal(err)
	}
	takes := func(context.Context) ([]byte, error) { return []byte("done"), nil }
	w.Pass(time.Minute)
	if _, _, err := send(takes); !errors.Is(err, requests.ErrKeyInUse) {
		t.Errorf("within a minute: %v", err)
	}
	w.Pass(time.Second)
	other := r
	other.Content = []byte("other")
	if _, _, err := w.Answers.OnceAfter(w.Ctx, other, nil); !errors.Is(err, requests.ErrKeyReused) {
		t.Errorf("another request: %v", err)
	}
	var sending sync.WaitGroup
	for range 6 {
		sending.Go(func() {
			if answer, _, err := send(takes); !errors.Is(err, requests.ErrKeyInUse) && (err != nil || string(answer) != "done") {
				t.Errorf("got %q, %v", answer, err)
			}
		})
	}
	sending.Wait()
	if answer, again, err := send(takes); string(answer) != "done" || !again || err != nil {
		t.Errorf("afterwards: %q, %t, %v", answer, again, err)
	}
	if acted != 2 {
		t.Errorf("it was carried out %d times, want once again", acted)
	}
}
