//go:build race

package integration

// raceFlag builds the program with the race detector when the tests have it, but for
// what the Makefile leaves out, too: SQLite, which is C made into Go, and the hashing of
// passwords, a computation on memory of its own. Watched, that takes four times as long.
func raceFlag() []string {
	return []string{
		"-race",
		"-gcflags=modernc.org/sqlite/lib=-race=false",
		"-gcflags=modernc.org/libc=-race=false",
		"-gcflags=golang.org/x/crypto/argon2=-race=false",
	}
}
