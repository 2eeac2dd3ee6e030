package integration

import (
	"bufio"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"testing"
	"time"

	"kiket.dev/auth/storage"
)

// halfSent is a token request of which the last byte is missing.
type halfSent struct {
	connection net.Conn
	rest       string
}

// sendHalf begins a token request.
func sendHalf(t testing.TB, i *instance, c credentials) *halfSent {
	t.Helper()
	connection, err := net.Dial("tcp", strings.TrimPrefix(i.base, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = connection.Close() })
	_ = connection.SetDeadline(time.Now().Add(30 * time.Second))
	body := url.Values{"grant_type": {"client_credentials"}}.Encode()
	basic := base64.StdEncoding.EncodeToString([]byte(c.id + ":" + c.secret))
	if _, err := fmt.Fprintf(connection, "POST /oauth/token HTTP/1.1\r\nHost: localhost\r\nAuthorization: Basic %s\r\nContent-Type: application/x-www-form-urlencoded\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n", basic, len(body)); err != nil {
		t.Fatal(err)
	}
	// The server asks for the body when the handler reads it: it has begun.
	line := make([]byte, len("HTTP/1.1 100 Continue\r\n\r\n"))
	if _, err := io.ReadFull(connection, line); err != nil || !strings.HasPrefix(string(line), "HTTP/1.1 100") {
		t.Fatalf("%v, %q", err, line)
	}
	if _, err := io.WriteString(connection, body[:len(body)-1]); err != nil {
		t.Fatal(err)
	}
	return &halfSent{connection, body[len(body)-1:]}
}

// finish sends the rest and returns the status.
func (h *halfSent) finish() (int, error) {
	if _, err := io.WriteString(h.connection, h.rest); err != nil {
		return 0, err
	}
	response, err := http.ReadResponse(bufio.NewReader(h.connection), nil)
	if err != nil {
		return 0, err
	}
	defer func() { _ = response.Body.Close() }()
	_, err = io.Copy(io.Discard, response.Body)
	return response.StatusCode, err
}

// terminate sends SIGTERM and returns when the server has noticed.
func terminate(t testing.TB, i *instance) {
	t.Helper()
	if err := i.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() error {
		if !strings.Contains(i.log(), `"msg":"stopping"`) {
			return errors.New("does not stop")
		}
		return nil
	})
}

// endsAtOnce sends another signal, after which nothing is waited for.
func endsAtOnce(t testing.TB, i *instance) {
	t.Helper()
	if err := i.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	select {
	case <-i.exited:
	case <-time.After(8 * time.Second): // what it would wait for takes a minute
		t.Errorf("goes on after a second signal\n%s", i.log())
	}
}

// SIGTERM: readiness fails while requests are still taken, requests in flight
// finish, what is in memory is written, and the exit code is 0.
func TestShutdown(t *testing.T) {
	eachEngine(t, func(t *testing.T, e engine) {
		i := start(t, e, "KIKET_AUTH_SHUTDOWN_DELAY=3s")
		application := i.application("issues")
		token := i.workspaceToken(time.Time{})
		// The first use is written soon, the second not within a minute of it:
		// only the end brings it to the database.
		i.introspect(t, i.resourceServer(), token.Secret.Reveal(), "client_ip", "192.0.2.1")
		verbs := i.verbs()
		usedFrom := func() string {
			stored, err := verbs.Store.OpaqueTokenByID(t.Context(), i.boot.Organization.ID, storage.WorkspaceAPIToken, token.Token.ID)
			if err != nil {
				t.Fatal(err)
			}
			return stored.LastUsedAddress
		}
		eventually(t, func() error {
			if from := usedFrom(); from != "192.0.2.1" {
				return fmt.Errorf("last used from %q", from)
			}
			return nil
		})
		i.introspect(t, i.resourceServer(), token.Secret.Reveal(), "client_ip", "192.0.2.2")

		pending := sendHalf(t, i, application)
		terminate(t, i)
		if a := i.get(t, "/readyz"); a.status != http.StatusServiceUnavailable || !strings.Contains(a.body, "stopping") {
			t.Errorf("/readyz while stopping: %d %s", a.status, a.body)
		}
		if a := i.get(t, "/healthz"); a.status != http.StatusOK {
			t.Errorf("/healthz while stopping: %d", a.status)
		}
		if !i.active(t, i.fetch(t, application)) {
			t.Error("a token fetched while stopping is not active")
		}
		eventually(t, func() error { // the delay is over
			c, err := net.Dial("tcp", strings.TrimPrefix(i.base, "http://"))
			if err == nil {
				_ = c.Close()
				return errors.New("takes connections after the delay")
			}
			return nil
		})
		if status, err := pending.finish(); err != nil || status != http.StatusOK {
			t.Errorf("the request in flight: %d %v", status, err)
		}
		select {
		case <-i.exited:
		case <-time.After(20 * time.Second):
			t.Fatalf("does not end\n%s", i.log())
		}
		if i.err != nil {
			t.Errorf("ended with %v\n%s", i.err, i.log())
		}
		if from := usedFrom(); from != "192.0.2.2" {
			t.Errorf("last used from %q: the latest use was lost", from)
		}
	})
}

func TestShutdownHurried(t *testing.T) {
	eachEngine(t, func(t *testing.T, e engine) {
		d := deploy(t, e)
		t.Run("during the delay", func(t *testing.T) {
			i := d.serve("KIKET_AUTH_SHUTDOWN_DELAY=1m")
			terminate(t, i)
			endsAtOnce(t, i)
			if i.err != nil {
				t.Errorf("ended with %v, but nothing was in flight", i.err)
			}
		})
		t.Run("with a request in flight", func(t *testing.T) {
			i := d.serve("KIKET_AUTH_SHUTDOWN_GRACE=1m")
			pending := sendHalf(t, i, i.application("issues"))
			terminate(t, i)
			endsAtOnce(t, i)
			if status, err := pending.finish(); err == nil {
				t.Errorf("the request in flight was answered: %d", status)
			}
		})
	})
}

// A database that hangs cannot hold the process either.
func TestShutdownWithoutDatabase(t *testing.T) {
	t.Parallel()
	d := deploy(t, postgres)
	between := newProxy(t, cluster.Address())
	i := d.serve("KIKET_AUTH_DATABASE_URL=" + between.in(d.url))
	i.introspect(t, i.resourceServer(), i.boot.WorkspaceAPIToken.Token)
	resume := between.hang()
	defer resume()
	terminate(t, i)
	endsAtOnce(t, i)
	if i.err == nil {
		t.Error("exit code 0, although last-used times were not written")
	}
}
