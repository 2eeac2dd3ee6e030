package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"kiket.dev/auth/config"
	"kiket.dev/auth/keys"
	"kiket.dev/auth/storage"
)

// masterKeySuffix is what the generated master key's file adds to the name of
// the SQLite database beside which it lies.
const masterKeySuffix = ".master-key"

// masterKeys returns the configured keys, or for SQLite the one beside the
// database file, which is generated together with the database. A database whose
// key is gone is not given a new one, because nothing in it could be read.
func masterKeys(c config.Config) ([]storage.Secret, error) {
	file, sqlite := c.SQLiteFile()
	if len(c.MasterKeys) > 0 || !sqlite {
		return c.MasterKeys, nil
	}
	key, err := os.ReadFile(file + masterKeySuffix)
	if errors.Is(err, fs.ErrNotExist) {
		return newMasterKey(file)
	}
	if err != nil {
		return nil, fmt.Errorf("reading the master key: %w", err)
	}
	return []storage.Secret{storage.NewSecret(string(key))}, nil
}

func newMasterKey(database string) ([]storage.Secret, error) {
	if info, err := os.Stat(database); err == nil && info.Size() > 0 {
		return nil, fmt.Errorf("%s exists, but its master key %s%s does not: restore that file, or set KIKET_AUTH_MASTER_KEY", database, database, masterKeySuffix)
	}
	key := keys.GenerateMasterKey()
	err := writeOnce(database+masterKeySuffix, key.Reveal()+"\n")
	if errors.Is(err, fs.ErrExist) { // another process was faster
		written, err := os.ReadFile(database + masterKeySuffix)
		if err != nil {
			return nil, fmt.Errorf("reading the master key: %w", err)
		}
		return []storage.Secret{storage.NewSecret(string(written))}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("writing the master key: %w", err)
	}
	return []storage.Secret{key}, nil
}

// writeOnce makes a file with the whole text in it, durably, or fails with
// fs.ErrExist. Nobody ever sees half of it.
func writeOnce(path, text string) error {
	temporary, err := os.CreateTemp(filepath.Dir(path), ".master-key-*") // mode 0600
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(temporary.Name()) }()
	_, err = temporary.WriteString(text)
	if err := errors.Join(err, temporary.Sync(), temporary.Close()); err != nil {
		return err
	}
	return os.Link(temporary.Name(), path)
}
