package alerts

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"kiket.dev/auth/storage"
)

// ExpiryMessage is a digest of what expires soon, to one person. It has Expiring, and no
// Rule, Subject, AlertID and Details.
const ExpiryMessage MessageKind = "expiry"

// Expiring is a credential that expires soon.
type Expiring struct {
	Credential string    `json:"credential"` // kind and id, such as workspace_api_token:42
	Kind       string    `json:"kind"`
	Name       string    `json:"name"`
	Prefix     string    `json:"token_prefix"`
	ExpiresAt  time.Time `json:"expires_at"`
	Days       int       `json:"days"` // it expires within so many
}

// QueueMail queues a message to one member of the organization by mail, in the transaction
// of what it tells of. It ends with the membership, and goes to the address that the
// person has when it is sent. It returns storage.ErrNotFound if there is no such member.
func (s *Service) QueueMail(ctx context.Context, organizationID, userID int64, m Message) error {
	payload, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("encoding a message: %w", err)
	}
	now := s.Clock()
	return s.Store.QueueMessage(ctx, &storage.OutboxMessage{
		OrganizationID: organizationID, UserID: userID, Payload: payload, CreatedAt: now, NextAttemptAt: now,
	})
}

// receiver finds out where a message goes.
func (s *Service) receiver(ctx context.Context, m storage.OutboxMessage) (Destination, error) {
	if m.UserID == 0 {
		c, err := s.Store.AlertChannelByID(ctx, m.OrganizationID, m.ChannelID)
		if err != nil {
			return Destination{}, fmt.Errorf("finding the channel: %w", err)
		}
		return s.destination(c)
	}
	member, err := s.Store.MemberOf(ctx, m.OrganizationID, m.UserID)
	if err != nil {
		return Destination{}, fmt.Errorf("finding the member: %w", err)
	}
	return Destination{Kind: storage.EmailChannel, Address: member.Email}, nil
}
