package integration

import (
	"bytes"
	"fmt"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"
	"time"

	"kiket.dev/auth/storage"
)

// Settings → Extensions: an admin agrees to what a manifest asks for, sees the key once,
// replaces it, updates the extension, keeps secrets for it, and uninstalls it.
func TestConsoleExtensions(t *testing.T) {
	eachEngine(t, func(t *testing.T, e engine) {
		i := start(t, e)
		for name, test := range map[string]func(*testing.T, *instance){
			"install": consoleInstall, "upload": consoleUpload, "wrong": consoleInstallWrong, "keys": consoleExtensionKeys,
			"update": consoleUpdate, "secrets": consoleNamedSecrets, "projects": consoleProjects,
			"password again": consoleExtensionPassword, "foreign": consoleForeignExtension, "members": consoleExtensionMember,
		} {
			t.Run(name, func(t *testing.T) { test(t, i) })
		}
	})
}

const (
	lookAtInstall = "Look at what it asks for"
	lookAtUpdate  = "Look at what changes"
)

// reviewed sends a manifest to be installed in the default project.
func (v *visitor) reviewed(manifest []byte) visited {
	v.t.Helper()
	return v.get("/console/extensions/new").
		submit(lookAtInstall, "project_id", fmt.Sprint(v.i.boot.Project.ID), "manifest", string(manifest))
}

func consoleInstall(t *testing.T, i *instance) {
	v := i.visitingAdmin(t)
	v.get("/console/extensions").want(http.StatusOK).follow("Install an extension").want(http.StatusOK, "Nothing is installed yet", "Default (DEFAULT)")
	asked := v.reviewed(manifest("com.example.console", "1.0.0", "issues:read", "write:comments")).
		want(http.StatusOK, "com.example.console", "issues:read", "comments:write", "what is to be done", "Agree and install")
	v.get("/console/extensions").wantNot("com.example.console")
	made := asked.submit("Agree and install").want(http.StatusCreated, "only time that its key is shown")
	key := made.secret()
	if twice := asked.submit("Agree and install").want(http.StatusCreated); twice.secret() != key {
		t.Error("two clicks made two keys")
	}
	me := i.call(t, "GET", "/me", key, nil).want(t, 200)["token"].(map[string]any)
	if scopes := strings.Join(textsOf(me["scopes"]), " "); scopes != "comments:write issues:read" && scopes != "issues:read comments:write" {
		t.Errorf("its key has the scopes %s", scopes)
	}
	// Installed already: that is said before anybody agrees, and the way on is an update.
	already := v.reviewed(manifest("com.example.console", "1.1.0", "issues")).
		want(http.StatusOK, "Extension of a test 1.0.0 is installed in Default already").wantNot("Agree and install", "When you agree")
	already.follow("Look at what is installed").want(http.StatusOK, "com.example.console", "1.0.0")
	already.submit("Look at what an update changes").want(http.StatusOK, "Update to 1.1.0?", "What it asks for in addition")
	v.post("/console/extensions", "form", "meanwhile", "project_id", fmt.Sprint(i.boot.Project.ID), "manifest", string(manifest("com.example.console", "1.0.0"))).
		want(http.StatusConflict, "is installed in project DEFAULT already", "Look at what is installed")
	v.get("/console/extensions").want(http.StatusOK, "com.example.console", "1.0.0", "Default (DEFAULT)").wantNot(key)
	shown := v.get(made.place()).want(http.StatusOK, key[:13], "what is to be done").wantNot(key)
	shown.follow("Uninstall").want(http.StatusOK, "cannot be undone", "Its 1 key is refused").wantNot(key).
		submit("Uninstall").want(http.StatusOK, "The extension is uninstalled").wantNot("com.example.console")
	i.call(t, "GET", "/me", key, nil).wantProblem(t, 401, "invalid_token")
	v.get(made.place()).want(http.StatusNotFound)
}

