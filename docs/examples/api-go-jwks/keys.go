package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/go-jose/go-jose/v4"
	"golang.org/x/sync/singleflight"
)

const (
	// maxAge is how long keys are trusted unseen, as the key set says in
	// Cache-Control: a revoked key may be accepted for so long.
	maxAge = 5 * time.Minute
	// minAge keeps tokens with invented key ids from causing a request each.
	minAge = 10 * time.Second
)

// errUnavailable means that the keys could not be fetched.
var errUnavailable = errors.New("keys are not available")

// keySet are the published keys (RFC 7517).
type keySet struct {
	url    string
	client *http.Client
	known  atomic.Pointer[published]
	once   singleflight.Group
}

// published are the keys as they were at a time.
type published struct {
	jose.JSONWebKeySet
	at time.Time
}

// get returns the key of that id. It fetches the keys if they are old, and
// sooner if there is none of that id: a key that takes a revoked one's place
// signs at once.
func (s *keySet) get(id string) (jose.JSONWebKey, error) {
	keys := s.known.Load()
	if keys == nil || keys.age() > maxAge || len(keys.Key(id)) == 0 && keys.age() > minAge {
		fetched, err, _ := s.once.Do("", func() (any, error) { return s.fetch() })
		if err != nil {
			return jose.JSONWebKey{}, fmt.Errorf("%w: %w", errUnavailable, err)
		}
		keys = fetched.(*published)
	}
	found := keys.Key(id)
	if len(found) == 0 {
		return jose.JSONWebKey{}, errors.New("signed with a key that is not published")
	}
	return found[0], nil
}

func (p *published) age() time.Duration { return time.Since(p.at) }

func (s *keySet) fetch() (*published, error) {
	answer, err := s.client.Get(s.url)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return nil, errors.New(answer.Status)
	}
	keys := &published{at: time.Now()}
	if err := json.NewDecoder(answer.Body).Decode(&keys.JSONWebKeySet); err != nil {
		return nil, err
	}
	s.known.Store(keys)
	return keys, nil
}
