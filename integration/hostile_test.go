package integration

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// survived checks what must hold after any attack: the server answers, and has
// not logged a failure of its own.
func survived(t *testing.T, i *instance, c credentials) {
	t.Helper()
	if !i.active(t, i.fetch(t, c)) {
		t.Error("the server does not work any more")
	}
	for line := range strings.Lines(i.log()) {
		if strings.Contains(line, `"level":"ERROR"`) || strings.Contains(line, "panic") {
			t.Errorf("logged %s", line)
		}
	}
}

// sane returns an error if malformed input was answered with a server error or
// with something that is not JSON.
func sane(a answer) error {
	if a.status >= 500 || (a.body != "" && !json.Valid([]byte(a.body))) {
		return fmt.Errorf("answered %d %q", a.status, a.body)
	}
	return nil
}

// Every byte in every parameter, encoded and raw, from strangers and from a
// client that authenticates.
func TestHostileBytes(t *testing.T) {
	eachEngine(t, func(t *testing.T, e engine) {
		i := start(t, e, "KIKET_AUTH_LOG_LEVEL=info")
		application := i.application("issues")
		token := i.fetch(t, application)
		good := map[string]url.Values{
			"/oauth/token":      {"grant_type": {"client_credentials"}, "scope": {"issues"}, "resource": {audience}, "client_id": {application.id}, "client_secret": {application.secret}},
			"/oauth/introspect": {"token": {token}, "scope": {"issues"}, "token_type_hint": {"access_token"}, "client_ip": {"192.0.2.1"}, "user_agent": {"cli"}, "client_id": {application.id}, "client_secret": {application.secret}},
			"/oauth/revoke":     {"token": {"x"}, "token_type_hint": {"access_token"}, "client_id": {application.id}, "client_secret": {application.secret}},
		}
		requests := make(chan *http.Request)
		var senders sync.WaitGroup
		for range 8 {
			senders.Go(func() {
				for r := range requests {
					a, err := attemptRequest(r)
					if err == nil {
						err = sane(a)
					}
					if err != nil {
						t.Errorf("%s %v: %v", r.URL.Path, r.Header, err)
					}
				}
			})
		}
		send := func(path, body string, headers ...string) {
			requests <- i.request("POST", path, body, append([]string{"Content-Type", "application/x-www-form-urlencoded"}, headers...)...)
		}
		for path, parameters := range good {
			names := make([]string, 0, len(parameters))
			for name := range parameters {
				names = append(names, name)
			}
			for n := range 256 {
				odd := string([]byte{byte(n)})
				for _, name := range names {
					value := parameters.Get(name)
					form := url.Values{}
					for _, other := range names {
						form[other] = parameters[other]
					}
					form.Set(name, value[:len(value)/2]+odd+value[len(value)/2:])
					send(path, form.Encode())
				}
				send(path, parameters.Encode()+"&"+odd+"="+odd)
				send(path, odd+parameters.Encode())
				basic := base64.StdEncoding.EncodeToString([]byte(application.id + odd + ":" + odd + application.secret))
				send(path, "grant_type=client_credentials&token=x", "Authorization", "Basic "+basic)
				if n >= ' ' && n != 127 { // what the client of this test is able to send
					send(path, "grant_type=client_credentials&token=x", "Authorization", "Bas"+odd+"ic "+basic)
					send(path, "grant_type=client_credentials&token=x", "User-Agent", odd, "X-Forwarded-For", odd, "X-Request-Id", strings.Repeat(odd, 20))
				}
			}
		}
		close(requests)
		senders.Wait()
		survived(t, i, application)
	})
}

