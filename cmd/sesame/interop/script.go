//go:build unix

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
)

const (
	bigFile = "big"
	big     = 20 << 20
)

// boto3 runs its script.
func (o options) boto3(ctx context.Context, r *road) ([]result, error) {
	return r.script(exec.CommandContext(ctx, filepath.Join(o.bin, "python"), filepath.Join(o.scripts, "boto.py")))
}

// js runs the script for Node, which finds its packages in modules.
func (o options) js(ctx context.Context, r *road) ([]result, error) {
	cmd := exec.CommandContext(ctx, "node", filepath.Join(o.scripts, "sdk.cjs"))
	cmd.Env = []string{"NODE_PATH=" + o.modules}
	return r.script(cmd)
}

// output runs a client, and returns what it prints.
func (r *road) output(cmd *exec.Cmd) ([]byte, error) {
	var errs bytes.Buffer
	cmd.Env, cmd.Dir, cmd.Stderr = append(cmd.Env, r.environment()...), r.dir, &errs
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%w: %s", err, errs.String())
	}
	return out, nil
}

// script runs what prints its steps, each as JSON in a line.
func (r *road) script(cmd *exec.Cmd) ([]result, error) {
	path, err := r.work(bigFile, big)
	if err != nil {
		return nil, err
	}
	cmd.Args = append(cmd.Args, r.moto.url, path)
	out, err := r.output(cmd)
	if err != nil {
		return nil, err
	}
	var all []result
	for line := range strings.Lines(string(out)) {
		var pair [2]string
		if err := json.Unmarshal([]byte(line), &pair); err != nil {
			return nil, fmt.Errorf("read %q: %w", line, err)
		}
		all = append(all, result{pair[0], pair[1]})
	}
	return all, nil
}
