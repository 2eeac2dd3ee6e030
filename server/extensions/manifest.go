package extensions

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"kiket.dev/auth/storage"
)

// modelVersion is the one form of manifests that is known.
const modelVersion = "1.0"

// mostPermissions is how many entries the list of permissions may have.
const mostPermissions = 100

// Manifest is what an extension says of itself.
type Manifest struct {
	ID          string // [a-zA-Z0-9][a-zA-Z0-9._-]{0,99}, not digits alone
	Name        string // 1 to 100 characters
	Version     string // 1 to 100 characters
	Permissions storage.Scopes
	// Document is all of it, as JSON: also what this server does not interpret.
	Document []byte
}

// ParseManifest reads a manifest, a JSON object or YAML: at most 64 KiB, without
// anchors, aliases or members that are there twice. A permission is a scope of the
// catalogue but admin; read:issues is issues:read. The error joins an
// [storage.Invalid] for every member that is wrong, such as
// manifest.extension.permissions[2].
func ParseManifest(document []byte, catalogue storage.Catalogue) (Manifest, error) {
	root, err := readDocument("manifest", document)
	if err != nil {
		return Manifest{}, err
	}
	all, ok := root.(map[string]any)
	if !ok {
		return Manifest{}, storage.Invalidf("manifest", "want an object with model_version and extension")
	}
	m, err := interpret(all, catalogue)
	if err != nil {
		return Manifest{}, err
	}
	var encoded bytes.Buffer
	encoder := json.NewEncoder(&encoded)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(all); err != nil {
		return Manifest{}, fmt.Errorf("encoding a manifest: %w", err)
	}
	m.Document = bytes.TrimSpace(encoded.Bytes())
	return m, nil
}

func interpret(all map[string]any, catalogue storage.Catalogue) (Manifest, error) {
	version, err := textOf(all, "manifest", "model_version")
	if err == nil && version != modelVersion {
		err = storage.Invalidf("manifest.model_version", "want %q, the only one that is known", modelVersion)
	}
	const path = "manifest.extension"
	extension, ok := all["extension"].(map[string]any)
	if !ok {
		return Manifest{}, errors.Join(err, storage.Invalidf(path, "want an object with id, name, version and permissions"))
	}
	id, errID := textOf(extension, path, "id")
	if errID == nil {
		errID = checkID(path+".id", id)
	}
	name, errName := nameOf(extension, path, "name")
	edition, errVersion := nameOf(extension, path, "version")
	permissions, errPermissions := permissionsOf(extension, path, catalogue)
	if err := errors.Join(err, errID, errName, errVersion, errPermissions); err != nil {
		return Manifest{}, err
	}
	return Manifest{ID: id, Name: name, Version: edition, Permissions: permissions}, nil
}

// textOf returns a member that must be there and text.
func textOf(object map[string]any, path, name string) (string, error) {
	field := path + "." + name
	switch value := object[name].(type) {
	case string:
		return value, nil
	case nil:
		return "", storage.Invalidf(field, "is missing")
	case json.Number:
		return "", storage.Invalidf(field, "want text, not a number: put it in quotes")
	default:
		return "", storage.Invalidf(field, "want text")
	}
}

func nameOf(object map[string]any, path, name string) (string, error) {
	text, err := textOf(object, path, name)
	if err != nil {
		return "", err
	}
	return strings.TrimSpace(text), storage.CheckName(path+"."+name, text)
}

var extensionID = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9._-]{0,99}$`)

// checkID tells an extension's id also from a number, by which its installations
// are named.
func checkID(field, id string) error {
	if _, numeric := number(id); numeric || !extensionID.MatchString(id) {
		return storage.Invalidf(field, "want letters, digits, '.', '_' and '-', as in com.example.notes: at most 100, not digits alone, beginning with a letter or digit")
	}
	return nil
}

// permissionsOf reads the list of permissions, which may be absent.
func permissionsOf(extension map[string]any, path string, catalogue storage.Catalogue) (storage.Scopes, error) {
	const name = "permissions"
	field := path + "." + name
	listed, ok := extension[name].([]any)
	switch {
	case extension[name] == nil:
		return storage.Scopes{}, nil
	case !ok:
		return nil, storage.Invalidf(field, "want a list of texts")
	}
	permissions := make([]string, len(listed))
	var wrong []error
	for n, entry := range listed {
		if permissions[n], ok = entry.(string); !ok {
			wrong = append(wrong, storage.Invalidf(item(field, n), "want text"))
		}
	}
	if len(wrong) > 0 {
		return nil, errors.Join(wrong[:min(len(wrong), mostMistakes)]...)
	}
	return readPermissions(field, permissions, catalogue)
}

// readPermissions reads permissions as scopes: read:issues is issues:read.
func readPermissions(field string, permissions []string, catalogue storage.Catalogue) (storage.Scopes, error) {
	if len(permissions) > mostPermissions {
		return nil, storage.Invalidf(field, "want at most %d", mostPermissions)
	}
	scopes := make([]string, 0, len(permissions))
	var wrong []error
	for n, permission := range permissions {
		scope := permission
		if action, resource, found := strings.Cut(permission, ":"); found && (action == "read" || action == "write") {
			scope = resource + ":" + action
		}
		switch {
		case scope == storage.ScopeAdmin:
			wrong = append(wrong, storage.Invalidf(item(field, n), "an extension cannot have %s", storage.ScopeAdmin))
		case !catalogue.Has(scope):
			wrong = append(wrong, storage.Invalidf(item(field, n), "unknown: %.*s", storage.MaxNameLength, permission))
		}
		scopes = append(scopes, scope)
	}
	return storage.NewScopes(scopes...), errors.Join(wrong...)
}
