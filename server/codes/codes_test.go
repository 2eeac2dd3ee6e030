package codes

import (
	"regexp"
	"testing"

	"kiket.dev/auth/storage"
)

func TestNew(t *testing.T) {
	form := regexp.MustCompile(`^([A-Z2-7]{5}-){3}[A-Z2-7]{5}$`)
	seen := map[string]bool{}
	for range 100 {
		code := New()
		if text := code.Reveal(); !form.MatchString(text) || seen[text] {
			t.Errorf("code %q", text)
		}
		seen[code.Reveal()] = true
		if !Typed(code).Equal(code) {
			t.Errorf("%q becomes %q", code.Reveal(), Typed(code).Reveal())
		}
	}
}

func TestTyped(t *testing.T) {
	raw := []byte{0x70, 0x87, 0x42, 0x0c, 0x20, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
	code := From(raw)
	if got := code.Reveal(); got != "OCDUE-DBA77-77777-77777" {
		t.Fatalf("code %q", got)
	}
	for typed, want := range map[string]bool{
		"OCDUE-DBA77-77777-77777": true, "ocduedba777777777777": true, " 0CDUE dba77\t77777 77777\n": true, "OCDUE–D8A77–77777–77777": true,
		"": false, "OCDUE-DBA77-77777-7777": false, "OCDUE-DBA77-77777-777777": false, "OCDUE-DBA77-77777-77776": false,
	} {
		if got := Typed(storage.NewSecret(typed)); got.Equal(code) != want {
			t.Errorf("%q becomes %q", typed, got.Reveal())
		}
	}
}
