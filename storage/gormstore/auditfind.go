package gormstore

import (
	"context"
	"fmt"
	"slices"

	"gorm.io/gorm"

	"kiket.dev/auth/storage"
)

// auditConditions says on which rows of audit_events the filter falls.
func auditConditions(f storage.AuditFilter) *conditions {
	c := new(conditions)
	where, args := owned(f.OrganizationID)
	c.add(where, args...)
	if f.Action != "" {
		c.add("action = ?", f.Action)
	}
	if f.ActionPrefix != "" { // both engines compare byte by byte
		c.add("action >= ? AND action < ?", f.ActionPrefix, afterPrefix(f.ActionPrefix))
	}
	if f.Actor != nil {
		c.addActor(f.OrganizationID, *f.Actor)
	}
	if f.Target != nil {
		c.add("target_kind = ? AND target_id = ?", f.Target.Kind, f.Target.ID)
	}
	c.addAt("created_at >= ?", f.Since)
	c.addAt("created_at < ?", f.Until)
	return c
}

// addActor adds that the actor did it, or what acts in the actor's name. Sessions are
// removed some time after they have ended; who began them is in the log itself.
func (c *conditions) addActor(organizationID int64, actor storage.Party) {
	where, args := owned(organizationID)
	switch actor.Kind {
	case "user":
		c.add(`(actor_kind, actor_id) IN (SELECT 'user', CAST(? AS BIGINT)
			UNION ALL SELECT target_kind, target_id FROM audit_events WHERE `+where+`
				AND actor_kind = 'user' AND actor_id = ? AND action = 'session.created'
			UNION ALL SELECT kind, id FROM tokens WHERE `+where+` AND kind = 'session' AND user_id = ?)`,
			slices.Concat([]any{actor.ID}, args, []any{actor.ID}, args, []any{actor.ID})...)
	case "extension":
		c.add(`(actor_kind, actor_id) IN (SELECT 'extension', CAST(? AS BIGINT)
			UNION ALL SELECT kind, id FROM tokens WHERE `+where+` AND kind = 'extension_key' AND installation_id = ?)`,
			slices.Concat([]any{actor.ID}, args, []any{actor.ID})...)
	default:
		c.add("actor_kind = ? AND actor_id = ?", actor.Kind, actor.ID)
	}
}

// afterPrefix is what comes after every text that begins with the prefix, the last
// byte of which is one of ASCII.
func afterPrefix(prefix string) string {
	last := len(prefix) - 1
	return prefix[:last] + string(prefix[last]+1)
}

// FindAuditEvents implements [storage.AuditStore].
func (s *Store) FindAuditEvents(ctx context.Context, f storage.AuditFilter, page storage.AuditPage) ([]storage.AuditEvent, error) {
	const doing = "finding audit events"
	if err := checkPage(storage.Page{Limit: page.Limit}); err != nil {
		return nil, fmt.Errorf("%s: %w", doing, err)
	}
	where, order, after := auditConditions(f), "created_at DESC, id DESC", "(created_at, id) < (?, ?)"
	if page.OldestFirst {
		order, after = "created_at, id", "(created_at, id) > (?, ?)"
	}
	if page.After != nil {
		where.add(after, moment(page.After.CreatedAt), page.After.ID)
	}
	for _, arg := range where.args {
		if text, ok := arg.(string); ok && findable(text) != nil {
			return nil, nil
		}
	}
	var rows []auditEventRow
	err := s.read(ctx, doing, func(db *gorm.DB) error {
		return db.Where(where.String(), where.args...).Order(order).Limit(page.Limit).Find(&rows).Error
	})
	if err != nil {
		return nil, err
	}
	return auditEvents(doing, rows)
}

// AuditEventByID implements [storage.AuditStore].
func (s *Store) AuditEventByID(ctx context.Context, organizationID, id int64) (storage.AuditEvent, error) {
	const doing = "reading an audit event"
	var row auditEventRow
	where, args := owned(organizationID)
	if err := s.first(ctx, doing, &row, where+" AND id = ?", append(args, id)...); err != nil {
		return storage.AuditEvent{}, err
	}
	return row.domain()
}

func auditEvents(doing string, rows []auditEventRow) ([]storage.AuditEvent, error) {
	events := make([]storage.AuditEvent, len(rows))
	for i, r := range rows {
		var err error
		if events[i], err = r.domain(); err != nil {
			return nil, fmt.Errorf("%s: %w", doing, err)
		}
	}
	return events, nil
}
