package integration

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// attemptCall is [instance.call] for many goroutines: what goes wrong is an error.
func (i *instance) attemptCall(method, path, token, body string) (answer, error) {
	r := i.request(method, "/api/v1"+path, body, "Authorization", "Bearer "+token, "Content-Type", "application/json")
	return attemptRequest(r)
}

// atOnce runs all at once and returns their answers in order.
func atOnce(t *testing.T, calls ...func() (answer, error)) []answer {
	t.Helper()
	answers, problems := make([]answer, len(calls)), make([]error, len(calls))
	begin := make(chan struct{})
	var done sync.WaitGroup
	for n, call := range calls {
		done.Go(func() {
			<-begin
			answers[n], problems[n] = call()
		})
	}
	close(begin)
	done.Wait()
	if err := errors.Join(problems...); err != nil {
		t.Fatal(err)
	}
	return answers
}

func statuses(answers []answer) (all []int) {
	for _, a := range answers {
		all = append(all, a.status)
	}
	slices.Sort(all)
	return all
}

// replicas are two servers on one database.
type replicas struct{ one, other *instance }

func TestExtensionsAtOnce(t *testing.T) {
	eachEngine(t, func(t *testing.T, e engine) {
		d := deploy(t, e)
		r := replicas{d.serve(), d.serve()}
		t.Run("installations", r.installations)
		t.Run("rotations", r.rotations)
		t.Run("install and uninstall", r.installAndUninstall)
		t.Run("uninstall and everything else", r.uninstallAndEverything)
	})
}

func calling(i *instance, method, path, body string) func() (answer, error) {
	return func() (answer, error) { return i.attemptCall(method, path, i.admin(), body) }
}

func installing(i *instance, id string) func() (answer, error) {
	return calling(i, "POST", "/extensions", fmt.Sprintf(`{"project_id":%d,"manifest":%s}`, i.boot.Project.ID, manifest(id, "1.0.0", "issues")))
}

func (r replicas) installations(t *testing.T) {
	const id = "com.example.two"
	answers := atOnce(t, installing(r.one, id), installing(r.other, id), installing(r.one, id), installing(r.other, id))
	if diff := cmp.Diff([]int{201, 409, 409, 409}, statuses(answers)); diff != "" {
		t.Fatalf("(-want +got):\n%s", diff)
	}
	if keys := r.one.secretsOf(t, r.one.named(t, id)).APIKeys; len(keys) != 1 {
		t.Errorf("keys %v", keys)
	}
}

func (r replicas) rotations(t *testing.T) {
	for overlap, want := range map[int]struct{ live, open int }{3600: {2, 3}, 0: {1, 1}} {
		got := r.one.install(t, fmt.Sprintf("com.example.rotate%d", overlap), "issues")
		path, body := got.path()+"/secrets/rotate", fmt.Sprintf(`{"previous_expires_in":%d}`, overlap)
		live := 0
		for _, a := range atOnce(t, calling(r.one, "POST", path, body), calling(r.other, "POST", path, body)) {
			if r.one.active(t, read[issuedKey](t, a, http.StatusCreated).Token) {
				live++
			}
		}
		if open := len(r.one.secretsOf(t, got).APIKeys); live != want.live || open != want.open {
			t.Errorf("with an overlap of %d s %d of the two work, and %d in all; want %v", overlap, live, open, want)
		}
	}
}

// An installation that comes while the one before it ends is refused, or works.
func (r replicas) installAndUninstall(t *testing.T) {
	for round := range 8 {
		id := fmt.Sprintf("com.example.both%d", round)
		got := r.one.install(t, id, "issues")
		answers := atOnce(t, installing(r.one, id), calling(r.other, "DELETE", got.path(), ""), calling(r.one, "DELETE", got.path(), ""))
		if ended := statuses(answers[1:]); !slices.Equal(ended, []int{204, 404}) || r.one.active(t, got.APIKey.Token) {
			t.Errorf("uninstalling twice: %v", ended)
		}
		switch a := answers[0]; a.status {
		case http.StatusConflict:
			r.one.call(t, "GET", "/extensions/"+id, r.one.admin(), nil).wantProblem(t, 404, "not_found")
		default:
			again := read[installed](t, a, http.StatusCreated)
			if r.one.named(t, id).ID != again.ID || !r.one.active(t, again.APIKey.Token) {
				t.Errorf("installed as %d, and it does not work", again.ID)
			}
		}
	}
}

// Whatever comes while an extension is uninstalled, nothing of it is left.
func (r replicas) uninstallAndEverything(t *testing.T) {
	store := r.one.verbs().Store
	for round := range 8 {
		got := r.one.install(t, fmt.Sprintf("com.example.end%d", round), "issues")
		answers := atOnce(t,
			calling(r.one, "DELETE", got.path(), ""),
			calling(r.other, "POST", got.path()+"/secrets/rotate", ""),
			calling(r.one, "PUT", got.path()+"/secrets/NAME", `{"value":"x"}`),
			calling(r.other, "PUT", got.path(), fmt.Sprintf(`{"manifest":%s}`, manifest(got.Key, "2.0.0", "issues:read"))))
		for n, good := range []int{204, 201, 201, 200} {
			if s := answers[n].status; s != good && (s != http.StatusNotFound || n == 0) {
				t.Errorf("call %d: %d %s", n, s, answers[n].body)
			}
		}
		if a := answers[1]; a.status == http.StatusCreated && r.one.active(t, read[issuedKey](t, a, http.StatusCreated).Token) {
			t.Error("a key was issued to what was uninstalled")
		}
		names, err := store.NamedSecretNames(t.Context(), r.one.boot.Organization.ID, got.ID)
		if err != nil || len(names) > 0 {
			t.Errorf("secrets %v are left: %v", names, err)
		}
	}
}
