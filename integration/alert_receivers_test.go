package integration

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// mode is how a receiver treats what it is sent.
type mode string

const (
	takes  mode = "takes"
	fails  mode = "fails"
	stalls mode = "stalls" // says nothing until the test ends
)

// inbox is what a receiver was sent.
type inbox struct {
	mu    sync.Mutex
	mode  mode
	taken []delivery
	tried int
	ended chan struct{}
}

// delivery is one message that a receiver has taken.
type delivery struct {
	to     string // address of mail, or path
	header http.Header
	body   string
}

func newInbox(t *testing.T) *inbox {
	in := &inbox{mode: takes, ended: make(chan struct{})}
	t.Cleanup(in.end)
	return in
}

func (in *inbox) end() {
	in.mu.Lock()
	defer in.mu.Unlock()
	select {
	case <-in.ended:
	default:
		close(in.ended)
	}
}

func (in *inbox) set(m mode) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.mode = m
}

// receive takes a message, or not.
func (in *inbox) receive(d delivery) error {
	in.mu.Lock()
	in.tried++
	now := in.mode
	if now == takes {
		in.taken = append(in.taken, d)
	}
	in.mu.Unlock()
	switch now {
	case fails:
		return errors.New("not now")
	case stalls:
		<-in.ended
		return errors.New("too late")
	case takes:
	}
	return nil
}

func (in *inbox) attempts() int {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.tried
}

// holding returns those of the messages that hold the text.
func (in *inbox) holding(text string) []delivery {
	in.mu.Lock()
	defer in.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(in.taken), func(d delivery) bool { return !strings.Contains(d.body, text) })
}

// arrives waits for as long as it takes for a message that holds the text.
func (in *inbox) arrives(t *testing.T, text string, within time.Duration) delivery {
	t.Helper()
	deadline := time.Now().Add(within)
	for {
		if found := in.holding(text); len(found) > 0 {
			return found[0]
		}
		if time.Now().After(deadline) {
			t.Fatalf("no message with %q arrives; there were %d attempts", text, in.attempts())
		}
		time.Sleep(20 * time.Millisecond) // asks again, of what gives no event
	}
}

// receiver is a web server that takes messages.
type receiver struct {
	*inbox
	*publisher
}

func newReceiver(t *testing.T) receiver {
	t.Helper()
	r := receiver{newInbox(t), &publisher{}}
	r.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		body, _ := io.ReadAll(request.Body)
		if r.receive(delivery{request.URL.RequestURI(), request.Header, string(body)}) != nil {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	r.Config.ErrorLog = log.New(io.Discard, "", 0)
	r.StartTLS()
	t.Cleanup(func() { r.end(); r.Close() })
	return r
}

// mailServer is a mail server that lets the user mailer in, and only over TLS.
type mailServer struct {
	*inbox
	server  *smtp.Server
	address string
}

const mailPassword = "mail-Passw0rd-7261"

func newMailServer(t *testing.T, certificate tls.Certificate) *mailServer {
	t.Helper()
	m := &mailServer{inbox: newInbox(t)}
	m.server = smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return &mailSession{server: m}, nil }))
	m.server.Domain = "mail.test"
	m.server.TLSConfig = &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12}
	m.server.ErrorLog = log.New(io.Discard, "", 0)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	m.address = listener.Addr().String()
	go func() { _ = m.server.Serve(listener) }()
	t.Cleanup(func() { m.end(); _ = m.server.Close() })
	return m
}

// settings are those of a server that sends its mail here.
func (m *mailServer) settings() []string {
	return []string{"KIKET_AUTH_SMTP_URL=smtp://mailer:" + mailPassword + "@" + m.address, "KIKET_AUTH_MAIL_FROM=Kiket Auth <auth@acme.test>"}
}

// mailSession is one conversation.
type mailSession struct {
	server *mailServer
	known  bool
	to     string
}

func (*mailSession) AuthMechanisms() []string { return []string{sasl.Plain} }

func (s *mailSession) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		if user != "mailer" || password != mailPassword {
			return errors.New("who is that")
		}
		s.known = true
		return nil
	}), nil
}

func (s *mailSession) Mail(string, *smtp.MailOptions) error {
	if !s.known {
		return smtp.ErrAuthRequired
	}
	return nil
}

func (s *mailSession) Rcpt(to string, _ *smtp.RcptOptions) error {
	if strings.HasPrefix(to, "nobody@") {
		return &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "no such user at 10.0.0.7"}
	}
	s.to = to
	return nil
}

func (s *mailSession) Data(r io.Reader) error {
	body, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	return s.server.receive(delivery{to: s.to, body: string(body)})
}

func (*mailSession) Reset()        {}
func (*mailSession) Logout() error { return nil }

// channel makes an alert channel and returns its path and the whole answer.
func (i *instance) channel(t *testing.T, fields map[string]any) (string, map[string]any) {
	t.Helper()
	made := i.call(t, "POST", "/alert_channels", i.admin(), fields).want(t, 201)
	return fmt.Sprintf("/alert_channels/%v", made["id"]), made
}
