package config

import (
	"regexp"
	"slices"
	"strings"
)

// variables returns the environment variables of the program, without those
// that an orchestrator puts there.
func (l *loader) variables(environ []string) map[string]string {
	all := map[string]string{}
	for _, entry := range environ {
		if name, text, ok := strings.Cut(entry, "="); ok && strings.HasPrefix(name, Prefix) {
			all[name] = text
		}
	}
	own := map[string]string{}
	for name, text := range all {
		if !isServiceLink(name, all) {
			own[name] = text
		}
	}
	return own
}

var serviceLink = regexp.MustCompile(`^(.+?)_(SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?|PORT(_[0-9]+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?)$`)

// isServiceLink reports whether Kubernetes made the variable: it describes every
// service of the namespace to every container, and a service called kiket-auth
// yields KIKET_AUTH_SERVICE_HOST, KIKET_AUTH_PORT and so on.
func isServiceLink(name string, all map[string]string) bool {
	match := serviceLink.FindStringSubmatch(name)
	if match == nil {
		return false
	}
	_, ok := all[match[1]+"_SERVICE_HOST"]
	return ok
}

// readEnvironment takes what the variables give, and reports those that mean
// nothing.
func (l *loader) readEnvironment(environment map[string]string) {
	settings := map[string]Setting{}
	names := []string{FileVariable}
	for _, s := range l.settings {
		settings[s.Variable()] = s
		names = append(names, s.Variable())
		if s.Secret {
			names = append(names, s.Variable()+fileVariableSuffix)
		}
	}
	for _, name := range sortedKeys(environment) {
		g := given{name: name, text: environment[name], source: Source{Variable: name}}
		s, ok := settings[name]
		if !ok {
			s, g.isFile = settings[strings.TrimSuffix(name, fileVariableSuffix)]
		}
		switch {
		case name == FileVariable:
		case ok || (g.isFile && s.Secret):
			l.take(s, g)
		default:
			l.mistake(name, g.source, "unknown variable%s", didYouMean(name, names))
		}
	}
}

func sortedKeys(m map[string]string) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
