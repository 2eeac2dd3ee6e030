package integration

import (
	"bytes"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"

	"kiket.dev/auth/handlers/web"
)

// RFC 6749 section 3.2: how a request has to be written, alike at all endpoints.
func checkRequests(t *testing.T, i *instance) {
	application := i.application("issues")
	for _, path := range oauthPaths {
		checkForms(t, i, path, application)
		checkContentTypes(t, i, path, application)
		checkSizes(t, i, path, application)
		checkNotAllowed(t, i, path)
	}
	for _, path := range []string{"/oauth", "/oauth/", "/oauth/token/", "/oauth/tokens", "/OAuth/Token"} {
		checkRefused(t, i.postRaw(t, path, complete, "Authorization", basic(application.id, application.secret)), refusal{Status: 404, Code: "invalid_request"})
	}
}

// checkForms sends forms that are good, and forms that are not.
func checkForms(t *testing.T, i *instance, path string, c credentials) {
	t.Helper()
	genuine := []string{"Authorization", basic(c.id, c.secret)}
	for name, tt := range map[string]struct {
		query, body string
		good        bool
	}{
		"complete":                               {body: complete, good: true},
		"unknown parameters":                     {body: complete + "&audience=x&redirect_uri=y&%00=%ff&state", good: true},
		"empty parameters":                       {body: complete + "&scope=&token_type_hint=&client_secret=&x=", good: true},
		"separators with nothing between":        {body: "&&" + complete + "&&", good: true},
		"grant, token and scope in the query":    {query: "?grant_type=password&token=x&scope=nonsense&client_id=x", body: complete, good: true},
		"a query that is none":                   {query: "?%zz;&=", body: complete, good: true},
		"an access_token, here and there":        {query: "?access_token=x", body: complete + "&access_token=y", good: true},
		"nothing":                                {body: ""},
		"the form in the query":                  {query: "?" + complete, body: ""},
		"empty values alone":                     {body: "grant_type=&token="},
		"JSON":                                   {body: `{"grant_type":"client_credentials","token":"x"}`},
		"grant_type twice":                       {body: complete + "&grant_type=client_credentials"},
		"token twice":                            {body: complete + "&token=x"},
		"scope twice":                            {body: complete + "&scope=issues&scope=issues"},
		"scope twice, once empty":                {body: complete + "&scope=issues&scope="},
		"scope twice, both empty":                {body: complete + "&scope=&scope="},
		"token_type_hint twice":                  {body: complete + "&token_type_hint=access_token&token_type_hint=access_token"},
		"client_id twice":                        {body: complete + "&client_id=" + c.id + "&client_id=" + c.id},
		"an unknown one twice":                   {body: complete + "&x=1&x=2"},
		"twice by another spelling":              {body: complete + "&gr%61nt_type=client_credentials&t%6fken=x"},
		"a bad escape in a value":                {body: complete + "&scope=%zz"},
		"a bad escape in a name":                 {body: complete + "&%zz=x"},
		"an escape that ends early":              {body: complete + "&scope=%2"},
		"a semicolon":                            {body: complete + "&a=b;c"},
		"a semicolon between what is understood": {body: strings.Replace(complete, "&", ";", 1) + "&grant_type=client_credentials&token=x"},
	} {
		t.Run(endpoint(path)+" with "+name, func(t *testing.T) {
			a := i.postRaw(t, path+tt.query, tt.body, genuine...)
			if !tt.good {
				checkRefused(t, a, invalidRequest)
				return
			}
			checkUncached(t, a)
			if a.status != http.StatusOK {
				t.Errorf("answered %d %s", a.status, a.body)
			}
		})
	}
}

