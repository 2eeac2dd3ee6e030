//go:build race

package integration

// raceFlag builds the program with the race detector when the tests have it.
func raceFlag() []string { return []string{"-race"} }
