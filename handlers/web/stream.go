package web

import "net/http"

// Stream lets an answer write itself, and reports whether it has begun when it fails: if
// so, the caller cuts it off, so that nobody takes what has come for all of it, and
// otherwise answers as with any error.
func Stream(w http.ResponseWriter, write func(http.ResponseWriter) error) (begun bool, err error) {
	watched := &watchedResponse{ResponseWriter: w}
	err = write(watched)
	return watched.wrote, err
}

// watchedResponse knows whether anything was written.
type watchedResponse struct {
	http.ResponseWriter
	wrote bool
}

// WriteHeader implements [http.ResponseWriter].
func (w *watchedResponse) WriteHeader(status int) {
	w.wrote = true
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap is for [http.ResponseController].
func (w *watchedResponse) Unwrap() http.ResponseWriter { return w.ResponseWriter }
