package console

import (
	"strings"

	"kiket.dev/auth/storage"
)

// scopeMeanings say what the product's scopes permit.
var scopeMeanings = map[string]string{
	"issues":           "Issues: what is to be done, with its fields and history",
	"projects":         "Projects: their settings, boards and who belongs to them",
	"comments":         "Comments on issues",
	"workflows":        "Workflows: states, transitions and automation",
	"analytics":        "Analytics: dashboards, reports and what they are made of",
	storage.ScopeAdmin: "Manage this organization's members, tokens, integrations and extensions",
}

// explain says what a scope permits.
func explain(scope string) string {
	name, access, _ := strings.Cut(scope, ":")
	meaning, known := scopeMeanings[name]
	if !known {
		meaning = strings.ToUpper(name[:1]) + name[1:]
	}
	switch access {
	case "read":
		return meaning + " (read only)"
	case "write":
		return meaning + " (write, without reading)"
	}
	return meaning
}

// scopeChoice is a line of the scope picker.
type scopeChoice struct {
	Name        string
	Meaning     string
	Whole       bool // there is no reading or writing alone
	Read, Write bool // what is chosen
	Powerful    bool
}

// scopeChoices are the lines of the picker, with those that are chosen.
func scopeChoices(catalogue storage.Catalogue, chosen storage.Scopes) []scopeChoice {
	var choices []scopeChoice
	for _, name := range catalogue.Names() {
		choices = append(choices, scopeChoice{
			Name: name, Meaning: explain(name), Whole: name == storage.ScopeAdmin, Powerful: name == storage.ScopeAdmin,
			Read:  chosen.Covers(name) || name != storage.ScopeAdmin && chosen.Covers(name+":read"),
			Write: name != storage.ScopeAdmin && chosen.Covers(name+":write"),
		})
	}
	return choices
}

// picked are the scopes that the picker is sent with as it is, as chosenScopes reads them.
func picked(choices []scopeChoice) storage.Scopes {
	var scopes storage.Scopes
	for _, c := range choices {
		switch {
		case c.Whole && c.Read, c.Read && c.Write:
			scopes = append(scopes, c.Name)
		case c.Read:
			scopes = append(scopes, c.Name+":read")
		case c.Write:
			scopes = append(scopes, c.Name+":write")
		}
	}
	return scopes
}

// chosenScopes reads the picker: a scope of which both halves are chosen is the scope.
func (v *visit) chosenScopes() storage.Scopes {
	sent := storage.NewScopes(v.values["scopes"]...)
	chosen := []string{}
	for _, scope := range sent {
		name, access, halved := strings.Cut(scope, ":")
		switch {
		case !halved, access != "read" && access != "write":
			chosen = append(chosen, scope)
		case sent.Covers(name+":read") && sent.Covers(name+":write"):
			chosen = append(chosen, name)
		default:
			chosen = append(chosen, scope)
		}
	}
	return storage.NewScopes(chosen...)
}
