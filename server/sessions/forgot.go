package sessions

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"kiket.dev/auth/server/access"
	"kiket.dev/auth/server/codes"
	"kiket.dev/auth/storage"
)

const (
	// codeLifetime is how long the code of a forgotten password works.
	codeLifetime = 30 * time.Minute
	// mostTries is how many codes can be tried before the right one works no more.
	mostTries = 5
	// resetPath is where the code is typed in, below the issuer.
	resetPath = "/console/password/reset"
)

// ErrNoMail says that nobody is sent a code, since there is no mail server.
var ErrNoMail = access.Refuse("no_mail",
	"this server sends no mail: whoever runs it can give you another password, with kiket-auth user reset-password")

// ResetMail is what somebody is told who has forgotten their password.
type ResetMail struct {
	To        string
	Code      storage.Secret
	ExpiresAt time.Time
	// Link is where the code is typed in. It does not hold it.
	Link string
	// Address is where it was asked for.
	Address string
}

// Mail carries mail out of the server.
type Mail interface {
	// SendsMail reports whether there is a mail server.
	SendsMail() bool
	// SendReset returns when the mail server has taken the mail.
	SendReset(ctx context.Context, m ResetMail) error
}

// forgotten is what is sealed of a request until its mail is sent.
type forgotten struct {
	Email     string `json:"email"`
	Code      string `json:"code"`
	RequestID string `json:"request_id"`
	Address   string `json:"address"`
	UserAgent string `json:"user_agent"`
}

func (f forgotten) origin() access.Origin {
	return access.Origin{RequestID: f.RequestID, Address: f.Address, UserAgent: f.UserAgent}
}

// ForgotPassword has a code sent to the person with the address, which
// [Service.ResetPassword] takes for half an hour. It takes the place of the one before.
// Whether there is such a person is not looked at before the mail is sent: what is done
// and answered here is the same. It returns ErrNoMail, storage.ErrInvalid naming email if
// it is no address, or a *clients.ThrottledError.
func (s *Service) ForgotPassword(ctx context.Context, origin access.Origin, email string) error {
	if !s.Mail.SendsMail() {
		return ErrNoMail
	}
	email, err := storage.ParseEmail("email", email)
	if err != nil {
		return err
	}
	attempt, err := s.Guard.admitMail(origin.Address, email)
	if err != nil {
		return err
	}
	if err := s.forgot(ctx, origin, email); err != nil {
		attempt.notMade()
		return err
	}
	return nil
}

func (s *Service) forgot(ctx context.Context, origin access.Origin, email string) error {
	code, now := codes.New(), s.Clock()
	r := storage.PasswordReset{
		Account: resetAccount(email), CodeDigest: code.Digest(), CreatedAt: now, ExpiresAt: now.Add(codeLifetime), NextAttemptAt: now,
	}
	plain, err := json.Marshal(forgotten{
		Email: email, Code: code.Reveal(), RequestID: origin.RequestID, Address: origin.Address, UserAgent: origin.UserAgent,
	})
	if err != nil {
		return fmt.Errorf("writing a password reset: %w", err)
	}
	if r.Sealed, err = s.Sealer.Seal(plain, resetPurpose(r.Account)); err != nil {
		return fmt.Errorf("sealing a password reset: %w", err)
	}
	if err := s.Store.ReplacePasswordReset(ctx, r); err != nil {
		return fmt.Errorf("storing a password reset: %w", err)
	}
	return nil
}

// resetAccount is what a password reset is kept under. Somebody may type in an address
// that is nobody's here, or no address, and it is not kept in the clear.
func resetAccount(email string) string { return storage.NewSecret(account(email)).Digest() }

func resetPurpose(account string) string { return "password-reset:" + account }
