package config

import (
	"fmt"
	"strings"
)

// Source is where a setting was given. Its zero value is the default.
type Source struct {
	Variable string // environment variable, such as KIKET_AUTH_ISSUER
	File     string // configuration file, if it was not the environment
	Line     int    // in File, from 1; 0: the file as a whole
}

// String says where in words: default, a variable, or a file with the line.
func (s Source) String() string {
	switch {
	case s.Variable != "":
		return s.Variable
	case s.File != "" && s.Line > 0:
		return fmt.Sprintf("%s:%d", s.File, s.Line)
	case s.File != "":
		return s.File
	}
	return "default"
}

// Mistake is one thing that is wrong with the configuration.
type Mistake struct {
	// Name is the variable, or the key as it stands in the file; empty if the
	// file as a whole is wrong.
	Name   string
	Source Source
	Err    error // never shows a secret
}

// Error names the variable or key, where it was given and what is wrong.
func (m Mistake) Error() string {
	switch {
	case m.Source.Variable != "" && m.Source.Variable == m.Name:
		return fmt.Sprintf("%s: %v", m.Name, m.Err)
	case m.Name == "":
		return fmt.Sprintf("%s: %v", m.Source, m.Err)
	case m.Source == Source{}:
		return fmt.Sprintf("%s (not set): %v", m.Name, m.Err)
	}
	return fmt.Sprintf("%s: %s: %v", m.Source, m.Name, m.Err)
}

// Unwrap returns what is wrong.
func (m Mistake) Unwrap() error { return m.Err }

// Mistakes is everything that is wrong with the configuration, in the order
// file, environment, values, rules between settings.
type Mistakes []Mistake

// Error lists the mistakes, one a line.
func (m Mistakes) Error() string {
	var b strings.Builder
	b.WriteString("configuration:")
	for _, mistake := range m {
		b.WriteString("\n  ")
		b.WriteString(mistake.Error())
	}
	return b.String()
}

// Unwrap returns the mistakes one by one, for errors.As and errors.Is.
func (m Mistakes) Unwrap() []error {
	all := make([]error, len(m))
	for i, mistake := range m {
		all[i] = mistake
	}
	return all
}
