package api

import (
	"encoding/base64"
	"encoding/csv"
	"encoding/json"
	"io"
	"strconv"
	"strings"
	"time"

	"kiket.dev/auth/storage"
)

type auditEventBody struct {
	ID        int64          `json:"id"`
	CreatedAt *time.Time     `json:"created_at"`
	Action    string         `json:"action"`
	Actor     partyBody      `json:"actor"`
	Target    partyBody      `json:"target"`
	IPAddress *string        `json:"ip_address"`
	UserAgent *string        `json:"user_agent"`
	RequestID *string        `json:"request_id"`
	Details   map[string]any `json:"details"`
	Sequence  *int64         `json:"sequence"` // null: not sealed yet
	Hash      *string        `json:"hash"`
	// Organization is there where events of several are written.
	Organization *string `json:"organization,omitempty"`
}

func renderAuditEvent(e storage.AuditEvent) auditEventBody {
	body := auditEventBody{
		ID: e.ID, CreatedAt: moment(e.CreatedAt), Action: e.Action, Actor: partyBody(e.Actor), Target: partyBody(e.Target),
		IPAddress: orNull(e.IPAddress), UserAgent: orNull(e.UserAgent), RequestID: orNull(e.RequestID), Details: e.Details,
	}
	if body.Details == nil {
		body.Details = map[string]any{}
	}
	if e.Sequence != 0 {
		body.Sequence, body.Hash = &e.Sequence, orNull(base64.RawURLEncoding.EncodeToString(e.Hash))
	}
	return body
}

// AuditFormat is a format of exported audit events.
type AuditFormat string

// The formats.
const (
	NDJSON AuditFormat = "ndjson" // an object on each line, as the API shows an event
	CSV    AuditFormat = "csv"    // RFC 4180 with a header
)

// AuditWriter writes audit events in a format.
type AuditWriter struct {
	// Organization is written with each event; nil: not.
	Organization *string

	json *json.Encoder
	csv  *csv.Writer
}

// NewAuditWriter returns a writer to w, and writes the header if the format has one.
// Where events of several organizations are written the slug is that of the next.
func NewAuditWriter(w io.Writer, format AuditFormat, organization *string) (*AuditWriter, error) {
	if format == CSV {
		writer, columns := csv.NewWriter(w), auditColumns
		if organization != nil {
			columns = append(columns[:len(columns):len(columns)], "organization")
		}
		return &AuditWriter{Organization: organization, csv: writer}, writer.Write(columns)
	}
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	return &AuditWriter{Organization: organization, json: encoder}, nil
}

// Write writes the events.
func (w *AuditWriter) Write(events []storage.AuditEvent) error {
	for _, e := range events {
		if w.json != nil {
			body := renderAuditEvent(e)
			body.Organization = w.Organization
			if err := w.json.Encode(body); err != nil {
				return err
			}
			continue
		}
		row, err := auditRow(e)
		if err != nil {
			return err
		}
		if w.Organization != nil {
			row = append(row, *w.Organization)
		}
		if err := w.csv.Write(row); err != nil {
			return err
		}
	}
	if w.csv == nil {
		return nil
	}
	w.csv.Flush()
	return w.csv.Error()
}

var auditColumns = []string{
	"id", "created_at", "action", "actor_kind", "actor_id", "actor_name", "target_kind", "target_id", "target_name",
	"ip_address", "user_agent", "request_id", "details", "sequence", "hash",
}

func auditRow(e storage.AuditEvent) ([]string, error) {
	var details strings.Builder
	encoder := json.NewEncoder(&details)
	encoder.SetEscapeHTML(false)
	body := renderAuditEvent(e)
	if err := encoder.Encode(body.Details); err != nil {
		return nil, err
	}
	sequence, hash := "", ""
	if body.Sequence != nil {
		sequence, hash = strconv.FormatInt(*body.Sequence, 10), *body.Hash
	}
	return []string{
		strconv.FormatInt(e.ID, 10), body.CreatedAt.Format(time.RFC3339Nano), cell(e.Action),
		cell(e.Actor.Kind), strconv.FormatInt(e.Actor.ID, 10), cell(e.Actor.Name),
		cell(e.Target.Kind), strconv.FormatInt(e.Target.ID, 10), cell(e.Target.Name),
		cell(e.IPAddress), cell(e.UserAgent), cell(e.RequestID), strings.TrimSuffix(details.String(), "\n"), sequence, cell(hash),
	}, nil
}

// cell keeps a spreadsheet from taking a text, which may be a stranger's, for a
// formula: it gets an apostrophe in front.
func cell(text string) string {
	if strings.IndexAny(strings.TrimLeft(text, " "), "=+-@\t\r\n＝＋－＠") == 0 {
		return "'" + text
	}
	return text
}
