package api

import (
	"context"
	"encoding/base64"
	"errors"
	"mime"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"kiket.dev/auth/handlers/web"
	"kiket.dev/auth/server"
	"kiket.dev/auth/server/access"
	"kiket.dev/auth/storage"
)

// auditFilters are the parameters that say which audit events are meant.
var auditFilters = []string{"action", "actor", "target", "since", "until"}

var auditEventEndpoints = []endpoint{
	{method: http.MethodGet, path: "/audit_events", permission: admin, handle: (*API).listAuditEvents, parameters: append(pages[:len(pages):len(pages)], auditFilters...)},
	{method: http.MethodGet, path: "/audit_events/export", permission: admin, handle: (*API).exportAuditEvents, parameters: append([]string{"format"}, auditFilters...)},
	{method: http.MethodGet, path: "/audit_events/chain", permission: admin, handle: (*API).getAuditChain},
	{method: http.MethodGet, path: "/audit_events/{id:[0-9]+}", permission: admin, handle: (*API).getAuditEvent},
}

func (a *API) listAuditEvents(c *call) (reply, error) {
	filter, errFilter := c.auditFilter()
	limit, errLimit := c.limit()
	after, errAfter := readAuditCursor(c.query.Get("cursor"))
	if err := errors.Join(errFilter, errLimit, errAfter); err != nil {
		return reply{}, err
	}
	events, err := a.Server.Log.Events(c.context(), c.caller, filter, storage.AuditPage{After: after, Limit: limit + 1})
	if err != nil {
		return reply{}, err
	}
	var next *string
	if len(events) > limit {
		events = events[:limit]
		text := auditCursor(events[limit-1])
		next = &text
	}
	rendered := make([]auditEventBody, 0, len(events))
	for _, e := range events {
		rendered = append(rendered, renderAuditEvent(e))
	}
	return ok(listBody{"audit_events", rendered, next}), nil
}

func (a *API) getAuditEvent(c *call) (reply, error) {
	event, err := a.Server.Log.Event(c.context(), c.caller, c.organization(), c.id("id"))
	if err != nil {
		return reply{}, err
	}
	return ok(renderAuditEvent(event)), nil
}

func (a *API) getAuditChain(c *call) (reply, error) {
	chain, err := a.Server.Log.Chain(c.context(), c.caller, c.organization())
	if err != nil {
		return reply{}, err
	}
	type checkpointBody struct {
		Sequence  int64      `json:"sequence"`
		CreatedAt *time.Time `json:"created_at"`
		Statement string     `json:"statement"`
	}
	type verificationBody struct {
		Sequence int64      `json:"sequence"`
		At       *time.Time `json:"verified_at"`
		AllAt    *time.Time `json:"all_verified_at"`
		Findings int64      `json:"findings"`
	}
	body := struct {
		Sealed       int64             `json:"sealed_through"`
		Hash         *string           `json:"hash"`
		Unsealed     int64             `json:"unsealed"`
		Removed      int64             `json:"removed_through"`
		Checkpoint   *checkpointBody   `json:"checkpoint"`
		Verification *verificationBody `json:"verification"`
	}{Sealed: chain.Sequence, Hash: orNull(base64.RawURLEncoding.EncodeToString(chain.Hash)), Unsealed: chain.Unsealed, Removed: chain.BaseSequence}
	if chain.Statement != "" {
		body.Checkpoint = &checkpointBody{chain.Checkpoint, moment(chain.CheckpointedAt), chain.Statement}
	}
	if v := chain.Verified; !v.At.IsZero() {
		body.Verification = &verificationBody{v.Sequence, moment(v.At), moment(v.FullAt), int64(len(v.Findings)) + v.More}
	}
	return ok(body), nil
}

// exportTimeout bounds an export, and batchTimeout how long a client may take to read
// some of it.
const (
	exportTimeout = 10 * time.Minute
	batchTimeout  = 30 * time.Second
)

func (a *API) exportAuditEvents(c *call) (reply, error) {
	filter, errFilter := c.auditFilter()
	format, errFormat := c.auditFormat()
	if err := errors.Join(errFilter, errFormat); err != nil {
		return reply{}, err
	}
	return reply{stream: func(w http.ResponseWriter) error {
		return ExportAuditEvents(c.context(), w, a.Server, c.caller, filter, format)
	}}, nil
}

// ExportAuditEvents answers with all events that the filter names, for which it takes as
// long as it takes, within bounds. It returns access.ErrDenied, before anything is
// written.
func ExportAuditEvents(ctx context.Context, w http.ResponseWriter, s *server.Server, caller access.Caller, filter storage.AuditFilter, format AuditFormat) error {
	ctx, cancel := web.Longer(ctx, exportTimeout)
	defer cancel()
	if filter.Until.IsZero() { // what comes meanwhile is for the next
		filter.Until = s.Clock().Add(time.Second)
	}
	media := map[AuditFormat]string{NDJSON: "application/x-ndjson", CSV: "text/csv; charset=utf-8; header=present"}[format]
	out := &export{response: w, control: http.NewResponseController(w), format: format, media: media}
	return s.Log.Export(ctx, caller, filter, out.write)
}

