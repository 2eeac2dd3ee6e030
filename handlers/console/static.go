package console

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"net/http"
	"path"
	"strings"
	"time"

	"github.com/gorilla/mux"
)

//go:embed static
var static embed.FS

// staticFiles are the embedded files by the name they are served under, which changes
// with their content so that browsers may keep them for ever.
var staticFiles, staticNames = nameFiles()

func nameFiles() (contents map[string][]byte, names map[string]string) {
	contents, names = map[string][]byte{}, map[string]string{}
	entries, err := static.ReadDir("static")
	if err != nil {
		panic(err) // they are embedded
	}
	for _, entry := range entries {
		content, err := static.ReadFile("static/" + entry.Name())
		if err != nil {
			panic(err)
		}
		sum := sha256.Sum256(content)
		ending := path.Ext(entry.Name())
		name := strings.TrimSuffix(entry.Name(), ending) + "." + hex.EncodeToString(sum[:6]) + ending
		contents[name], names[entry.Name()] = content, Base+"/static/"+name
	}
	return contents, names
}

func serveStatic(w http.ResponseWriter, r *http.Request) {
	name := mux.Vars(r)["name"]
	content, found := staticFiles[name]
	w.Header().Set("Cross-Origin-Resource-Policy", "same-origin")
	if !found {
		w.Header().Set("Cache-Control", "no-store")
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(content))
}
