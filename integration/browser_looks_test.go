package integration

import (
	"fmt"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// look is how a page is shown: by what the user's system prefers, and on what.
type look struct {
	name          string
	scheme        string // prefers-color-scheme
	width, height int64  // in CSS pixels
}

// looks are those that every page has to be good in. The first, which is that of a new
// page, and the last differ in everything.
var looks = []look{
	{"light", "light", 1280, 800},
	{"dark", "dark", 1280, 800},
	{"light-360", "light", 360, 740},
	{"dark-360", "dark", 360, 740},
}

// show gives the page a look, without loading it again.
func (p *page) show(l look) {
	p.t.Helper()
	command(p, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{
			{Name: "prefers-color-scheme", Value: l.scheme},
			{Name: "prefers-reduced-motion", Value: "reduce"}, // colours are looked at, not the way to them
		},
	})
	run(p, chromedp.EmulateViewport(l.width, l.height))
}

// isGood fails the test if there is a look in which something is too wide for the page,
// or axe-core has something to say of it. That is asked twice, which is dear, and sees
// both colours and both widths. The page has the first look afterwards.
func (p *page) isGood() {
	p.t.Helper()
	for n, l := range looks {
		p.show(l)
		if n == 0 || n == len(looks)-1 {
			for _, violation := range p.violations() {
				p.t.Errorf("%s, %s: %s", p.path(), l.name, violation)
			}
		}
		for _, element := range p.tooWide() {
			p.t.Errorf("%s, %s: %s", p.path(), l.name, element)
		}
	}
	p.show(looks[0])
}

// findTooWide lists what reaches over the right edge, except where the user can scroll
// to it within an element.
const findTooWide = `(() => {
	const root = document.documentElement, width = root.clientWidth, found = [];
	const scrolls = e => {
		for (let a = e.parentElement; a && a !== document.body; a = a.parentElement)
			if (["auto", "scroll"].includes(getComputedStyle(a).overflowX)) return true;
		return false;
	};
	for (const e of document.body.querySelectorAll("*")) {
		const box = e.getBoundingClientRect(), right = Math.round(box.right + scrollX);
		if (box.width > 0 && box.height > 0 && right > width && !scrolls(e))
			found.push(e.cloneNode(false).outerHTML + " ends at " + right);
	}
	if (!found.length && root.scrollWidth > width) found.push("the page is " + root.scrollWidth + " wide");
	return found;
})()`

// tooWide returns the elements that make the page wider than what it is shown on.
func (p *page) tooWide() []string {
	p.t.Helper()
	found := evaluate[[]string](p, findTooWide)
	for n := range found {
		found[n] = fmt.Sprintf("too wide: %.300s", found[n])
	}
	return found
}
