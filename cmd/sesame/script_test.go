package main

import (
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	if asPlugin(os.Args[0]) { // a link that sesame run made
		main()
	}
	testscript.Main(m, map[string]func(){"sesame": main, "awscall": callAWS})
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{Dir: "testdata", Setup: func(env *testscript.Env) error {
		leaveAtOnce(env)
		return nil
	}})
}

// leaveAtOnce has programs that look for races not wait a second at their end.
func leaveAtOnce(env *testscript.Env) { env.Setenv("GORACE", "atexit_sleep_ms=0") }
