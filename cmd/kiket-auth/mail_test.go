package main

import (
	"bufio"
	"fmt"
	"net"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// listen is the script command
//
//	listener VAR KIND
//
// It listens until the script ends and puts the address into the variable. Kinds
// are: mail, a mail server that lets the user mailer with the password right in;
// busy, one that turns everybody away; mute, which takes connections and says
// nothing; gone, where nothing listens any more.
func listen(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: listener VAR KIND")
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	ts.Setenv(args[0], listener.Addr().String())
	ts.Defer(func() { _ = listener.Close() })
	switch args[1] {
	case "mail":
		go accept(listener, greet)
	case "busy":
		go accept(listener, func(c net.Conn) { _, _ = fmt.Fprint(c, "421 busy\r\n") })
	case "mute":
		go accept(listener, func(c net.Conn) { _, _ = c.Read(make([]byte, 1)) })
	case "gone":
		_ = listener.Close()
	default:
		ts.Fatalf("no listener is %s", args[1])
	}
}

func accept(listener net.Listener, serve func(net.Conn)) {
	for {
		c, err := listener.Accept()
		if err != nil {
			return
		}
		go func() {
			defer func() { _ = c.Close() }()
			serve(c)
		}()
	}
}

// greet speaks as much SMTP as signing in takes (RFC 5321, RFC 4954).
func greet(c net.Conn) {
	say := func(text string) { _, _ = fmt.Fprintf(c, "%s\r\n", text) }
	say("220 mail.test")
	for lines := bufio.NewScanner(c); lines.Scan(); {
		verb, _, _ := strings.Cut(strings.ToUpper(lines.Text()), " ")
		switch verb {
		case "EHLO":
			say("250-mail.test\r\n250 AUTH PLAIN")
		case "AUTH":
			if lines.Text() == "AUTH PLAIN AG1haWxlcgByaWdodA==" { // \0mailer\0right
				say("235 welcome")
			} else {
				say("535 wrong")
			}
		case "QUIT":
			say("221 bye")
			return
		default:
			say("502 not here")
		}
	}
}
