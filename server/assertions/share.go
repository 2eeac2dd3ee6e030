package assertions

import (
	"context"
	"fmt"
	"sync"
)

// mostOfOwner is how many addresses of one owner are asked at the same time. What asks
// them does so for everybody and has a limit of its own, which one owner whose addresses
// never answer must not be able to use up.
const mostOfOwner = 8

// shares lets fetches wait for others of the same owner. The zero value is ready.
type shares struct {
	mu  sync.Mutex
	all map[int64]*share // of owners that fetch or wait
}

type share struct {
	turns chan struct{}
	users int
}

// take waits for a turn of the owner, which release ends.
func (s *shares) take(ctx context.Context, owner int64) (release func(), err error) {
	own := s.join(owner)
	select {
	case own.turns <- struct{}{}:
		return func() { <-own.turns; s.leave(owner, own) }, nil
	case <-ctx.Done():
		s.leave(owner, own)
		return nil, fmt.Errorf("waiting while %d others of the same owner are asked: %w", mostOfOwner, context.Cause(ctx))
	}
}

func (s *shares) join(owner int64) *share {
	s.mu.Lock()
	defer s.mu.Unlock()
	own, known := s.all[owner]
	if !known {
		if s.all == nil {
			s.all = map[int64]*share{}
		}
		own = &share{turns: make(chan struct{}, mostOfOwner)}
		s.all[owner] = own
	}
	own.users++
	return own
}

func (s *shares) leave(owner int64, own *share) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if own.users--; own.users == 0 {
		delete(s.all, owner)
	}
}
