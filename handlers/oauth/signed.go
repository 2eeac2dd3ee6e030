package oauth

import (
	"mime"
	"net/http"
	"strconv"
	"strings"

	"kiket.dev/auth/server/provider"
)

// An answer about a token can be had signed (RFC 9701), so that a resource server
// can show to others what it was told.
const (
	typeSignedIntrospection  = "token-introspection+jwt"
	mediaSignedIntrospection = "application/" + typeSignedIntrospection
)

// signedIntrospection are the claims of RFC 9701 section 5. There is neither sub
// nor exp, so that nobody takes it for a token.
type signedIntrospection struct {
	Issuer   string   `json:"iss"`
	Audience []string `json:"aud"`
	IssuedAt int64    `json:"iat"`
	Answer   any      `json:"token_introspection"`
}

// tell answers with what is known of a token, in the form that was asked for.
func (e *Endpoints) tell(w http.ResponseWriter, r *http.Request, seen provider.Introspection, known any) {
	if !prefersSigned(r.Header.Values("Accept")) {
		answer(w, http.StatusOK, known)
		return
	}
	signed, _, err := e.Ring.Sign(r.Context(), typeSignedIntrospection, signedIntrospection{
		Issuer: e.Issuer, Audience: seen.Audience, IssuedAt: e.Clock().Unix(), Answer: known,
	})
	if err != nil {
		e.fail(w, r, err)
		return
	}
	header(w)
	w.Header().Set("Content-Type", mediaSignedIntrospection)
	_, _ = w.Write([]byte(signed))
}

// prefersSigned reports whether the signed form was asked for by name and the plain
// one is not preferred to it (RFC 9110 section 12.5.1). Who names neither, or what
// nobody has, gets JSON.
func prefersSigned(accept []string) bool {
	signed, plain := 0.0, 0.0
	plainBy := 0 // how exactly the plain form has been named so far
	for part := range strings.SplitSeq(strings.Join(accept, ","), ",") {
		media, parameters, err := mime.ParseMediaType(part)
		if err != nil {
			continue
		}
		quality := 1.0
		if text, ok := parameters["q"]; ok {
			if quality, err = strconv.ParseFloat(text, 64); err != nil || quality < 0 || quality > 1 {
				continue
			}
		}
		exactness := map[string]int{"application/json": 3, "application/*": 2, "*/*": 1}[media]
		switch {
		case media == mediaSignedIntrospection:
			signed = max(signed, quality)
		case exactness > plainBy:
			plain, plainBy = quality, exactness
		}
	}
	return signed > 0 && signed >= plain
}
