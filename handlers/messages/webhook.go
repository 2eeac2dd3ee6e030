package messages

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"kiket.dev/auth/server/alerts"
	"kiket.dev/auth/storage"
)

// webhookBody is the message for programs.
func webhookBody(m alerts.Message) ([]byte, error) {
	return json.Marshal(struct {
		Type      string         `json:"type"`
		Timestamp time.Time      `json:"timestamp"`
		Data      alerts.Message `json:"data"`
	}{"kiket." + string(m.Kind), m.LastAt, m})
}

// signed returns the header fields by which the receiver knows a message (Standard
// Webhooks 1.0): an id, which is the same when it is sent again, the time, and an
// HMAC-SHA256 over both and the body.
func signed(secret storage.Secret, id int64, at time.Time, body []byte) (http.Header, error) {
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret.Reveal(), alerts.SigningPrefix))
	if err != nil || len(key) == 0 {
		return nil, errors.New("the signing secret of the webhook cannot be read")
	}
	name, seconds := fmt.Sprintf("msg_%d", id), strconv.FormatInt(at.Unix(), 10)
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(name + "." + seconds + "."))
	mac.Write(body)
	return http.Header{
		"Webhook-Id":        {name},
		"Webhook-Timestamp": {seconds},
		"Webhook-Signature": {"v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))},
	}, nil
}
