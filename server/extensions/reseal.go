package extensions

import (
	"context"
	"fmt"

	"kiket.dev/auth/storage"
)

// resealBatch is how many secrets are read at a time.
const resealBatch = 100

// Reseal seals under the first master key the named secrets of all organizations that
// are sealed under another, and returns how many. It changes no value, and can run
// beside writers and other replicas. An error says that one cannot be opened with any
// of the master keys; the others are sealed all the same.
func (s *Service) Reseal(ctx context.Context) (int, error) {
	resealed := 0
	var last storage.NamedSecret
	var failed error
	for {
		batch, err := s.Store.NamedSecretsAfter(ctx, last, resealBatch)
		if err != nil {
			return resealed, err
		}
		for _, secret := range batch {
			done, err := s.resealOne(ctx, secret)
			if err != nil {
				failed = err
			}
			if done {
				resealed++
			}
			last = secret
		}
		if len(batch) < resealBatch {
			return resealed, failed
		}
	}
}

func (s *Service) resealOne(ctx context.Context, secret storage.NamedSecret) (bool, error) {
	if s.Sealer.SealedUnderFirst(secret.Sealed) {
		return false, nil
	}
	purpose := secretPurpose(secret.InstallationID, secret.Name)
	value, err := s.Sealer.Open(secret.Sealed, purpose)
	if err != nil {
		return false, fmt.Errorf("secret %s of extension %d: %w", secret.Name, secret.InstallationID, err)
	}
	was := secret.Sealed
	if secret.Sealed, err = s.Sealer.Seal(value, purpose); err != nil {
		return false, err
	}
	return s.Store.ResealNamedSecret(ctx, secret, was)
}
