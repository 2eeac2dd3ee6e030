package integration

import (
	"bytes"
	"errors"
	"flag"
	"image/png"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	devtools "github.com/chromedp/cdproto/page"
)

// go test ./integration -run=InBrowser -update takes the pictures of the documentation
// again; see make screenshots.
var update = flag.Bool("update", false, "take the pictures of docs/screenshots again")

// pictured are the pages that the documentation has pictures of, in those of looks that
// differ in everything.
var pictured = []string{
	"api-reference", "console-account", "console-alert-channel-new", "console-alert-channels", "console-alert-rules",
	"console-alerts", "console-audit", "console-credential", "console-credentials", "console-credentials-revoke",
	"console-extension", "console-extension-consent", "console-extension-key", "console-extension-new",
	"console-extension-rotate", "console-extension-uninstall", "console-extension-update", "console-extensions",
	"console-integration", "console-integration-delete", "console-integration-new", "console-integration-rotate",
	"console-integration-secret", "console-integrations", "console-member", "console-member-added", "console-member-new",
	"console-member-remove", "console-members", "console-nothing", "console-organization", "console-password-again",
	"console-password-forgot", "console-password-reset", "console-setup", "console-sign-in", "console-token",
	"console-token-created", "console-token-new", "console-token-revoke", "console-tokens",
}

var pictureLooks = []look{looks[0], looks[len(looks)-1]}

const (
	pictures         = "../docs/screenshots"
	maxPictureHeight = 1600       // in pixels; of a page that is longer there is the beginning
	maxPictureSize   = 400 * 1024 // in bytes
)

func pictureFile(name string, l look) string { return name + "-" + l.name + ".png" }

// picture takes the pictures of the page that pictured has under a name, if it is asked
// to by -update. The page has the first look afterwards.
func (p *page) picture(name string) {
	p.t.Helper()
	if !slices.Contains(pictured, name) {
		p.t.Fatalf("there is no page %q in the list of those that are pictured", name)
	}
	if !*update {
		return
	}
	if err := os.MkdirAll(pictures, 0o755); err != nil {
		p.t.Fatal(err)
	}
	for _, l := range pictureLooks {
		p.show(l)
		if err := os.WriteFile(filepath.Join(pictures, pictureFile(name, l)), p.capture(), 0o644); err != nil {
			p.t.Fatal(err)
		}
	}
	p.show(looks[0])
}

// capture returns a PNG of the page as it is shown, a pixel for each CSS pixel.
func (p *page) capture() []byte {
	p.t.Helper()
	size := command(p, devtools.GetLayoutMetrics, cdp.Empty{}).CSSContentSize
	whole := true
	shot := command(p, devtools.CaptureScreenshot, devtools.CaptureScreenshotParams{
		Clip:                  &devtools.Viewport{Width: size.Width, Height: min(size.Height, maxPictureHeight), Scale: 1},
		CaptureBeyondViewport: &whole,
	})
	decoded, err := png.Decode(bytes.NewReader(shot.Data))
	if err != nil {
		p.t.Fatal(err)
	}
	var small bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&small, decoded); err != nil {
		p.t.Fatal(err)
	}
	return small.Bytes()
}

// Every page of the list has its pictures, which are not large, and nothing else lies
// beside them.
func TestScreenshots(t *testing.T) {
	t.Parallel()
	if *update {
		return // other tests are taking them
	}
	wanted := map[string]bool{}
	for _, name := range pictured {
		for _, l := range pictureLooks {
			wanted[pictureFile(name, l)] = true
		}
	}
	files, err := os.ReadDir(pictures)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	for _, f := range files {
		if !wanted[f.Name()] {
			t.Errorf("%s is a picture of no page of the list", f.Name())
		}
		delete(wanted, f.Name())
		if info, err := f.Info(); err != nil || info.Size() == 0 || info.Size() > maxPictureSize {
			t.Errorf("%s: %v, %v", f.Name(), info, err)
		}
	}
	for name := range wanted {
		t.Errorf("%s is missing: run make screenshots", name)
	}
}
