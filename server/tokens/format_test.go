package tokens_test

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"kiket.dev/auth/server/tokens"
	"kiket.dev/auth/storage"
)

// vectors are well-formed secrets whose checksums were computed elsewhere.
var vectors = map[tokens.Prefix][]string{
	tokens.PrefixWorkspaceAPIToken: {
		"wksp_7d5c9c1a0e8c4f58b6a1d2e3f405162738495a6bfc2cb30b",
		"wksp_00000000000000000000000000000000000000a7ac9a2c49",
		"wksp_00000000000000000000000000000000000007560005920a", // the checksum begins with zeros
	},
	tokens.PrefixExtensionKey: {"kext_000000000000000000000000000000000000000054326795"},
	tokens.PrefixSession:      {"ksess_ffffffffffffffffffffffffffffffffffffffffcfce9646"},
	tokens.PrefixClientSecret: {
		"kcs_0123456789abcdef0123456789abcdef012345678bb4fe20",
		"kcs_000000000000000000000000000000000000000037bf688e",
	},
}

// crc32 is the checksum of IEEE 802.3 bit by bit, as its definition has it.
func crc32(text string) uint32 {
	crc := ^uint32(0)
	for _, b := range []byte(text) {
		crc ^= uint32(b)
		for range 8 {
			if crc&1 == 1 {
				crc = crc>>1 ^ 0xedb88320
			} else {
				crc >>= 1
			}
		}
	}
	return ^crc
}

var form = regexp.MustCompile(`^(wksp_|kext_|ksess_|kcs_)[0-9a-f]{48}$`)

// wellFormed is what a secret scanner would do.
func wellFormed(text string) bool {
	if !form.MatchString(text) {
		return false
	}
	body := len(text) - 8
	sum, err := strconv.ParseUint(text[body:], 16, 32)
	return err == nil && uint32(sum) == crc32(text[:body])
}

func TestWellFormed(t *testing.T) {
	for prefix, texts := range vectors {
		for _, text := range texts {
			for other := range vectors {
				if got, want := tokens.WellFormed(other, text), other == prefix; got != want {
					t.Errorf("%s as %s: well-formed %t", text, other, got)
				}
			}
			for _, bad := range []string{
				"", string(prefix), text[1:], text[:len(text)-1], text + "0", "0" + text, text + text,
				" " + text, text + " ", text + "\n", strings.ToUpper(text), string(prefix) + strings.ToUpper(text[len(prefix):]),
				text[:len(text)-8] + "00000000", text[:len(text)-8] + "ffffffff", text[:len(text)-8] + "+0000000",
				string(prefix) + strings.Repeat("0", 48), string(prefix) + strings.Repeat("é", 24),
			} {
				if bad != text && tokens.WellFormed(prefix, bad) {
					t.Errorf("%q is well-formed", bad)
				}
			}
		}
	}
}

// A single wrong character is always found, and so are two that changed places.
func TestWellFormedAltered(t *testing.T) {
	for prefix, texts := range vectors {
		for _, text := range texts {
			for i := range len(text) {
				altered := []byte(text)
				for c := range 256 {
					if altered[i] = byte(c); text[i] != byte(c) && tokens.WellFormed(prefix, string(altered)) {
						t.Errorf("%q is well-formed", altered)
					}
				}
				altered[i] = text[i]
				if i > 0 && text[i] != text[i-1] {
					altered[i-1], altered[i] = text[i], text[i-1]
					if tokens.WellFormed(prefix, string(altered)) {
						t.Errorf("%q is well-formed", altered)
					}
				}
			}
		}
	}
}

func TestGenerate(t *testing.T) {
	seen := map[string]bool{}
	for prefix := range vectors {
		for range 500 {
			secret := tokens.Generate(prefix)
			text := secret.Reveal()
			if !strings.HasPrefix(text, string(prefix)) || !wellFormed(text) || !tokens.WellFormed(prefix, text) {
				t.Fatalf("%s is not well-formed", text)
			}
			random := text[len(prefix) : len(text)-8]
			if seen[random] {
				t.Fatalf("%s was made twice", random)
			}
			seen[random] = true
			if got, want := tokens.Shown(prefix, secret), text[:len(prefix)+8]; got != want {
				t.Errorf("of %s, %s is shown", text, got)
			}
		}
	}
	// All of the 160 bits are random: each digit is each of its sixteen at some time.
	for i := range 40 {
		digits := map[byte]bool{}
		for random := range seen {
			digits[random[i]] = true
		}
		if len(digits) != 16 {
			t.Errorf("digit %d is one of %d", i, len(digits))
		}
	}
}