// checkContentTypes sends the same form under many names.
func checkContentTypes(t *testing.T, i *instance, path string, c credentials) {
	t.Helper()
	for contentType, good := range map[string]bool{
		"application/x-www-form-urlencoded":                  true,
		"application/x-www-form-urlencoded; charset=UTF-8":   true,
		"Application/X-WWW-Form-URLEncoded;charset=\"utf8\"": true,
		"":                                   false,
		"application/json":                   false,
		"text/plain":                         false,
		"application/octet-stream":           false,
		"application/x-www-form-urlencoded2": false,
		"application/x-www-form-urlencoded, text/plain": false,
		"multipart/form-data":                           false,
	} {
		t.Run(fmt.Sprintf("%s as %q", endpoint(path), contentType), func(t *testing.T) {
			headers := []string{"Authorization", basic(c.id, c.secret)}
			if contentType != "" {
				headers = append(headers, "Content-Type", contentType)
			}
			a := do(t, i.request(http.MethodPost, path, complete, headers...))
			if !good {
				checkRefused(t, a, invalidRequest)
			} else if a.status != http.StatusOK {
				t.Errorf("answered %d %s", a.status, a.body)
			}
		})
	}
	t.Run(endpoint(path)+" as multipart", func(t *testing.T) {
		var body bytes.Buffer
		parts := multipart.NewWriter(&body)
		for name, value := range map[string]string{"grant_type": "client_credentials", "token": "x", "client_id": c.id, "client_secret": c.secret} {
			if err := parts.WriteField(name, value); err != nil {
				t.Fatal(err)
			}
		}
		if err := parts.Close(); err != nil {
			t.Fatal(err)
		}
		checkRefused(t, do(t, i.request(http.MethodPost, path, body.String(), "Content-Type", parts.FormDataContentType())), invalidRequest)
	})
}

// checkSizes sends a body as large as may be, and one that is larger by a byte,
// with and without saying so beforehand.
func checkSizes(t *testing.T, i *instance, path string, c credentials) {
	t.Helper()
	tooLarge := refusal{Status: 413, Code: "invalid_request"}
	fill := func(size int) string {
		body := complete + "&x="
		return body + strings.Repeat("a", size-len(body))
	}
	if web.MaxBody != 64<<10 {
		t.Fatalf("the limit is %d", web.MaxBody)
	}
	for _, chunked := range []bool{false, true} {
		send := func(body string, headers ...string) answer {
			r := i.request(http.MethodPost, path, body, append(headers, "Content-Type", "application/x-www-form-urlencoded")...)
			if chunked {
				r.Body, r.ContentLength = io.NopCloser(strings.NewReader(body)), -1
			}
			return do(t, r)
		}
		genuine := basic(c.id, c.secret)
		if a := send(fill(web.MaxBody), "Authorization", genuine); a.status != http.StatusOK {
			t.Errorf("%s with 64 KiB (chunked: %t): answered %d %s", path, chunked, a.status, a.body)
		}
		t.Run(fmt.Sprintf("%s with more than 64 KiB (chunked: %t)", endpoint(path), chunked), func(t *testing.T) {
			checkRefused(t, send(fill(web.MaxBody+1), "Authorization", genuine), tooLarge)
			checkRefused(t, send(fill(web.MaxBody+1)), tooLarge) // whoever asks
		})
	}
}

// checkNotAllowed tries every method but POST.
func checkNotAllowed(t *testing.T, i *instance, path string) {
	t.Helper()
	for _, method := range []string{"GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "post"} {
		t.Run(method+" "+endpoint(path), func(t *testing.T) {
			a := do(t, i.request(method, path, "", "Content-Type", "application/x-www-form-urlencoded"))
			if allow := a.header.Values("Allow"); len(allow) != 1 || allow[0] != "POST" {
				t.Errorf("Allow: %q", allow)
			}
			if method == "HEAD" {
				checkUncached(t, a)
				if a.status != http.StatusMethodNotAllowed || a.body != "" {
					t.Errorf("answered %d %q", a.status, a.body)
				}
				return
			}
			checkRefused(t, a, refusal{Status: 405, Code: "invalid_request"})
		})
	}
}
