package config

import (
	"errors"
	"os"
	"strings"

	"go.yaml.in/yaml/v4"
)

// readFile takes what the YAML file gives: one mapping from names to values.
func (l *loader) readFile(path string) {
	content, err := os.ReadFile(path)
	if err != nil {
		l.mistake("", Source{File: path}, "reading the configuration: %w", err)
		return
	}
	l.readYAML(path, content)
}

func (l *loader) readYAML(path string, content []byte) {
	var documents []yaml.Node
	if err := yaml.Load(content, &documents, yaml.WithAllDocuments()); err != nil {
		line, err := syntaxError(err)
		l.mistake("", Source{File: path, Line: line}, "%w", err)
		return
	}
	if len(documents) == 0 || isEmptyDocument(documents) {
		return
	}
	if len(documents) > 1 {
		l.mistake("", Source{File: path, Line: documents[1].Line}, "want one YAML document, got %d", len(documents))
		return
	}
	root := documents[0].Content[0]
	if root.Kind != yaml.MappingNode {
		l.mistake("", Source{File: path, Line: root.Line}, "want a mapping of names to values, got %s", describe(root))
		return
	}
	l.readMapping(path, root.Content)
}

// isEmptyDocument reports whether there is nothing but comments.
func isEmptyDocument(documents []yaml.Node) bool {
	return len(documents) == 1 && (len(documents[0].Content) == 0 || documents[0].Content[0].ShortTag() == "!!null")
}

// syntaxError gives the line and the scanner's words for it. Words of the
// composer are left out, since they quote the file, in which there are secrets.
func syntaxError(err error) (int, error) {
	var broken *yaml.LoadError
	if !errors.As(err, &broken) {
		return 0, errors.New("not valid YAML")
	}
	switch broken.Stage {
	case yaml.ScannerStage, yaml.ParserStage, yaml.ReaderStage:
		return broken.Mark.Line, errors.New("not valid YAML: " + broken.Message)
	case yaml.ComposerStage:
		return broken.Mark.Line, errors.New("not valid YAML: a value that begins with * or & must be quoted")
	default:
		return broken.Mark.Line, errors.New("not valid YAML")
	}
}

// readMapping walks the keys and values, which alternate.
func (l *loader) readMapping(path string, nodes []*yaml.Node) {
	settings := map[string]Setting{}
	var names []string
	for _, s := range l.settings {
		settings[s.Name] = s
		names = append(names, s.Name)
		if s.Secret {
			names = append(names, s.Name+fileSuffix)
		}
	}
	seen := map[string]int{}
	for i := 0; i+1 < len(nodes); i += 2 {
		key, value := nodes[i], nodes[i+1]
		g := given{name: key.Value, source: Source{File: path, Line: key.Line}}
		s, ok := settings[key.Value]
		if !ok {
			s, g.isFile = settings[strings.TrimSuffix(key.Value, fileSuffix)]
		}
		if key.Kind != yaml.ScalarNode {
			l.mistake("", g.source, "want the name of a setting, got %s", describe(key))
			continue
		}
		if !ok && (!g.isFile || !s.Secret) {
			l.mistake(g.name, g.source, "unknown key%s", didYouMean(g.name, names))
			continue
		}
		if line, twice := seen[g.name]; twice {
			l.mistake(g.name, g.source, "is given twice, first on line %d", line)
			l.failed[s.Name] = true
			continue
		}
		seen[g.name] = key.Line
		l.readNode(s, g, value)
	}
}

// readNode takes the value of a setting if it is of the right type.
func (l *loader) readNode(s Setting, g given, value *yaml.Node) {
	want := s.kind
	if g.isFile {
		want = text
	}
	content, wrong := nodeText(want, value)
	if wrong != "" {
		l.mistake(g.name, g.source, "%s", wrong)
		l.failed[s.Name] = true
		return
	}
	g.text = content
	l.take(s, g)
}

// nodeText returns the text of a value, or what is wrong with its type.
func nodeText(want kind, value *yaml.Node) (content, wrong string) {
	tag := value.ShortTag()
	switch {
	case value.Kind == yaml.ScalarNode && tag == "!!null":
		return "", "has no value: give one, or leave the key out for the default"
	case value.Kind == yaml.SequenceNode && want == list:
		return sequenceText(value.Content)
	case value.Kind == yaml.ScalarNode && acceptsTag(want, tag):
		return value.Value, ""
	}
	return "", "want " + want.String() + ", got " + describe(value)
}

// acceptsTag reports whether a scalar may stand for what is wanted. A duration
// may be the number 0; other numbers are refused later, for want of a unit.
func acceptsTag(want kind, tag string) bool {
	switch want {
	case integer:
		return tag == "!!int"
	case duration:
		return tag == "!!str" || tag == "!!int"
	default:
		return tag == "!!str"
	}
}

func sequenceText(items []*yaml.Node) (content, wrong string) {
	texts := make([]string, len(items))
	for i, item := range items {
		if item.Kind != yaml.ScalarNode || item.ShortTag() != "!!str" {
			return "", "want " + list.String() + ", got " + describe(item) + " in it"
		}
		texts[i] = item.Value
	}
	return strings.Join(texts, ","), ""
}

func (k kind) String() string {
	switch k {
	case integer:
		return "a whole number"
	case duration:
		return "a duration such as 15m"
	case list:
		return "a list of strings"
	default:
		return "a string"
	}
}

// describe says what a node is without showing what it holds.
func describe(node *yaml.Node) string {
	switch node.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	case yaml.AliasNode:
		return "an alias (a value that begins with * must be quoted)"
	case yaml.ScalarNode:
		return describeScalar(node.ShortTag())
	default:
		return "something else"
	}
}

func describeScalar(tag string) string {
	switch tag {
	case "!!str":
		return "a string"
	case "!!int", "!!float":
		return "a number"
	case "!!bool":
		return "true or false"
	case "!!timestamp":
		return "a date"
	case "!!null":
		return "nothing"
	}
	return "a value with a tag"
}
