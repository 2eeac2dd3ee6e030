package console

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"kiket.dev/auth/storage"
)

// composedActions are those whose noun is put in front of them where they happen.
var composedActions = []string{
	"workspace_api_token.created", "workspace_api_token.updated", "workspace_api_token.revoked",
	"extension_key.created", "extension_key.revoked", "session.created", "session.revoked",
	"oauth_application.secret_rotated", "resource_server.secret_rotated",
}

var wholeAction = regexp.MustCompile(`^[a-z]+(_[a-z]+)*\.[a-z]+(_[a-z]+)*$`)

// writtenActions finds the actions that the source has: what happens is in a member
// Action, given to one that records, or has a name; what can be refused is a member
// action of an endpoint or a page.
func writtenActions(t *testing.T) map[string]bool {
	t.Helper()
	found := map[string]bool{}
	for _, action := range composedActions {
		found[action] = true
	}
	literal := func(e ast.Expr, suffix string) {
		if l, ok := e.(*ast.BasicLit); ok && l.Kind == token.STRING {
			if text, err := strconv.Unquote(l.Value); err == nil && wholeAction.MatchString(text) && !strings.HasPrefix(text, "manifest.") {
				found[text+suffix] = true
			}
		}
	}
	visit := func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.KeyValueExpr:
			if key, ok := n.Key.(*ast.Ident); ok && key.Name == "Action" {
				literal(n.Value, "")
			} else if ok && key.Name == "action" {
				literal(n.Value, "_denied")
			}
		case *ast.CallExpr:
			called := ""
			switch f := n.Fun.(type) {
			case *ast.SelectorExpr:
				called = f.Sel.Name
			case *ast.Ident:
				called = f.Name
			}
			if slices.Contains([]string{"record", "recordChannel", "say", "register", "setPassword"}, called) {
				for _, argument := range n.Args {
					literal(argument, "")
				}
			}
		case *ast.AssignStmt:
			for _, value := range n.Rhs {
				literal(value, "")
			}
		case *ast.ValueSpec:
			for _, value := range n.Values {
				literal(value, "")
			}
		}
		return true
	}
	for _, dir := range []string{"../../server", "../../keys", "../../handlers", "../../cmd"} {
		err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
			if err == nil {
				ast.Inspect(file, visit)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return found
}

// Every action that can be in a log has its sentence, with a target, with a number alone
// and without any; and every sentence is of an action that there is.
func TestSentences(t *testing.T) {
	written := writtenActions(t)
	if len(written) < 60 {
		t.Fatalf("only %d actions were found", len(written))
	}
	told := map[string]bool{}
	for _, area := range auditAreas {
		for _, done := range area.Done {
			told[area.Noun+"."+done.Verb] = true
		}
		for _, tried := range area.Refused {
			told[area.Noun+"."+tried.Verb+"_denied"] = true
		}
	}
	for _, action := range slices.Sorted(maps.Keys(written)) {
		if _, known := tellingOf(action); !known {
			t.Errorf("%s has no sentence", action)
		}
		for _, target := range []storage.Party{{Kind: "thing", ID: 7, Name: "Laptop"}, {Kind: "thing", ID: 7}, {Kind: "thing"}} {
			e := storage.AuditEvent{Action: action, Actor: storage.Party{Kind: "session", ID: 1, Name: "Avery"}, Target: target}
			s := sentenceOf(e)
			text := s.Actor + " " + s.Before + s.Target + s.After
			if strings.ContainsAny(text, "{}_") || strings.Contains(text, "  ") || strings.Contains(text, "“”") || len(s.Before) < 4 {
				t.Errorf("%s: %q", action, text)
			}
		}
		delete(told, action)
	}
	for action := range told {
		t.Errorf("%s has a sentence and never happens", action)
	}
}

func TestSentence(t *testing.T) {
	avery, laptop := storage.Party{Kind: "session", ID: 9, Name: "Avery"}, storage.Party{Kind: "workspace_api_token", ID: 4, Name: "CLI – laptop"}
	sam := storage.Party{Kind: "user", ID: 2, Name: "Sam"}
	somebody := storage.Party{Kind: "anonymous"}
	for want, e := range map[string]storage.AuditEvent{
		"Avery revoked the API token CLI – laptop":                   {Action: "workspace_api_token.revoked", Actor: avery, Target: laptop},
		"Avery issued the API token CLI – laptop, with full access":  {Action: "workspace_api_token.created", Actor: avery, Target: laptop, Details: map[string]any{"full_access": true}},
		"Avery issued the API token CLI – laptop, for issues, admin": {Action: "workspace_api_token.created", Actor: avery, Target: laptop, Details: map[string]any{"scopes": []any{"issues", "admin"}}},
		"The API token CLI – laptop tried to remove the member number 3 and was refused: needs the scope admin": {
			Action: "user.remove_denied", Actor: laptop, Target: storage.Party{Kind: "user", ID: 3}, Details: map[string]any{"reason": "needs the scope admin"},
		},
		"Avery tried to issue an API token and was refused": {Action: "workspace_api_token.create_denied", Actor: avery, Target: storage.Party{Kind: "workspace_api_token"}},
		"Avery signed out":        {Action: "session.revoked", Actor: avery, Target: avery},
		"Avery made Sam an admin": {Action: "user.updated", Actor: avery, Target: sam, Details: map[string]any{"role": map[string]any{"before": "member", "after": "admin"}}},
		"Avery disabled the integration Billing": {
			Action: "oauth_application.updated", Actor: avery, Target: storage.Party{Kind: "oauth_application", ID: 1, Name: "Billing"},
			Details: map[string]any{"disabled": map[string]any{"from": false, "to": true}},
		},
		"Avery removed the member Sam, which revoked 3 credentials":             {Action: "user.removed", Actor: avery, Target: sam, Details: map[string]any{"credentials_revoked": 3.0}},
		"Somebody failed to sign in as Sam, 5 times":                            {Action: "session.create_denied", Actor: somebody, Target: sam, Details: map[string]any{"count": 5.0, "reason": "invalid_credentials"}},
		"Somebody failed to authenticate as somebody who is not known, 2 times": {Action: "authentication.failed", Actor: somebody, Target: storage.Party{Kind: "token"}, Details: map[string]any{"count": 2.0}},
		"Avery wrote a secret of the extension Notes: DB_PASSWORD":              {Action: "extension.secret_written", Actor: avery, Target: storage.Party{Kind: "extension", ID: 1, Name: "Notes"}, Details: map[string]any{"secret_name": "DB_PASSWORD"}},
		"The server raised the alert “Trouble”":                                 {Action: "alert.raised", Actor: storage.Party{Kind: "server", Name: "alerts"}, Target: storage.Party{Kind: "alert", ID: 1, Name: "Trouble"}},
		"Avery unheard of the strange thing Laptop":                             {Action: "strange_thing.unheard_of", Actor: avery, Target: storage.Party{Kind: "strange_thing", ID: 1, Name: "Laptop"}},
	} {
		s := sentenceOf(e)
		if got := s.Actor + " " + s.Before + s.Target + s.After; got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
