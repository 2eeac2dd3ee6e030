package storage

import (
	"context"
	"net/mail"
	"strings"
	"time"
)

// User is a person. What the person may do is said by memberships.
type User struct {
	ID           int64
	Email        string // unique, lower case
	Name         string
	PasswordHash Secret // PHC string (argon2id); empty: cannot sign in with a password
	CreatedAt    time.Time
}

// Role is what a member may do in an organization.
type Role string

// The roles.
const (
	RoleAdmin  Role = "admin"
	RoleMember Role = "member"
)

// Membership puts a user into an organization.
type Membership struct {
	OrganizationID int64
	UserID         int64
	Name           string // what the user is called there; empty: User.Name
	Role           Role
	CreatedAt      time.Time
}

// Member is a user as an organization sees them.
type Member struct {
	UserID   int64 // 0: not, or no longer, a member of the organization
	Name     string
	Email    string
	Role     Role
	JoinedAt time.Time
}

// Valid reports whether r is one of the roles.
func (r Role) Valid() bool { return r == RoleAdmin || r == RoleMember }

// maxEmailLength is how many bytes an address has at most (RFC 5321 section 4.5.3.1.3,
// without the angle brackets).
const maxEmailLength = 254

// ParseEmail returns the e-mail address in the form in which users are compared: in
// lower case, without spaces around it. What is no address is an [*Invalid] for field.
func ParseEmail(field, text string) (string, error) {
	text = strings.TrimSpace(text)
	a, err := mail.ParseAddress(text)
	if err != nil || a.Name != "" || a.Address != text || unreadable(text) != "" || len(text) > maxEmailLength {
		return "", Invalidf(field, "want an address such as admin@example.com")
	}
	return strings.ToLower(text), nil
}

// UserStore keeps users and their memberships.
type UserStore interface {
	// CreateUser stores u and sets its ID. ErrConflict if the address is taken.
	CreateUser(ctx context.Context, u *User) error
	// UserByEmail returns ErrNotFound if there is none. Addresses are compared
	// in lower case.
	UserByEmail(ctx context.Context, email string) (User, error)
	// UserByID returns a member of the organization, ErrNotFound if the user is
	// not one.
	UserByID(ctx context.Context, organizationID, id int64) (User, error)
	// LockUser makes concurrent transactions that lock the same user wait for each
	// other until the transaction in ctx ends. Who locks the user's organization too
	// locks that first. Outside a transaction it is an error; ErrNotFound if there is
	// none.
	LockUser(ctx context.Context, id int64) error
	// CreateMembership stores m. ErrConflict if the user is a member already.
	CreateMembership(ctx context.Context, m Membership) error
	// MembershipOf returns ErrNotFound if the user is not a member.
	MembershipOf(ctx context.Context, organizationID, userID int64) (Membership, error)
	// MembershipsOf returns the memberships of a user in the order in which they
	// began.
	MembershipsOf(ctx context.Context, userID int64) ([]Membership, error)
	// MemberOf returns ErrNotFound if the user is not a member.
	MemberOf(ctx context.Context, organizationID, userID int64) (Member, error)
	// Members returns a page of the members of an organization, by user id.
	Members(ctx context.Context, organizationID int64, page Page) ([]Member, error)
	// CountAdmins returns how many members of the organization are admins.
	CountAdmins(ctx context.Context, organizationID int64) (int64, error)
	// SetRole changes the role of a member; ErrNotFound if the user is not one.
	SetRole(ctx context.Context, organizationID, userID int64, role Role) error
	// SetMemberName changes what a member is called in the organization;
	// ErrNotFound if the user is not one.
	SetMemberName(ctx context.Context, organizationID, userID int64, name string) error
	// SetPassword replaces a user's password; ErrNotFound if there is no such user.
	SetPassword(ctx context.Context, userID int64, hash Secret) error
	// DeleteMembership ends a membership; ErrNotFound if there is none. What
	// the user owns in the organization stops working with it.
	DeleteMembership(ctx context.Context, organizationID, userID int64) error
}
