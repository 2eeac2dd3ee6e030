package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
)

// Load reads the configuration of the process: defaults, under the YAML file,
// under the environment. The file is the one given, or else the one that
// KIKET_AUTH_CONFIG names, or none. environ is in the form of [os.Environ].
//
// Everything that is wrong is reported at once; the error is then [Mistakes].
func Load(file string, environ []string) (Config, error) {
	l := loader{settings: Settings(), given: map[string]given{}, failed: map[string]bool{}}
	environment := l.variables(environ)
	if file == "" {
		file = environment[FileVariable]
	}
	if file != "" {
		l.readFile(file)
	}
	l.readEnvironment(environment)
	l.resolveFiles()
	c := l.parse()
	l.checkTogether(&c)
	if len(l.mistakes) > 0 {
		return Config{}, l.mistakes
	}
	return c, nil
}

// given is the text that a source gives for a setting.
type given struct {
	name   string // as spelt there: key, variable, or either with the file suffix
	text   string
	isFile bool // text names the file that holds the secret
	source Source
}

type loader struct {
	settings []Setting
	given    map[string]given // by Setting.Name; a later source replaces an earlier
	failed   map[string]bool  // by Setting.Name: has been reported
	mistakes Mistakes
}

func (l *loader) mistake(name string, source Source, format string, args ...any) {
	l.mistakes = append(l.mistakes, Mistake{Name: name, Source: source, Err: fmt.Errorf(format, args...)})
}

// take accepts what one source gives. Both forms of a secret in one source
// contradict each other; in different sources the later wins.
func (l *loader) take(s Setting, g given) {
	if earlier, ok := l.given[s.Name]; ok && sameSource(earlier.source, g.source) {
		l.mistake(g.name, g.source, "%s is given too: want one of them", earlier.name)
		l.failed[s.Name] = true
		return
	}
	l.given[s.Name] = g
}

func sameSource(a, b Source) bool { return (a.Variable == "") == (b.Variable == "") }

// resolveFiles replaces the name of a secret's file by what the file holds,
// without the newline at its end.
func (l *loader) resolveFiles() {
	for _, s := range l.settings {
		g, ok := l.given[s.Name]
		if !ok || !g.isFile || l.failed[s.Name] {
			continue
		}
		content, err := readSecretFile(g.text)
		if err != nil {
			l.mistake(g.name, g.source, "%w", err)
			l.failed[s.Name] = true
			continue
		}
		g.text = content
		l.given[s.Name] = g
	}
}

// readSecretFile does not name the file in its errors: now and then it is the
// secret itself that was given for the name.
func readSecretFile(path string) (string, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		var named *fs.PathError
		if errors.As(err, &named) {
			err = named.Err
		}
		return "", fmt.Errorf("reading the file it names: %w", err)
	}
	text := strings.TrimSuffix(strings.TrimSuffix(string(content), "\n"), "\r")
	if text == "" {
		return "", errors.New("the file it names is empty")
	}
	return text, nil
}

// parse turns the texts into a Config and reports those that it cannot read.
func (l *loader) parse() Config {
	c := Config{sources: map[string]Source{}}
	for _, s := range l.settings {
		g, ok := l.given[s.Name]
		if !ok {
			g = given{name: s.Variable(), text: s.Default}
		}
		if l.failed[s.Name] || (!ok && s.Default == "" && !s.Optional) {
			continue
		}
		if err := parseValue(&c, s, g); err != nil {
			l.mistake(g.name, g.source, "%w", err)
			l.failed[s.Name] = true
		}
		if ok {
			c.sources[s.Name] = g.source
		}
	}
	return c
}

func parseValue(c *Config, s Setting, g given) error {
	if strings.TrimSpace(g.text) == "" && !s.Optional {
		return errors.New("is empty: give a value, or leave it out for the default")
	}
	return s.parse(c, g.text)
}
