//go:build !race

package integration

func raceFlag() []string { return nil }
