package alerts

import (
	"context"
	"fmt"

	"kiket.dev/auth/storage"
)

// resealBatch is how many channels are read at a time.
const resealBatch = 100

// Reseal seals under the first master key the addresses of all channels that are sealed
// under another, and returns how many. It can run beside other replicas. An error says
// that one cannot be opened with any of the master keys; the others are sealed all the
// same.
func (s *Service) Reseal(ctx context.Context) (int, error) {
	resealed := 0
	var last int64
	var failed error
	for {
		batch, err := s.Store.AlertChannelsAfter(ctx, last, resealBatch)
		if err != nil {
			return resealed, err
		}
		for _, c := range batch {
			done, err := s.resealOne(ctx, c)
			if err != nil {
				failed = err
			}
			if done {
				resealed++
			}
			last = c.ID
		}
		if len(batch) < resealBatch {
			return resealed, failed
		}
	}
}

func (s *Service) resealOne(ctx context.Context, c storage.AlertChannel) (bool, error) {
	if len(c.Sealed) == 0 || s.Sealer.SealedUnderFirst(c.Sealed) {
		return false, nil
	}
	plain, err := s.Sealer.Open(c.Sealed, channelPurpose(c))
	if err != nil {
		return false, fmt.Errorf("alert channel %d: %w", c.ID, err)
	}
	was := c.Sealed
	if c.Sealed, err = s.Sealer.Seal(plain, channelPurpose(c)); err != nil {
		return false, err
	}
	return s.Store.ResealAlertChannel(ctx, c, was)
}
