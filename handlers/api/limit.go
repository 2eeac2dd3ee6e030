package api

import (
	"fmt"
	"net/http"
	"strconv"
	"time"

	"kiket.dev/auth/server/access"
	"kiket.dev/auth/server/requests"
)

// limitedError says that a budget is spent.
type limitedError struct{ wait time.Duration }

func (e *limitedError) Error() string {
	return fmt.Sprintf("too many requests, try again in %s", e.wait.Round(time.Second))
}

// spendHere counts a request of somebody unknown by its address.
func (a *API) spendHere(w http.ResponseWriter, origin access.Origin) error {
	return within(w, a.Server.Budgets.SpendHere(origin.Address))
}

// within tells the caller how its budget stands.
func within(w http.ResponseWriter, s requests.Standing) error {
	header := w.Header()
	header.Set("X-RateLimit-Limit", strconv.FormatInt(s.Limit, 10))
	header.Set("X-RateLimit-Remaining", strconv.FormatInt(s.Remaining, 10))
	header.Set("X-RateLimit-Reset", strconv.FormatInt(s.Reset.Unix(), 10))
	if s.Exceeded {
		return &limitedError{wait: s.Wait}
	}
	return nil
}
