package gormstore

import (
	"context"
	"fmt"

	"gorm.io/gorm"

	"kiket.dev/auth/storage"
)

// memberName is what a member is called in the organization. From a LEFT JOIN it
// may be NULL.
const memberName = "COALESCE(NULLIF(m.name, ''), u.name)"

// memberRow is a membership with its user.
type memberRow struct {
	UserID   int64
	Name     string
	Email    string
	Role     string
	JoinedAt moment
}

func (r memberRow) domain() storage.Member {
	return storage.Member{
		UserID: r.UserID, Name: r.Name, Email: r.Email, Role: storage.Role(r.Role), JoinedAt: r.JoinedAt.time(),
	}
}

const selectMembers = "SELECT m.user_id, " + memberName + ` AS name, u.email, m.role, m.created_at AS joined_at
	FROM memberships m JOIN users u ON u.id = m.user_id WHERE m.organization_id = ?`

// MemberOf implements [storage.UserStore].
func (s *Store) MemberOf(ctx context.Context, organizationID, userID int64) (storage.Member, error) {
	var row memberRow
	err := s.read(ctx, "reading a member", func(db *gorm.DB) error {
		return db.Raw(selectMembers+" AND m.user_id = ?", organizationID, userID).Take(&row).Error
	})
	if err != nil {
		return storage.Member{}, err
	}
	return row.domain(), nil
}

// Members implements [storage.UserStore].
func (s *Store) Members(ctx context.Context, organizationID int64, page storage.Page) ([]storage.Member, error) {
	const doing = "reading members"
	if err := checkPage(page); err != nil {
		return nil, fmt.Errorf("%s: %w", doing, err)
	}
	sql, args := selectMembers, []any{organizationID}
	if page.Before != 0 {
		sql, args = sql+" AND m.user_id < ?", append(args, page.Before)
	}
	var rows []memberRow
	err := s.read(ctx, doing, func(db *gorm.DB) error {
		return db.Raw(sql+" ORDER BY m.user_id DESC LIMIT ?", append(args, page.Limit)...).Scan(&rows).Error
	})
	return all(rows, memberRow.domain), err
}

// MembershipsOf implements [storage.UserStore].
func (s *Store) MembershipsOf(ctx context.Context, userID int64) ([]storage.Membership, error) {
	var rows []membershipRow
	err := s.read(ctx, "reading the memberships of a user", func(db *gorm.DB) error {
		return db.Where("user_id = ?", userID).Order("created_at, organization_id").Find(&rows).Error
	})
	return all(rows, membershipRow.domain), err
}

// CountAdmins implements [storage.UserStore].
func (s *Store) CountAdmins(ctx context.Context, organizationID int64) (int64, error) {
	var count int64
	err := s.read(ctx, "counting admins", func(db *gorm.DB) error {
		return db.Model(&membershipRow{}).
			Where("organization_id = ? AND role = ?", organizationID, string(storage.RoleAdmin)).Count(&count).Error
	})
	return count, err
}
