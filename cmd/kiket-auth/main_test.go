package main

import (
	"bytes"
	"errors"
	"testing"
)

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errors.New("no space left on device") }

// A command whose answer nobody could read, and which may have held a secret, has
// failed.
func TestAnswerThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"version"}, {"organization", "list"}, {"organization", "list", "--json"}} {
		var stderr bytes.Buffer
		environ := []string{"KIKET_AUTH_DATABASE_URL=sqlite:" + t.TempDir() + "/kiket-auth.db", "KIKET_AUTH_LOG_LEVEL=error"}
		code := run(t.Context(), args, environ, nil, fullDisk{}, &stderr)
		const want = "kiket-auth: it is done, but the answer could not be written: no space left on device\n"
		if code != exitFailure || stderr.String() != want {
			t.Errorf("%v: exit code %d, %q", args, code, stderr.String())
		}
	}
}
