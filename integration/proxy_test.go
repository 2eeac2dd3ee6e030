package integration

import (
	"net"
	"strings"
	"sync"
	"testing"
)

// proxy stands between the server and its database and is the network's trouble:
// it can hang, so that nothing arrives any more, and cut, so that connections
// break and new ones are refused.
type proxy struct {
	listener net.Listener
	target   string

	gate sync.RWMutex // held for writing while it hangs

	mu          sync.Mutex
	refusing    bool
	connections map[net.Conn]bool
}

// newProxy forwards to the address until told otherwise.
func newProxy(t testing.TB, target string) *proxy {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{listener: listener, target: target, connections: map[net.Conn]bool{}}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			running.Go(func() { p.carry(c) })
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		p.cut()
		running.Wait()
	})
	return p
}

// carry forwards one connection in both directions until either end closes.
func (p *proxy) carry(near net.Conn) {
	defer func() { _ = near.Close() }()
	if !p.keep(near) {
		return
	}
	far, err := net.Dial("tcp", p.target)
	if err != nil {
		return
	}
	defer func() { _ = far.Close() }()
	if !p.keep(far) {
		return
	}
	var both sync.WaitGroup
	both.Go(func() { p.copy(far, near) })
	both.Go(func() { p.copy(near, far) })
	both.Wait()
}

func (p *proxy) copy(to, from net.Conn) {
	defer func() {
		_ = to.Close()
		_ = from.Close()
	}()
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		if n > 0 {
			p.gate.RLock()
			_, writeErr := to.Write(buffer[:n])
			p.gate.RUnlock()
			if writeErr != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// keep remembers a connection to be cut, unless connections are refused.
func (p *proxy) keep(c net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.refusing {
		p.connections[c] = true
	}
	return !p.refusing
}

// hang holds everything back until the function that it returns is called.
func (p *proxy) hang() (resume func()) {
	p.gate.Lock()
	return p.gate.Unlock
}

// cut breaks all connections and refuses new ones.
func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refusing = true
	for c := range p.connections {
		_ = c.Close()
	}
	clear(p.connections)
}

// mend takes connections again.
func (p *proxy) mend() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refusing = false
}

// in returns the URL of a database as it is reached through the proxy.
func (p *proxy) in(url string) string {
	return strings.Replace(url, p.target, p.listener.Addr().String(), 1)
}
