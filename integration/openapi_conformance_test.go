package integration

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v4"
)

// apiDescription is the published description of the management API, against which
// every answer that a test gets is held.
type apiDescription struct {
	document map[string]any
	compiler *jsonschema.Compiler
	paths    []describedPath
	codes    map[string]int // status by code of a problem

	mu      sync.Mutex
	schemas map[string]*jsonschema.Schema
}

type describedPath struct {
	template string
	pattern  *regexp.Regexp
	literals int // how many of its parts are no parameters; more go first
}

const descriptionURL = "https://kiket.test/openapi.json"

// described reads handlers/api/openapi.yaml; that the server answers with the same
// is a test of its own.
var described = sync.OnceValues(func() (*apiDescription, error) {
	raw, err := readDescription()
	if err != nil {
		return nil, err
	}
	var tree any
	if err := yaml.Unmarshal(raw, &tree); err != nil {
		return nil, err
	}
	text, err := json.Marshal(tree)
	if err != nil {
		return nil, err
	}
	loaded, err := jsonschema.UnmarshalJSON(strings.NewReader(string(text)))
	if err != nil {
		return nil, err
	}
	document, ok := loaded.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("the description is %T", loaded)
	}
	d := &apiDescription{document: document, compiler: jsonschema.NewCompiler(), schemas: map[string]*jsonschema.Schema{}, codes: map[string]int{}}
	var problems struct {
		List []struct {
			Code   string
			Status int
		} `json:"x-problems"`
	}
	if err := json.Unmarshal(text, &problems); err != nil {
		return nil, err
	}
	for _, p := range problems.List {
		d.codes[p.Code] = p.Status
	}
	d.compiler.DefaultDraft(jsonschema.Draft2020)
	d.compiler.AssertFormat()
	if err := d.compiler.AddResource(descriptionURL, document); err != nil {
		return nil, err
	}
	paths, _ := document["paths"].(map[string]any)
	for template := range paths {
		d.paths = append(d.paths, describePath(template))
	}
	return d, nil
})

var pathParameter = regexp.MustCompile(`\\\{[a-z_]+\\\}`)

func describePath(template string) describedPath {
	pattern := pathParameter.ReplaceAllString(regexp.QuoteMeta(template), `[^/]+`)
	return describedPath{
		template: template, pattern: regexp.MustCompile("^" + pattern + "$"),
		literals: strings.Count(template, "/") - strings.Count(template, "{"),
	}
}

// find returns the template that a path is of.
func (d *apiDescription) find(path string) (string, bool) {
	best := describedPath{literals: -1}
	for _, p := range d.paths {
		if p.pattern.MatchString(path) && p.literals > best.literals {
			best = p
		}
	}
	return best.template, best.template != ""
}

// conforms fails the test unless the description allows the answer, and, if the
// request was good, the request.
func conforms(t testing.TB, method, path, body string, a answer) {
	t.Helper()
	d, err := described()
	if err != nil {
		t.Error(err)
		return
	}
	if method == http.MethodOptions {
		return
	}
	path, _, _ = strings.Cut(path, "?")
	template, ok := d.find(path)
	if !ok {
		if a.status != http.StatusNotFound {
			t.Errorf("%s %s answers %d and is not described", method, path, a.status)
		}
		return
	}
	operation := pointer("paths", template, strings.ToLower(method))
	if d.at(operation) == nil {
		if a.status != http.StatusMethodNotAllowed {
			t.Errorf("%s %s answers %d and is not described", method, template, a.status)
		}
		return
	}
	d.checkAnswer(t, method+" "+template, operation, a)
	d.checkCode(t, a)
	if a.status < 300 && body != "" {
		d.check(t, method+" "+template+", request", operation+pointer("requestBody", "content", "application/json", "schema"), body)
	}
}

func (d *apiDescription) checkAnswer(t testing.TB, what, operation string, a answer) {
	t.Helper()
	response := operation + pointer("responses", strconv.Itoa(a.status))
	if d.at(response) == nil {
		response = operation + pointer("responses", strconv.Itoa(a.status/100)+"XX")
	}
	if d.at(response) == nil {
		t.Errorf("%s: status %d is not described: %s", what, a.status, a.body)
		return
	}
	if ref, ok := d.at(response + "/$ref").(string); ok {
		response = strings.TrimPrefix(ref, "#")
	}
	media, _, _ := strings.Cut(a.header.Get("Content-Type"), ";")
	content := response + pointer("content")
	if d.at(content) == nil {
		if a.body != "" {
			t.Errorf("%s: status %d is described without content, got %s", what, a.status, a.body)
		}
		return
	}
	if !strings.HasSuffix(media, "json") || media == "application/x-ndjson" {
		if d.at(content+pointer(media)) == nil {
			t.Errorf("%s: %s is not described", what, media)
		}
		return // there is nothing to hold it against
	}
	d.check(t, fmt.Sprintf("%s, answer %d", what, a.status), content+pointer(media, "schema"), a.body)
}

// checkCode fails the test if the answer is a problem with a code that the description
// does not explain, or explains with another status.
func (d *apiDescription) checkCode(t testing.TB, a answer) {
	t.Helper()
	if a.status < 400 {
		return
	}
	var p struct{ Error string }
	if err := json.Unmarshal([]byte(a.body), &p); err != nil {
		t.Errorf("status %d without a problem: %q", a.status, a.body)
		return
	}
	if status, ok := d.codes[p.Error]; !ok || status != a.status {
		t.Errorf("the code %s with status %d is not explained", p.Error, a.status)
	}
}

// check holds a JSON text against the schema at a place in the description.
func (d *apiDescription) check(t testing.TB, what, place, text string) {
	t.Helper()
	schema, err := d.schema(place)
	if err != nil {
		t.Errorf("%s: %v", what, err)
		return
	}
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		t.Errorf("%s is not JSON: %q", what, text)
		return
	}
	if err := schema.Validate(value); err != nil {
		t.Errorf("%s does not conform to the description: %v\n%s", what, err, text)
	}
}

func (d *apiDescription) schema(place string) (*jsonschema.Schema, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if s, ok := d.schemas[place]; ok {
		return s, nil
	}
	if d.at(place) == nil {
		return nil, fmt.Errorf("nothing is described at %s", place)
	}
	s, err := d.compiler.Compile(descriptionURL + "#" + strings.ReplaceAll(strings.ReplaceAll(place, "{", "%7B"), "}", "%7D"))
	if err == nil {
		d.schemas[place] = s
	}
	return s, err
}

// at returns what is at a JSON pointer (RFC 6901), nil if there is nothing.
func (d *apiDescription) at(place string) any {
	var value any = d.document
	for part := range strings.SplitSeq(strings.TrimPrefix(place, "/"), "/") {
		object, ok := value.(map[string]any)
		if !ok {
			return nil
		}
		value = object[strings.NewReplacer("~1", "/", "~0", "~").Replace(part)]
	}
	return value
}

func pointer(parts ...string) string {
	escape := strings.NewReplacer("~", "~0", "/", "~1")
	var text strings.Builder
	for _, part := range parts {
		text.WriteString("/" + escape.Replace(part))
	}
	return text.String()
}
