package audit

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"kiket.dev/auth/keys"
	"kiket.dev/auth/storage"
)

// typeCheckpoint is the media type of a checkpoint.
const typeCheckpoint = "audit-checkpoint+jwt"

// checkpointClaims are what a checkpoint states: at that time the event with that
// sequence had that hash, in which all before it are contained.
type checkpointClaims struct {
	OrganizationID int64  `json:"organization_id"` // 0: the platform
	Sequence       int64  `json:"sequence"`
	Hash           string `json:"hash"` // base64url
	IssuedAt       int64  `json:"iat"`
	// Issuer comes last, so that a checkpoint in a log does not begin as a token does.
	Issuer string `json:"iss"`
}

// checkpoints signs the chains that have gone on since a checkpoint before that time.
func (n *Notary) checkpoints(ctx context.Context, before time.Time) error {
	chains, err := n.Store.AuditChains(ctx)
	if err != nil {
		return err
	}
	for _, chain := range chains {
		if chain.Sequence > chain.Checkpoint && !chain.CheckpointedAt.After(before) {
			if err := n.checkpoint(ctx, chain.OrganizationID); err != nil {
				return err
			}
		}
	}
	return nil
}

// checkpoint signs how far the chain goes, keeps that and puts it into the log, of
// which a copy can be where nobody who edits the database can edit it.
func (n *Notary) checkpoint(ctx context.Context, organization int64) error {
	var made storage.AuditCheckpoint
	err := n.locked(ctx, func(ctx context.Context) error {
		made = storage.AuditCheckpoint{}
		chain, err := n.Store.AuditChainOf(ctx, organization)
		if err != nil || chain.Sequence <= chain.Checkpoint { // another replica was faster
			return err
		}
		now := n.Clock()
		statement, keyID, err := n.Ring.Sign(ctx, typeCheckpoint, checkpointClaims{
			Issuer: n.Issuer, IssuedAt: now.Unix(), OrganizationID: organization,
			Sequence: chain.Sequence, Hash: base64.RawURLEncoding.EncodeToString(chain.Hash),
		})
		if err != nil {
			return fmt.Errorf("signing a checkpoint: %w", err)
		}
		if err := n.keepKey(ctx, keyID); err != nil {
			return err
		}
		checkpoint := storage.AuditCheckpoint{OrganizationID: organization, Sequence: chain.Sequence, CreatedAt: now, Statement: statement}
		if err := n.Store.CreateAuditCheckpoint(ctx, checkpoint); err != nil {
			return err
		}
		chain.Checkpoint, chain.CheckpointedAt = chain.Sequence, now
		made = checkpoint
		return n.Store.PutAuditChain(ctx, chain)
	})
	if err == nil && made.Sequence > 0 {
		n.Logger.InfoContext(ctx, "audit checkpoint", "organization_id", organization, "sequence", made.Sequence, "checkpoint", made.Statement)
	}
	if err != nil {
		return fmt.Errorf("making a checkpoint: %w", err)
	}
	return nil
}

func keyPurpose(keyID string) string { return "audit-key:" + keyID }

// keepKey keeps the public key of a checkpoint, once: signing keys are deleted some time
// after they have signed, and checkpoints are to be verified for as long as there are
// events. It is sealed under the master key, so that who can write to the database
// cannot have checkpoints of their own believed.
func (n *Notary) keepKey(ctx context.Context, keyID string) error {
	kept, err := n.Store.AuditKeys(ctx)
	if err != nil {
		return err
	}
	for _, k := range kept {
		if _, err := n.open(k); k.KeyID == keyID && err == nil {
			return nil
		}
	}
	document, ok := n.Ring.PublicKey(keyID)
	if !ok {
		return errors.New("the key that has just signed is gone")
	}
	return n.putKey(ctx, storage.AuditKey{KeyID: keyID, CreatedAt: n.Clock()}, document)
}

func (n *Notary) putKey(ctx context.Context, k storage.AuditKey, document []byte) error {
	var err error
	if k.Sealed, err = n.Sealer.Seal(document, keyPurpose(k.KeyID)); err != nil {
		return err
	}
	return n.Store.PutAuditKey(ctx, k)
}

// open returns what [Notary.keepKey] kept.
func (n *Notary) open(k storage.AuditKey) (keys.PublicKey, error) {
	document, err := n.Sealer.Open(k.Sealed, keyPurpose(k.KeyID))
	if err != nil {
		return keys.PublicKey{}, err
	}
	return keys.ParsePublicKey(document)
}

// Reseal seals under the first master key what is sealed under another, and returns how
// many keys that were.
func (n *Notary) Reseal(ctx context.Context) (int, error) {
	kept, err := n.Store.AuditKeys(ctx)
	if err != nil {
		return 0, fmt.Errorf("reading the keys of checkpoints: %w", err)
	}
	resealed := 0
	for _, k := range kept {
		if n.Sealer.SealedUnderFirst(k.Sealed) {
			continue
		}
		document, err := n.Sealer.Open(k.Sealed, keyPurpose(k.KeyID))
		if err != nil {
			n.Logger.WarnContext(ctx, "the key of audit checkpoints cannot be opened with the master keys", "kid", k.KeyID, "error", err)
			continue
		}
		if err := n.putKey(ctx, k, document); err != nil {
			return resealed, fmt.Errorf("sealing the key of checkpoints %s: %w", k.KeyID, err)
		}
		resealed++
	}
	return resealed, nil
}

// keyring are the public keys of checkpoints by id.
type keyring map[string]keys.PublicKey

// keyring opens what is kept; what cannot be opened is left out.
func (n *Notary) keyring(ctx context.Context) (keyring, error) {
	kept, err := n.Store.AuditKeys(ctx)
	if err != nil {
		return nil, err
	}
	ring := keyring{}
	for _, k := range kept {
		if public, err := n.open(k); err == nil && public.KeyID() == k.KeyID {
			ring[k.KeyID] = public
		}
	}
	return ring, nil
}

// read verifies a checkpoint and returns what it states.
func (r keyring) read(statement string) (checkpointClaims, []byte, error) {
	var claims checkpointClaims
	keyID, ok := keys.TokenKeyID(statement, typeCheckpoint)
	if !ok {
		return claims, nil, errors.New("it is not a checkpoint")
	}
	key, ok := r[keyID]
	if !ok {
		return claims, nil, fmt.Errorf("the key %s that signed it is not one of this installation, or sealed under another master key", keyID)
	}
	payload, err := key.Verify(statement, typeCheckpoint)
	if err != nil {
		return claims, nil, errors.New("its signature is wrong")
	}
	if err := json.Unmarshal(payload, &claims); err != nil {
		return claims, nil, errors.New("it cannot be read")
	}
	hash, err := base64.RawURLEncoding.Strict().DecodeString(claims.Hash)
	if err != nil {
		return claims, nil, errors.New("its hash cannot be read")
	}
	return claims, hash, nil
}
