package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"sesame/flows/flowfile"
	"sesame/flows/replay"
	"sesame/policies"
	"sesame/proxy/client"
	"sesame/store/bolt"
)

// A replayOptions is what flows replay is told.
type replayOptions struct {
	data   string
	with   []string
	since  string
	format string
	limit  int
	fail   bool
}

// The formats of a replay.
const (
	formatTable    = "table"
	formatMarkdown = "markdown"
	formatJSON     = "json"
)

const replayHelp = `Judges every request of the record by the proposed flow files, with the facts
that its verdict recorded and at the time at which it was asked, and prints what
would have been otherwise, and the rule that makes the difference. A request that
hangs on a fact which nobody recorded is listed as one that cannot be told.

The record is that of a data directory whose server is stopped, or of a file that
'sesame backup' wrote (--data); without --data it is that of the running server,
which is asked for a snapshot.

Exits 0 whatever it finds; with --fail-on-change it exits 6 if a request would
fare otherwise, or might.`

func newFlowsReplay(c *console) *cobra.Command {
	var o replayOptions
	cmd := &cobra.Command{
		Use: "replay --with PATH", Short: "Say what other flow files would have made of the past", Args: exactly(), Long: replayHelp,
		RunE: func(cmd *cobra.Command, _ []string) error { return c.replay(cmd.Context(), o) },
	}
	f := cmd.Flags()
	f.StringVar(&o.data, "data", "", "the data directory of a stopped server, or a backup (default: the running server's)")
	f.StringArrayVar(&o.with, "with", nil, "a proposed flow file or folder; may be repeated (default: what --config names)")
	f.StringVar(&o.since, "since", "", "leave out what was asked before: 90d, 12h, or 2026-11-20")
	f.StringVar(&o.format, "format", formatTable, "table, markdown or json")
	f.IntVar(&o.limit, "limit", replay.DefaultKeep, "how many requests a list names, the latest ones")
	f.BoolVar(&o.fail, "fail-on-change", false, "exit 6 if anything would be, or might be, otherwise")
	return c.jsonFlag(cmd)
}

func (c *console) replay(ctx context.Context, o replayOptions) error {
	if c.json {
		o.format = formatJSON
	}
	show, ok := map[string]func(replay.Report) error{
		formatTable: c.replayTable, formatMarkdown: c.replayMarkdown, formatJSON: func(r replay.Report) error { return printJSON(c.out, r) },
	}[o.format]
	since, err := c.since(o.since)
	switch {
	case !ok:
		return &misuse{fmt.Errorf("--format %q is none of table, markdown and json", o.format), "sesame flows replay"}
	case err != nil:
		return &misuse{err, "sesame flows replay"}
	case o.limit < 1:
		return &misuse{errors.New("--limit is a number of requests, at least 1"), "sesame flows replay"}
	}
	set, err := c.flowSet(o.with)
	if err != nil {
		return err
	}
	report, err := c.replayOn(ctx, o, set, since)
	if err != nil {
		return err
	}
	if err := show(report); err != nil {
		return err
	}
	if o.fail && !report.Same() {
		return errChanged
	}
	return nil
}

// since returns the moment that a flag means: a day, or so long ago.
func (c *console) since(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if day, err := time.ParseInLocation(time.DateOnly, text, c.zone); err == nil {
		return day, nil
	}
	if days, ok := strings.CutSuffix(text, "d"); ok {
		if n, err := strconv.Atoi(days); err == nil && n > 0 {
			return c.clock.Now().AddDate(0, 0, -n), nil
		}
	}
	if ago, err := policies.ParseDuration(text); err == nil && ago > 0 {
		return c.clock.Now().Add(-ago), nil
	}
	return time.Time{}, fmt.Errorf("--since %q is neither a time such as 90d or 12h nor a day such as 2026-11-20", text)
}

// replayOn opens the record, and replays it.
func (c *console) replayOn(ctx context.Context, o replayOptions, set *flowfile.Set, since time.Time) (r replay.Report, err error) {
	path := o.data
	if path == "" {
		dir, err := os.MkdirTemp("", "sesame-replay-")
		if err != nil {
			return r, err
		}
		defer os.RemoveAll(dir)
		path = filepath.Join(dir, "snapshot.db")
		err = c.call(func(server *client.Client) error {
			_, err := server.Backup(ctx, path)
			return err
		})
		if err != nil {
			return r, err
		}
	}
	record, err := bolt.OpenReadOnly(path)
	if errors.Is(err, bolt.ErrLocked) {
		return r, fmt.Errorf("%w: leave out --data to have the running server asked, or name a file that 'sesame backup' wrote", err)
	} else if err != nil {
		return r, err
	}
	r, err = replay.Run(ctx, replay.Options{Record: record, Set: set, Since: since, Keep: o.limit})
	return r, errors.Join(err, record.Close())
}
