package gormstore

import (
	"context"
	"fmt"
	"strings"

	"gorm.io/gorm"

	"kiket.dev/auth/storage"
)

type userRow struct {
	ID           int64
	Email        string
	Name         string
	PasswordHash string
	CreatedAt    moment `gorm:"autoCreateTime:false"`
}

func (userRow) TableName() string { return "users" }

func (r userRow) domain() storage.User {
	return storage.User{
		ID: r.ID, Email: r.Email, Name: r.Name,
		PasswordHash: storage.NewSecret(r.PasswordHash), CreatedAt: r.CreatedAt.time(),
	}
}

type membershipRow struct {
	OrganizationID int64 `gorm:"primaryKey;autoIncrement:false"`
	UserID         int64 `gorm:"primaryKey;autoIncrement:false"`
	Name           string
	Role           string
	CreatedAt      moment `gorm:"autoCreateTime:false"`
}

func (membershipRow) TableName() string { return "memberships" }

func (r membershipRow) domain() storage.Membership {
	return storage.Membership{
		OrganizationID: r.OrganizationID, UserID: r.UserID, Name: r.Name,
		Role: storage.Role(r.Role), CreatedAt: r.CreatedAt.time(),
	}
}

// CreateUser implements [storage.UserStore]. The address is stored, and set, in
// lower case.
func (s *Store) CreateUser(ctx context.Context, u *storage.User) error {
	row := userRow{
		Email: strings.ToLower(u.Email), Name: u.Name,
		PasswordHash: u.PasswordHash.Reveal(), CreatedAt: moment(u.CreatedAt),
	}
	if err := s.create(ctx, "creating a user", &row, u.Email, row.Name, row.PasswordHash); err != nil {
		return err
	}
	u.ID, u.Email = row.ID, row.Email
	return nil
}

// UserByEmail implements [storage.UserStore].
func (s *Store) UserByEmail(ctx context.Context, email string) (storage.User, error) {
	var row userRow
	if findable(email) == nil { // lower case makes the invalid valid
		email = strings.ToLower(email)
	}
	err := s.first(ctx, "reading a user", &row, "email = ?", email)
	return row.domain(), err
}

// UserByID implements [storage.UserStore].
func (s *Store) UserByID(ctx context.Context, organizationID, id int64) (storage.User, error) {
	var row userRow
	err := s.first(ctx, "reading a user", &row,
		"id = (SELECT user_id FROM memberships WHERE organization_id = ? AND user_id = ?)", organizationID, id)
	return row.domain(), err
}

// LockUser implements [storage.UserStore]. It is [Store.Lock] with the user's own row.
func (s *Store) LockUser(ctx context.Context, id int64) error {
	return s.lockRow(ctx, "locking a user", "UPDATE users SET name = name WHERE id = ?", id)
}

// CreateMembership implements [storage.UserStore].
func (s *Store) CreateMembership(ctx context.Context, m storage.Membership) error {
	row := membershipRow{
		OrganizationID: m.OrganizationID, UserID: m.UserID, Name: m.Name,
		Role: string(m.Role), CreatedAt: moment(m.CreatedAt),
	}
	return s.create(ctx, "creating a membership", &row, row.Name, row.Role)
}

// MembershipOf implements [storage.UserStore].
func (s *Store) MembershipOf(ctx context.Context, organizationID, userID int64) (storage.Membership, error) {
	var row membershipRow
	err := s.read(ctx, "reading a membership", func(db *gorm.DB) error {
		return db.Where("organization_id = ? AND user_id = ?", organizationID, userID).Take(&row).Error
	})
	return row.domain(), err
}

// SetRole implements [storage.UserStore].
func (s *Store) SetRole(ctx context.Context, organizationID, userID int64, role storage.Role) error {
	const doing = "changing a role"
	if err := storable(string(role)); err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	return s.mustChange(ctx, doing,
		"UPDATE memberships SET role = ? WHERE organization_id = ? AND user_id = ?", string(role), organizationID, userID)
}

// SetMemberName implements [storage.UserStore].
func (s *Store) SetMemberName(ctx context.Context, organizationID, userID int64, name string) error {
	const doing = "changing a member's name"
	if err := storable(name); err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	return s.mustChange(ctx, doing,
		"UPDATE memberships SET name = ? WHERE organization_id = ? AND user_id = ?", name, organizationID, userID)
}

// SetPassword implements [storage.UserStore].
func (s *Store) SetPassword(ctx context.Context, userID int64, hash storage.Secret) error {
	const doing = "changing a password"
	if err := storable(hash.Reveal()); err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	return s.mustChange(ctx, doing, "UPDATE users SET password_hash = ? WHERE id = ?", hash.Reveal(), userID)
}

// DeleteMembership implements [storage.UserStore].
func (s *Store) DeleteMembership(ctx context.Context, organizationID, userID int64) error {
	return s.mustChange(ctx, "deleting a membership",
		"DELETE FROM memberships WHERE organization_id = ? AND user_id = ?", organizationID, userID)
}
