package audit

import (
	"context"
	"fmt"

	"kiket.dev/auth/server/access"
	"kiket.dev/auth/storage"
)

// configured is the event of a server that starts with other settings than the last.
const configured = "configuration.changed"

// Configuration writes down with which settings a server starts.
type Configuration struct {
	Recorder *Recorder
	Store    interface {
		storage.Transactor
		storage.AuditStore
	}
}

// Record writes down the settings, which hold no secret, in the platform's log, unless
// they are those that were written down last, with what is not as it was there.
func (c *Configuration) Record(ctx context.Context, settings map[string]string) error {
	err := c.Store.Transaction(ctx, func(ctx context.Context) error {
		last, err := c.Store.FindAuditEvents(ctx, storage.AuditFilter{Action: configured}, storage.AuditPage{Limit: 1})
		if err != nil {
			return err
		}
		details := map[string]any{"settings": settings}
		if len(last) > 0 {
			before, _ := last[0].Details["settings"].(map[string]any)
			changes := changesOf(before, settings)
			if len(changes) == 0 {
				return nil
			}
			details["changes"] = changes
		}
		return c.Recorder.Record(ctx, access.Caller{Party: Machine}, Event{
			Action: configured, Target: storage.Party{Kind: "configuration"}, Details: details,
		})
	})
	if err != nil {
		return fmt.Errorf("writing down the settings: %w", err)
	}
	return nil
}

// changesOf returns what is before and after, by name; nil: the setting is not there.
func changesOf(before map[string]any, after map[string]string) map[string]any {
	changes := map[string]any{}
	for name, now := range after {
		if was, known := before[name]; !known || was != any(now) {
			changes[name] = map[string]any{"before": was, "after": now}
		}
	}
	for name, was := range before {
		if _, known := after[name]; !known {
			changes[name] = map[string]any{"before": was, "after": nil}
		}
	}
	return changes
}
