package outbound

import (
	"bytes"
	"compress/gzip"
	"net/http"
	"strings"
	"testing"
)

func TestAnswersThatAreRefused(t *testing.T) {
	bomb := bombed(t, 8<<20)
	for name, test := range map[string]struct {
		handler http.HandlerFunc
		reason  string
	}{
		"500":              {status(http.StatusInternalServerError), "answered with 500"},
		"404":              {status(http.StatusNotFound), "answered with 404"},
		"204":              {status(http.StatusNoContent), "answered with 204"},
		"206":              {status(http.StatusPartialContent), "answered with 206"},
		"304":              {status(http.StatusNotModified), "answered with 304"},
		"302 to nowhere":   {status(http.StatusFound), "answered with 302"},
		"too long":         {answering(strings.Repeat("x", MaxResponseBytes+1)), "more than 65536 bytes"},
		"endless":          {endless, "more than 65536 bytes"},
		"compressed":       {encoded("gzip", bomb), "encoding that was not asked for"},
		"compressed twice": {encoded("gzip, br", bomb), "encoding that was not asked for"},
		"endless header":   {header(strings.Repeat("x", 2*maxHeaderBytes)), "header"},
		"cut off":          {cutOff, "EOF"},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHost(t, test.handler)
			body, err := fetch(t, h.client(), h.URL+"/?canary")
			wantError(t, err, test.reason)
			if body != "" || strings.Contains(err.Error(), "canary") || !strings.Contains(err.Error(), "127.0.0.1:"+h.port()) {
				t.Errorf("got %q, error %v", body, err)
			}
		})
	}
	whole := newHost(t, answering(strings.Repeat("x", MaxResponseBytes)))
	if body, err := fetch(t, whole.client(), whole.URL); err != nil || len(body) != MaxResponseBytes {
		t.Errorf("as long as can be: got %d bytes, error %v", len(body), err)
	}
	plain := newHost(t, encoded("identity", []byte("keys")))
	if body, err := fetch(t, plain.client(), plain.URL); err != nil || body != "keys" {
		t.Errorf("not encoded: got %q, error %v", body, err)
	}
}

func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

func encoded(encoding string, body []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", encoding)
		_, _ = w.Write(body)
	}
}

func header(value string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("X", value) }
}

func endless(w http.ResponseWriter, _ *http.Request) {
	for {
		if _, err := w.Write(make([]byte, 4096)); err != nil {
			return
		}
	}
}

// cutOff promises more than it sends.
func cutOff(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Length", "100")
	_, _ = w.Write([]byte("keys"))
}

// bombed is that many zeros, compressed.
func bombed(t *testing.T, size int) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	for range size / 4096 {
		if _, err := w.Write(make([]byte, 4096)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil || b.Len() > MaxResponseBytes {
		t.Fatalf("%d bytes, error %v", b.Len(), err)
	}
	return b.Bytes()
}
