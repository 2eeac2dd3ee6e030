package config

import "strings"

// Prefix begins the name of every environment variable of the program.
const Prefix = "KIKET_AUTH_"

// FileVariable is the environment variable that names the configuration file.
const FileVariable = Prefix + "CONFIG"

// kind is what a value is written as in the configuration file.
type kind int

const (
	text     kind = iota // a string
	integer              // a number without a fraction
	duration             // a Go duration: 1h30m
	list                 // a sequence of strings, or one string with commas
)

// Setting is one row of the table of everything that can be configured.
type Setting struct {
	// Name is the key in the configuration file.
	Name string
	// Default is the text that holds when nothing is given, empty: none.
	Default string
	// DefaultNote describes a default that is not a fixed text.
	DefaultNote string
	// Example is a value for the example file, where there is no Default.
	Example string
	// Doc is one line for people, in Markdown.
	Doc string
	// Secret settings are never shown, and may be given by the name of a file.
	Secret bool
	// Optional settings may be given as the empty string, which means none.
	Optional bool

	kind kind
	field
}

// Variable is the environment variable of the setting.
func (s Setting) Variable() string { return Prefix + strings.ToUpper(s.Name) }

// field connects a setting to the field of Config that holds it.
type field struct {
	parse  func(c *Config, text string) error
	format func(c Config) string
}

// bind makes a field of what finds it in a Config, what reads its text and what
// shows it.
func bind[T any](at func(*Config) *T, parse func(string) (T, error), format func(T) string) field {
	return field{
		parse: func(c *Config, text string) (err error) {
			*at(c), err = parse(text)
			return err
		},
		format: func(c Config) string { return format(*at(&c)) },
	}
}

const (
	fileSuffix         = "_file"
	fileVariableSuffix = "_FILE"
)

// List reports whether the setting holds several items: a sequence in the file,
// separated by commas in the environment.
func (s Setting) List() bool { return s.kind == list }
