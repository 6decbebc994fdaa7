package main

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/sync/errgroup"
)

// TestDemoServesItsPageUntilItIsStopped has what demo prints tried out.
func TestDemoServesItsPageUntilItIsStopped(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	out, in := io.Pipe()
	var demo errgroup.Group
	demo.Go(func() error {
		defer in.Close()
		return run(ctx, []string{"demo"}, strings.NewReader(""), in, in)
	})
	page, config, home := "", "", ""
	for printed := bufio.NewScanner(out); config == "" && printed.Scan(); {
		if m := regexp.MustCompile(`http://127\.0\.0\.1:\d+/`).FindString(printed.Text()); m != "" {
			page = m
		}
		if m := regexp.MustCompile(`export SESAME_HOME='([^']+)'`).FindStringSubmatch(printed.Text()); m != nil {
			home = m[1]
		}
		if _, path, ok := strings.Cut(printed.Text(), "--config "); ok {
			config = path
		}
	}
	rest := make(chan struct{})
	go func() { io.Copy(io.Discard, out); close(rest) }()
	answer, err := http.Get(page)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		t.Errorf("the page answers %s", answer.Status)
	}
	if err := run(ctx, []string{"status", "--config", config}, nil, io.Discard, io.Discard); err != nil {
		t.Errorf("the command that is printed: %v", err)
	}
	t.Setenv("SESAME_HOME", home)
	var who strings.Builder
	if err := run(ctx, []string{"whoami"}, nil, &who, io.Discard); err != nil || !strings.Contains(who.String(), "Alice") {
		t.Errorf("with the login that is printed: %q, %v", who.String(), err)
	}
	stop()
	if err := demo.Wait(); err != nil {
		t.Errorf("stopped, demo ends with %v", err)
	}
	<-rest
	if _, err := os.Stat(config); !os.IsNotExist(err) {
		t.Errorf("%s is still there", config)
	}
}
