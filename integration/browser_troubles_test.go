package integration

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
)

// notice writes down what goes wrong on the page: errors on the console, violations of
// its policy, requests that fail, and requests to any other origin. That a document is
// answered with an error is the test's to judge.
func (p *page) notice(event any) {
	switch e := event.(type) {
	case *log.EventEntryAdded:
		if e.Entry.Level == log.EntryLevelError && e.Entry.Source != log.EntrySourceNetwork { // those are below
			p.note("%s: %s", e.Entry.Source, e.Entry.Text)
		}
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError || e.Type == runtime.ConsoleAPICalledTypeAssert {
			p.note("console: %s", arguments(e.Args))
		}
	case *runtime.EventExceptionThrown:
		p.note("exception: %s %s", e.ExceptionDetails.Text, arguments([]*runtime.RemoteObject{e.ExceptionDetails.Exception}))
	case *network.EventRequestWillBeSent:
		p.began(e)
	case *network.EventResponseReceived:
		if e.Response.Status >= 400 && e.Type != network.ResourceTypeDocument {
			p.note("%s was answered with %d", e.Response.URL, e.Response.Status)
		}
	case *network.EventLoadingFinished:
		p.ended(e.RequestID)
	case *network.EventLoadingFailed:
		address := p.ended(e.RequestID)
		if !e.Canceled {
			p.note("loading %s %s failed: %s %s", e.Type, address, e.ErrorText, e.BlockedReason)
		}
	}
}

func arguments(values []*runtime.RemoteObject) string {
	var words []string
	for _, v := range values {
		switch {
		case v == nil:
		case v.Description != "":
			words = append(words, v.Description)
		default:
			words = append(words, string(v.Value))
		}
	}
	return strings.Join(words, " ")
}

func (p *page) note(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.wrong = append(p.wrong, fmt.Sprintf(format, args...))
}

func (p *page) began(e *network.EventRequestWillBeSent) {
	address := e.Request.URL
	if address != p.base && !strings.HasPrefix(address, p.base+"/") && !strings.HasPrefix(address, "data:") {
		p.note("%s was asked for, which is of another origin", address)
	}
	if e.Type == network.ResourceTypeOther {
		return // an icon, of which the browser does not always say that it has come
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.loading[e.RequestID] = address
}

func (p *page) ended(id network.RequestID) string {
	p.mu.Lock()
	address := p.loading[id]
	delete(p.loading, id)
	p.mu.Unlock()
	select {
	case p.finished <- struct{}{}:
	default: // it is known already
	}
	return address
}

// troubles returns what went wrong on the page since it was last asked, once nothing is
// being loaded. They are the test's to judge then, and fail it no more by themselves.
func (p *page) troubles() []string {
	evaluate[int](p, "0") // its answer comes after the events of before
	limit := time.NewTimer(pageTimeout)
	defer limit.Stop()
	for {
		p.mu.Lock()
		loading := slices.Sorted(maps.Values(p.loading))
		if len(loading) == 0 {
			wrong := p.wrong
			p.wrong = nil
			p.mu.Unlock()
			return wrong
		}
		p.mu.Unlock()
		select {
		case <-p.finished:
		case <-limit.C:
			p.t.Fatalf("%q are still being loaded", loading)
		}
	}
}
