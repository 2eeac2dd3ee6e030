package outbound

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

func TestCertificates(t *testing.T) {
	h := newHost(t, answering("keys"))
	allowed := prefixes("127.0.0.0/8", "::1/128")
	_, err := fetch(t, New(Options{Allowed: allowed}), h.URL)
	if unknown := new(x509.UnknownAuthorityError); !errors.As(err, unknown) {
		t.Errorf("an unknown authority: got error %v", err)
	}
	_, err = fetch(t, New(Options{Allowed: allowed, RootCAs: h.authorities()}), "https://localhost:"+h.port())
	if wrong := new(x509.HostnameError); !errors.As(err, wrong) {
		t.Errorf("a certificate for another name: got error %v", err)
	}
	old := httptest.NewUnstartedServer(answering("keys"))
	old.Config.ErrorLog = quiet
	old.TLS = &tls.Config{MaxVersion: tls.VersionTLS11}
	old.StartTLS()
	defer old.Close()
	_, err = fetch(t, New(Options{Allowed: allowed, RootCAs: h.authorities()}), old.URL)
	wantError(t, err, "protocol version")
}

// The system's authorities are those of SSL_CERT_FILE if that is set. They are read
// once in a process, so this takes another one.
func TestSystemAuthorities(t *testing.T) {
	const variable = "OUTBOUND_TEST_URL"
	if address := os.Getenv(variable); address != "" {
		if body, err := fetch(t, New(Options{Allowed: prefixes("127.0.0.1/32")}), address); err != nil || body != "keys" {
			t.Errorf("got %q, error %v", body, err)
		}
		return
	}
	h := newHost(t, answering("keys"))
	file := filepath.Join(t.TempDir(), "authorities.pem")
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: h.Certificate().Raw})
	if err := os.WriteFile(file, certificate, 0o600); err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestSystemAuthorities$")
	command.Env = append(os.Environ(), variable+"="+h.URL, "SSL_CERT_FILE="+file, "HTTPS_PROXY=http://127.0.0.1:1", "HTTP_PROXY=http://127.0.0.1:1")
	if out, err := command.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
