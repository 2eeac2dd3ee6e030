package alerts

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"kiket.dev/auth/keys"
	"kiket.dev/auth/server/access"
	"kiket.dev/auth/storage"
)

func (w *world) listed(id int64) ListedChannel {
	w.t.Helper()
	channels, err := w.Channels(w.t.Context(), access.Operator(), w.org, storage.Page{Limit: 10})
	w.ok(err)
	for _, c := range channels {
		if c.Channel.ID == id {
			return c
		}
	}
	w.t.Fatalf("channel %d is not listed", id)
	return ListedChannel{}
}

// A message is sent again, after twice as long each time, until it arrives.
func TestSentAgain(t *testing.T) {
	w := newWorld(t)
	c := w.email("ops@acme.test")
	w.post.fail = &DeliveryError{Reason: "no", Err: errors.New("because")}
	w.trouble(1, 1)
	began := w.now
	w.delivered()
	for i, wait := range []time.Duration{1, 2, 4, 8, 16, 32, 60, 60} { // minutes, a fifth more or less
		w.now = w.now.Add(wait*time.Minute*8/10 - time.Second)
		w.delivered()
		if w.post.attempts != i+1 {
			t.Errorf("attempt %d comes too early", i+2)
		}
		w.now = w.now.Add(wait*time.Minute*4/10 + 2*time.Second)
		w.delivered()
		if w.post.attempts != i+2 {
			t.Fatalf("%d attempts, want %d", w.post.attempts, i+2)
		}
	}
	failing := w.listed(c.ID)
	if failing.Channel.LastFailure != "no" || !failing.Channel.FailingSince.Equal(began) || failing.Backlog.Waiting != 1 {
		t.Errorf("while it fails: %+v", failing)
	}
	w.post.fail = nil
	w.now = w.now.Add(2 * time.Hour)
	w.want("when it is back", w.delivered(), "ops@acme.test alert 1")
	if healed := w.listed(c.ID); healed.Channel.LastFailure != "" || !healed.Channel.FailingSince.IsZero() || !healed.Channel.LastDeliveredAt.Equal(w.now) || healed.Backlog.Waiting != 0 {
		t.Errorf("healed: %+v", healed)
	}
}

// After a day a message is given up, and its channel shows it.
func TestGivenUp(t *testing.T) {
	w := newWorld(t)
	c := w.email("ops@acme.test")
	w.post.fail = errors.New("dial tcp 10.0.0.7:25: refused")
	w.trouble(1, 1)
	for range 27 {
		w.delivered()
		w.now = w.now.Add(time.Hour)
	}
	if given := w.listed(c.ID); given.Backlog != (storage.Backlog{GivenUp: 1}) || strings.Contains(given.Channel.LastFailure, "10.0.0.7") {
		t.Errorf("given up: %+v", given)
	}
	w.post.fail = nil
	w.want("afterwards", w.delivered())
	w.now = w.now.Add(keepMessages)
	w.ok(w.Sweep(t.Context()))
	if swept := w.listed(c.ID); swept.Backlog != (storage.Backlog{}) {
		t.Errorf("swept: %+v", swept)
	}
}

// Who claimed a message and is gone does not keep it.
func TestLeaseEnds(t *testing.T) {
	w := newWorld(t)
	w.email("ops@acme.test")
	w.trouble(1, 1)
	if claimed, err := w.store.ClaimMessages(t.Context(), storage.OutboxClaim{Now: w.now, Lease: w.now.Add(lease), Limit: 9}); err != nil || len(claimed) != 1 {
		t.Fatal(claimed, err)
	}
	w.now = w.now.Add(lease - time.Second)
	w.want("while it is another's", w.delivered())
	w.now = w.now.Add(time.Second)
	w.want("when the lease is over", w.delivered(), "ops@acme.test alert 1")
}

// What was raised is sent by itself, without anybody asking.
func TestRun(t *testing.T) {
	w := newWorld(t)
	w.email("ops@acme.test")
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { w.Run(ctx); close(done) }()
	w.trouble(1, 1)
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		if sent := w.post.took(); len(sent) > 0 {
			w.want("sent", sent, "ops@acme.test alert 1")
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("nothing was sent")
		}
	}
	stop()
	<-done
}

func TestTestChannel(t *testing.T) {
	w := newWorld(t)
	c := w.email("ops@acme.test")
	test := func() (error, error) { return w.TestChannel(t.Context(), access.Operator(), w.org, c.ID) }
	if failure, err := test(); failure != nil || err != nil {
		t.Fatal(failure, err)
	}
	w.want("sent", w.post.took(), "ops@acme.test test 1")
	w.post.fail = &DeliveryError{Reason: "no such address", Err: errors.New("550")}
	if failure, err := test(); err != nil || Reason(failure) != "no such address" {
		t.Error(failure, err)
	}
	w.post.fail = nil
	w.now = w.now.Add(time.Minute)
	w.want("a test is not sent again", w.delivered())
	for range mostMessages - 2 {
		if failure, err := test(); failure != nil || err != nil {
			t.Fatal(failure, err)
		}
	}
	var refusal *access.Refusal
	if _, err := test(); !errors.As(err, &refusal) || refusal.Code != "too_many_messages" {
		t.Errorf("one more: %v", err)
	}
	if _, err := w.TestChannel(t.Context(), access.Operator(), w.org, 4711); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("of no channel: %v", err)
	}
}

