package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/mattn/go-isatty"
)

// errNotConfirmed ends a command that destroys something when nobody agreed.
var errNotConfirmed = errors.New("not confirmed; nothing was changed")

// confirm returns nil if what cannot be undone may be done: yes was given on the
// command line, or the person at the terminal answers y or yes. The question is
// asked on standard error, as a sentence without its question mark.
func (p *process) confirm(ctx context.Context, yes bool, question string, args ...any) error {
	if yes {
		return nil
	}
	if !isatty.IsTerminal(p.stdin.Fd()) {
		return fmt.Errorf("%s? There is no terminal to ask at: say --yes; nothing was changed", fmt.Sprintf(question, args...))
	}
	_, _ = fmt.Fprintf(p.stderr, question+"? [y/N] ", args...)
	answer := make(chan string, 1)
	// Reading a terminal cannot be interrupted; the goroutine ends with the process.
	go func() {
		line, _ := bufio.NewReader(p.stdin).ReadString('\n')
		answer <- strings.ToLower(strings.TrimSpace(line))
	}()
	select {
	case <-ctx.Done():
		return errNotConfirmed
	case text := <-answer:
		if text != "y" && text != "yes" {
			return errNotConfirmed
		}
		return nil
	}
}
