package alerts

import (
	"context"
	"slices"

	"kiket.dev/auth/storage"
)

// pendingBatch is how many alerts and channels are looked at in one turn.
const pendingBatch = 100

// tellPending tells what has waited for its time: counts that went up while an alert was
// quiet, and how many messages were left out of a channel's budget.
func (s *Service) tellPending(ctx context.Context) error {
	untold, err := s.Store.UntoldAlerts(ctx, s.Clock(), pendingBatch)
	if err != nil {
		return err
	}
	for _, a := range untold {
		if err := s.tellAgain(ctx, a); err != nil {
			return err
		}
	}
	over, err := s.Store.ChannelsLeftOut(ctx, s.Clock().Add(-budgetWindow), pendingBatch)
	if err != nil {
		return err
	}
	for _, c := range over {
		if err := s.tellLeftOut(ctx, c); err != nil {
			return err
		}
	}
	return nil
}

// tellAgain looks at the alert again when nobody else does.
func (s *Service) tellAgain(ctx context.Context, a storage.Alert) error {
	return s.Store.Transaction(ctx, func(ctx context.Context) error {
		channels, err := s.Store.LockAlertChannels(ctx, a.OrganizationID)
		if err != nil {
			return err
		}
		a, err := s.Store.AlertByID(ctx, a.OrganizationID, a.ID)
		if err != nil {
			return err
		}
		if now := s.Clock(); a.Open() && a.Count > a.Told && !now.Before(a.QuietUntil) {
			a.QuietUntil = now.Add(quiet)
			return s.tell(ctx, channels, a)
		}
		return nil
	})
}

func (s *Service) tellLeftOut(ctx context.Context, c storage.AlertChannel) error {
	return s.Store.Transaction(ctx, func(ctx context.Context) error {
		channels, err := s.Store.LockAlertChannels(ctx, c.OrganizationID)
		if err != nil {
			return err
		}
		i := slices.IndexFunc(channels, func(other storage.AlertChannel) bool { return other.ID == c.ID })
		if i < 0 || channels[i].Budget.LeftOut == 0 {
			return nil
		}
		o, err := s.Store.OrganizationByID(ctx, c.OrganizationID)
		if err != nil {
			return err
		}
		if err := s.refill(ctx, &channels[i], o); err != nil {
			return err
		}
		return s.Store.SetChannelBudget(ctx, c.OrganizationID, c.ID, channels[i].Budget)
	})
}

// Sweep removes messages and alerts that are kept no longer.
func (s *Service) Sweep(ctx context.Context) error {
	now := s.Clock()
	if _, err := s.Store.SweepMessages(ctx, now.Add(-keepMessages)); err != nil {
		return err
	}
	if _, err := s.Store.SweepMail(ctx, now.Add(-budgetWindow)); err != nil {
		return err
	}
	_, err := s.Store.SweepAlerts(ctx, now.Add(-keepAlerts))
	return err
}
