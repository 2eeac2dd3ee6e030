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
	"runtime/debug"
	"sync"
	"syscall"
	"time"

	"kiket.dev/auth/handlers"
	"kiket.dev/auth/handlers/ops"
	"kiket.dev/auth/storage"
)

type serveCommand struct{}

// Help is what serve --help adds.
func (serveCommand) Help() string {
	return `Without any configuration it serves http://localhost:8080 from a SQLite file in the working folder, and fills an empty one with a demo. PostgreSQL is chosen with KIKET_AUTH_DATABASE_URL, migrated with kiket-auth migrate up and filled with the setup code that is printed while it is empty, or with kiket-auth bootstrap. SIGTERM stops it in order, a second one at once.`
}

// Run serves until SIGTERM or SIGINT.
func (serveCommand) Run(ctx context.Context, p *process) error {
	p.serving = true
	o, err := p.open(ctx)
	if err != nil {
		return err
	}
	defer o.close()
	collectLess()
	s := &serving{opened: o, process: p, failed: make(chan error, 1)}
	return s.run(ctx)
}

// collectLess lets garbage grow to four times what is live before it is collected,
// unless GOGC says otherwise: little is live here and every request leaves its own
// weight in garbage, so that collecting at twice costs a fifth of the CPU time.
func collectLess() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(400)
	}
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
	err := s.prepare(ctx)
	ready := err == nil
	switch {
	case ctx.Err() != nil: // stopped before it began
		return nil
	case errors.Is(err, storage.ErrUnavailable):
		s.logger.WarnContext(ctx, "the database does not answer; requests get 503 until it does", "error", err)
	case err != nil:
		return err
	}
	listeners, err := s.listen(ctx)
	if err != nil {
		return err
	}
	address := listeners[0].address
	if ready {
		if err := s.welcome(ctx, address); err != nil && ctx.Err() == nil {
			return err
		}
	}
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	var tasks sync.WaitGroup
	tasks.Go(func() {
		if !ready && !s.prepareEventually(background, address) {
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
	hurry, release := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer release()
	s.drain(hurry, listeners)
	stop()
	tasks.Wait()
	return errors.Join(err, s.flush(hurry))
}

// ready says whether requests can be answered.
func (s *serving) ready(ctx context.Context) error {
	if !s.ring.Loaded() {
		return errors.New("the signing keys are not loaded yet")
	}
	return s.store.Ping(ctx)
}

// prepare makes the server ready to issue tokens. It returns
// storage.ErrUnavailable while the database does not answer.
func (s *serving) prepare(ctx context.Context) error {
	if err := s.migrated(ctx); err != nil {
		return err
	}
	if err := s.server.Prepare(ctx); err != nil {
		return err
	}
	return s.server.Configuration.Record(ctx, s.settings())
}

// settings are the settings that are no secret.
func (s *serving) settings() map[string]string {
	settings := map[string]string{}
	for _, v := range s.config.Values() {
		if !v.Setting.Secret {
			settings[v.Setting.Name] = v.Text
		}
	}
	return settings
}

// prepareEventually tries until it has succeeded, the process ends, or trying
// again is of no use, which ends the process.
func (s *serving) prepareEventually(ctx context.Context, address string) bool {
	again := time.NewTicker(time.Second)
	defer again.Stop()
	for {
		select {
		case <-ctx.Done():
			return false
		case <-again.C:
		}
		err := s.prepare(ctx)
		if err == nil {
			s.logger.InfoContext(ctx, "the database answers; ready")
			err = s.welcome(ctx, address)
		}
		switch {
		case err == nil:
			return true
		case ctx.Err() != nil:
			return false
		case !errors.Is(err, storage.ErrUnavailable):
			s.failed <- err
			return false
		}
	}
}

// welcome says what a person at the terminal wants to know: the demo, on an
// empty local SQLite database, or how to begin on another that is empty.
func (s *serving) welcome(ctx context.Context, address string) error {
	n, err := s.store.CountOrganizations(ctx)
	switch {
	case errors.Is(err, storage.ErrUnavailable): // gone again; there is nothing that must be said
		return nil
	case err != nil || n > 0:
		return err
	}
	if _, sqlite := s.config.SQLiteFile(); sqlite && loopback(s.config.Issuer) {
		return s.demo(ctx, address)
	}
	s.logger.WarnContext(ctx, "the database holds no organization: run kiket-auth bootstrap")
	return s.printSetup()
}

// printSetup prints where and with what the first organization can be made in a browser.
// The code is for the terminal and not for the log, which others may read.
func (s *serving) printSetup() error {
	code, err := s.server.Organizations.SetupCode()
	if err != nil {
		return err
	}
	s.process.printf("\nThe database is empty. Create the first organization at\n\n  %s/console/setup\n\nwith the setup code\n\n  %s\n\n", s.config.Issuer, code.Reveal())
	s.process.printf("or with kiket-auth bootstrap. The code is good for nothing once there is one.\n\n")
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
		Server: s.server, Readiness: s.readiness, TrustedProxies: s.config.TrustedProxies,
		CORSOrigins: s.config.CORSOrigins, Logger: s.logger,
	}
	if s.config.MetricsListen != "" {
		options.Metrics = ops.NewMetrics(s.server.Inspector.Broken)
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
		var system *net.OpError
		if errors.As(err, &system) {
			err = system.Err // the rest is said here
		}
		return nil, fmt.Errorf("%s on %s: %w", doing, address, err)
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
// connections and waits for requests in flight. A second signal, which ends
// hurry, cuts it short.
func (s *serving) drain(hurry context.Context, listeners []*listener) {
	ctx, cancel := context.WithTimeout(hurry, s.config.ShutdownDelay+s.config.ShutdownGrace)
	defer cancel()
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

// How long writing what is in memory may take, and when somebody is in a hurry.
const (
	flushTimeout = 10 * time.Second
	flushHurried = time.Second
)

// flush writes what is still in memory.
func (s *serving) flush(hurry context.Context) error {
	ctx, cancel := context.WithTimeout(context.Background(), flushTimeout)
	defer cancel()
	defer context.AfterFunc(hurry, func() { time.AfterFunc(flushHurried, cancel) })()
	if err := s.server.Flush(ctx); err != nil {
		return fmt.Errorf("writing what is in memory: %w", err)
	}
	s.logger.InfoContext(ctx, "stopped")
	return nil
}