func TestPrefixes(t *testing.T) {
	for one := range vectors {
		for other := range vectors {
			if one != other && strings.HasPrefix(string(one), string(other)) {
				t.Errorf("%s begins with %s: it cannot be told from it", one, other)
			}
		}
	}
	got := map[storage.TokenKind]tokens.Prefix{}
	for _, kind := range []storage.TokenKind{storage.AccessToken, storage.WorkspaceAPIToken, storage.ExtensionKey, storage.Session, "", "refresh_token"} {
		if prefix, ok := tokens.PrefixOf(kind); ok {
			got[kind] = prefix
		} else if prefix != "" {
			t.Errorf("%q has the prefix %q and has none", kind, prefix)
		}
	}
	want := map[storage.TokenKind]tokens.Prefix{
		storage.WorkspaceAPIToken: "wksp_", storage.ExtensionKey: "kext_", storage.Session: "ksess_",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestKindAndReference(t *testing.T) {
	workspaceToken := vectors[tokens.PrefixWorkspaceAPIToken][0]
	for _, tt := range []struct {
		text   string
		kind   storage.TokenKind
		digest string // empty: it cannot be a token
	}{
		{workspaceToken, storage.WorkspaceAPIToken, "9d2ea696f00b8aadb4743434539fcf6033d07d6cb9e05cd07bfe810f90d2040b"},
		{vectors[tokens.PrefixExtensionKey][0], storage.ExtensionKey, "d804ca37919b74647a8b39f132b4209db30831ae492c60a9b5eff9bbafadf461"},
		{vectors[tokens.PrefixSession][0], storage.Session, "48db9625f149c961bd6bb1c5ed50835769bc8215e1af43d288693bb031d25daf"},
		{workspaceToken[:20], storage.WorkspaceAPIToken, ""},
		{workspaceToken + "x", storage.WorkspaceAPIToken, ""},
		{"wksp_", storage.WorkspaceAPIToken, ""},
		{"kext_" + workspaceToken, storage.ExtensionKey, ""},
		{"", "", ""},
		{"wksp", "", ""},
		{"WKSP_" + workspaceToken[5:], "", ""},
		{" " + workspaceToken, "", ""},
		{vectors[tokens.PrefixClientSecret][0], "", ""}, // a secret and no token
		{"eyJhbGciOiJFUzI1NiJ9.e30.c2ln", "", ""},
	} {
		kind, ok := tokens.KindOf(tt.text)
		if kind != tt.kind || ok != (tt.kind != "") {
			t.Errorf("%q is %q, %t", tt.text, kind, ok)
		}
		want := storage.TokenReference{}
		if tt.digest != "" {
			want = storage.TokenReference{Kind: tt.kind, Value: tt.digest}
		}
		got, ok := tokens.ReferenceOf(tt.text)
		if ok != (tt.digest != "") {
			t.Errorf("%q can be a token: %t", tt.text, ok)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", tt.text, diff)
		}
	}
}

// FuzzTokenFormat looks for a text that is taken for a token and is none, or the
// other way round.
func FuzzTokenFormat(f *testing.F) {
	for _, texts := range vectors {
		for _, text := range texts {
			f.Add(text)
			f.Add(text[:len(text)-8])
		}
	}
	f.Add("")
	f.Add("eyJhbGciOiJFUzI1NiJ9.e30.c2ln")
	f.Fuzz(func(t *testing.T, text string) {
		// Completed, so that there is something to be found among random texts.
		for _, text := range []string{text, text + "00000000", text + fmt.Sprintf("%08x", crc32(text))} {
			secret, forms := wellFormed(text), 0
			for prefix := range vectors {
				if tokens.WellFormed(prefix, text) {
					forms++
				}
			}
			if secret != (forms == 1) || forms > 1 {
				t.Errorf("%q is well-formed for %d prefixes, want %t", text, forms, secret)
			}
			kind, opaque := tokens.KindOf(text)
			reference, ok := tokens.ReferenceOf(text)
			if isToken := secret && !strings.HasPrefix(text, "kcs_"); ok != isToken || ok && !opaque {
				t.Errorf("%q can be a token: %t, of kind %q", text, ok, kind)
			}
			if want := (storage.TokenReference{Kind: kind, Value: storage.NewSecret(text).Digest()}); ok && reference != want {
				t.Errorf("%q is found by %+v, want %+v", text, reference, want)
			}
		}
	})
}