// raw sends bytes over TCP, with half of the connection closed afterwards, and
// returns the status of the answer, 0 if there is none.
func raw(t testing.TB, i *instance, text string) int {
	t.Helper()
	connection, err := net.Dial("tcp", strings.TrimPrefix(i.base, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = connection.Close() }()
	_ = connection.SetDeadline(time.Now().Add(20 * time.Second))
	_, _ = io.WriteString(connection, text) // the server may have hung up already
	_ = connection.(*net.TCPConn).CloseWrite()
	line, _ := bufio.NewReader(connection).ReadString('\n')
	fields := strings.Fields(line)
	if len(fields) < 2 {
		return 0
	}
	status, err := strconv.Atoi(fields[1])
	if err != nil {
		t.Errorf("answered %q to %.80q", line, text)
	}
	return status
}

func TestHostileRequests(t *testing.T) {
	t.Parallel()
	i := start(t, sqlite)
	application := i.application("issues")
	const host = "Host: localhost\r\n"
	const form = "Content-Type: application/x-www-form-urlencoded\r\n"
	post := "POST /oauth/token HTTP/1.1\r\n" + host + form
	tests := map[string]string{
		"nothing":                   "",
		"a line":                    "hello\r\n\r\n",
		"zeros":                     strings.Repeat("\x00", 5000),
		"TLS":                       "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + strings.Repeat("\xab", 500),
		"no version":                "GET /oauth/token\r\n\r\n",
		"no host":                   "GET /healthz HTTP/1.1\r\n\r\n",
		"two hosts":                 "GET /healthz HTTP/1.1\r\n" + host + host + "\r\n",
		"NUL in the path":           "GET /oauth\x00/token HTTP/1.1\r\n" + host + "\r\n",
		"bad escape in the path":    "GET /%zz HTTP/1.1\r\n" + host + "\r\n",
		"up and away":               "GET /../../etc/passwd HTTP/1.1\r\n" + host + "\r\n",
		"double slash":              "POST //oauth//token HTTP/1.1\r\n" + host + form + "Content-Length: 0\r\n\r\n",
		"invalid UTF-8":             "GET /%ff%fe?%ff=%fe HTTP/1.1\r\n" + host + "\r\n",
		"long path":                 "GET /" + strings.Repeat("a/", 9000) + " HTTP/1.1\r\n" + host + "\r\n",
		"absolute form":             "GET http://elsewhere.test/oauth/token HTTP/1.1\r\n" + host + "\r\n",
		"asterisk":                  "OPTIONS * HTTP/1.1\r\n" + host + "\r\n",
		"CONNECT":                   "CONNECT localhost:443 HTTP/1.1\r\n" + host + "\r\n",
		"TRACE":                     "TRACE /oauth/token HTTP/1.1\r\n" + host + "\r\n",
		"no such method":            "BREW /oauth/token HTTP/1.1\r\n" + host + "\r\n",
		"HTTP/1.0":                  "POST /oauth/token HTTP/1.0\r\n" + form + "Content-Length: 5\r\n\r\na=b;c",
		"two lengths":               post + "Content-Length: 5\r\nContent-Length: 6\r\n\r\na=b;cd",
		"negative length":           post + "Content-Length: -1\r\n\r\n",
		"huge length":               post + "Content-Length: 9223372036854775807\r\n\r\na=b",
		"length beyond measure":     post + "Content-Length: 99999999999999999999999\r\n\r\na=b",
		"length and chunks":         post + "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"bad chunk":                 post + "Transfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n0\r\n\r\n",
		"unfinished chunk":          post + "Transfer-Encoding: chunked\r\n\r\n10\r\nabc",
		"unfinished body":           post + "Content-Length: 100\r\n\r\ngrant_type=client",
		"no content type":           "POST /oauth/token HTTP/1.1\r\n" + host + "Content-Length: 3\r\n\r\na=b",
		"bad content type":          "POST /oauth/token HTTP/1.1\r\n" + host + "Content-Type: ;;;\r\nContent-Length: 3\r\n\r\na=b",
		"multipart":                 "POST /oauth/token HTTP/1.1\r\n" + host + "Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 5\r\n\r\n--x--",
		"compressed":                post + "Content-Encoding: gzip\r\nContent-Length: 4\r\n\r\n\x1f\x8b\x08\x00",
		"header without a colon":    "GET /healthz HTTP/1.1\r\n" + host + "nonsense\r\n\r\n",
		"folded header":             "GET /healthz HTTP/1.1\r\n" + host + "X-A: b\r\n  c\r\n\r\n",
		"NUL in a header":           "GET /healthz HTTP/1.1\r\n" + host + "X-A: a\x00b\r\n\r\n",
		"two authorizations":        post + "Authorization: Basic YTpi\r\nAuthorization: Basic YTpi\r\nContent-Length: 3\r\n\r\na=b",
		"thousands of headers":      "GET /healthz HTTP/1.1\r\n" + host + strings.Repeat("X-A: b\r\n", 3000) + "\r\n",
		"thousands of parameters":   post + "Content-Length: 40000\r\n\r\n" + strings.Repeat("a=b&", 10000),
		"HTTP/2":                    "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
		"an expectation nobody has": post + "Expect: the unexpected\r\nContent-Length: 3\r\n\r\na=b",
		"an upgrade":                "GET /healthz HTTP/1.1\r\n" + host + "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n",
	}
	for name, text := range tests {
		if status := raw(t, i, text); status >= 500 {
			t.Errorf("%s: answered %d", name, status)
		}
	}
	// These are refused by the protocol's own codes, before any of our code.
	for text, want := range map[string]int{
		"GET /healthz HTTP/3.7\r\n" + host + "\r\n":                                 http.StatusHTTPVersionNotSupported,
		post + "Transfer-Encoding: gzip\r\n\r\n":                                    http.StatusNotImplemented,
		"GET /healthz HTTP/1.1\r\nX-A: " + strings.Repeat("a", 64<<10) + "\r\n\r\n": http.StatusRequestHeaderFieldsTooLarge,
	} {
		if got := raw(t, i, text); got != want {
			t.Errorf("%.40q: answered %d, want %d", text, got, want)
		}
	}
	survived(t, i, application)
}

// Who sends slowly is cut off, and keeps nobody else waiting.
func TestHostileSlowness(t *testing.T) {
	t.Parallel()
	i := start(t, sqlite)
	application := i.application("issues")
	var slow sync.WaitGroup
	for n := range 200 {
		text := "POST /oauth/token HTTP/1.1\r\nHost: localhost\r\nX-A"
		if n%2 == 0 {
			text += ": b\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 60000\r\n\r\ngrant_type="
		}
		slow.Go(func() {
			connection, err := net.Dial("tcp", strings.TrimPrefix(i.base, "http://"))
			if err != nil {
				t.Error(err)
				return
			}
			defer func() { _ = connection.Close() }()
			_ = connection.SetDeadline(time.Now().Add(40 * time.Second))
			if _, err := io.WriteString(connection, text); err != nil {
				t.Error(err)
			}
			rest, err := io.ReadAll(connection) // until the server has had enough
			if err != nil || bytes.HasPrefix(rest, []byte("HTTP/1.1 5")) {
				t.Errorf("not cut off: %v, answered %q", err, rest)
			}
		})
	}
	started := time.Now()
	for range 50 {
		i.fetch(t, application)
	}
	if took := time.Since(started); took > 10*time.Second {
		t.Errorf("50 tokens took %s beside slow senders", took)
	}
	slow.Wait()
	survived(t, i, application)
}

// memory returns the most memory that a process has ever held, in MiB.
func memory(t testing.TB, i *instance) int {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", i.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kib, err := strconv.Atoi(strings.Fields(rest)[0])
			if err != nil {
				t.Fatal(err)
			}
			return kib >> 10
		}
	}
	t.Fatalf("no VmHWM in %s", text)
	return 0
}

