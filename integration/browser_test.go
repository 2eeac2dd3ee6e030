package integration

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"testing"

	"github.com/chromedp/chromedp"
)

// chromium is the one browser of a test run. It starts when the first test wants a
// page, and TestMain stops it.
var chromium browser

type browser struct {
	once sync.Once
	ctx  context.Context // of the process; pages are made from it
	err  error
	stop []context.CancelFunc
}

// running returns the context of the browser, which it starts if that has not been done.
func (b *browser) running(t testing.TB) context.Context {
	t.Helper()
	b.once.Do(b.start)
	if b.err != nil {
		t.Fatal(b.err)
	}
	return b.ctx
}

func (b *browser) start() {
	program, err := browserProgram()
	if err != nil {
		b.err = err
		return
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(program),
		chromedp.Flag("disable-gpu", true),
		chromedp.Flag("hide-scrollbars", true), // they would take width, differently from machine to machine
		// Names of others are not even asked for: pages are of the server under test.
		chromedp.Flag("host-resolver-rules", "MAP * ~NOTFOUND , EXCLUDE localhost , EXCLUDE 127.0.0.1"),
	)
	processes, end := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, stop := chromedp.NewContext(processes)
	b.ctx, b.stop = ctx, []context.CancelFunc{stop, end}
	if err := chromedp.Do(ctx); err != nil {
		b.err = fmt.Errorf("starting %s: %w", program, err)
	}
}

// close ends the process and removes its folder. It does nothing if none was started.
func (b *browser) close() {
	for _, stop := range b.stop {
		stop()
	}
}

// browserPrograms are the names that Chromium goes by, and Chrome, which does as well.
var browserPrograms = []string{"chromium", "chromium-browser", "google-chrome-stable", "google-chrome"}

// errNoBrowser tells what to install.
var errNoBrowser = errors.New("no Chromium was found: install the package chromium (Debian: apt-get install chromium), or put the program into PATH")

// browserProgram returns the path of the browser. Where there is none and the process
// may install one with apt, it does.
func browserProgram() (string, error) {
	if path, found := findBrowser(); found {
		return path, nil
	}
	if os.Geteuid() != 0 {
		return "", errNoBrowser
	}
	if _, err := exec.LookPath("apt-get"); err != nil {
		return "", errNoBrowser
	}
	if err := installBrowser(); err != nil {
		return "", fmt.Errorf("%w; installing it failed: %w", errNoBrowser, err)
	}
	if path, found := findBrowser(); found {
		return path, nil
	}
	return "", errNoBrowser
}

func findBrowser() (string, bool) {
	for _, name := range browserPrograms {
		if path, err := exec.LookPath(name); err == nil {
			return path, true
		}
	}
	return "", false
}

// installBrowser gets Debian's package, with lists of packages that may be missing or old.
func installBrowser() error {
	apt := func(args ...string) error {
		cmd := exec.Command("apt-get", append([]string{"-o", "DPkg::Lock::Timeout=300"}, args...)...)
		cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("apt-get %s: %w\n%s", args[0], err, out)
		}
		return nil
	}
	install := func() error { return apt("install", "-y", "--no-install-recommends", "chromium") }
	if install() == nil {
		return nil
	}
	if err := apt("update"); err != nil {
		return err
	}
	return install()
}
