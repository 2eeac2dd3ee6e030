package sessions

import (
	"context"
	"errors"
	"fmt"

	"kiket.dev/auth/server/access"
	"kiket.dev/auth/server/codes"
	"kiket.dev/auth/server/passwords"
	"kiket.dev/auth/storage"
)

// errWrongCode does not say which of it is the case, or whether there is such a person.
var errWrongCode = storage.Invalidf("code", "is wrong, was used, has expired or was tried too often: ask for another one")

// ResetPassword gives the person with the address another password, if the code is the
// one that [Service.ForgotPassword] had sent to them last, and ends all of their sessions,
// in every organization. A code works once, for half an hour, and not after five tries. It
// returns storage.ErrInvalid naming email, code or new_password, or a
// *clients.ThrottledError after too many wrong codes, also of sign-ins.
func (s *Service) ResetPassword(ctx context.Context, origin access.Origin, email string, code, next storage.Secret) error {
	email, err := storage.ParseEmail("email", email)
	if err := errors.Join(err, passwords.Check("new_password", next, email)); err != nil {
		return err
	}
	attempt, err := s.Guard.admit(origin.Address, email)
	if err != nil {
		return err
	}
	err = s.reset(ctx, origin, email, codes.Typed(code).Digest(), next)
	switch {
	case err == nil:
		attempt.succeeded()
	case !errors.Is(err, storage.ErrInvalid):
		attempt.notMade()
	}
	return err
}

// reset counts the try before it looks at the code, so that many at once are no more than
// one after the other.
func (s *Service) reset(ctx context.Context, origin access.Origin, email, codeDigest string, next storage.Secret) error {
	r, err := absent(s.Store.TryPasswordReset(ctx, resetAccount(email), mostTries, s.Clock()))
	if err != nil {
		return fmt.Errorf("trying a password reset: %w", err)
	}
	if !storage.NewSecret(r.CodeDigest).Equal(storage.NewSecret(codeDigest)) {
		return errWrongCode
	}
	user, err := absent(s.Store.UserByEmail(ctx, email))
	switch {
	case err != nil:
		return fmt.Errorf("finding the user: %w", err)
	case user.ID == 0:
		return errWrongCode
	}
	hash, err := s.Passwords.Hash(ctx, next)
	if err != nil {
		return err
	}
	caller := access.Caller{Party: storage.Party{Kind: "user", ID: user.ID, Name: user.Name}, UserID: user.ID, Origin: origin}
	return s.Store.Transaction(ctx, func(ctx context.Context) error {
		if err := s.Store.LockUser(ctx, user.ID); err != nil {
			return fmt.Errorf("locking the user: %w", err)
		}
		switch spent, err := s.Store.SpendPasswordReset(ctx, r.Account, r.CodeDigest, s.Clock()); {
		case err != nil:
			return fmt.Errorf("spending the code: %w", err)
		case !spent:
			return errWrongCode
		}
		return s.setPassword(ctx, caller, user, hash, "user.password_reset")
	})
}

// IssuePassword gives a member another password, which is returned and known nowhere
// else, and ends all of their sessions, in every organization. It is for people who have
// forgotten theirs where no mail is sent. It returns access.ErrDenied unless the operator
// asks, or storage.ErrNotFound if the user is not a member.
func (s *Service) IssuePassword(ctx context.Context, caller access.Caller, organizationID, userID int64) (storage.Secret, error) {
	if err := caller.Require(storage.ScopeAdmin, 0); err != nil {
		return storage.Secret{}, err
	}
	user, err := s.Store.UserByID(ctx, organizationID, userID)
	if err != nil {
		return storage.Secret{}, fmt.Errorf("finding the user: %w", err)
	}
	password := passwords.Generate()
	hash, err := s.Passwords.Hash(ctx, password)
	if err != nil {
		return storage.Secret{}, err
	}
	err = s.Store.Transaction(ctx, func(ctx context.Context) error {
		if err := s.Store.LockUser(ctx, user.ID); err != nil {
			return fmt.Errorf("locking the user: %w", err)
		}
		return s.setPassword(ctx, caller, user, hash, "user.password_reset")
	})
	if err != nil {
		return storage.Secret{}, err
	}
	return password, nil
}
