package config

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"slices"
	"strings"

	"kiket.dev/auth/storage"
)

// The errors of this file never quote what was given, nor an error of a
// library that might.

const masterKeyBytes = 32

func parseMasterKeys(text string) ([]storage.Secret, error) {
	var keys []storage.Secret
	for i, item := range splitList(text) {
		raw, err := base64.StdEncoding.Strict().DecodeString(item)
		switch {
		case err != nil:
			return nil, fmt.Errorf("key %d is not base64; make one with: openssl rand -base64 32", i+1)
		case len(raw) != masterKeyBytes:
			return nil, fmt.Errorf("key %d is of %d bytes, want %d; make one with: openssl rand -base64 32", i+1, len(raw), masterKeyBytes)
		case slices.ContainsFunc(keys, func(k storage.Secret) bool { return k.Reveal() == item }):
			return nil, fmt.Errorf("key %d is given twice", i+1)
		}
		keys = append(keys, storage.NewSecret(item))
	}
	return keys, nil
}

func parseDatabaseURL(text string) (storage.Secret, error) {
	scheme, _, _ := strings.Cut(text, ":")
	switch scheme {
	case "sqlite":
		return parseSQLite(strings.TrimPrefix(text, sqliteScheme))
	case "postgres", "postgresql":
		return parsePostgreSQL(text)
	}
	return storage.Secret{}, errors.New("want sqlite:FILE or postgres://user:password@host:port/name")
}

// parseSQLite wants a plain path: the server chooses the driver's options, and
// an installation must outlive its process.
func parseSQLite(path string) (storage.Secret, error) {
	switch {
	case path == "" || strings.HasSuffix(path, "/"):
		return storage.Secret{}, errors.New("want a file, such as sqlite:kiket-auth.db")
	case strings.HasPrefix(path, ":memory:"):
		return storage.Secret{}, errors.New("a database in memory would forget every token: want a file, such as sqlite:kiket-auth.db")
	case strings.ContainsAny(path, "?#\x00"):
		return storage.Secret{}, errors.New("options are not accepted after the name of a SQLite file")
	case strings.HasPrefix(path, "//") && !strings.HasPrefix(path, "///"):
		return storage.Secret{}, errors.New("write sqlite:FILE, or sqlite:/FILE for an absolute path")
	}
	return storage.NewSecret(sqliteScheme + filepath.Clean(path)), nil
}

// parsePostgreSQL wants a connection URI as PostgreSQL's libpq reads it, which
// may name several hosts, separated by commas.
func parsePostgreSQL(text string) (storage.Secret, error) {
	unreadable := errors.New("not a URL of the form postgres://user:password@host:port/name (special characters of the password are percent-encoded)")
	scheme, rest, found := strings.Cut(text, "://")
	if !found {
		return storage.Secret{}, unreadable
	}
	end := strings.IndexAny(rest, "/?#")
	if end < 0 {
		end = len(rest)
	}
	authority, tail := rest[:end], rest[end:]
	at := strings.LastIndex(authority, "@") + 1
	for host := range strings.SplitSeq(authority[at:], ",") {
		u, err := url.Parse(scheme + "://" + authority[:at] + host + tail)
		if err != nil || u.Fragment != "" {
			return storage.Secret{}, unreadable
		}
		if u.Hostname() == "" && u.Query().Get("host") == "" {
			return storage.Secret{}, errors.New("names no host")
		}
	}
	return storage.NewSecret(text), nil
}

func parseSMTPURL(text string) (storage.Secret, error) {
	if text == "" {
		return storage.Secret{}, nil
	}
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return storage.Secret{}, errors.New("not a URL of the form smtp://user:password@host:port (special characters of the password are percent-encoded)")
	case u.Scheme != "smtp" && u.Scheme != "smtps":
		return storage.Secret{}, errors.New("want smtp:// or smtps://user:password@host:port")
	case u.Hostname() == "":
		return storage.Secret{}, errors.New("names no host")
	case strings.TrimPrefix(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "":
		return storage.Secret{}, errors.New("must end after the port")
	}
	return storage.NewSecret(text), nil
}
