package organizations

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"kiket.dev/auth/server/access"
	"kiket.dev/auth/storage"
)

// What an organization may set as the longest life of its workspace API tokens.
const (
	leastTokenLifetime = time.Hour
	mostTokenLifetime  = 10 * 365 * 24 * time.Hour
)

// Update is a change of an organization; nil leaves as it is.
type Update struct {
	Name *string // 1 to 100 characters; the slug stays
	// WorkspaceTokenMaxLifetime is how long after its creation a workspace API token
	// expires at the latest: whole seconds, an hour to ten years; 0: there is no limit.
	// It is for tokens that are made from now on.
	WorkspaceTokenMaxLifetime *time.Duration
}

// Update changes an organization and returns it. It returns access.ErrDenied,
// storage.ErrInvalid, or storage.ErrNotFound if there is none.
func (s *Service) Update(ctx context.Context, caller access.Caller, organizationID int64, u Update) (storage.Organization, error) {
	if err := caller.Require(storage.ScopeAdmin, organizationID); err != nil {
		return storage.Organization{}, err
	}
	if err := u.check(); err != nil {
		return storage.Organization{}, err
	}
	var o storage.Organization
	err := s.Store.Transaction(ctx, func(ctx context.Context) error {
		if err := s.Store.LockOrganization(ctx, organizationID); err != nil {
			return fmt.Errorf("locking the organization: %w", err)
		}
		var err error
		if o, err = s.organization(ctx, organizationID); err != nil {
			return err
		}
		change, details := u.apply(&o)
		if len(details) == 0 {
			return nil
		}
		if err := s.Store.UpdateOrganization(ctx, organizationID, change); err != nil {
			return fmt.Errorf("changing the organization: %w", err)
		}
		return s.record(ctx, caller, "organization.updated", o, details)
	})
	if err != nil {
		return storage.Organization{}, err
	}
	return o, nil
}

func (u Update) check() error {
	var errName, errLifetime error
	if u.Name != nil {
		errName = storage.CheckName("name", *u.Name)
	}
	if most := u.WorkspaceTokenMaxLifetime; most != nil && *most != 0 &&
		(*most < leastTokenLifetime || *most > mostTokenLifetime || *most%time.Second != 0) {
		errLifetime = storage.Invalidf("workspace_token_max_lifetime", "want null, or a number of seconds from %d to %d",
			leastTokenLifetime/time.Second, mostTokenLifetime/time.Second)
	}
	return errors.Join(errName, errLifetime)
}

// apply makes o what it becomes, and returns what is different about it, for storage and
// for the audit log.
func (u Update) apply(o *storage.Organization) (storage.OrganizationUpdate, map[string]any) {
	var change storage.OrganizationUpdate
	details := map[string]any{}
	if u.Name != nil {
		if name := strings.TrimSpace(*u.Name); name != o.Name {
			details["name"] = map[string]any{"before": o.Name, "after": name}
			o.Name, change.Name = name, &name
		}
	}
	if most := u.WorkspaceTokenMaxLifetime; most != nil && *most != o.WorkspaceTokenMaxLifetime {
		details["workspace_token_max_lifetime"] = map[string]any{"before": limitSeconds(o.WorkspaceTokenMaxLifetime), "after": limitSeconds(*most)}
		o.WorkspaceTokenMaxLifetime, change.WorkspaceTokenMaxLifetime = *most, most
	}
	return change, details
}

// limitSeconds is a limit as it is told: nil if there is none.
func limitSeconds(limit time.Duration) any {
	if limit == 0 {
		return nil
	}
	return int64(limit / time.Second)
}
