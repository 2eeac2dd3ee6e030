package outbound

import (
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"testing"
)

func TestCheckURL(t *testing.T) {
	long := "https://client.example/" + strings.Repeat("k", MaxURLLength-len("https://client.example/"))
	const notPublic = "not a public address"
	for _, tt := range []struct{ text, problem string }{
		{"https://client.example/keys.json", ""},
		{"HTTPS://Client.Example", ""},
		{"https://client.example:8443/a/b?c=d&e=%20", ""},
		{"https://1.1.1.1/keys", ""},
		{"https://[2606:4700:4700::1111]/keys", ""},
		{"https://10.1.2.3/allowed", ""},
		{"https://localhost/keys", ""}, // is seen when it is used
		{long, ""},

		{"", "want https"},
		{"client.example/keys", "want https"},
		{"//client.example/keys", "want https"},
		{"/keys", "want https"},
		{"http://client.example/keys", "want https"},
		{"ftp://client.example/keys", "want https"},
		{"file:///etc/passwd", "want https"},
		{"data:application/json,{}", "want https"},
		{"https:", "want a host"},
		{"https:client.example", "want a host"},
		{"https:/client.example", "want a host"},
		{"https://", "want a host"},
		{"https:///keys", "want a host"},
		{"https://:443/keys", "want a host"},
		{"https://user@client.example/keys", "want no credentials"},
		{"https://user:canary@client.example/keys", "want no credentials"},
		{"https://@client.example/keys", "want no credentials"},
		{"https://1.1.1.1@127.0.0.1/keys", "want no credentials"},
		{"https://client.example/keys#a", "want no fragment"},
		{"https://client.example/keys#", "want no fragment"},
		{"https://client.example:0/keys", "want a port"},
		{"https://client.example:65536/keys", "want a port"},
		{"https://client.example:/keys", "want a port"},
		{"https://client.example:https/keys", "not a URL"},
		{"https://client.example\\@127.0.0.1/keys", "not a URL"},
		{"https://[::1/keys", "not a URL"},
		{"https://client.example/%zz", "not a URL"},
		{" https://client.example/keys", "want a URL of ASCII"},
		{"https://client.example/keys\n", "want a URL of ASCII"},
		{"https://client.example/a b", "want a URL of ASCII"},
		{"https://clïent.example/keys", "want a URL of ASCII"},
		{"https://client.example/\x00", "want a URL of ASCII"},
		{long + "k", "want at most 2000"},
		{"https://127.0.0.1/keys", notPublic},
		{"https://127.0.0.1:8443/keys", notPublic},
		{"https://169.254.169.254/latest/meta-data", notPublic},
		{"https://10.2.0.1/keys", notPublic},
		{"https://0.0.0.0/keys", notPublic},
		{"https://[::1]/keys", notPublic},
		{"https://[::ffff:127.0.0.1]/keys", notPublic},
		{"https://[::ffff:7f00:1]/keys", notPublic},
		{"https://[64:ff9b::7f00:1]/keys", notPublic},
		{"https://[fe80::1%25eth0]/keys", notPublic},
		{"https://[fd00::1]/keys", notPublic},
	} {
		err := New(Options{Allowed: prefixes("10.1.0.0/16")}).CheckURL(tt.text)
		switch {
		case tt.problem == "" && err != nil, tt.problem != "" && (err == nil || !strings.HasPrefix(err.Error(), tt.problem)):
			t.Errorf("%q: got error %v, want %s", tt.text, err, tt.problem)
		case err != nil && strings.Contains(err.Error(), "canary"):
			t.Errorf("%q: repeated in %v", tt.text, err)
		}
	}
}

// FuzzCheckURL looks for an address that is let through and is not what it must be.
func FuzzCheckURL(f *testing.F) {
	for _, text := range []string{
		"https://client.example:8443/keys?a=b", "https://[::ffff:127.0.0.1]/", "https://127.0.0.1/", "https://a@b/", "https://a\\b/", "https:a", "https://%31/",
	} {
		f.Add(text)
	}
	c := New(Options{})
	f.Fuzz(func(t *testing.T, text string) {
		if c.CheckURL(text) != nil {
			return
		}
		u, err := url.Parse(text)
		if err != nil || u.Scheme != "https" || u.Hostname() == "" || u.User != nil || u.Fragment != "" || len(text) > MaxURLLength {
			t.Errorf("%q is let through", text)
		}
		if a, err := netip.ParseAddr(strings.Trim(u.Hostname(), "[]")); err == nil && !public(a) {
			t.Errorf("%q leads to %s", text, a)
		}
		if _, err := http.NewRequest(http.MethodGet, text, nil); err != nil {
			t.Errorf("%q is let through: %v", text, err)
		}
	})
}
