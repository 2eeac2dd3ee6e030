package gormstore

import (
	"context"
	"errors"
	"fmt"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"kiket.dev/auth/storage"
)

type auditChainRow struct {
	Chain          int64 `gorm:"primaryKey;autoIncrement:false"`
	Sequence       int64
	Hash           []byte
	BaseSequence   int64
	BaseHash       []byte
	Checkpoint     int64
	CheckpointedAt moment
}

func (auditChainRow) TableName() string { return "audit_chains" }

func (r auditChainRow) domain() storage.AuditChain {
	return storage.AuditChain{
		OrganizationID: r.Chain, Sequence: r.Sequence, Hash: r.Hash, BaseSequence: r.BaseSequence, BaseHash: r.BaseHash,
		Checkpoint: r.Checkpoint, CheckpointedAt: r.CheckpointedAt.time(),
	}
}

func (r auditEventRow) record() storage.AuditRecord {
	return storage.AuditRecord{AuditEvent: r.event(), DetailsText: r.Details}
}

// UnsealedAuditEvents implements [storage.AuditChainStore].
func (s *Store) UnsealedAuditEvents(ctx context.Context, limit int) ([]storage.AuditRecord, error) {
	var rows []auditEventRow
	err := s.read(ctx, "reading unsealed audit events", func(db *gorm.DB) error {
		return db.Where("sequence IS NULL").Order("created_at, id").Limit(max(limit, 0)).Find(&rows).Error
	})
	return all(rows, auditEventRow.record), err
}

// ofChain is the condition that a sealed event belongs to the organization, 0: to the
// platform.
const ofChain = "COALESCE(organization_id, 0) = ?"

// CountUnsealedAuditEvents implements [storage.AuditChainStore].
func (s *Store) CountUnsealedAuditEvents(ctx context.Context, organizationID int64) (int64, error) {
	var n int64
	err := s.read(ctx, "counting unsealed audit events", func(db *gorm.DB) error {
		return db.Raw("SELECT count(*) FROM audit_events WHERE sequence IS NULL AND "+ofChain, organizationID).Row().Scan(&n)
	})
	return n, err
}

// SealAuditEvents implements [storage.AuditChainStore] with one statement.
func (s *Store) SealAuditEvents(ctx context.Context, seals []storage.AuditSeal) error {
	if len(seals) == 0 {
		return nil
	}
	return s.write(ctx, "sealing audit events", func(db *gorm.DB) error {
		sql, args := s.dialect.sealAuditEvents(seals)
		result, err := db.Statement.ConnPool.ExecContext(db.Statement.Context, sql, args...)
		if err != nil {
			return err
		}
		sealed, err := result.RowsAffected()
		if err == nil && sealed != int64(len(seals)) {
			err = fmt.Errorf("%d of %d could be sealed", sealed, len(seals))
		}
		return err
	})
}

// SealedAuditEvents implements [storage.AuditChainStore].
func (s *Store) SealedAuditEvents(ctx context.Context, organizationID, after int64, limit int) ([]storage.AuditRecord, error) {
	var rows []auditEventRow
	err := s.read(ctx, "reading sealed audit events", func(db *gorm.DB) error {
		return db.Where(ofChain+" AND sequence > ?", organizationID, after).Order("sequence").Limit(max(limit, 0)).Find(&rows).Error
	})
	return all(rows, auditEventRow.record), err
}

// LastAuditSeal implements [storage.AuditChainStore].
func (s *Store) LastAuditSeal(ctx context.Context, organizationID int64) (storage.AuditSeal, error) {
	var seal storage.AuditSeal
	err := s.read(ctx, "reading the last seal", func(db *gorm.DB) error {
		return db.Raw("SELECT id, sequence, hash FROM audit_events WHERE "+ofChain+
			" AND sequence > 0 ORDER BY sequence DESC LIMIT 1", organizationID).Row().Scan(&seal.ID, &seal.Sequence, &seal.Hash)
	})
	return seal, err
}

// RemoveAuditEvents implements [storage.AuditChainStore].
func (s *Store) RemoveAuditEvents(ctx context.Context, organizationID, through int64) (int64, error) {
	var removed int64
	err := s.Transaction(ctx, func(ctx context.Context) error {
		return s.write(ctx, "removing audit events", func(db *gorm.DB) error {
			result := db.Exec("DELETE FROM audit_events WHERE "+ofChain+" AND sequence <= ?", organizationID, through)
			if result.Error != nil {
				return result.Error
			}
			removed = result.RowsAffected
			return db.Exec("DELETE FROM audit_checkpoints WHERE chain = ? AND sequence < ?", organizationID, through).Error
		})
	})
	return removed, err
}

// AuditChainOf implements [storage.AuditChainStore].
func (s *Store) AuditChainOf(ctx context.Context, organizationID int64) (storage.AuditChain, error) {
	var row auditChainRow
	err := s.first(ctx, "reading a chain of audit events", &row, "chain = ?", organizationID)
	return row.domain(), err
}

