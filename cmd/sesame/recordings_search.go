package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"sesame/proxy/api"
	"sesame/proxy/client"
)

func newRecordingsSearch(c *console) *cobra.Command {
	var q api.RecordingSearch
	var since time.Duration
	cmd := &cobra.Command{
		Use: "search TEXT", Short: "Find rows in what was shown", Args: exactly("a text"),
		Long: "Finds rows in what was shown, as somebody would remember them: without colours, and\nwith what was typed over as it was in the end. That you were shown rows of a\nrecording is recorded.",
		RunE: func(cmd *cobra.Command, args []string) error {
			q.Text = args[0]
			if since > 0 {
				q.Since = c.clock.Now().Add(-since)
			}
			return c.library(func(server client.Recordings) error { return c.search(cmd.Context(), server, q) })
		},
	}
	cmd.Flags().BoolVarP(&q.Pattern, "regexp", "e", false, "TEXT is a regular expression")
	cmd.Flags().BoolVarP(&q.IgnoreCase, "ignore-case", "i", false, "large and small letters are alike")
	cmd.Flags().StringVar(&q.Recording, "in", "", "only in this recording")
	cmd.Flags().StringVar(&q.Grant, "grant", "", "only in those of a grant")
	cmd.Flags().StringVar(&q.Target, "target", "", "only in those of a target")
	cmd.Flags().StringVar(&q.Person, "person", "", "only in those of a person, by id")
	cmd.Flags().DurationVar(&since, "since", 0, "only in sessions that began within this time")
	cmd.Flags().IntVar(&q.Limit, "limit", 100, "how many rows")
	return c.jsonFlag(cmd)
}

func (c *console) search(ctx context.Context, server client.Recordings, q api.RecordingSearch) error {
	found, err := server.Search(ctx, q)
	if err != nil {
		return err
	}
	if c.json {
		return printJSON(c.out, found)
	}
	last := ""
	for _, h := range found.Hits {
		if h.Recording != last {
			if last != "" {
				fmt.Fprintln(c.out)
			}
			last = h.Recording
			fmt.Fprintf(c.out, "%s  %s\n", c.paint(cell{h.Recording, green}), printable(strings.Join(nonEmpty(h.Name, "on", h.Target), " ")))
		}
		at := time.Duration(h.After) * time.Millisecond
		fmt.Fprintf(c.out, "  %s  %s  %s\n", c.paint(cell{h.At.In(c.zone).Format("2006-01-02 15:04:05"), dim}), offset(at), printable(strings.TrimSpace(h.Row)))
	}
	return c.concludeSearch(found)
}

func (c *console) concludeSearch(found api.RecordingHits) error {
	if len(found.Hits) == 0 {
		fmt.Fprintf(c.out, "Nothing was found in %s.\n", counted(found.Searched, "recording"))
	}
	if found.More {
		fmt.Fprintln(c.err, "There may be more: narrow it down, or raise --limit.")
	}
	if found.Unread != "" {
		return errors.New(found.Unread)
	}
	return nil
}

func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
