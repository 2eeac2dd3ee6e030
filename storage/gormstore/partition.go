package gormstore

import (
	"context"
	"fmt"
	"strings"
	"time"

	"gorm.io/gorm"
)

// Access tokens lie, on PostgreSQL, in partitions of six hours by expiry: with
// lifetimes of about an hour two or three of them are in use at a time, and what
// has expired is gone within a working day at the latest.
const (
	partitionWidth  = 6 * time.Hour
	partitionPrefix = "tokens_access_"
	partitionLayout = "20060102_15" // of the lower bound, in UTC
)

// partition is named by its lower bound and holds what expires before the next.
type partition struct{ from time.Time }

func partitionOf(expiry time.Time) partition {
	return partition{from: expiry.UTC().Truncate(partitionWidth)}
}

func (p partition) next() partition { return partition{from: p.from.Add(partitionWidth)} }

func (p partition) name() string { return partitionPrefix + p.from.Format(partitionLayout) }

func (p partition) bounds() (from, to string) {
	const layout = "2006-01-02 15:04:05Z07:00"
	return p.from.Format(layout), p.next().from.Format(layout)
}

// parsePartition reads a name; false if it is not one of a partition by expiry.
func parsePartition(name string) (partition, bool) {
	text, found := strings.CutPrefix(name, partitionPrefix)
	from, err := time.ParseInLocation(partitionLayout, text, time.UTC)
	return partition{from: from}, found && err == nil
}

// partitions returns those that exist, by name.
func (s *Store) partitions(ctx context.Context) (map[string]partition, error) {
	existing := make(map[string]partition)
	err := s.read(ctx, "listing partitions", func(db *gorm.DB) error {
		var names []string
		err := db.Raw(`SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
			WHERE i.inhparent = 'tokens_access'::regclass`).Scan(&names).Error
		for _, name := range names {
			if p, ok := parsePartition(name); ok {
				existing[name] = p
			}
		}
		return err
	})
	return existing, err
}

// preparePartitions makes the partitions for what expires from now until then.
// Replicas that come at the same time wait for each other and find it done.
func preparePartitions(s *Store, ctx context.Context, now, until time.Time) error {
	missing, err := s.missingPartitions(ctx, now, until)
	if err != nil || len(missing) == 0 {
		return err
	}
	return s.changePartitions(ctx, func(ctx context.Context) error {
		missing, err := s.missingPartitions(ctx, now, until)
		if err != nil {
			return err
		}
		for _, p := range missing {
			if err := s.attachPartition(ctx, p); err != nil {
				return err
			}
		}
		return nil
	})
}

func (s *Store) missingPartitions(ctx context.Context, now, until time.Time) ([]partition, error) {
	existing, err := s.partitions(ctx)
	if err != nil {
		return nil, err
	}
	var missing []partition
	for p := partitionOf(now); !p.from.After(until); p = p.next() {
		if _, ok := existing[p.name()]; !ok {
			missing = append(missing, p)
		}
	}
	return missing, nil
}

// changePartitions runs f alone among replicas. The table locks that f takes are
// held for milliseconds; those that it waits for, for no longer than a second,
// because everybody else would queue up behind it. It can be tried again.
func (s *Store) changePartitions(ctx context.Context, f func(ctx context.Context) error) error {
	return s.Transaction(ctx, func(ctx context.Context) error {
		if err := s.Lock(ctx, lockTokenPartitions); err != nil {
			return err
		}
		if err := s.define(ctx, "limiting waits", "SET LOCAL lock_timeout = '1s'"); err != nil {
			return err
		}
		return f(ctx)
	})
}

// attachPartition makes a partition beside the table and then attaches it, which
// unlike CREATE TABLE … PARTITION OF does not stop readers and writers. Tokens
// that came before their partition lie in the default one and move over; it is
// locked from before the move until the end, so that none can come in between.
func (s *Store) attachPartition(ctx context.Context, p partition) error {
	name := p.name()
	from, to := p.bounds()
	for _, sql := range []string{
		"LOCK TABLE tokens_access_default IN ACCESS EXCLUSIVE MODE",
		"CREATE TABLE " + name + " (LIKE tokens_access INCLUDING ALL)",
		fmt.Sprintf(`WITH moved AS (DELETE FROM tokens_access_default
			WHERE expires_at >= '%s' AND expires_at < '%s' RETURNING *)
			INSERT INTO %s SELECT * FROM moved`, from, to, name),
		fmt.Sprintf("ALTER TABLE tokens_access ATTACH PARTITION %s FOR VALUES FROM ('%s') TO ('%s')", name, from, to),
	} {
		if err := s.define(ctx, "making the partition "+name, sql); err != nil {
			return err
		}
	}
	return nil
}

// sweepPartitions drops the partitions that ended before the given time, each by
// itself, and clears the default partition, where few tokens lie if any.
func sweepPartitions(s *Store, ctx context.Context, before time.Time) (int64, error) {
	existing, err := s.partitions(ctx)
	if err != nil {
		return 0, err
	}
	var swept int64
	for _, p := range existing {
		if p.next().from.After(before) {
			continue
		}
		err := s.changePartitions(ctx, func(ctx context.Context) error {
			return s.define(ctx, "dropping the partition "+p.name(), "DROP TABLE IF EXISTS "+p.name())
		})
		if err != nil {
			return swept, err
		}
		swept++
	}
	rows, err := s.deleteInBatches(ctx, sweepingTokens, `DELETE FROM tokens_access_default WHERE ctid IN
		(SELECT ctid FROM tokens_access_default WHERE expires_at < ? ORDER BY expires_at LIMIT ?)`, before)
	return swept + rows, err
}

// define executes a statement that has no parameters.
func (s *Store) define(ctx context.Context, doing, sql string) error {
	return s.write(ctx, doing, func(db *gorm.DB) error { return db.Exec(sql).Error })
}
