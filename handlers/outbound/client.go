package outbound

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"syscall"
	"time"
)

// Limits of a request.
const (
	// timeLimit is how long one may take in all: waiting for its turn, resolving,
	// connecting, redirects, reading.
	timeLimit = 5 * time.Second
	// MaxResponseBytes is how long an answer may be.
	MaxResponseBytes = 64 << 10
	maxHeaderBytes   = 32 << 10
	maxRedirects     = 3
	// mostAtOnce is how many run at the same time; the others wait.
	mostAtOnce = 32
	maxIdle    = 16
	idleTime   = 30 * time.Second
)

// Options of a [Client]. Their zero value is right where all addresses are on the
// public internet and all certificates come from its authorities.
type Options struct {
	// Allowed are networks that may be connected to although they are not public.
	Allowed []netip.Prefix
	// RootCAs are the authorities that are trusted; nil: the system's, for which
	// the environment variable SSL_CERT_FILE can name a file.
	RootCAs *x509.CertPool
}

// Client fetches from addresses that users give. Make it with [New].
type Client struct {
	allowed []netip.Prefix
	http    *http.Client
	turns   chan struct{}
	limit   time.Duration
}

// New returns a client.
func New(o Options) *Client {
	c := &Client{allowed: slices.Clone(o.Allowed), turns: make(chan struct{}, mostAtOnce), limit: timeLimit}
	dialer := &net.Dialer{Timeout: timeLimit, ControlContext: c.checkConnection}
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	c.http = &http.Client{
		CheckRedirect: c.checkRedirect,
		// A new one, since the default one asks the environment for a proxy.
		Transport: &http.Transport{
			DialContext:            dialer.DialContext,
			TLSClientConfig:        &tls.Config{RootCAs: o.RootCAs, MinVersion: tls.VersionTLS12},
			TLSHandshakeTimeout:    timeLimit,
			DisableCompression:     true, // so that what is short stays short
			MaxIdleConns:           maxIdle,
			MaxIdleConnsPerHost:    1,
			IdleConnTimeout:        idleTime,
			MaxResponseHeaderBytes: maxHeaderBytes,
			Protocols:              protocols,
		},
	}
	return c
}

// checkConnection is asked before every connection, with the address that it will
// really go to.
func (c *Client) checkConnection(_ context.Context, _, address string, _ syscall.RawConn) error {
	to, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrNotPublic, err)
	}
	return c.checkAddress(to.Addr())
}

func (c *Client) checkRedirect(next *http.Request, before []*http.Request) error {
	if before[0].Method != http.MethodGet {
		return http.ErrUseLastResponse // what is sent is for the address that was given
	}
	if len(before) > maxRedirects {
		return fmt.Errorf("more than %d redirects", maxRedirects)
	}
	if err := c.checkURL(next.URL); err != nil {
		return fmt.Errorf("redirected to where it may not lead: %w", err)
	}
	next.Header.Del("Referer") // the address may be meant for the first host alone
	return nil
}

// Fetch returns what is at an https address, at most [MaxResponseBytes], if that is
// answered with 200 within five seconds. It follows up to three redirects. The error
// is an [ErrNotPublic] if the address, or one that it leads to, may not be connected
// to; it names the host and not what of the address may be meant for it alone.
func (c *Client) Fetch(ctx context.Context, address string) ([]byte, error) {
	return c.ask(ctx, "fetching from", http.MethodGet, address, nil, http.Header{"Accept": {"application/json, application/jwk-set+json"}})
}

// Post sends JSON to an https address, with the header fields given. It returns nil if
// that is answered with 2xx within five seconds, and what [Client.Fetch] returns
// otherwise. It follows no redirect.
func (c *Client) Post(ctx context.Context, address string, body []byte, header http.Header) error {
	header = header.Clone()
	if header == nil {
		header = http.Header{}
	}
	header.Set("Content-Type", "application/json")
	_, err := c.ask(ctx, "sending to", http.MethodPost, address, body, header)
	return err
}

func (c *Client) ask(ctx context.Context, doing, method, address string, body []byte, header http.Header) ([]byte, error) {
	if err := c.CheckURL(address); err != nil {
		return nil, fmt.Errorf("%s an address: %w", doing, err)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, c.limit, ErrTooSlow)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("%s an address: not a URL", doing)
	}
	request.Header = header
	answer, err := c.inTurn(request)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", doing, request.URL.Host, withoutURL(ctx, err))
	}
	return answer, nil
}

// StatusError says that an answer had another status than it should have.
type StatusError struct {
	Status int
	want   string
}

func (e *StatusError) Error() string {
	return fmt.Sprintf("answered with %d, want %s", e.Status, e.want)
}

// ErrTooSlow says that the time was up.
var ErrTooSlow = fmt.Errorf("not done within %s", timeLimit)

// inTurn does the request when fewer than [mostAtOnce] others run.
func (c *Client) inTurn(request *http.Request) ([]byte, error) {
	select {
	case c.turns <- struct{}{}:
		defer func() { <-c.turns }()
		return c.do(request)
	case <-request.Context().Done():
		return nil, fmt.Errorf("waiting while %d others run: %w", mostAtOnce, context.Cause(request.Context()))
	}
}

func (c *Client) do(request *http.Request) ([]byte, error) {
	request.Header.Set("User-Agent", "kiket-auth")
	response, err := c.http.Do(request)
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }()
	if request.Method == http.MethodPost {
		if response.StatusCode < 200 || response.StatusCode > 299 {
			return nil, &StatusError{response.StatusCode, "2xx"}
		}
		return nil, nil // whatever it says
	}
	if response.StatusCode != http.StatusOK {
		return nil, &StatusError{response.StatusCode, "200"}
	}
	if encoding := response.Header.Get("Content-Encoding"); encoding != "" && encoding != "identity" {
		return nil, errors.New("answered in an encoding that was not asked for")
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, MaxResponseBytes+1))
	switch {
	case err != nil:
		return nil, err
	case len(body) > MaxResponseBytes:
		return nil, fmt.Errorf("answered with more than %d bytes", MaxResponseBytes)
	}
	return body, nil
}

// withoutURL takes the address out of an error of package net/http, and puts the
// reason in if the time was up.
func withoutURL(ctx context.Context, err error) error {
	var of *url.Error
	if errors.As(err, &of) {
		err = of.Err
	}
	if cause := context.Cause(ctx); cause != nil && !errors.Is(err, cause) {
		return fmt.Errorf("%w: %w", cause, err)
	}
	return err
}
