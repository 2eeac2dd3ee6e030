package keys_test

import (
	"errors"
	"strings"
	"testing"

	"kiket.dev/auth/keys"
)

// FuzzVerify looks for a text other than the token itself that verifies, and for
// one that makes the ring fail in another way than by refusing it.
func FuzzVerify(f *testing.F) {
	r := newInstallation(f).loaded(f)
	token, keyID := sign(f, r)
	parts := strings.Split(token, ".")
	f.Add(parts[0], parts[1], parts[2])
	f.Add(parts[0], parts[1], "")
	f.Add(parts[0], "", parts[2])
	f.Add(base64url.EncodeToString([]byte(headerOf(f, keyID, map[string]any{"alg": "none"}))), parts[1], "")
	f.Add(base64url.EncodeToString([]byte(headerOf(f, keyID, map[string]any{"crit": []string{"exp"}}))), parts[1], parts[2])
	f.Add("e30", "e30", "e30")
	f.Add(".", "\n", "=")
	f.Fuzz(func(t *testing.T, head, payload, signature string) {
		for _, text := range []string{
			head + "." + payload + "." + signature,
			parts[0] + "." + payload + "." + signature, // the header of a token, so that the rest is looked at
			parts[0] + "." + parts[1] + "." + signature,
			head + "." + parts[1] + "." + parts[2],
			// the header as it is before it is encoded
			base64url.EncodeToString([]byte(head)) + "." + parts[1] + "." + parts[2],
		} {
			got, err := r.Verify(t.Context(), text, accessToken)
			switch {
			case err == nil && text != token:
				t.Errorf("%q verifies as %s", text, got.Claims)
			case err != nil && !errors.Is(err, keys.ErrInvalidToken):
				t.Errorf("%q: got error %v, want ErrInvalidToken", text, err)
			}
		}
	})
}
