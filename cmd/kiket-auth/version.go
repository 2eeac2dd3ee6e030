package main

import (
	"runtime"
	"runtime/debug"
)

// version and commit are set by the linker in releases; go install leaves them
// to the build information.
var version, commit string

type versionCommand struct{}

// Run prints version, commit and Go version.
func (versionCommand) Run(p *process) error {
	v, c := version, commit
	if info, ok := debug.ReadBuildInfo(); ok {
		if v == "" {
			v = info.Main.Version
		}
		for _, setting := range info.Settings {
			if setting.Key == "vcs.revision" && c == "" {
				c = setting.Value
			}
		}
	}
	if c == "" {
		c = "unknown"
	}
	p.printf("kiket-auth %s commit %s %s\n", v, c, runtime.Version())
	return nil
}