// AuditChains implements [storage.AuditChainStore].
func (s *Store) AuditChains(ctx context.Context) ([]storage.AuditChain, error) {
	var rows []auditChainRow
	err := s.read(ctx, "reading the chains of audit events", func(db *gorm.DB) error {
		return db.Order("chain").Find(&rows).Error
	})
	return all(rows, auditChainRow.domain), err
}

// PutAuditChain implements [storage.AuditChainStore].
func (s *Store) PutAuditChain(ctx context.Context, c storage.AuditChain) error {
	row := auditChainRow{
		Chain: c.OrganizationID, Sequence: c.Sequence, Hash: notNull(c.Hash), BaseSequence: c.BaseSequence, BaseHash: notNull(c.BaseHash),
		Checkpoint: c.Checkpoint, CheckpointedAt: moment(c.CheckpointedAt),
	}
	return s.put(ctx, "storing a chain of audit events", "chain", &row)
}

// put stores a row in the place of one with the same key.
func (s *Store) put(ctx context.Context, doing, key string, row any, texts ...string) error {
	if err := storable(texts...); err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	return s.write(ctx, doing, func(db *gorm.DB) error {
		return db.Clauses(clause.OnConflict{Columns: []clause.Column{{Name: key}}, UpdateAll: true}).Create(row).Error
	})
}

type auditCheckpointRow struct {
	Chain     int64  `gorm:"primaryKey;autoIncrement:false"`
	Sequence  int64  `gorm:"primaryKey;autoIncrement:false"`
	CreatedAt moment `gorm:"autoCreateTime:false"`
	Statement string
}

func (auditCheckpointRow) TableName() string { return "audit_checkpoints" }

func (r auditCheckpointRow) domain() storage.AuditCheckpoint {
	return storage.AuditCheckpoint{
		OrganizationID: r.Chain, Sequence: r.Sequence, CreatedAt: r.CreatedAt.time(), Statement: r.Statement,
	}
}

// CreateAuditCheckpoint implements [storage.AuditChainStore].
func (s *Store) CreateAuditCheckpoint(ctx context.Context, c storage.AuditCheckpoint) error {
	row := auditCheckpointRow{Chain: c.OrganizationID, Sequence: c.Sequence, CreatedAt: moment(c.CreatedAt), Statement: c.Statement}
	return s.create(ctx, "storing a checkpoint", &row, row.Statement)
}

// AuditCheckpoints implements [storage.AuditChainStore].
func (s *Store) AuditCheckpoints(ctx context.Context, organizationID, after int64, limit int) ([]storage.AuditCheckpoint, error) {
	var rows []auditCheckpointRow
	err := s.read(ctx, "reading checkpoints", func(db *gorm.DB) error {
		return db.Where("chain = ? AND sequence > ?", organizationID, after).Order("sequence").Limit(max(limit, 0)).Find(&rows).Error
	})
	return all(rows, auditCheckpointRow.domain), err
}

// AuditCheckpointUpTo implements [storage.AuditChainStore].
func (s *Store) AuditCheckpointUpTo(ctx context.Context, organizationID, sequence int64) (storage.AuditCheckpoint, error) {
	var row auditCheckpointRow
	err := s.read(ctx, "reading a checkpoint", func(db *gorm.DB) error {
		return db.Where("chain = ? AND sequence <= ?", organizationID, sequence).Order("sequence DESC").Take(&row).Error
	})
	return row.domain(), err
}

type auditKeyRow struct {
	KeyID     string `gorm:"primaryKey"`
	Sealed    []byte
	CreatedAt moment `gorm:"autoCreateTime:false"`
}

func (auditKeyRow) TableName() string { return "audit_keys" }

func (r auditKeyRow) domain() storage.AuditKey {
	return storage.AuditKey{KeyID: r.KeyID, Sealed: r.Sealed, CreatedAt: r.CreatedAt.time()}
}

// PutAuditKey implements [storage.AuditChainStore].
func (s *Store) PutAuditKey(ctx context.Context, k storage.AuditKey) error {
	if k.KeyID == "" {
		return errors.New("storing a key of checkpoints: it has no id")
	}
	row := auditKeyRow{KeyID: k.KeyID, Sealed: notNull(k.Sealed), CreatedAt: moment(k.CreatedAt)}
	return s.put(ctx, "storing a key of checkpoints", "key_id", &row, row.KeyID)
}

// AuditKeys implements [storage.AuditChainStore].
func (s *Store) AuditKeys(ctx context.Context) ([]storage.AuditKey, error) {
	var rows []auditKeyRow
	err := s.read(ctx, "reading the keys of checkpoints", func(db *gorm.DB) error {
		return db.Order("created_at, key_id").Find(&rows).Error
	})
	return all(rows, auditKeyRow.domain), err
}
