package messages

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/wneessen/go-mail"

	"kiket.dev/auth/server/alerts"
	"kiket.dev/auth/storage"
)

// A mail server elsewhere that offers no TLS is told neither the password nor the mail.
func TestNoMailWithoutTLS(t *testing.T) {
	m, err := NewMailer(storage.NewSecret("smtp://mailer:secret@mail.test"), "auth@acme.test", "https://auth.test")
	if err != nil {
		t.Fatal(err)
	}
	ours, theirs := net.Pipe()
	t.Cleanup(func() { _ = ours.Close() })
	m.options = append(m.options, mail.WithDialContextFunc(func(context.Context, string, string) (net.Conn, error) { return ours, nil }))
	var mu sync.Mutex
	var heard []string
	go func() {
		_, _ = fmt.Fprint(theirs, "220 mail.test\r\n")
		for lines := bufio.NewScanner(theirs); lines.Scan(); {
			mu.Lock()
			heard = append(heard, lines.Text())
			mu.Unlock()
			_, _ = fmt.Fprint(theirs, "250-mail.test\r\n250 AUTH PLAIN\r\n")
		}
	}()
	var known *alerts.DeliveryError
	if err := m.send(t.Context(), strange(), hostile()); !errors.As(err, &known) || !strings.Contains(err.Error(), "STARTTLS") {
		t.Errorf("got %v", err)
	}
	mu.Lock()
	defer mu.Unlock()
	for _, line := range heard {
		if !strings.HasPrefix(line, "EHLO ") && line != "QUIT" {
			t.Errorf("it heard %q", line)
		}
	}
}

// A mail server that answers, but slowly, does not hold a message for longer than it may.
func TestSlowMailServer(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		if c, err := listener.Accept(); err == nil {
			_, _ = fmt.Fprint(c, "220 mail.test\r\n") // and no more
		}
	}()
	m, err := NewMailer(storage.NewSecret("smtp://"+listener.Addr().String()), "auth@acme.test", "https://auth.test")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	began := time.Now()
	if err := m.send(ctx, strange(), hostile()); err == nil || time.Since(began) > 5*time.Second {
		t.Errorf("got %v after %s", err, time.Since(began))
	}
}
