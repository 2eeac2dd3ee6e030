package extensions

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"unicode/utf8"

	"kiket.dev/auth/keys"
	"kiket.dev/auth/server/access"
	"kiket.dev/auth/storage"
)

const (
	mostSecrets       = 200      // of an installation
	longestSecret     = 32 << 10 // bytes
	longestSecretName = 100
)

// errUnreadable says that a secret was sealed under a master key that the server has no
// more.
var errUnreadable = access.Refuse("secret_unreadable", "none of the server's master keys opens the secret: write it again")

var secretName = regexp.MustCompile(`^[A-Z][A-Z0-9_]*$`)

// SecretNames returns the names of the secrets of an installation in order, for
// admins and for the installation's own key. It returns access.ErrDenied or
// storage.ErrNotFound.
func (s *Service) SecretNames(ctx context.Context, caller access.Caller, organizationID, id int64) ([]string, error) {
	if err := requireOwn(caller, organizationID, id); err != nil {
		return nil, err
	}
	if _, err := s.installed(ctx, organizationID, id); err != nil {
		return nil, err
	}
	return s.Store.NamedSecretNames(ctx, organizationID, id)
}

// ReadSecret returns a secret of an installation, to admins, which is written down,
// and to the installation's own key. It returns access.ErrDenied, storage.ErrInvalid
// for what cannot be a name, storage.ErrNotFound, or an access.Refusal
// secret_unreadable.
func (s *Service) ReadSecret(ctx context.Context, caller access.Caller, organizationID, id int64, name string) (storage.Secret, error) {
	if err := requireOwn(caller, organizationID, id); err != nil {
		return storage.Secret{}, err
	}
	if err := checkSecretName(name); err != nil {
		return storage.Secret{}, err
	}
	if caller.InstallationID != 0 {
		return s.openSecret(ctx, organizationID, id, name)
	}
	var value storage.Secret
	err := s.Store.Transaction(ctx, func(ctx context.Context) error {
		i, err := s.installed(ctx, organizationID, id)
		if err != nil {
			return err
		}
		if value, err = s.openSecret(ctx, organizationID, id, name); err != nil {
			return err
		}
		return s.record(ctx, caller, "extension.secret_read", i, map[string]any{"secret_name": name})
	})
	if err != nil {
		return storage.Secret{}, err
	}
	return value, nil
}

func (s *Service) openSecret(ctx context.Context, organizationID, id int64, name string) (storage.Secret, error) {
	kept, err := s.Store.NamedSecretByName(ctx, organizationID, id, name)
	if err != nil {
		return storage.Secret{}, fmt.Errorf("finding the secret %s: %w", name, err)
	}
	value, err := s.Sealer.Open(kept.Sealed, secretPurpose(id, name))
	if errors.Is(err, keys.ErrSealed) && !s.Sealer.SealedUnderAny(kept.Sealed) {
		return storage.Secret{}, errors.Join(errUnreadable, err)
	}
	if err != nil {
		return storage.Secret{}, fmt.Errorf("opening the secret %s of extension %d: %w", name, id, err)
	}
	return storage.NewSecret(string(value)), nil
}

// WriteSecret keeps a text of 1 byte to 32 KiB under a name, in place of what was
// there, and reports whether nothing was. It is for admins and for the
// installation's own key. It returns access.ErrDenied, storage.ErrInvalid,
// storage.ErrNotFound, or an access.Refusal too_many_secrets.
func (s *Service) WriteSecret(ctx context.Context, caller access.Caller, organizationID, id int64, name string, value storage.Secret) (bool, error) {
	if err := requireOwn(caller, organizationID, id); err != nil {
		return false, err
	}
	if err := errors.Join(checkSecretName(name), checkSecretValue(value)); err != nil {
		return false, err
	}
	sealed, err := s.Sealer.Seal([]byte(value.Reveal()), secretPurpose(id, name))
	if err != nil {
		return false, err
	}
	fresh := false
	err = s.change(ctx, organizationID, id, func(ctx context.Context, i storage.Installation) error {
		names, err := s.Store.NamedSecretNames(ctx, organizationID, id)
		if err != nil {
			return err
		}
		if len(names) >= mostSecrets && !slices.Contains(names, name) {
			return access.Refuse("too_many_secrets", "the extension %s keeps %d secrets, which is all that it may", i.Key, len(names))
		}
		fresh, err = s.Store.PutNamedSecret(ctx, storage.NamedSecret{
			OrganizationID: organizationID, InstallationID: id, Name: name, Sealed: sealed, UpdatedAt: s.Clock(),
		})
		if err != nil {
			return fmt.Errorf("writing the secret %s: %w", name, err)
		}
		return s.record(ctx, caller, "extension.secret_written", i, map[string]any{"secret_name": name, "new": fresh})
	})
	return fresh && err == nil, err
}

// DeleteSecret removes a secret of an installation, for admins and for the
// installation's own key. It returns access.ErrDenied, storage.ErrInvalid for what
// cannot be a name, or storage.ErrNotFound.
func (s *Service) DeleteSecret(ctx context.Context, caller access.Caller, organizationID, id int64, name string) error {
	if err := requireOwn(caller, organizationID, id); err != nil {
		return err
	}
	if err := checkSecretName(name); err != nil {
		return err
	}
	return s.change(ctx, organizationID, id, func(ctx context.Context, i storage.Installation) error {
		if err := s.Store.DeleteNamedSecret(ctx, organizationID, id, name); err != nil {
			return fmt.Errorf("deleting the secret %s: %w", name, err)
		}
		return s.record(ctx, caller, "extension.secret_deleted", i, map[string]any{"secret_name": name})
	})
}

// secretPurpose binds what is sealed to its place.
func secretPurpose(installationID int64, name string) string {
	return fmt.Sprintf("extension-secret:%d:%s", installationID, name)
}

func checkSecretName(name string) error {
	if len(name) > longestSecretName || !secretName.MatchString(name) {
		return storage.Invalidf("key", "want at most %d of A to Z, 0 to 9 and _, beginning with a letter", longestSecretName)
	}
	return nil
}

func checkSecretValue(value storage.Secret) error {
	text := value.Reveal()
	if text == "" || len(text) > longestSecret || !utf8.ValidString(text) {
		return storage.Invalidf("value", "want a text of 1 to %d bytes", longestSecret)
	}
	return nil
}
