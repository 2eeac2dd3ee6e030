package integration

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// attempts is the client of tests that ask from many goroutines, or expect to be
// refused: it keeps connections, and what goes wrong is an error rather than the
// end of the test.
var attempts = &http.Client{
	Timeout:   25 * time.Second,
	Transport: &http.Transport{MaxIdleConnsPerHost: 64},
}

// attempt posts a form as [instance.post] does and returns what went wrong.
func (i *instance) attempt(ctx context.Context, path string, c credentials, parameters ...string) (answer, error) {
	form := url.Values{}
	for n := 0; n+1 < len(parameters); n += 2 {
		form.Add(parameters[n], parameters[n+1])
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, i.base+path, strings.NewReader(form.Encode()))
	if err != nil {
		return answer{}, err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if c.id != "" {
		r.SetBasicAuth(c.id, c.secret)
	}
	return attemptRequest(r)
}

func attemptRequest(r *http.Request) (answer, error) {
	response, err := attempts.Do(r)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	return answer{response.StatusCode, response.Header, string(body)}, err
}

// attemptToken fetches an access token.
func (i *instance) attemptToken(ctx context.Context, c credentials, parameters ...string) (string, error) {
	a, err := i.attempt(ctx, "/oauth/token", c, append([]string{"grant_type", "client_credentials"}, parameters...)...)
	if err != nil {
		return "", err
	}
	var issued struct {
		AccessToken string `json:"access_token"`
	}
	if err := json.Unmarshal([]byte(a.body), &issued); err != nil || a.status != http.StatusOK || issued.AccessToken == "" {
		return "", fmt.Errorf("token endpoint: %d %s", a.status, a.body)
	}
	return issued.AccessToken, nil
}

// attemptActive asks about a token as the default resource server.
func (i *instance) attemptActive(ctx context.Context, token string, parameters ...string) (bool, error) {
	a, err := i.attempt(ctx, "/oauth/introspect", i.resourceServer(), append([]string{"token", token}, parameters...)...)
	if err != nil {
		return false, err
	}
	var seen struct{ Active *bool }
	if err := json.Unmarshal([]byte(a.body), &seen); err != nil || a.status != http.StatusOK || seen.Active == nil {
		return false, fmt.Errorf("introspection: %d %s", a.status, a.body)
	}
	return *seen.Active, nil
}

// attemptRevoke revokes a token; no error means that it is done.
func (i *instance) attemptRevoke(ctx context.Context, c credentials, token string) error {
	a, err := i.attempt(ctx, "/oauth/revoke", c, "token", token)
	if err == nil && a.status != http.StatusOK {
		err = fmt.Errorf("revocation: %d %s", a.status, a.body)
	}
	return err
}
