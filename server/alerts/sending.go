package alerts

import (
	"sync"

	"kiket.dev/auth/storage"
)

// sending are the messages that this process is sending, by id.
type sending struct {
	mu       sync.Mutex
	messages map[int64]storage.OutboxMessage
}

func (s *sending) begin(m storage.OutboxMessage) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.messages == nil {
		s.messages = map[int64]storage.OutboxMessage{}
	}
	s.messages[m.ID] = m
}

func (s *sending) end(m storage.OutboxMessage) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.messages, m.ID)
}

func (s *sending) all() []storage.OutboxMessage {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]storage.OutboxMessage, 0, len(s.messages))
	for _, m := range s.messages {
		all = append(all, m)
	}
	return all
}
