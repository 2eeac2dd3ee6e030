package api

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html/template"
	"strings"
	"sync"

	"go.yaml.in/yaml/v4"
)

var (
	//go:embed reference.html
	referencePage string
	//go:embed reference.css
	referenceStyle string
)

// reference is what the readable page shows of the description.
type reference struct {
	Info struct {
		Title       string `yaml:"title"`
		Description string `yaml:"description"`
	} `yaml:"info"`
	Tags []struct {
		Name        string `yaml:"name"`
		Description string `yaml:"description"`
	} `yaml:"tags"`
	Paths    yaml.Node `yaml:"paths"` // in the order in which they are written
	Problems []struct {
		Code    string `yaml:"code"`
		Status  int    `yaml:"status"`
		Meaning string `yaml:"meaning"`
	} `yaml:"x-problems"`

	Components struct {
		Parameters map[string]parameter `yaml:"parameters"`
	} `yaml:"components"`

	Operations map[string][]operation `yaml:"-"` // by tag
}

// operation is one method on one path.
type operation struct {
	Method, Path string
	Tags         []string    `yaml:"tags"`
	Summary      string      `yaml:"summary"`
	Description  string      `yaml:"description"`
	Permission   string      `yaml:"x-permission"`
	Parameters   []parameter `yaml:"parameters"`
	RequestBody  content     `yaml:"requestBody"`
	Responses    map[string]response
}

type parameter struct {
	Ref         string `yaml:"$ref"`
	Name        string `yaml:"name"`
	In          string `yaml:"in"`
	Description string `yaml:"description"`
}

type response struct {
	Ref         string `yaml:"$ref"`
	Description string `yaml:"description"`
	content     `yaml:",inline"`
}

type content struct {
	Content map[string]struct {
		Example any `yaml:"example"`
	} `yaml:"content"`
}

// Example returns an example of the JSON content, "" if there is none.
func (c content) Example() (string, error) {
	for _, media := range c.Content {
		if media.Example != nil {
			text, err := json.MarshalIndent(media.Example, "", "  ")
			return string(text), err
		}
	}
	return "", nil
}

// Anchor is where the operation is on the page.
func (o operation) Anchor() string {
	return strings.ToLower(o.Method) + strings.NewReplacer("/", "-", "{", "", "}", "").Replace(o.Path)
}

// readReference reads the description for the page.
func readReference(text []byte) (reference, error) {
	var r reference
	if err := yaml.Unmarshal(text, &r); err != nil {
		return r, err
	}
	r.Operations = map[string][]operation{}
	for i := 0; i+1 < len(r.Paths.Content); i += 2 {
		path, item := r.Paths.Content[i].Value, r.Paths.Content[i+1]
		var shared []parameter
		for k := 0; k+1 < len(item.Content); k += 2 {
			if item.Content[k].Value == "parameters" {
				if err := item.Content[k+1].Decode(&shared); err != nil {
					return r, err
				}
				continue
			}
			o := operation{Method: strings.ToUpper(item.Content[k].Value), Path: path}
			if err := item.Content[k+1].Decode(&o); err != nil {
				return r, fmt.Errorf("%s %s: %w", o.Method, path, err)
			}
			o.Parameters = r.resolve(append(shared, o.Parameters...))
			for _, tag := range o.Tags {
				r.Operations[tag] = append(r.Operations[tag], o)
			}
		}
	}
	return r, nil
}

// resolve follows the references among the parameters.
func (r reference) resolve(parameters []parameter) []parameter {
	resolved := make([]parameter, 0, len(parameters))
	for _, p := range parameters {
		if name, found := strings.CutPrefix(p.Ref, "#/components/parameters/"); found {
			p = r.Components.Parameters[name]
		}
		resolved = append(resolved, p)
	}
	return resolved
}

// referenceHTML returns the page, which is the same for everybody.
var referenceHTML = sync.OnceValues(func() ([]byte, error) {
	r, err := readReference(description)
	if err != nil {
		return nil, fmt.Errorf("reading the API's description: %w", err)
	}
	page, err := template.New("reference").Parse(referencePage)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	err = page.Execute(&out, map[string]any{"API": r, "Base": Base, "Style": template.CSS(referenceStyle)})
	return out.Bytes(), err
})

// referencePolicy lets the page's own style in and nothing else.
var referencePolicy = sync.OnceValue(func() string {
	sum := sha256.Sum256([]byte(referenceStyle))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
})

func (a *API) reference(c *call) (reply, error) {
	page, err := referenceHTML()
	if err != nil {
		return reply{}, err
	}
	c.response.Header().Set("Content-Security-Policy", referencePolicy())
	return reply{status: 200, page: page}, nil
}
