package alerts

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"kiket.dev/auth/server/access"
	"kiket.dev/auth/storage"
)

// stalling makes channels of the organization that take messages and say nothing until
// the function is called.
func (w *world) stalling(n int) (end func()) {
	w.t.Helper()
	ended := make(chan struct{})
	w.post.stalls, w.post.stalled = map[string]chan struct{}{}, make(chan string, 1000)
	for i := range n {
		url := fmt.Sprintf("https://stalls.test/%d", i)
		w.post.stalls[url] = ended
		_, err := w.CreateChannel(w.t.Context(), access.Operator(), w.org, ChannelRequest{Kind: storage.WebhookChannel, URL: storage.NewSecret(url)})
		w.ok(err)
	}
	return func() { close(ended) }
}

// An organization whose channels all stall keeps nobody else's alerts waiting.
func TestStalledChannelsOfOne(t *testing.T) {
	w := newWorld(t)
	end := w.stalling(mostChannels)
	w.trouble(1, 1)
	w.trouble(2, 1)
	var tasks sync.WaitGroup
	for range 5 {
		w.ok(w.turn(t.Context(), &tasks))
	}
	one, other := <-w.post.stalled, <-w.post.stalled
	if one == other {
		t.Errorf("two messages at once to %s", one)
	}

	acme := w.org
	pager := storage.Organization{Slug: "pager", Name: "Pager", CreatedAt: w.now}
	w.ok(w.store.CreateOrganization(t.Context(), &pager))
	w.org = pager.ID
	w.email("ops@pager.test")
	w.trouble(1, 1)
	w.want("of the other organization", w.nextSent(), "ops@pager.test alert 1")
	if n := len(w.post.stalled); n != 0 {
		t.Errorf("%d more messages of the first are being sent", n)
	}
	end()
	tasks.Wait()
	w.org = acme
	held, err := w.store.AlertChannels(t.Context(), acme, storage.Page{Limit: mostChannels})
	w.ok(err)
	failing := 0
	for _, c := range held {
		if !c.FailingSince.IsZero() {
			failing++
		}
	}
	if failing != storage.OutboxPerOrganization {
		t.Errorf("%d channels failed", failing)
	}
}

// nextSent is what the next turn sends, waited for.
func (w *world) nextSent() []string {
	w.t.Helper()
	var tasks sync.WaitGroup
	w.ok(w.turn(w.t.Context(), &tasks))
	tasks.Wait()
	return w.post.took()
}

// What waits for a channel that fails does not fail one by one: the channel is left alone
// for as long as it has failed.
func TestFailingChannelIsHeld(t *testing.T) {
	w := newWorld(t)
	c := w.email("ops@acme.test")
	w.post.fail = &DeliveryError{Reason: "no", Err: errors.New("because")}
	for id := range int64(10) {
		w.trouble(id+1, 1)
	}
	w.nextSent()
	w.now = w.now.Add(10 * time.Second)
	w.nextSent()
	for range 5 {
		w.now = w.now.Add(time.Second)
		w.nextSent()
	}
	if w.post.attempts != 2 {
		t.Errorf("%d attempts while it is held, want 2", w.post.attempts)
	}
	w.post.fail = nil
	w.now = w.now.Add(5 * time.Second)
	if sent := w.nextSent(); len(sent) != 1 {
		t.Errorf("when that is over: %q", sent)
	}
	if sent := w.delivered(); len(sent) != 7 { // and two in their own time
		t.Errorf("once one has arrived: %q", sent)
	}
	if healed := w.listed(c.ID).Channel; !healed.HeldUntil.IsZero() {
		t.Errorf("held until %s", healed.HeldUntil)
	}
}

// Whoever deletes a channel of mail and makes it anew, or makes several, sends no more to
// its address.
func TestMailBudgetOutlivesChannels(t *testing.T) {
	w := newWorld(t)
	send := func(c storage.AlertChannel) error {
		failure, err := w.TestChannel(t.Context(), access.Operator(), w.org, c.ID)
		w.ok(failure)
		return err
	}
	one, other := w.email("victim@example.test"), w.email("victim@example.test")
	for range mostMessages / 2 {
		w.ok(send(one))
		w.ok(send(other))
	}
	w.ok(w.DeleteChannel(t.Context(), access.Operator(), w.org, one.ID))
	var refusal *access.Refusal
	if err := send(w.email("victim@example.test")); !errors.As(err, &refusal) || refusal.Code != "too_many_messages" {
		t.Errorf("made anew: %v", err)
	}
	w.post.took()
	w.trouble(1, 1)
	w.want("alerts", w.delivered())
	w.now = w.now.Add(budgetWindow + time.Second)
	w.ok(w.Sweep(t.Context()))
	if sent := w.delivered(); len(sent) != 2 {
		t.Errorf("when the hour is over: %q", sent)
	}
	w.ok(send(other))
}