// endless is a body that never ends, and counts what is read of it.
type endless struct{ n atomic.Int64 }

// Read implements [io.Reader].
func (e *endless) Read(p []byte) (int, error) {
	e.n.Add(int64(len(p)))
	copy(p, slices.Repeat([]byte("a=b&"), len(p)/4+1))
	return len(p), nil
}

// Size costs the sender, not the server.
func TestHostileSize(t *testing.T) {
	t.Parallel()
	i := start(t, sqlite)
	application := i.application("issues")
	before := memory(t, i)
	var all sync.WaitGroup
	for range 60 {
		for _, path := range []string{"/oauth/token", "/oauth/introspect", "/oauth/revoke"} {
			all.Go(func() {
				body := &endless{}
				r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, i.base+path, body)
				if err != nil {
					t.Error(err)
					return
				}
				r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
				// The server may hang up while we are still sending.
				if a, err := attemptRequest(r); err == nil && a.status != http.StatusRequestEntityTooLarge {
					t.Errorf("answered %d %s", a.status, a.body)
				}
				if n := body.n.Load(); n > 16<<20 { // the kernel's buffers take several
					t.Errorf("read %d bytes of a body", n)
				}
			})
		}
	}
	all.Wait()
	if grown := memory(t, i) - before; grown > 200 { // with the race detector, which takes several times as much
		t.Errorf("grown by %d MiB", grown)
	}
	survived(t, i, application)
}
