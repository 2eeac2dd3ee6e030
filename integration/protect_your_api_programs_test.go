package integration

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// examplePath returns where something of docs/examples is.
func examplePath(t testing.TB, name string) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join(root, "docs/examples", name))
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// runProgram starts a program that listens on the address, returns when it does,
// and ends it with the test.
func runProgram(t testing.TB, address string, environ []string, command ...string) {
	t.Helper()
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Dir = t.TempDir()
	cmd.Stdout, cmd.Stderr = t.Output(), t.Output()
	cmd.WaitDelay = time.Second // if a child of it holds these
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + cmd.Dir}, environ...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	exited := make(chan struct{})
	go func() {
		_ = cmd.Wait() // however it ends, it is over
		close(exited)
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-exited:
		case <-time.After(10 * time.Second):
			t.Errorf("%s does not end", command[0])
			_ = cmd.Process.Kill()
			<-exited
		}
	})
	eventually(t, func() error {
		select {
		case <-exited:
			t.Fatalf("%s has ended: %s", command[0], cmd.ProcessState)
		default:
		}
		c, err := net.Dial("tcp", address)
		if err == nil {
			err = c.Close()
		}
		return err
	})
}
