package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"kiket.dev/auth/handlers"
	"kiket.dev/auth/handlers/ops"
	"kiket.dev/auth/storage"
)

type serveCommand struct{}

// Run serves until SIGTERM or SIGINT.
func (serveCommand) Run(ctx context.Context, p *process) error {
	o, err := p.open(ctx)
	if err != nil {
		return err
	}
	defer o.close()
	s := &serving{opened: o, process: p, failed: make(chan error, 1)}
	return s.run(ctx)
}

// serving is the process while it serves.
type serving struct {
	*opened
	process   *process
	readiness *ops.Readiness
	failed    chan error // what ends the process from the inside
}

func (s *serving) run(ctx context.Context) error {
	s.readiness = ops.NewReadiness(s.ready)
	ready, err := s.prepare(ctx)
	if err != nil {
		return err
	}
	listeners, err := s.listen(ctx)
	if err != nil {
		return err
	}
	if err := s.welcome(ctx, ready, listeners[0].address); err != nil {
		return err
	}
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	var tasks sync.WaitGroup
	tasks.Go(func() {
		if !ready && !s.prepareEventually(background) {
			return
		}
		s.server.Run(background)
	})
	for _, l := range listeners {
		tasks.Go(func() { l.serve(s.failed) })
	}
	select {
	case <-ctx.Done():
	case err = <-s.failed:
	}
	s.drain(listeners)
	stop()
	tasks.Wait()
	return errors.Join(err, s.flush())
}

// ready says whether requests can be answered.
func (s *serving) ready(ctx context.Context) error {
	if !s.ring.Loaded() {
		return errors.New("the signing keys are not loaded yet")
	}
	return s.store.Ping(ctx)
}

// prepare makes the server ready to issue tokens. False without an error means
// that the database does not answer yet.
func (s *serving) prepare(ctx context.Context) (bool, error) {
	err := s.migrated(ctx)
	if err == nil {
		err = s.server.Prepare(ctx)
	}
	if errors.Is(err, storage.ErrUnavailable) {
		s.logger.WarnContext(ctx, "the database does not answer; requests get 503 until it does", "error", err)
		return false, nil
	}
	return err == nil, err
}

// prepareEventually tries until it has succeeded, the process ends, or trying
// again is of no use, which ends the process.
func (s *serving) prepareEventually(ctx context.Context) bool {
	again := time.NewTicker(time.Second)
	defer again.Stop()
	for {
		select {
		case <-ctx.Done():
			return false
		case <-again.C:
		}
		ready, err := s.prepare(ctx)
		if err != nil {
			s.failed <- err
			return false
		}
		if ready {
			s.logger.InfoContext(ctx, "the database answers; ready")
			return true
		}
	}
}

// welcome says what a person at the terminal wants to know: the demo, on an
// empty SQLite database, or that PostgreSQL is empty.
func (s *serving) welcome(ctx context.Context, ready bool, address string) error {
	if !ready {
		return nil
	}
	n, err := s.store.CountOrganizations(ctx)
	if err != nil || n > 0 {
		return err
	}
	if _, sqlite := s.config.SQLiteFile(); sqlite && loopback(s.config.Issuer) {
		return s.demo(ctx, address)
	}
	s.logger.WarnContext(ctx, "the database holds no organization: run kiket-auth bootstrap")
	return nil
}

// listener is a bound socket and what is served on it.
type listener struct {
	net.Listener
	server  *http.Server
	address string
}

func (s *serving) listen(ctx context.Context) ([]*listener, error) {
	options := handlers.Options{
		Server: s.server, Readiness: s.readiness, TrustedProxies: s.config.TrustedProxies, Logger: s.logger,
	}
	if s.config.MetricsListen != "" {
		options.Metrics = ops.NewMetrics()
	}
	handler, err := handlers.New(options)
	if err != nil {
		return nil, err
	}
	public, err := s.bind(ctx, "listening", s.config.Listen, handler)
	if err != nil || options.Metrics == nil {
		return []*listener{public}, err
	}
	metrics, err := s.bind(ctx, "listening for metrics", s.config.MetricsListen, options.Metrics.Handler())
	if err != nil {
		_ = public.Close()
		return nil, err
	}
	return []*listener{public, metrics}, nil
}

func (s *serving) bind(ctx context.Context, doing, address string, handler http.Handler) (*listener, error) {
	bound, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", doing, err)
	}
	l := &listener{Listener: bound, address: bound.Addr().String(), server: &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       15 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    32 << 10,
		ErrorLog:          slog.NewLogLogger(s.logger.Handler(), slog.LevelWarn),
	}}
	s.logger.InfoContext(ctx, doing, "address", l.address, "issuer", s.config.Issuer)
	return l, nil
}

func (l *listener) serve(failed chan<- error) {
	if err := l.server.Serve(l.Listener); !errors.Is(err, http.ErrServerClosed) {
		select {
		case failed <- fmt.Errorf("serving on %s: %w", l.address, err):
		default: // another failure ends the process already
		}
	}
}

// drain lets load balancers see that the process is not ready, then takes no new
// connections and waits for requests in flight. A second signal cuts it short.
func (s *serving) drain(listeners []*listener) {
	ctx, cancel := context.WithTimeout(context.Background(), s.config.ShutdownDelay+s.config.ShutdownGrace)
	defer cancel()
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	s.readiness.Stop()
	s.logger.InfoContext(ctx, "stopping")
	select {
	case <-ctx.Done():
	case <-time.After(s.config.ShutdownDelay):
	}
	for _, l := range listeners {
		if err := l.server.Shutdown(ctx); err != nil {
			s.logger.WarnContext(ctx, "requests were cut off", "error", err)
			_ = l.server.Close()
		}
	}
}

// flush writes what is still in memory.
func (s *serving) flush() error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := s.server.Usage.Flush(ctx); err != nil {
		return fmt.Errorf("writing last-used times: %w", err)
	}
	s.logger.InfoContext(ctx, "stopped")
	return nil
}
