package integration

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/dom"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/cdproto/storage"
	"github.com/chromedp/chromedp"
)

// pageTimeout bounds what is waited for on a page, a navigation for one, on a machine
// that is busy.
const pageTimeout = 2 * time.Minute

// page is a tab of the browser with cookies and a cache of its own. When its test ends,
// whatever went wrong on it (see troubles) fails the test.
type page struct {
	t    testing.TB
	base string // scheme, host and port of the only origin that it may speak to
	ctx  context.Context
	want int64 // status of the next document

	mu       sync.Mutex
	wrong    []string
	loading  map[network.RequestID]string // addresses
	finished chan struct{}                // tells that loading has become less
}

// browse opens an empty tab for the pages of the server, in light and as wide as a desk.
func (i *instance) browse(t testing.TB) *page {
	t.Helper()
	return browse(t, i.base)
}

func browse(t testing.TB, base string) *page {
	t.Helper()
	p := &page{t: t, base: base, want: 200, loading: map[network.RequestID]string{}, finished: make(chan struct{}, 1)}
	ctx, cancel := chromedp.NewContext(chromium.running(t), chromedp.WithNewBrowserContext(), chromedp.WithListener(p.notice))
	p.ctx = ctx
	t.Cleanup(cancel)
	if err := chromedp.Do(ctx); err != nil { // the tab lives as long as this context, which has no deadline
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, wrong := range p.troubles() {
			t.Errorf("on a page: %s", wrong)
		}
	})
	p.show(looks[0])
	return p
}

// run does one thing in the tab, and fails the test if it cannot be done.
func run[T any](p *page, action chromedp.Action[T]) T {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, pageTimeout)
	defer cancel()
	result, err := chromedp.Run(ctx, action)
	if err != nil {
		p.t.Fatalf("in the browser: %v", err)
	}
	return result
}

// command is run with a command of the DevTools protocol.
func command[P, R any](p *page, c cdp.Command[P, R], params P) R {
	p.t.Helper()
	return run(p, func(ctx context.Context, t *chromedp.Target) (R, error) { return cdp.Call(ctx, t, c, params) })
}

