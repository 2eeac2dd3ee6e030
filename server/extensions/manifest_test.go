package extensions

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"kiket.dev/auth/storage"
)

func catalogue(t testing.TB) storage.Catalogue {
	t.Helper()
	c, err := storage.NewCatalogue()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestParseManifest(t *testing.T) {
	full := Manifest{
		ID: "com.example.notes", Name: "Notes", Version: "1.4.0", Permissions: storage.Scopes{"issues:read", "projects"},
		Document: []byte(`{"extension":{"id":"com.example.notes","name":"Notes","permissions":["read:issues","projects","issues:read"],"version":"1.4.0"},"model_version":"1.0"}`),
	}
	none := Manifest{
		ID: "1.x", Name: "é", Version: "2", Permissions: storage.Scopes{},
		Document: []byte(`{"extension":{"id":"1.x","name":"é","version":"2"},"model_version":"1.0"}`),
	}
	tests := map[string]struct {
		document string
		want     Manifest
	}{
		"JSON": {`{"model_version": "1.0", "extension": {"id": "com.example.notes", "name": " Notes ", "version": "1.4.0",
			"permissions": ["read:issues", "projects", "issues:read"]}}`, withDocument(full, `"Notes"`, `" Notes "`)},
		"YAML": {`
# A comment.
model_version: "1.0"
extension:
  id: com.example.notes
  name: Notes
  version: 1.4.0
  permissions: [read:issues, projects, "issues:read"]
`, full},
		"YAML with a list in lines": {"---\nmodel_version: '1.0'\nextension:\n  id: com.example.notes\n  name: !!str Notes\n  version: 1.4.0\n  permissions:\n  - read:issues\n  - projects\n  - issues:read\n...\n", full},
		"YAML that is JSON but for a comma": {
			`{model_version: "1.0", extension: {id: com.example.notes, name: Notes, version: 1.4.0, permissions: ["read:issues", projects, "issues:read"]},}`, full,
		},
		"no permissions":      {"model_version: \"1.0\"\nextension: {id: 1.x, name: é, version: \"2\"}", none},
		"permissions of null": {"model_version: \"1.0\"\nextension:\n  id: 1.x\n  name: é\n  version: '2'\n  permissions:\n", withDocument(none, `"version"`, `"permissions":null,"version"`)},
		"an empty list":       {`{"model_version":"1.0","extension":{"id":"1.x","name":"é","version":"2","permissions":[]}}`, withDocument(none, `"version"`, `"permissions":[],"version"`)},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := ParseManifest([]byte(tt.document), catalogue(t))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func withDocument(m Manifest, old, new string) Manifest {
	m.Document = []byte(strings.Replace(string(m.Document), old, new, 1))
	return m
}

// Members that mean nothing to this server are kept as they are.
func TestParseManifestKeepsOtherMembers(t *testing.T) {
	const extension, model = `"extension":{"icon":"<a&b>","id":"a.b","name":"A","version":"1"}`, `"model_version":"1.0"`
	tests := map[string]struct{ document, want string }{
		"JSON": {
			`{"hooks":[{"on":"issue.created","n":12345678901234567890.10,"deep":{"x":[null,true]}}],"A":"\ud83d\ude00 \u003c",` + extension + `,` + model + `}`,
			`{"A":"😀 <",` + extension + `,"hooks":[{"deep":{"x":[null,true]},"n":12345678901234567890.10,"on":"issue.created"}],` + model + `}`,
		},
		"YAML": {
			"on: yes\nn: [1, 0x10, 1.50, 1_0, .inf, 12345678901234567890123, ~, true, -.5e1]\nday: 2031-01-31\n1: one\ntext: |\n  two\n  lines\nextension: {id: a.b, name: A, version: '1', icon: '<a&b>'}\nmodel_version: '1.0'\n<<: {merged: x}\n",
			`{"1":"one","<<":{"merged":"x"},"day":"2031-01-31",` + extension + `,` + model + `,"n":[1,16,1.50,10,".inf",12345678901234567890123,null,true,-5],"on":"yes","text":"two\nlines\n"}`,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := ParseManifest([]byte(tt.document), catalogue(t))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, string(got.Document)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// A mistake is told with its line, if it has one.
func TestParseManifestSaysWhere(t *testing.T) {
	for document, want := range map[string]string{
		"a: 1\n---\nb: 2\n": "manifest: want a single document of YAML or JSON",
		"---\n---\n":        "manifest: want a single document of YAML or JSON",
		"a: 1\nb: [\n":      "manifest: not valid YAML, line 3: did not find expected node content",
		"a: 1\n\tb: 2\n":    "manifest: not valid YAML, line 2: found a tab character that violates indentation",
		"a: 1\nb: \x01":     "manifest: not valid YAML: control characters are not allowed (value: 1)",
		"a: 1\nb: c: d\n":   "manifest: not valid YAML, line 2: mapping values are not allowed in this context",
		`{"a":1}` + "\n{}":  "manifest: not valid YAML, line 2: did not find expected <document start>",
	} {
		if _, err := ParseManifest([]byte(document), catalogue(t)); err == nil || err.Error() != want {
			t.Errorf("%q: %v, want %s", document, err, want)
		}
	}
}

func TestParseManifestNamesTheMistakes(t *testing.T) {
	extension := func(members string) string { return `{"model_version":"1.0","extension":{` + members + `}}` }
	const good = `"id":"a.b","name":"A","version":"1"`
	const inside = "manifest.extension"
	tests := map[string]struct {
		document string
		want     []string // fields
	}{
		"nothing":                  {"", []string{"manifest"}},
		"spaces":                   {" \n\t", []string{"manifest"}},
		"a comment":                {"# nothing\n", []string{"manifest"}},
		"null":                     {"null", []string{"manifest"}},
		"a list":                   {`[1]`, []string{"manifest"}},
		"a text":                   {`"text"`, []string{"manifest"}},
		"not UTF-8":                {"a: \xff", []string{"manifest"}},
		"UTF-16":                   {"\xff\xfea\x00:\x00 \x00b\x00", []string{"manifest"}},
		"too long":                 {"a: " + strings.Repeat("a", 64<<10), []string{"manifest"}},
		"too deep, JSON":           {`{"a":` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + `}`, []string{"manifest.a" + strings.Repeat("[0]", 32)}},
		"too deep, YAML":           {"a: " + strings.Repeat("[", 100) + strings.Repeat("]", 100), []string{"manifest"}},
		"too deep, lines":          {strings.Repeat("- ", 9000) + "a", []string{"manifest"}},
		"broken YAML":              {"a: [", []string{"manifest"}},
		"two documents":            {"a: 1\n---\nb: 2\n", []string{"manifest"}},
		"there twice, JSON":        {extension(good + `,"id":"c.d"`), []string{inside + ".id"}},
		"there twice, in the rest": {`{"x":[{"y":1,"y":1}]}`, []string{"manifest.x[0].y"}},
		"there twice, YAML":        {"model_version: '1.0'\nextension:\n  id: a.b\n  id: a.b\n", []string{inside + ".id"}},
		"there twice, differently": {"a: 1\n\"a\": 2\n", []string{"manifest.a"}},
		"an alias":                 {"a: &x [1]\nb: *x\n", []string{"manifest.a", "manifest.b"}},
		"aliases that multiply":    {"a: &a [1,1,1]\nb: &b [*a,*a,*a]\nc: [*b,*b,*b]\n", []string{"manifest.a", "manifest.b", "manifest.c[0]", "manifest.c[1]", "manifest.c[2]"}},
		"an anchor on a name":      {"&a a: 1\n", []string{"manifest"}},
		"a list as a name":         {"? [a]\n: 1\n", []string{"manifest"}},
		"a tag":                    {"a: !thing 1\nb: !!set {x}\nc: !!int x\nd: !!int '\"5\"'\n", []string{"manifest.a", "manifest.b", "manifest.c", "manifest.d"}},

		"nothing in it":           {"{}", []string{"manifest.model_version", inside}},
		"everything missing":      {`{"extension":{}}`, []string{"manifest.model_version", inside + ".id", inside + ".name", inside + ".version"}},
		"names spelled otherwise": {`{"Model_Version":"1.0","Extension":{}}`, []string{"manifest.model_version", inside}},
		"wrong types":             {`{"model_version":1.0,"extension":{"id":7,"name":{},"version":[],"permissions":"issues"}}`, []string{"manifest.model_version", inside + ".id", inside + ".name", inside + ".version", inside + ".permissions"}},
		"a version without quotes": {
			"model_version: 1.0\nextension: {id: a.b, name: A, version: 1.0}\n", []string{"manifest.model_version", inside + ".version"},
		},
		"another model":           {`{"model_version":"2.0","extension":{` + good + `}}`, []string{"manifest.model_version"}},
		"an extension of text":    {`{"model_version":"1.0","extension":"a.b"}`, []string{inside}},
		"empty texts":             {extension(`"id":"","name":" ","version":""`), []string{inside + ".id", inside + ".name", inside + ".version"}},
		"texts that are too long": {extension(`"id":"` + strings.Repeat("a", 101) + `","name":"` + strings.Repeat("é", 101) + `","version":"` + strings.Repeat("1", 101) + `"`), []string{inside + ".id", inside + ".name", inside + ".version"}},
		"a NUL":                   {extension(`"id":"a.b","name":"A\u0000","version":"1"`), []string{inside + ".name"}},
		"an id of digits":         {extension(`"id":"42","name":"A","version":"1"`), []string{inside + ".id"}},
		"an id with a space":      {extension(`"id":"a b","name":"A","version":"1"`), []string{inside + ".id"}},
		"an id with a slash":      {extension(`"id":"a/b","name":"A","version":"1"`), []string{inside + ".id"}},
		"an id with a dot first":  {extension(`"id":".a","name":"A","version":"1"`), []string{inside + ".id"}},
		"an id with a line break": {extension(`"id":"a\n","name":"A","version":"1"`), []string{inside + ".id"}},
		"an id that is not ASCII": {extension(`"id":"é.b","name":"A","version":"1"`), []string{inside + ".id"}},
		"permissions of no kind":  {extension(good + `,"permissions":["issues",7,"no:such","read:issues","admin","Issues","issues:admin","",null]`), []string{inside + ".permissions[1]", inside + ".permissions[8]"}},
		"unknown permissions": {
			extension(good + `,"permissions":["issues","no:such","read:issues","admin","read:admin","Issues","issues:admin","","read:read:issues"]`),
			[]string{inside + ".permissions[1]", inside + ".permissions[3]", inside + ".permissions[4]", inside + ".permissions[5]", inside + ".permissions[6]", inside + ".permissions[7]", inside + ".permissions[8]"},
		},
		"too many permissions": {extension(good + `,"permissions":["issues"` + strings.Repeat(`,"issues"`, 100) + `]`), []string{inside + ".permissions"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := ParseManifest([]byte(tt.document), catalogue(t))
			if diff := cmp.Diff(slices.Sorted(slices.Values(tt.want)), slices.Sorted(maps.Keys(mistakesOf(t, err)))); diff != "" {
				t.Errorf("%v\n(-want +got):\n%s", err, diff)
			}
		})
	}
}

func TestParseManifestSaysWhatIsUnknown(t *testing.T) {
	_, err := ParseManifest([]byte(`{"model_version":"1.0","extension":{"id":"a.b","name":"A","version":"1","permissions":["read:nothing"]}}`), catalogue(t))
	if diff := cmp.Diff(map[string]string{"manifest.extension.permissions[0]": "unknown: read:nothing"}, mistakesOf(t, err)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// However many mistakes there are, an answer has a few.
func TestParseManifestTellsSomeOfTheMistakes(t *testing.T) {
	for name, document := range map[string]string{
		"twice":       `{"a":1` + strings.Repeat(`,"a":1`, 1000) + `}`,
		"deep":        `{"a":` + strings.Repeat("[", 9000) + strings.Repeat("]", 9000) + `}`,
		"aliases":     "a: &a 1\nb: [" + strings.Repeat("*a,", 1000) + "]\n",
		"permissions": `{"model_version":"1.0","extension":{"id":"a.b","name":"A","version":"1","permissions":[1` + strings.Repeat(`,1`, 1000) + `]}}`,
	} {
		_, err := ParseManifest([]byte(document), catalogue(t))
		joined, ok := err.(interface{ Unwrap() []error })
		if !ok || len(joined.Unwrap()) == 0 || len(joined.Unwrap()) > mostMistakes {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// mistakesOf returns what is wrong by field. Anything but an Invalid fails the test.
func mistakesOf(t testing.TB, err error) map[string]string {
	t.Helper()
	found := map[string]string{}
	var gather func(error)
	gather = func(err error) {
		var invalid *storage.Invalid
		if joined, ok := err.(interface{ Unwrap() []error }); ok {
			for _, inner := range joined.Unwrap() {
				gather(inner)
			}
			return
		}
		if !errors.As(err, &invalid) {
			t.Fatalf("%T: %v", err, err)
		}
		found[invalid.Field] = invalid.Problem
	}
	gather(err)
	return found
}

func FuzzParseManifest(f *testing.F) {
	for _, seed := range []string{
		`{"model_version":"1.0","extension":{"id":"com.example.notes","name":"Notes","version":"1","permissions":["read:issues"]},"x":[1e400,{"a":null}]}`,
		"model_version: \"1.0\"\nextension:\n  id: a.b\n  name: >\n    A\n  version: !!str 1\n  permissions:\n  - issues\nn: [.nan, 0o7, 2031-01-31, !!binary aGk=]\n",
		"a: &a {b: *a}\n<<: *a\n", "%YAML 1.2\n---\n\"\\uD83D\": '\\x00'\n", "? - ? : -\n", `{"a":{"a":1},"a":2}`, "\ufeff- !<tag:x> 1",
	} {
		f.Add([]byte(seed))
	}
	all := catalogue(f)
	fieldOf := regexp.MustCompile(`(?s)^manifest(\.|\[|$)`)
	f.Fuzz(func(t *testing.T, document []byte) {
		m, err := ParseManifest(document, all)
		if err != nil {
			for field, problem := range mistakesOf(t, err) {
				if !fieldOf.MatchString(field) || problem == "" {
					t.Errorf("%q: %q", field, problem)
				}
			}
			return
		}
		if err := sound(m, all); err != nil {
			t.Error(err)
		}
		if len(m.Document) > longestDocument {
			return // escaped, it is longer than what it was read from
		}
		again, err := ParseManifest(m.Document, all)
		if diff := cmp.Diff(m, again); err != nil || diff != "" {
			t.Errorf("what is kept reads differently: %v\n%s", err, diff)
		}
	})
}

// sound checks what is promised of every manifest that is accepted.
func sound(m Manifest, all storage.Catalogue) error {
	if _, numeric := number(m.ID); numeric || !extensionID.MatchString(m.ID) {
		return fmt.Errorf("id %q", m.ID)
	}
	if len(all.Unknown(m.Permissions)) > 0 || m.Permissions.Covers(storage.ScopeAdmin) {
		return fmt.Errorf("permissions %q", m.Permissions)
	}
	if !json.Valid(m.Document) || m.Document[0] != '{' {
		return fmt.Errorf("document %q", m.Document)
	}
	return errors.Join(storage.CheckName("name", m.Name), storage.CheckName("version", m.Version))
}