// export is an answer that goes out while it is being read.
type export struct {
	response http.ResponseWriter
	control  *http.ResponseController
	format   AuditFormat
	media    string
	writer   *AuditWriter // nil before the first batch
}

func (e *export) write(events []storage.AuditEvent) error {
	if err := e.control.SetWriteDeadline(time.Now().Add(batchTimeout)); err != nil {
		return err
	}
	if e.writer == nil {
		header := e.response.Header()
		header.Set("Cache-Control", "no-store")
		header.Set("Content-Type", e.media)
		header.Set("Content-Disposition", `attachment; filename="audit-events.`+string(e.format)+`"`)
		e.response.WriteHeader(http.StatusOK)
		var err error
		if e.writer, err = NewAuditWriter(e.response, e.format, nil); err != nil {
			return err
		}
	}
	if err := errors.Join(e.writer.Write(events), e.control.Flush()); err != nil {
		return err
	}
	return nil
}

// auditFormat is what the query says, or else what the client accepts.
func (c *call) auditFormat() (AuditFormat, error) {
	switch format := AuditFormat(c.query.Get("format")); format {
	case NDJSON, CSV:
		return format, nil
	case "":
	default:
		return "", storage.Invalidf("format", "want ndjson or csv")
	}
	for accepted := range strings.SplitSeq(c.request.Header.Get("Accept"), ",") {
		media, _, err := mime.ParseMediaType(accepted)
		switch {
		case err == nil && media == "text/csv":
			return CSV, nil
		case err == nil && (media == "application/x-ndjson" || media == "*/*"):
			return NDJSON, nil
		}
	}
	return NDJSON, nil
}

var (
	actionText = regexp.MustCompile(`^[a-z][a-z0-9_]*(\.[a-z0-9_]*)?$`)
	partyText  = regexp.MustCompile(`^([a-z][a-z0-9_]*):([0-9]{1,18})$`)
)

func (c *call) auditFilter() (storage.AuditFilter, error) {
	f := storage.AuditFilter{OrganizationID: c.organization()}
	var wrong []error
	action := c.query.Get("action")
	switch {
	case action != "" && !actionText.MatchString(action):
		wrong = append(wrong, storage.Invalidf("action", "want an action such as workspace_api_token.created, or its beginning up to the dot"))
	case strings.HasSuffix(action, "."):
		f.ActionPrefix = action
	default:
		f.Action = action
	}
	var errs [4]error
	f.Actor, errs[0] = c.party("actor")
	f.Target, errs[1] = c.party("target")
	f.Since, errs[2] = c.instant("since")
	f.Until, errs[3] = c.instant("until")
	wrong = append(wrong, errs[:]...)
	if errors.Join(errs[2], errs[3]) == nil && !f.Until.IsZero() && f.Until.Before(f.Since) {
		wrong = append(wrong, storage.Invalidf("until", "want a time that is not before since"))
	}
	return f, errors.Join(wrong...)
}

// party returns a parameter of the query that names somebody or something by kind and
// id, nil if it is absent.
func (c *call) party(name string) (*storage.Party, error) {
	text := c.query.Get(name)
	if text == "" {
		return nil, nil
	}
	parts := partyText.FindStringSubmatch(text)
	if parts == nil {
		return nil, storage.Invalidf(name, "want a kind and an id such as workspace_api_token:42")
	}
	id, err := strconv.ParseInt(parts[2], 10, 64)
	return &storage.Party{Kind: parts[1], ID: id}, err
}

// instant returns a parameter of the query that is a point in time, zero if it is
// absent.
func (c *call) instant(name string) (time.Time, error) {
	text := c.query.Get(name)
	if text == "" {
		return time.Time{}, nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil || at.UTC().Year() < 1 || at.UTC().Year() > 9999 {
		return time.Time{}, storage.Invalidf(name, "want a time such as 2026-01-31T00:00:00Z (RFC 3339; a plus sign is %%2B in a query)")
	}
	return at, nil
}

// auditCursor hides what a place in a list of events is made of.
func auditCursor(e storage.AuditEvent) string {
	text := strconv.FormatInt(e.CreatedAt.UnixMicro(), 36) + "." + strconv.FormatInt(e.ID, 36)
	return base64.RawURLEncoding.EncodeToString([]byte(text))
}

func readAuditCursor(text string) (*storage.AuditPosition, error) {
	if text == "" {
		return nil, nil
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	at, id, found := strings.Cut(string(raw), ".")
	micros, errAt := strconv.ParseInt(at, 36, 64)
	number, errID := strconv.ParseInt(id, 36, 64)
	created := time.UnixMicro(micros).UTC()
	if err := errors.Join(err, errAt, errID); err != nil || !found || number < 1 || created.Year() < 1 || created.Year() > 9999 {
		return nil, errCursor
	}
	return &storage.AuditPosition{CreatedAt: created, ID: number}, nil
}