// evaluate returns what an expression of JavaScript is on the page.
func evaluate[T any](p *page, expression string) T {
	p.t.Helper()
	return run(p, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
}

// expect says which status the next document has to be answered with, in place of 200.
func (p *page) expect(status int) *page {
	p.want = int64(status)
	return p
}

// open goes to a path of the server and returns when the page has loaded.
func (p *page) open(path string) {
	p.t.Helper()
	p.navigate("opening "+path, chromedp.NavigateResponse(p.base+path))
}

// follow clicks what has that role and name, and returns when the page that it leads to
// has loaded.
func (p *page) follow(role, name string) {
	p.t.Helper()
	click := p.clicking(p.find(role, name))
	p.navigate("following "+name, func(ctx context.Context, _ *chromedp.Target) (*network.Response, error) {
		return chromedp.RunResponse(ctx, click)
	})
}

func (p *page) navigate(what string, action chromedp.Action[*network.Response]) {
	p.t.Helper()
	response := run(p, action)
	if response == nil {
		p.t.Fatalf("%s: no document was loaded", what)
	}
	if response.Status != p.want {
		p.t.Fatalf("%s: status %d, want %d\n%s", what, response.Status, p.want, p.text("body"))
	}
	p.want = 200
}

// click clicks what has that role and name and leads to no other page.
func (p *page) click(role, name string) {
	p.t.Helper()
	run(p, p.clicking(p.find(role, name)))
}

// clicking is a click with the mouse in the middle of an element.
func (p *page) clicking(node cdp.BackendNodeID) chromedp.Action[chromedp.Void] {
	p.t.Helper()
	command(p, dom.ScrollIntoViewIfNeeded, dom.ScrollIntoViewIfNeededParams{BackendNodeID: node})
	quads := command(p, dom.GetContentQuads, dom.GetContentQuadsParams{BackendNodeID: node}).Quads
	if len(quads) == 0 {
		p.t.Fatal("what is to be clicked has no place on the page")
	}
	q := quads[0] // x and y of each corner, clockwise
	return chromedp.MouseClickXY((q[0]+q[4])/2, (q[1]+q[5])/2)
}

// find returns the one element with an ARIA role and an accessible name, as a screen
// reader has them.
func (p *page) find(role, name string) cdp.BackendNodeID {
	p.t.Helper()
	found := p.named(role, name)
	if len(found) != 1 {
		p.t.Fatalf("%d elements are a %s with the name %q\n%s", len(found), role, name, p.text("body"))
	}
	return found[0]
}

// named returns the elements with a role, or with any if it is empty, and a name.
func (p *page) named(role, name string) []cdp.BackendNodeID {
	p.t.Helper()
	document := run(p, chromedp.Evaluate[*runtime.RemoteObject]("document"))
	answer := command(p, accessibility.QueryAXTree, accessibility.QueryAXTreeParams{
		ObjectID: document.ObjectID, Role: role, AccessibleName: name,
	})
	var found []cdp.BackendNodeID
	for _, n := range answer.Nodes {
		if !n.Ignored && n.BackendDOMNodeID != 0 {
			found = append(found, n.BackendDOMNodeID)
		}
	}
	return found
}

// field returns the control of a form with a label or, if there is none, a name.
func (p *page) field(label string) runtime.RemoteObjectID {
	p.t.Helper()
	var found []runtime.RemoteObjectID
	for _, node := range p.named("", label) {
		object := command(p, dom.ResolveNode, dom.ResolveNodeParams{BackendNodeID: node}).Object.ObjectID
		if callOn[bool](p, object, `function() { return this instanceof Element && this.matches("input, select, textarea") }`) {
			found = append(found, object)
		}
	}
	if len(found) == 1 {
		return found[0]
	}
	if len(found) == 0 {
		named := run(p, chromedp.Evaluate[*runtime.RemoteObject](`document.querySelector("[name=`+"'"+label+"'"+`]")`))
		if named.ObjectID != "" {
			return named.ObjectID
		}
	}
	p.t.Fatalf("%d fields are labelled %q, and none has that name\n%s", len(found), label, p.text("body"))
	return ""
}

// callOn calls a function of JavaScript with an object as its this.
func callOn[T any](p *page, object runtime.RemoteObjectID, function string, args ...any) T {
	p.t.Helper()
	on := func(params *runtime.CallFunctionOnParams) { params.ObjectID = object }
	return run(p, chromedp.CallFunctionOn[T](function, on, args...))
}

// prepareField chooses in a list and sets a date, and reports whether a text is still to
// be typed.
const prepareField = `function(value) {
	this.focus();
	const typed = this.matches("textarea, input:not([type=date], [type=datetime-local], [type=time], [type=number])");
	if (this.matches("select")) {
		const option = [...this.options].find(o => o.label === value || o.value === value);
		if (!option) throw new Error("no option " + value);
		this.value = option.value;
	} else {
		this.value = typed ? "" : value;
	}
	for (const type of ["input", "change"]) this.dispatchEvent(new Event(type, {bubbles: true}));
	return typed;
}`

// fill writes into the field with that label (or name), chooses in it if it is a list,
// or sets it if it is a date.
func (p *page) fill(label, value string) {
	p.t.Helper()
	object := p.field(label)
	if callOn[bool](p, object, prepareField, value) {
		command(p, input.InsertText, input.InsertTextParams{Text: value})
		if is := callOn[string](p, object, `function() { return this.value }`); is != value {
			p.t.Fatalf("the field %q takes %q as %q", label, value, is)
		}
	}
}

// text returns the text, as it is seen, of the first element that a CSS selector finds.
func (p *page) text(selector string) string {
	p.t.Helper()
	return strings.TrimSpace(run(p, chromedp.Text(chromedp.CSS(selector))))
}

// path returns where the page is: path, query and fragment.
func (p *page) path() string {
	p.t.Helper()
	return evaluate[string](p, "location.pathname + location.search + location.hash")
}

// await returns once an expression of JavaScript is true, which is looked at with every
// change of the document. It needs JavaScript to be on.
func (p *page) await(expression string) {
	p.t.Helper()
	evaluate[bool](p, `new Promise(resolve => {
		const look = () => { if (`+expression+`) { changes.disconnect(); resolve(true) } };
		const changes = new MutationObserver(look);
		changes.observe(document, {subtree: true, childList: true, attributes: true, characterData: true});
		look();
	})`)
}

// withoutJavaScript keeps the pages that are opened from now on from running any.
func (p *page) withoutJavaScript() {
	p.t.Helper()
	command(p, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
}

// cookie returns a cookie that the tab has, for whichever path; nil if it has none.
func (p *page) cookie(name string) *network.Cookie {
	p.t.Helper()
	of := storage.GetCookiesParams{BrowserContextID: chromedp.FromContext(p.ctx).BrowserContextID}
	answer, err := chromedp.CallBrowser(p.ctx, storage.GetCookies, of)
	if err != nil {
		p.t.Fatal(err)
	}
	at := slices.IndexFunc(answer.Cookies, func(c *network.Cookie) bool { return c.Name == name })
	if at < 0 {
		return nil
	}
	return answer.Cookies[at]
}
