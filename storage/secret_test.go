package storage_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"text/template"

	"kiket.dev/auth/storage"
)

const (
	secretText = "correct-horse\tbattery"
	redacted   = "[redacted]"
)

// holder is where secrets are met: in structs, in the fields that fmt reads
// without asking for methods, and beside fields that do not fit the verb.
type holder struct {
	Name   string
	Secret storage.Secret
	Shared *storage.Secret
	own    storage.Secret
	nested struct{ deep []storage.Secret }
	hook   func()
}

func newHolder(s storage.Secret) holder {
	h := holder{Name: "database", Secret: s, Shared: &s, own: s, hook: func() {}}
	h.nested.deep = []storage.Secret{s}
	return h
}

// wantHidden checks that the secret text is not in what was written, neither as
// it is nor in one of the spellings that fmt's verbs give it.
func wantHidden(t *testing.T, how, written string) {
	t.Helper()
	quoted := fmt.Sprintf("%q", secretText)
	for _, spelling := range []string{
		secretText, quoted[1 : len(quoted)-1], "correct-horse",
		hex.EncodeToString([]byte(secretText)), fmt.Sprintf("% x", secretText),
		fmt.Sprintf("%v", []byte(secretText)),
	} {
		if strings.Contains(strings.ToLower(written), spelling) {
			t.Errorf("%s shows the secret: %s", how, written)
			return
		}
	}
}

func TestSecretFormat(t *testing.T) {
	s := storage.NewSecret(secretText)
	values := map[string]any{
		"itself":       s,
		"pointer":      &s,
		"struct":       newHolder(s),
		"pointer to":   ptr(newHolder(s)),
		"only private": struct{ own storage.Secret }{s},
		"slice":        []storage.Secret{s},
		"map":          map[string]storage.Secret{"k": s},
		"any":          []any{s, &s, newHolder(s)},
		"array of any": [1]any{struct{ inner any }{s}},
	}
	for _, flags := range []string{"", "+", "#", "-", " ", "0", "# ", "+#", "40", ".3", "-40.60"} {
		for verb := 'A'; verb <= 'z'; verb++ {
			format := "%" + flags + string(verb)
			for name, value := range values {
				wantHidden(t, format+" of "+name, fmt.Sprintf(format, value))
			}
		}
	}
	for _, verb := range []string{"v", "+v", "#v", "s", "q", "x", "X", "d", "t", "U", "20s", "z"} {
		for name, value := range map[string]any{"itself": s, "pointer": &s} {
			if got := fmt.Sprintf("%"+verb, value); got != redacted {
				t.Errorf("%%%s of %s is %q", verb, name, got)
			}
		}
	}
	if got := fmt.Sprintf("%v", newHolder(s)); !strings.HasPrefix(got, "{database "+redacted+" ") {
		t.Errorf("in an exported field it is %q", got)
	}
}

// What is printed by mistake is printed all the same.
func TestSecretFormatMistakes(t *testing.T) {
	s := storage.NewSecret(secretText)
	for format, arguments := range map[string][]any{
		"too many":    {s, newHolder(s)},
		"too few %v":  {},
		"%*d %.*f":    {s, 1, s, 1.0},
		"%[3]d %[1]p": {s, &s},
		"%d":          {struct{ Name, Other any }{"a text", s}},
		"%p %p":       {s, newHolder(s)},
		"%!":          {s},
	} {
		wantHidden(t, format, fmt.Sprintf(format, arguments...))
	}
	wantHidden(t, "Sprint", fmt.Sprint(s, &s, newHolder(s)))
	wantHidden(t, "Sprintln", fmt.Sprintln(s, &s, newHolder(s)))
	wantHidden(t, "an error", fmt.Errorf("opening %v: %w", s, errors.New("refused")).Error())
	var none *storage.Secret
	wantHidden(t, "a nil pointer", fmt.Sprint(none))
}

func TestSecretEncodings(t *testing.T) {
	s := storage.NewSecret(secretText)
	text, err := json.Marshal(map[string]any{"secret": s, "pointer": &s, "holder": newHolder(s)})
	if err != nil {
		t.Fatal(err)
	}
	wantHidden(t, "JSON", string(text))
	if got, want := strings.Count(string(text), `"`+redacted+`"`), 4; got != want {
		t.Errorf("JSON says %s %d times, want %d: %s", redacted, got, want, text)
	}
	text, err = xml.Marshal(newHolder(s))
	if err != nil {
		t.Fatal(err)
	}
	wantHidden(t, "XML", string(text))
	var out strings.Builder
	page := template.Must(template.New("").Parse(`{{.Secret}} {{printf "%q %x" .Secret .Secret}} {{.}}`))
	if err := page.Execute(&out, newHolder(s)); err != nil {
		t.Fatal(err)
	}
	wantHidden(t, "a template", out.String())
}

func TestSecretLog(t *testing.T) {
	s := storage.NewSecret(secretText)
	for name, newHandler := range map[string]func(*bytes.Buffer) slog.Handler{
		"text": func(b *bytes.Buffer) slog.Handler { return slog.NewTextHandler(b, nil) },
		"JSON": func(b *bytes.Buffer) slog.Handler { return slog.NewJSONHandler(b, nil) },
	} {
		var out bytes.Buffer
		slog.New(newHandler(&out)).With("with", s).WithGroup("group").Info("message",
			"value", s, "pointer", &s, "holder", newHolder(s), "shared", ptr(newHolder(s)),
			"list", []storage.Secret{s}, slog.Group("inner", "secret", s))
		wantHidden(t, name+" log", out.String())
		if got := strings.Count(out.String(), redacted); got < 4 {
			t.Errorf("%s log says %s %d times: %s", name, redacted, got, out.String())
		}
	}
}

func TestSecretReveal(t *testing.T) {
	for _, tt := range []struct {
		name, text, digest string
		secret             storage.Secret
	}{
		{"some", "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", storage.NewSecret("abc")},
		{"empty", "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", storage.NewSecret("")},
		{"zero", "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", storage.Secret{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.secret.Reveal(); got != tt.text {
				t.Errorf("reveals %q, want %q", got, tt.text)
			}
			if got := tt.secret.Empty(); got != (tt.text == "") {
				t.Errorf("Empty is %t", got)
			}
			if got := tt.secret.Digest(); got != tt.digest {
				t.Errorf("the digest is %s, want %s", got, tt.digest)
			}
			if got := fmt.Sprint(tt.secret); got != redacted {
				t.Errorf("prints %q: whether there is a secret is a secret, too", got)
			}
		})
	}
}

func ptr[V any](v V) *V { return &v }
