//go:build race

package integration

// raceFlag builds the program with the race detector when the tests have it, but for the
// hashing of passwords: a computation on memory of its own, which watched takes four
// times as long.
func raceFlag() []string {
	return []string{"-race", "-gcflags=golang.org/x/crypto/argon2=-race=false"}
}
