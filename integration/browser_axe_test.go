package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// axeSource is axe-core, as testdata/axe pins it.
var axeSource struct {
	once   sync.Once
	script string
}

func axe(t testing.TB) string {
	t.Helper()
	axeSource.once.Do(func() {
		dir := installPackages(t, "testdata/axe")
		script, err := os.ReadFile(filepath.Join(dir, "node_modules/axe-core/axe.min.js"))
		if err != nil {
			t.Fatal(err)
		}
		axeSource.script = string(script)
	})
	if axeSource.script == "" {
		t.Fatal("axe-core could not be installed, as another test says")
	}
	return axeSource.script
}

// runAxe holds the page to WCAG 2.2, levels A and AA, and to what axe-core calls best
// practices. The elements are told by their HTML, and nothing is loaded: DevTools bring the script, which the page's policy need
// not let in.
const runAxe = `axe.run(document, {
	resultTypes: ["violations"],
	selectors: false,
	preload: false,
	runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22a", "wcag22aa", "best-practice"],
}).then(result => result.violations)`

// violations returns what axe-core finds on the page as it is shown: for each element
// the rule, and how to mend it.
func (p *page) violations() []string {
	p.t.Helper()
	if evaluate[string](p, "typeof axe") == "undefined" {
		evaluate[struct{}](p, axe(p.t))
	}
	var found []string
	for _, violation := range evaluate[[]struct {
		ID    string `json:"id"`
		Help  string `json:"help"`
		Nodes []struct {
			HTML           string `json:"html"`
			FailureSummary string `json:"failureSummary"`
		} `json:"nodes"`
	}](p, runAxe) {
		for _, node := range violation.Nodes {
			fix := strings.Join(strings.Fields(node.FailureSummary), " ")
			found = append(found, fmt.Sprintf("%s (%s): %.300s\n\t%s", violation.ID, violation.Help, node.HTML, fix))
		}
	}
	return found
}
