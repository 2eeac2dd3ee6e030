// Command kiket-auth is the authorization server of Kiket and the tool of its
// operators. README.md and docs/operations.md say how to use it.
//
// Each subcommand is a struct in a file of its own. It loads the configuration,
// opens what it needs through [process], and calls the same verbs as the HTTP
// handlers do.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"

	"kiket.dev/auth/config"
)

// commandLine is the whole command line.
type commandLine struct {
	Config string `help:"YAML configuration file; KIKET_AUTH_CONFIG names one as well." placeholder:"FILE" type:"path"`

	Serve          serveCommand          `cmd:"" help:"Run the server."`
	Bootstrap      bootstrapCommand      `cmd:"" help:"Create an organization with an admin, a project, a workspace token and a resource server."`
	Migrate        migrateCommand        `cmd:"" help:"Apply or show the migrations of the database."`
	Keys           keysCommand           `cmd:"" help:"List, rotate or revoke signing keys."`
	Audit          auditCommand          `cmd:"" help:"Verify or export the audit log."`
	Organization   organizationCommand   `cmd:"" help:"List or create organizations."`
	User           userCommand           `cmd:"" help:"List, create or remove the members of an organization."`
	Token          tokenCommand          `cmd:"" help:"List, create or revoke workspace API tokens."`
	Application    applicationCommand    `cmd:"" help:"List, create or delete OAuth applications, or rotate their secrets."`
	ResourceServer resourceServerCommand `cmd:"" name:"resource-server" help:"Create, list or delete resource servers: the APIs that introspect tokens."`
	Doctor         doctorCommand         `cmd:"" help:"Check the configuration and what it refers to."`
	Version        versionCommand        `cmd:"" help:"Print the version."`
}

// Exit codes.
const (
	exitFailure = 1
	exitUsage   = 2
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Environ(), os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run is main without the process: it returns the exit code.
func run(ctx context.Context, args, environ []string, stdin *os.File, stdout, stderr io.Writer) int {
	var line commandLine
	parser, err := kong.New(&line,
		kong.Name("kiket-auth"),
		kong.Description("The authorization server of Kiket. Configuration comes from a YAML file and KIKET_AUTH_ variables, see docs/configuration.md."),
		kong.Writers(stdout, stderr),
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Exit(func(code int) { panic(exit(code)) }),
	)
	if err != nil {
		fmt.Fprintln(stderr, "kiket-auth:", err)
		return exitFailure
	}
	printed := &output{Writer: stdout}
	p := &process{environ: environ, stdin: stdin, stdout: printed, stderr: stderr}
	return parseAndRun(parser, &line, args, p, printed)
}

// exit carries kong's wish to end, after --help, out of the parser.
type exit int

func parseAndRun(parser *kong.Kong, line *commandLine, args []string, p *process, printed *output) (code int) {
	defer func() {
		switch e := recover().(type) {
		case nil:
		case exit:
			code = int(e)
		default:
			panic(e)
		}
	}()
	command, err := parser.Parse(args)
	if err != nil {
		fmt.Fprintln(p.stderr, "kiket-auth:", err)
		fmt.Fprintf(p.stderr, "Run %s --help to see what there is.\n", asked(err))
		return exitUsage
	}
	p.configFile = line.Config
	err = command.Run(p)
	if printed.err != nil && (err == nil || errors.Is(err, printed.err)) {
		err = fmt.Errorf("it is done, but the answer could not be written: %w", printed.err)
	}
	if err != nil {
		explain(p.stderr, err)
		return exitFailure
	}
	return 0
}

// asked returns the command, as far as it was understood, whose help is of use.
func asked(err error) string {
	var mistake *kong.ParseError
	if errors.As(err, &mistake) {
		if command := mistake.Context.Selected(); command != nil {
			return "kiket-auth " + command.Path()
		}
	}
	return "kiket-auth"
}

// explain prints an error for the person at the terminal.
func explain(w io.Writer, err error) {
	var mistakes config.Mistakes
	switch {
	case errors.Is(err, errReported):
	case errors.As(err, &mistakes):
		fmt.Fprintln(w, mistakes)
	default:
		fmt.Fprintln(w, "kiket-auth:", oneLine(err))
	}
}

// oneLine returns the words of an error without its line breaks: the driver of
// PostgreSQL lists its attempts one a line, some of them twice.
func oneLine(err error) string {
	var parts []string
	for line := range strings.Lines(err.Error()) {
		if line = strings.TrimSpace(line); line != "" && !slices.Contains(parts, line) {
			parts = append(parts, line)
		}
	}
	return strings.Join(parts, " ")
}

// errReported ends a command that has already said what was wrong.
var errReported = errors.New("reported")