// A manifest comes as a file as well, one that is as large as it may be too.
func consoleUpload(t *testing.T, i *instance) {
	v := i.visitingAdmin(t)
	text := "model_version: \"1.0\"\nextension:\n  id: com.example.uploaded\n  name: Uploaded\n  version: 1.0.0\n  permissions: [issues:read]\n"
	text += strings.Repeat("# \"=&\n", (64<<10-len(text))/6)
	asked := v.upload("/console/extensions/review", text, "project_id", fmt.Sprint(i.boot.Project.ID), "manifest", "not this").
		want(http.StatusOK, "Install Uploaded?", "issues:read")
	made := asked.submit("Agree and install").want(http.StatusCreated, "Uploaded")
	i.call(t, "GET", "/me", made.secret(), nil).want(t, 200)
	v.upload("/console/extensions/review", text+"# more\n", "project_id", fmt.Sprint(i.boot.Project.ID)).want(http.StatusUnprocessableEntity, "Longer than 65536 bytes")
	v.upload("/console/extensions/review", strings.Repeat(text, 4), "project_id", "1").want(http.StatusRequestEntityTooLarge, "larger than 256 KiB")
}

// upload sends a form with a file as its manifest.
func (v *visitor) upload(path, file string, fields ...string) visited {
	v.t.Helper()
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	for name, values := range pairs(fields) {
		if err := w.WriteField(name, values[0]); err != nil {
			v.t.Fatal(err)
		}
	}
	part, err := w.CreateFormFile("manifest", "manifest.yaml")
	if err == nil {
		_, err = part.Write([]byte(file))
	}
	if err != nil || w.Close() != nil {
		v.t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(v.t.Context(), http.MethodPost, v.i.base+path, &body)
	if err != nil {
		v.t.Fatal(err)
	}
	r.Header.Set("Content-Type", w.FormDataContentType())
	return v.do(r)
}

func consoleInstallWrong(t *testing.T, i *instance) {
	v := i.visitingAdmin(t)
	form := v.get("/console/extensions/new")
	good := string(manifest("com.example.wrong", "1.0.0", "issues"))
	project := fmt.Sprint(i.boot.Project.ID)
	for problem, wrong := range map[string][]string{
		"Is missing":                      {"project_id", project, "manifest", ""},
		"Not valid YAML, line":            {"project_id", project, "manifest", "{: {"},
		"At model_version: want":          {"project_id", project, "manifest", strings.Replace(good, `"model_version":"1.0"`, `"model_version":"2.0"`, 1)},
		"At extension.permissions[0]: un": {"project_id", project, "manifest", strings.Replace(good, "issues", "nothing", 1)},
		"an extension cannot have admin":  {"project_id", project, "manifest", strings.Replace(good, "issues", "admin", 1)},
		"At extension.id: want":           {"project_id", project, "manifest", strings.Replace(good, "com.example.wrong", "12", 1)},
		"Choose a project":                {"project_id", "", "manifest", good},
	} {
		again := form.submit(lookAtInstall, wrong...).want(http.StatusUnprocessableEntity, problem)
		if kept, _ := again.formOf(lookAtInstall); successful(kept).Get("manifest") != wrong[3] {
			t.Errorf("%s: what was typed is lost", problem)
		}
	}
	form.submit(lookAtInstall, "project_id", fmt.Sprint(i.bootstrap("Initech").Project.ID), "manifest", good).want(http.StatusNotFound)
	v.post("/console/extensions", "project_id", project, "manifest", "[]", "form", "x").want(http.StatusUnprocessableEntity, "Want an object")
	v.get("/console/extensions").wantNot("com.example.wrong")
}

func consoleExtensionKeys(t *testing.T, i *instance) {
	v := i.visitingAdmin(t)
	installed := i.extension("issues:read")
	old := installed.Key.Secret.Reveal()
	place := fmt.Sprintf("/console/extensions/%d", installed.Installation.ID)
	form := v.get(place).follow("New key").want(http.StatusOK, "Both work for a day")
	form.submit("Make the key", "overlap", "12").want(http.StatusUnprocessableEntity, "Choose when the old one ends")
	made := form.submit("Make the key").want(http.StatusCreated, "Copy the extension's key")
	key := made.secret()
	form.submit("Make the key", "overlap", "0").want(http.StatusConflict, "sent before").wantNot(key)
	i.call(t, "GET", "/me", old, nil).want(t, 200)
	i.call(t, "GET", "/me", key, nil).want(t, 200)
	shown := v.get(place).want(http.StatusOK, "in 23 hours").wantNot(key, old)
	shown.follow("Close "+old[:13]).want(http.StatusOK, "cannot be undone").submit("Close key").want(http.StatusOK, "The key is closed").wantNot(old[:13])
	i.call(t, "GET", "/me", old, nil).wantProblem(t, 401, "invalid_token")
	i.call(t, "GET", "/me", key, nil).want(t, 200)
	v.get(place).follow("New key").submit("Make the key", "overlap", "0").want(http.StatusCreated)
	i.call(t, "GET", "/me", key, nil).wantProblem(t, 401, "invalid_token")
	last := i.extension()
	lastPlace := fmt.Sprintf("/console/extensions/%d", last.Installation.ID)
	lastKey := last.Key.Secret.Reveal()
	v.get(lastPlace).follow("Close "+lastKey[:13]).want(http.StatusOK, "the only key that works").submit("Close key").want(http.StatusOK, "None of its keys works")
	v.get(lastPlace).follow("Make a new key").submit("Make the key").want(http.StatusCreated)
	// The key of another extension is none of this one's.
	v.get(fmt.Sprintf("%s/keys/%d/close", lastPlace, installed.Key.Token.ID)).want(http.StatusNotFound)
	v.post(fmt.Sprintf("%s/keys/%d/close", lastPlace, installed.Key.Token.ID)).want(http.StatusNotFound)
}

func consoleUpdate(t *testing.T, i *instance) {
	v := i.visitingAdmin(t)
	installed := i.extension("issues:read", "comments:write")
	id, key := installed.Installation.Key, installed.Key.Secret.Reveal()
	place := fmt.Sprintf("/console/extensions/%d", installed.Installation.ID)
	form := v.get(place).follow("Update").want(http.StatusOK, "1.0.0 is installed")
	form.submit(lookAtUpdate, "manifest", string(manifest("com.example.other", "2.0.0"))).want(http.StatusUnprocessableEntity, "his is the manifest of com.example.other")
	form.submit(lookAtUpdate, "manifest", "{}").want(http.StatusUnprocessableEntity, "At model_version: is missing")
	wider := form.submit(lookAtUpdate, "manifest", string(manifest(id, "2.0.0", "issues:read", "projects:read"))).
		want(http.StatusOK, "What it asks for in addition", "projects:read", "What it gives up", "comments:write", "What stays")
	narrower := form.submit(lookAtUpdate, "manifest", string(manifest(id, "1.5.0"))).want(http.StatusOK, "What it gives up").wantNot("in addition")
	if me := i.call(t, "GET", "/me", key, nil).want(t, 200)["extension"].(map[string]any); me["version"] != "1.0.0" {
		t.Fatalf("looking at what changes made it so: %v", me)
	}
	wider.submit("Agree and update").want(http.StatusOK, "The other version is installed", "2.0.0", "projects:read").wantNot("comments:write")
	narrower.submit("Update").want(http.StatusOK, "1.5.0")
	// What is agreed to is what a page showed: meanwhile the extension lost issues:read.
	wider.submit("Agree and update").want(http.StatusConflict, "Another version was installed meanwhile", "issues:read").
		submit("Agree and update").want(http.StatusOK, "2.0.0")
	scopes := i.call(t, "GET", "/me", key, nil).want(t, 200)["token"].(map[string]any)["scopes"]
	if got := strings.Join(textsOf(scopes), " "); got != "issues:read projects:read" {
		t.Errorf("the key has the scopes %s", got)
	}
}

func consoleNamedSecrets(t *testing.T, i *instance) {
	v := i.visitingAdmin(t)
	installed := i.extension()
	key := installed.Key.Secret.Reveal()
	place := fmt.Sprintf("/console/extensions/%d", installed.Installation.ID)
	read := func(name string) string {
		t.Helper()
		path := fmt.Sprintf("/extensions/%d/secrets/%s", installed.Installation.ID, name)
		return i.call(t, "GET", path, key, nil).want(t, 200)["value"].(string)
	}
	form := v.get(place).follow("Add a secret").want(http.StatusOK, "it is shown on no page")
	form.submit("Add secret", "key", "webhook", "value", "one").want(http.StatusUnprocessableEntity, "beginning with a letter")
	form.submit("Add secret", "key", "WEBHOOK", "value", "").want(http.StatusUnprocessableEntity, "Want a text of 1 to")
	form.submit("Add secret", "key", "WEBHOOK", "value", "first line\r\nsecond line\r\n").want(http.StatusOK, "is kept, sealed", "WEBHOOK").wantNot("first line")
	if got := read("WEBHOOK"); got != "first line\nsecond line\n" {
		t.Errorf("the value is %q", got)
	}
	form.submit("Add secret", "key", "WEBHOOK", "value", "another").want(http.StatusUnprocessableEntity, "There is a secret with this name")
	v.get(place).follow("Replace WEBHOOK").want(http.StatusOK, "The old one is gone").wantNot("first line").
		submit("Replace value", "value", strings.Repeat("=", 32<<10)).want(http.StatusOK, "has its new value")
	if got := read("WEBHOOK"); got != strings.Repeat("=", 32<<10) {
		t.Errorf("the new value has %d bytes", len(got))
	}
	v.get(place).follow("Delete WEBHOOK").want(http.StatusOK, "cannot be undone").submit("Delete secret").want(http.StatusOK, "The secret is deleted").wantNot("WEBHOOK")
	for _, page := range []string{"/value", "/delete"} {
		v.get(place + "/secrets/WEBHOOK" + page).want(http.StatusNotFound)
		v.post(place+"/secrets/WEBHOOK"+page, "value", "x").want(http.StatusNotFound)
	}
}

// Where there is no project the page offers one.
func consoleProjects(t *testing.T, i *instance) {
	store := i.verbs().Store
	bare := storage.Organization{Slug: "bare", Name: "Bare", CreatedAt: time.Now()}
	if err := store.CreateOrganization(t.Context(), &bare); err != nil {
		t.Fatal(err)
	}
	if err := store.CreateMembership(t.Context(), storage.Membership{
		OrganizationID: bare.ID, UserID: i.boot.Admin.ID, Role: storage.RoleAdmin, CreatedAt: time.Now(),
	}); err != nil {
		t.Fatal(err)
	}
	v := i.visitorWith(t, i.sessionOf(t, bare.ID, i.boot.Admin.ID).Secret.Reveal())
	form := v.get("/console/extensions/new").want(http.StatusOK, "there is none yet").follow("New project")
	form.submit("Create project", "name", "", "key", "WEB").want(http.StatusUnprocessableEntity, "1 to 100 characters")
	form.submit("Create project", "name", "Website", "key", "1").want(http.StatusUnprocessableEntity, "a letter first")
	form.submit("Create project", "name", "Website", "key", "web").want(http.StatusOK, "The project is created", "Website (WEB)", "Manifest")
	form.submit("Create project", "name", "Website", "key", "WEB").want(http.StatusConflict, "There is a project with the key WEB")
	made := form.submit("Create project", "name", "Another", "key", "OTHER").want(http.StatusOK)
	// With several, the one that was made for it is chosen.
	made.submit(lookAtInstall, "manifest", string(manifest("com.example.bare", "1.0.0"))).want(http.StatusOK, "Another (OTHER)").
		submit("Install").want(http.StatusCreated)
	v.get("/console/extensions").want(http.StatusOK, "Another (OTHER)", "com.example.bare").wantNot("Website")
}

func consoleExtensionPassword(t *testing.T, i *instance) {
	v := i.visitorWith(t, i.olderSession(t, time.Hour).Secret.Reveal())
	ask := v.reviewed(manifest("com.example.later", "1.0.0", "issues")).want(http.StatusOK, "Agree and install").
		submit("Agree and install").want(http.StatusOK, "Enter your password again")
	v.get("/console/extensions").wantNot("com.example.later")
	ask.submit("Continue", "confirm_password", i.boot.Admin.Password).want(http.StatusCreated, "Extension of a test")
	v = i.visitorWith(t, i.olderSession(t, time.Hour).Secret.Reveal())
	installed := i.extension("issues:read")
	place := fmt.Sprintf("/console/extensions/%d", installed.Installation.ID)
	ask = v.get(place).follow("Update").submit(lookAtUpdate, "manifest", string(manifest(installed.Installation.Key, "2.0.0", "issues:read", "projects:read"))).
		submit("Agree and update").want(http.StatusOK, "Enter your password again")
	v.get(place).want(http.StatusOK, "1.0.0").wantNot("2.0.0")
	ask.submit("Continue", "confirm_password", i.boot.Admin.Password).want(http.StatusOK, "2.0.0")
	v = i.visitorWith(t, i.olderSession(t, time.Hour).Secret.Reveal())
	v.get(fmt.Sprintf("/console/extensions/%d/keys/new", i.extension().Installation.ID)).submit("Make the key").
		want(http.StatusOK, "Enter your password again").submit("Continue", "confirm_password", i.boot.Admin.Password).want(http.StatusCreated)
}

// consoleExtensionPaths are all pages and changes below an extension.
var consoleExtensionPaths = struct{ get, post []string }{
	get:  []string{"", "/update", "/uninstall", "/keys/new", "/keys/1/close", "/secrets/new", "/secrets/NAME/value", "/secrets/NAME/delete"},
	post: []string{"/update/review", "/update", "/uninstall", "/keys", "/keys/1/close", "/secrets", "/secrets/NAME/value", "/secrets/NAME/delete"},
}

func consoleForeignExtension(t *testing.T, i *instance) {
	foreign := i.extensionIn(i.bootstrap("Hooli"), "issues")
	v := i.visitingAdmin(t)
	for _, id := range []string{fmt.Sprint(foreign.Installation.ID), "999999", "99999999999999999999"} {
		for _, path := range consoleExtensionPaths.get {
			v.get("/console/extensions/"+id+path).want(http.StatusNotFound, "Nothing here").wantNot("Extension of a test")
		}
		for _, path := range consoleExtensionPaths.post {
			v.post("/console/extensions/"+id+path, fieldsOfAll...).want(http.StatusNotFound, "Nothing here")
		}
	}
	i.call(t, "GET", "/me", foreign.Key.Secret.Reveal(), nil).want(t, 200)
}

func consoleExtensionMember(t *testing.T, i *instance) {
	place := fmt.Sprintf("/console/extensions/%d", i.extension().Installation.ID)
	v := i.visitorWith(t, i.person(t, "Bystander", storage.RoleMember).session)
	for _, path := range []string{"/console/extensions", "/console/extensions/new", "/console/extensions/projects/new"} {
		v.get(path).want(http.StatusForbidden, "This is for the admins of Acme")
	}
	for _, path := range []string{"/console/extensions", "/console/extensions/review", "/console/extensions/projects"} {
		v.post(path, fieldsOfAll...).want(http.StatusForbidden)
	}
	for _, path := range consoleExtensionPaths.get {
		v.get(place + path).want(http.StatusForbidden)
	}
	for _, path := range consoleExtensionPaths.post {
		v.post(place+path, fieldsOfAll...).want(http.StatusForbidden)
	}
}
