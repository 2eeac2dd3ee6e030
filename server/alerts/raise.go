package alerts

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"kiket.dev/auth/server/access"
	"kiket.dev/auth/server/audit"
	"kiket.dev/auth/storage"
)

// Trouble is something that a rule has seen.
type Trouble struct {
	OrganizationID  int64
	Rule            Rule
	Subject         storage.Party
	Summary         string // one line
	Details         map[string]any
	Count           int64
	FirstAt, LastAt time.Time
}

// dedupeKey is the same for trouble that is counted together.
func (t Trouble) dedupeKey() string {
	if t.Subject.ID == 0 {
		return fmt.Sprintf("%s %s:%s", t.Rule, t.Subject.Kind, t.Subject.Name)
	}
	return fmt.Sprintf("%s %s:%d", t.Rule, t.Subject.Kind, t.Subject.ID)
}

// observer is who raises alerts, for the audit log.
var observer = access.Caller{Party: storage.Party{Kind: "server", Name: "alerts"}}

// Raise counts trouble in the open alert of the same rule and subject, or raises one.
// The first is told on every channel; of what follows within an hour each power of ten;
// then, if more has happened, how much. It returns storage.ErrUnavailable or
// storage.ErrNotFound if there is no such organization.
//
// Channels are locked before alerts, by everybody who needs both.
func (s *Service) Raise(ctx context.Context, t Trouble) error {
	err := s.Store.Transaction(ctx, func(ctx context.Context) error {
		channels, err := s.Store.LockAlertChannels(ctx, t.OrganizationID)
		if err != nil {
			return err
		}
		a := storage.Alert{
			OrganizationID: t.OrganizationID, Rule: string(t.Rule), Subject: t.Subject, DedupeKey: t.dedupeKey(),
			Summary: t.Summary, Details: t.Details, Count: t.Count, FirstAt: t.FirstAt, LastAt: t.LastAt,
		}
		if err := s.Store.RaiseAlert(ctx, &a); err != nil {
			return err
		}
		now := s.Clock()
		switch {
		case !now.Before(a.QuietUntil): // a new one, or one that was quiet
			a.QuietUntil = now.Add(quiet)
			if err := s.record(ctx, observer, "alert.raised", a); err != nil {
				return err
			}
		case magnitude(a.Count) == magnitude(a.Told):
			return nil
		}
		return s.tell(ctx, channels, a)
	})
	if err != nil {
		return fmt.Errorf("raising %s: %w", t.Rule, err)
	}
	s.wake()
	return nil
}

// magnitude grows with each power of ten.
func magnitude(n int64) int { return len(strconv.FormatInt(n, 10)) }

// tell queues a message about the alert for each of its organization's channels, which
// are locked.
func (s *Service) tell(ctx context.Context, channels []storage.AlertChannel, a storage.Alert) error {
	if err := s.Store.MarkAlertTold(ctx, a.OrganizationID, a.ID, a.Count, a.QuietUntil); err != nil {
		return err
	}
	if len(channels) == 0 {
		return nil
	}
	o, err := s.Store.OrganizationByID(ctx, a.OrganizationID)
	if err != nil {
		return err
	}
	m := Message{
		Kind: AlertMessage, OrganizationID: o.ID, Organization: o.Name, AlertID: a.ID, Rule: a.Rule, Severity: SeverityOf(Rule(a.Rule)), Subject: Subject(a.Subject),
		Summary: a.Summary, Details: a.Details, Count: a.Count, FirstAt: a.FirstAt.UTC(), LastAt: a.LastAt.UTC(), Link: s.Link(a.Subject),
	}
	for _, c := range channels {
		if err := s.refill(ctx, &c, o); err != nil {
			return err
		}
		room, err := s.spend(ctx, &c)
		if err == nil && room {
			err = s.queue(ctx, c, m)
		}
		if err != nil {
			return err
		}
		if !room {
			c.Budget.LeftOut++
		}
		if err := s.Store.SetChannelBudget(ctx, c.OrganizationID, c.ID, c.Budget); err != nil {
			return err
		}
	}
	return nil
}

// refill begins a new budget if the window of the channel's is over, and queues a
// message that says how many were left out of the old one, if any were.
func (s *Service) refill(ctx context.Context, c *storage.AlertChannel, o storage.Organization) error {
	now := s.Clock()
	if now.Before(c.Budget.Window.Add(budgetWindow)) {
		return nil
	}
	old := c.Budget
	c.Budget = storage.ChannelBudget{Window: now}
	if old.LeftOut == 0 {
		return nil
	}
	if room, err := s.spend(ctx, c); err != nil || !room {
		c.Budget.LeftOut = old.LeftOut
		return err
	}
	return s.queue(ctx, *c, Message{
		Kind: LeftOutMessage, OrganizationID: o.ID, Organization: o.Name, Count: old.LeftOut,
		Summary: fmt.Sprintf("%d more messages were not sent here, since there were too many", old.LeftOut),
		FirstAt: old.Window.UTC(), LastAt: now.UTC(), Link: s.Issuer + alertsPath,
	})
}

// spend takes a message from the budget of the channel, and a mail also from those of its
// address and of the organization, which outlive the channel. It reports whether there was
// room.
func (s *Service) spend(ctx context.Context, c *storage.AlertChannel) (bool, error) {
	if c.Budget.Sent >= mostMessages {
		return false, nil
	}
	if c.Kind == storage.EmailChannel {
		for _, budget := range []struct {
			address string
			most    int64
		}{{c.Address, mostMessages}, {"", mostMail}} {
			n, err := s.Store.CountMail(ctx, c.OrganizationID, budget.address, s.Clock(), budgetWindow)
			if err != nil || n > budget.most {
				return false, err
			}
		}
	}
	c.Budget.Sent++
	return true, nil
}

func (s *Service) queue(ctx context.Context, c storage.AlertChannel, m Message) error {
	payload, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("encoding a message: %w", err)
	}
	now := s.Clock()
	return s.Store.QueueMessage(ctx, &storage.OutboxMessage{
		OrganizationID: c.OrganizationID, ChannelID: c.ID, Payload: payload, CreatedAt: now, NextAttemptAt: now,
	})
}

func (s *Service) record(ctx context.Context, caller access.Caller, action string, a storage.Alert) error {
	return s.Audit.Record(ctx, caller, audit.Event{
		OrganizationID: a.OrganizationID, Action: action,
		Target: storage.Party{Kind: "alert", ID: a.ID, Name: a.Summary},
		Details: map[string]any{
			"rule": a.Rule, "count": a.Count,
			"subject": map[string]any{"kind": a.Subject.Kind, "id": a.Subject.ID, "name": a.Subject.Name},
		},
	})
}