func TestCreateChannel(t *testing.T) {
	w := newWorld(t)
	const address = "https://hooks.slack.test/services/T000/B000/abcdefghijklmnop"
	request := func(kind storage.ChannelKind, address, url string) ChannelRequest {
		return ChannelRequest{Kind: kind, Name: "Ops", Address: address, URL: storage.NewSecret(url)}
	}
	slack, err := w.CreateChannel(t.Context(), access.Operator(), w.org, request("slack", "", address))
	w.ok(err)
	hook, err := w.CreateChannel(t.Context(), access.Operator(), w.org, request("webhook", "", "https://pager.test/x"))
	w.ok(err)
	if slack.Channel.Address != "hooks.slack.test/…mnop" || hook.Channel.Address != "pager.test" {
		t.Errorf("shown: %q, %q", slack.Channel.Address, hook.Channel.Address)
	}
	if !slack.Signing.Empty() || !strings.HasPrefix(hook.Signing.Reveal(), SigningPrefix) {
		t.Errorf("signing secrets: %q, %q", slack.Signing.Reveal(), hook.Signing.Reveal())
	}
	to, err := w.destination(hook.Channel)
	if err != nil || to.URL.Reveal() != "https://pager.test/x" || to.Signing.Reveal() != hook.Signing.Reveal() {
		t.Errorf("opened: %v", err)
	}
	for name, r := range map[string]ChannelRequest{
		"kind":                 request("pigeon", "", ""),
		"kind, none":           request("", "a@b.test", ""),
		"address":              request("email", "nobody", ""),
		"address, none":        request("email", "", ""),
		"address, for a URL":   request("slack", "a@b.test", address),
		"webhook_url, for one": request("email", "a@b.test", address),
		"webhook_url":          request("slack", "", "http://a.test"),
		"webhook_url, none":    request("webhook", "", ""),
		"name":                 {Kind: "email", Address: "a@b.test", Name: "a\nb"},
	} {
		_, err := w.CreateChannel(t.Context(), access.Operator(), w.org, r)
		field, _, _ := strings.Cut(name, ",")
		if !errors.Is(err, storage.ErrInvalid) || !strings.Contains(err.Error(), field) {
			t.Errorf("%s: %v", name, err)
		}
	}
	w.post.mail = false
	var refusal *access.Refusal
	if _, err := w.CreateChannel(t.Context(), access.Operator(), w.org, request("email", "a@b.test", "")); !errors.As(err, &refusal) || refusal.Code != "mail_not_configured" {
		t.Errorf("without mail: %v", err)
	}
	for range mostChannels - 2 {
		_, err := w.CreateChannel(t.Context(), access.Operator(), w.org, request("slack", "", address))
		w.ok(err)
	}
	if _, err := w.CreateChannel(t.Context(), access.Operator(), w.org, request("slack", "", address)); !errors.As(err, &refusal) || refusal.Code != "too_many_channels" {
		t.Errorf("one too many: %v", err)
	}
	w.ok(w.DeleteChannel(t.Context(), access.Operator(), w.org, hook.Channel.ID))
	if err := w.DeleteChannel(t.Context(), access.Operator(), w.org, hook.Channel.ID); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("deleted twice: %v", err)
	}
}

// Addresses are sealed anew under a new first master key, after which the old one is not
// needed.
func TestResealChannels(t *testing.T) {
	w := newWorld(t)
	old, fresh := keys.GenerateMasterKey(), keys.GenerateMasterKey()
	use := func(masters ...storage.Secret) {
		t.Helper()
		sealer, err := keys.NewSealer(masters)
		w.ok(err)
		w.Sealer = sealer
	}
	use(old)
	w.email("ops@acme.test")
	made, err := w.CreateChannel(t.Context(), access.Operator(), w.org, ChannelRequest{Kind: "webhook", URL: storage.NewSecret("https://pager.test/x")})
	w.ok(err)
	use(fresh)
	if n, err := w.Reseal(t.Context()); n != 0 || err == nil {
		t.Errorf("without the old key: %d, %v", n, err)
	}
	use(fresh, old)
	for _, want := range []int{1, 0} {
		if n, err := w.Reseal(t.Context()); n != want || err != nil {
			t.Errorf("resealed %d, %v; want %d", n, err, want)
		}
	}
	use(fresh)
	to, err := w.destination(w.listed(made.Channel.ID).Channel)
	if err != nil || to.URL.Reveal() != "https://pager.test/x" {
		t.Errorf("afterwards: %v", err)
	}
}
