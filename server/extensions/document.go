package extensions

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
	"go.yaml.in/yaml/v4/plugin/loaderlimits"

	"kiket.dev/auth/storage"
)

const (
	longestDocument = 64 << 10 // bytes
	deepestDocument = 32
	// mostMistakes is how many mistakes of a document are told at once.
	mostMistakes = 20
)

// reader makes the values of encoding/json of a document and notes what is wrong
// with it. Numbers are kept as they are written.
type reader struct{ mistakes []error }

func (r *reader) mistake(path, format string, args ...any) {
	if len(r.mistakes) < mostMistakes {
		r.mistakes = append(r.mistakes, storage.Invalidf(path, format, args...))
	}
}

// readDocument reads JSON or YAML. Path is what the outside calls the document.
func readDocument(path string, document []byte) (any, error) {
	r := &reader{}
	trimmed := bytes.TrimSpace(document)
	var root any
	switch {
	case len(trimmed) == 0:
		r.mistake(path, "is missing")
	case len(document) > longestDocument:
		r.mistake(path, "longer than %d bytes", longestDocument)
	case !utf8.Valid(document):
		r.mistake(path, "not valid UTF-8")
	case trimmed[0] == '{' && json.Valid(trimmed):
		decoder := json.NewDecoder(bytes.NewReader(trimmed))
		decoder.UseNumber()
		root = r.json(path, decoder, 0)
	default:
		root = r.yamlDocument(path, document)
	}
	return root, errors.Join(r.mistakes...)
}

// json reads the next value, of which it is known that it is valid.
func (r *reader) json(path string, decoder *json.Decoder, depth int) any {
	if depth > deepestDocument {
		r.mistake(path, "nested too deep")
		_ = decoder.Decode(&json.RawMessage{})
		return nil
	}
	token, err := decoder.Token()
	if err != nil {
		r.mistake(path, "not valid JSON")
		return nil
	}
	switch token {
	case json.Delim('{'):
		object := map[string]any{}
		for decoder.More() {
			name, _ := decoder.Token()
			key, _ := name.(string)
			inner := member(path, key)
			if _, twice := object[key]; twice {
				r.mistake(inner, "is there twice")
			}
			object[key] = r.json(inner, decoder, depth+1)
		}
		_, _ = decoder.Token()
		return object
	case json.Delim('['):
		items := []any{}
		for decoder.More() {
			items = append(items, r.json(item(path, len(items)), decoder, depth+1))
		}
		_, _ = decoder.Token()
		return items
	}
	return token
}

func (r *reader) yamlDocument(path string, document []byte) any {
	var node yaml.Node
	limits := yaml.WithPlugin(loaderlimits.New(loaderlimits.DepthValue(deepestDocument)))
	if err := yaml.Load(document, &node, limits); err != nil {
		r.mistake(path, "%s", yamlProblem(err))
		return nil
	}
	if len(node.Content) != 1 {
		r.mistake(path, "is missing")
		return nil
	}
	return r.yaml(path, node.Content[0])
}

// yamlProblem says what is wrong in the words of the scanner, which do not quote
// more than a character.
func yamlProblem(err error) string {
	var broken *yaml.LoadError
	if !errors.As(err, &broken) || broken.Stage == yaml.ConstructorStage { // which finds no more documents than one
		return "want a single document of YAML or JSON"
	}
	text := "not valid YAML"
	if broken.Mark.Line > 0 { // the reader of characters counts none
		text = fmt.Sprintf("%s, line %d", text, broken.Mark.Line)
	}
	switch broken.Stage {
	case yaml.ScannerStage, yaml.ParserStage, yaml.ReaderStage:
		return text + ": " + broken.Message
	default:
		return text
	}
}

func (r *reader) yaml(path string, node *yaml.Node) any {
	if node.Kind == yaml.AliasNode || node.Anchor != "" {
		r.mistake(path, "anchors and aliases are not accepted")
		return nil
	}
	switch tag := node.ShortTag(); {
	case node.Kind == yaml.MappingNode && tag == "!!map":
		return r.yamlMapping(path, node.Content)
	case node.Kind == yaml.SequenceNode && tag == "!!seq":
		items := make([]any, 0, len(node.Content))
		for n, inner := range node.Content {
			items = append(items, r.yaml(item(path, n), inner))
		}
		return items
	case node.Kind == yaml.ScalarNode:
		return r.yamlScalar(path, tag, node)
	}
	r.mistake(path, "tags are not accepted")
	return nil
}

// yamlMapping reads keys and values, which alternate.
func (r *reader) yamlMapping(path string, nodes []*yaml.Node) any {
	object := map[string]any{}
	for n := 0; n+1 < len(nodes); n += 2 {
		key, value := nodes[n], nodes[n+1]
		if key.Kind != yaml.ScalarNode || key.Anchor != "" {
			r.mistake(path, "want names that are plain text, line %d", key.Line)
			continue
		}
		inner := member(path, key.Value)
		if _, twice := object[key.Value]; twice {
			r.mistake(inner, "is there twice")
		}
		object[key.Value] = r.yaml(inner, value)
	}
	return object
}

var jsonNumber = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?$`)

func (r *reader) yamlScalar(path, tag string, node *yaml.Node) any {
	switch tag {
	case "!!str", "!!timestamp", "!!binary", "!!merge":
		return node.Value
	case "!!null":
		return nil
	case "!!int", "!!float":
		if jsonNumber.MatchString(node.Value) {
			return json.Number(node.Value)
		}
	case "!!bool":
	default:
		r.mistake(path, "tags are not accepted")
		return nil
	}
	var value any
	if err := node.Decode(&value); err != nil {
		r.mistake(path, "not what its tag says")
		return nil
	}
	if _, err := json.Marshal(value); err != nil { // JSON has no infinity
		return node.Value
	}
	return value
}

// longestPath is how much of the place of a mistake is told, in bytes.
const longestPath = 200

func member(path, name string) string {
	if len(path)+len(name) >= longestPath {
		return path
	}
	return path + "." + name
}

func item(path string, n int) string { return fmt.Sprintf("%s[%d]", path, n) }
