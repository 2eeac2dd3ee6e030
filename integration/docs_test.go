package integration

import (
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"kiket.dev/auth/config"
)

// root is the folder of the module.
const root = ".."

// documents returns the text of every Markdown file, by its path in the module.
func documents(t testing.TB) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := fs.WalkDir(os.DirFS(root), ".", func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && path != "." && (strings.HasPrefix(entry.Name(), ".") || entry.Name() == "node_modules"):
			return fs.SkipDir
		case filepath.Ext(path) == ".md":
			found[path] = textOf(t, path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func textOf(t testing.TB, path string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

var (
	fenced     = regexp.MustCompile("(?ms)^```.*?^```$")
	inlineCode = regexp.MustCompile("`[^`\n]*`")
	link       = regexp.MustCompile(`\]\(([^()\s]+)\)`)
	heading    = regexp.MustCompile(`(?m)^#+ (.+)$`)
	unslugged  = regexp.MustCompile(`[^\p{L}\p{N}_ -]`)
)

// prose returns a document without what is in code.
func prose(document string) string {
	return inlineCode.ReplaceAllString(fenced.ReplaceAllString(document, ""), "")
}

// anchors returns what can be linked to inside a document, as GitHub makes it.
func anchors(document string) []string {
	found := []string{""}
	for _, m := range heading.FindAllStringSubmatch(fenced.ReplaceAllString(document, ""), -1) {
		found = append(found, strings.ReplaceAll(unslugged.ReplaceAllString(strings.ToLower(m[1]), ""), " ", "-"))
	}
	return found
}

// Every relative link leads somewhere, to the heading that it names, and every
// document is reached from README.md.
func TestDocumentLinks(t *testing.T) {
	t.Parallel()
	all := documents(t)
	links := map[string][]string{} // to documents, by document
	for path, document := range all {
		for _, m := range link.FindAllStringSubmatch(prose(document), -1) {
			target, anchor, _ := strings.Cut(m[1], "#")
			if strings.Contains(target, ":") { // a URL
				continue
			}
			to := filepath.Join(filepath.Dir(path), target)
			if target == "" {
				to = path
			}
			if _, err := os.Stat(filepath.Join(root, to)); err != nil {
				t.Errorf("%s links to %s: there is no such file", path, m[1])
			} else if linked, ok := all[to]; ok && !slices.Contains(anchors(linked), anchor) {
				t.Errorf("%s links to %s: there is no such heading", path, m[1])
			}
			links[path] = append(links[path], to)
		}
	}
	reached := map[string]bool{"README.md": true}
	for queue := []string{"README.md"}; len(queue) > 0; queue = queue[1:] {
		for _, to := range links[queue[0]] {
			if _, document := all[to]; document && !reached[to] {
				reached[to] = true
				queue = append(queue, to)
			}
		}
	}
	for path := range all {
		if !reached[path] {
			t.Errorf("no link leads from README.md to %s", path)
		}
	}
}

// The index of the decisions has each with its number and title.
func TestDocumentedDecisions(t *testing.T) {
	t.Parallel()
	index := textOf(t, "docs/decisions/README.md")
	for path, document := range documents(t) {
		name := filepath.Base(path)
		if filepath.Dir(path) != "docs/decisions" || name == "README.md" {
			continue
		}
		number, title, _ := strings.Cut(strings.TrimPrefix(strings.SplitN(document, "\n", 2)[0], "# "), ". ")
		if row := "| [" + number + "](" + name + ") | " + title + " |"; !strings.Contains(index, row) {
			t.Errorf("the index lacks %q", row)
		}
		if !strings.HasPrefix(name, strings.Repeat("0", 4-len(number))+number+"-") {
			t.Errorf("%s is number %s", name, number)
		}
	}
}

var (
	helpCommand  = regexp.MustCompile(`(?m)^  ([a-z][a-z-]*(?: [a-z][a-z-]*)?)(?: .*)?$`)
	saidCommand  = regexp.MustCompile(`kiket-auth(?: --config=\S+)? ([a-z][a-z-]*(?: [a-z][a-z-]*)?)`)
	helpFlag     = regexp.MustCompile(`--[a-z-]+`)
	codeOrFenced = regexp.MustCompile("(?ms)^```.*?^```$|`[^`\n]*`|^    .*?$")
)

// commands returns the subcommands, each with its help.
func commands(t testing.TB) map[string]string {
	t.Helper()
	help := func(arguments ...string) string {
		command := exec.CommandContext(t.Context(), binary, append(arguments, "--help")...)
		command.Env = []string{"GORACE=atexit_sleep_ms=0"}
		out, err := command.Output()
		if err != nil {
			t.Fatalf("help of %q: %v", arguments, err)
		}
		return string(out)
	}
	_, list, _ := strings.Cut(help(), "\nCommands:\n")
	found := map[string]string{}
	for _, m := range helpCommand.FindAllStringSubmatch(list, -1) {
		found[m[1]] = help(strings.Fields(m[1])...)
	}
	return found
}

// Every subcommand is in the manual of operations, with its flags, and what
// documents call a subcommand is one.
func TestDocumentedCommands(t *testing.T) {
	t.Parallel()
	all := commands(t)
	if len(all) < 10 {
		t.Fatalf("only these commands were found: %q", slices.Sorted(maps.Keys(all)))
	}
	manual := textOf(t, "README.md") + textOf(t, "docs/operations.md")
	for name, help := range all {
		if !strings.Contains(manual, name) {
			t.Errorf("neither README.md nor docs/operations.md names %q", name)
		}
		for _, flag := range helpFlag.FindAllString(help, -1) {
			if flag != "--help" && !strings.Contains(manual, flag) {
				t.Errorf("neither README.md nor docs/operations.md names the flag %s of %q", flag, name)
			}
		}
	}
	for path, document := range documents(t) {
		for _, code := range codeOrFenced.FindAllString(document, -1) {
			for _, m := range saidCommand.FindAllStringSubmatch(code, -1) {
				first, _, _ := strings.Cut(m[1], " ")
				_, whole := all[m[1]]
				if _, alone := all[first]; !whole && !alone {
					t.Errorf("%s speaks of kiket-auth %s, which there is not", path, m[1])
				}
			}
		}
	}
}

var variable = regexp.MustCompile(`\bKIKET_AUTH_[A-Z_]*[A-Z]`)

// Every variable of which a document, the Compose file or the Dockerfile speaks
// exists.
func TestDocumentedVariables(t *testing.T) {
	t.Parallel()
	known := []string{config.FileVariable, "KIKET_AUTH_SERVICE_HOST"} // the latter as one that is ignored
	for _, s := range config.Settings() {
		known = append(known, s.Variable())
		if s.Secret {
			known = append(known, s.Variable()+"_FILE")
		}
	}
	all := documents(t)
	for _, path := range []string{"docker-compose.yml", "Dockerfile"} {
		all[path] = textOf(t, path)
	}
	for path, text := range all {
		for _, name := range variable.FindAllString(text, -1) {
			if !slices.Contains(known, name) {
				t.Errorf("%s speaks of %s, which there is not", path, name)
			}
		}
	}
}
