package alerts

import (
	"context"
	"errors"
	"fmt"

	"kiket.dev/auth/server/access"
	"kiket.dev/auth/storage"
)

// Alerts returns a page of the alerts that the filter names, newest first, or
// access.ErrDenied.
func (s *Service) Alerts(ctx context.Context, caller access.Caller, f storage.AlertFilter, page storage.Page) ([]storage.Alert, error) {
	if err := caller.Require(storage.ScopeAdmin, f.OrganizationID); err != nil {
		return nil, err
	}
	found, err := s.Store.Alerts(ctx, f, page)
	if err != nil {
		return nil, fmt.Errorf("listing alerts: %w", err)
	}
	return found, nil
}

// Acknowledge says that somebody has seen to an alert: what happens from now on raises
// another. Not acknowledged, it is open again; nil leaves it as it is. Doing either twice
// changes nothing. It returns access.ErrDenied, storage.ErrNotFound, or an
// access.Refusal another_alert_open if the same trouble has another alert that is open.
func (s *Service) Acknowledge(ctx context.Context, caller access.Caller, organizationID, id int64, acknowledged *bool) (storage.Alert, error) {
	if err := caller.Require(storage.ScopeAdmin, organizationID); err != nil {
		return storage.Alert{}, err
	}
	var a storage.Alert
	err := s.Store.Transaction(ctx, func(ctx context.Context) error {
		action := "alert.acknowledged"
		change := func() (bool, error) {
			return s.Store.AcknowledgeAlert(ctx, organizationID, id, caller.Party, s.Clock())
		}
		if acknowledged != nil && !*acknowledged {
			action = "alert.reopened"
			change = func() (bool, error) { return s.Store.ReopenAlert(ctx, organizationID, id) }
		}
		changed := false
		var err error
		if acknowledged != nil {
			if changed, err = change(); err != nil {
				return err
			}
		}
		if a, err = s.Store.AlertByID(ctx, organizationID, id); err != nil || !changed {
			return err
		}
		return s.record(ctx, caller, action, a)
	})
	switch {
	case errors.Is(err, storage.ErrConflict):
		return storage.Alert{}, access.Refuse("another_alert_open", "the same trouble has happened since, and has an alert that is open")
	case err != nil:
		return storage.Alert{}, fmt.Errorf("acknowledging alert %d: %w", id, err)
	}
	return a, nil
}
