package integration

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// nginxMain is what the example leaves to the installation: modules, paths, and
// that nothing is written outside of the folder.
const nginxMain = `load_module %s;
daemon off;
pid nginx.pid;
error_log stderr;
events {}
http {
    access_log off;
    client_body_temp_path temp-body;
    proxy_temp_path temp-proxy;
    fastcgi_temp_path temp-fastcgi;
    uwsgi_temp_path temp-uwsgi;
    scgi_temp_path temp-scgi;
    include issues.conf;
}
`

// startNginxExample runs nginx with the example as it is, but for the addresses,
// and an API behind it.
func startNginxExample(t testing.TB, i *instance) string {
	t.Helper()
	program, module := nginx(t)
	address, behind := freeAddress(t), startBehindNginx(t)
	dir := t.TempDir()
	conf := textOf(t, "docs/examples/api-nginx/issues.conf")
	for from, to := range map[string]string{
		"listen 127.0.0.1:9000;": "listen " + address + ";",
		"server 127.0.0.1:9001;": "server " + behind + ";",
		"server 127.0.0.1:8080;": "server " + strings.TrimPrefix(i.base, "http://") + ";",
	} {
		if strings.Count(conf, from) != 1 {
			t.Fatalf("issues.conf has %q %d times", from, strings.Count(conf, from))
		}
		conf = strings.Replace(conf, from, to, 1)
	}
	basic := base64.StdEncoding.EncodeToString([]byte(i.boot.ResourceServer.ClientID + ":" + i.boot.ResourceServer.ClientSecret))
	for name, text := range map[string]string{
		"nginx.conf":                  fmt.Sprintf(nginxMain, module),
		"issues.conf":                 conf,
		"introspect.js":               textOf(t, "docs/examples/api-nginx/introspect.js"),
		"kiket-auth-credentials.conf": `proxy_set_header Authorization "Basic ` + basic + `";`,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	runProgram(t, address, nil, program, "-p", dir, "-c", filepath.Join(dir, "nginx.conf"), "-e", "stderr")
	return address
}

// startBehindNginx starts an API that trusts what nginx tells it.
func startBehindNginx(t testing.TB) (address string) {
	t.Helper()
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "" {
			t.Error("the token reached the API behind nginx")
		}
		_, _ = fmt.Fprintf(w, "issues of organization %s for %s\n", r.Header.Get("Kiket-Organization"), r.Header.Get("Kiket-Subject"))
	}))
	t.Cleanup(api.Close)
	return strings.TrimPrefix(api.URL, "http://")
}

const nginxModule = "ngx_http_js_module.so"

var modulesPath = regexp.MustCompile(`--modules-path=(\S+)`)

// nginx returns the program and its module njs: those that are installed, or else
// those of Debian's packages, unpacked into a folder that is kept.
func nginx(t testing.TB) (program, module string) {
	t.Helper()
	if program, module, err := installedNginx(); err == nil {
		return program, module
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(cache, "kiket-auth-tests", "nginx")
	program, module = filepath.Join(dir, "usr/sbin/nginx"), filepath.Join(dir, "usr/lib/nginx/modules", nginxModule)
	if exec.Command(program, "-v").Run() == nil {
		return program, module
	}
	if err := unpackNginx(t, dir); err != nil {
		t.Fatalf("nginx with njs was not found: install it (Debian, Ubuntu: apt-get install nginx libnginx-mod-http-js); fetching the packages failed: %v", err)
	}
	return program, module
}

func installedNginx() (program, module string, err error) {
	if program, err = exec.LookPath("nginx"); err != nil {
		if program, err = exec.LookPath("/usr/sbin/nginx"); err != nil {
			return "", "", err
		}
	}
	built, err := exec.Command(program, "-V").CombinedOutput()
	if err != nil {
		return "", "", err
	}
	path := modulesPath.FindSubmatch(built)
	if path == nil {
		return "", "", errors.New("nginx does not say where its modules are")
	}
	module = filepath.Join(string(path[1]), nginxModule)
	_, err = os.Stat(module)
	return program, module, err
}

// unpackNginx fetches the packages and unpacks them, without installing anything.
func unpackNginx(t testing.TB, dir string) error {
	download := t.TempDir()
	fetch := func() error {
		cmd := exec.CommandContext(t.Context(), "apt-get", "download", "nginx", "libnginx-mod-http-js")
		cmd.Dir = download
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("apt-get download: %w\n%s", err, out)
		}
		return nil
	}
	if err := fetch(); err != nil { // the lists of packages may be missing or old, and only root may renew them
		if out, updating := exec.CommandContext(t.Context(), "apt-get", "update").CombinedOutput(); updating != nil {
			return errors.Join(err, fmt.Errorf("apt-get update: %w\n%s", updating, out))
		}
		if err := fetch(); err != nil {
			return err
		}
	}
	packages, err := filepath.Glob(filepath.Join(download, "*.deb"))
	if err != nil || len(packages) != 2 {
		return fmt.Errorf("apt-get download left %q, %w", packages, err)
	}
	unpacked := filepath.Join(download, "unpacked")
	for _, p := range packages {
		if out, err := exec.CommandContext(t.Context(), "dpkg-deb", "-x", p, unpacked).CombinedOutput(); err != nil {
			return fmt.Errorf("dpkg-deb: %w\n%s", err, out)
		}
	}
	if err := os.RemoveAll(dir); err != nil { // one that does not run
		return err
	}
	return os.CopyFS(dir, os.DirFS(unpacked))
}
