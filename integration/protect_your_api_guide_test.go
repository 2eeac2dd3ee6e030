package integration

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// shown is a file of docs/examples that a guide prints: its name, linked, and a
// fenced block below.
var shown = regexp.MustCompile("(?s)\\[`(examples/[^`]+)`\\]\\(([^)]+)\\)[^\n]*:\n\n```[a-z]+\n(.*?)```\n")

// The guides print the files of docs/examples as they are, and each of them.
func TestGuidesShowExamples(t *testing.T) {
	t.Parallel()
	found := map[string]bool{}
	for _, guide := range []string{"docs/protect-your-api.md", "docs/mcp.md"} {
		for _, m := range shown.FindAllStringSubmatch(textOf(t, guide), -1) {
			if m[1] != m[2] {
				t.Errorf("%s calls %s what is %s", guide, m[1], m[2])
			}
			if diff := cmp.Diff(textOf(t, "docs/"+m[1]), m[3]); diff != "" {
				t.Errorf("%s in %s (-file +shown):\n%s", m[1], guide, diff)
			}
			found[m[1]] = true
		}
	}
	err := fs.WalkDir(os.DirFS(filepath.Join(root, "docs")), "examples", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		switch {
		case strings.HasPrefix(entry.Name(), "package"), strings.HasPrefix(entry.Name(), "go."): // what a program is made of
		case !found[path]:
			t.Errorf("no guide shows %s", path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
