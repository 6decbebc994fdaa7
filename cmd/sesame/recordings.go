package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"sesame/cmd/sesame/server"
	"sesame/flows/audit"
	"sesame/proxy/api"
	"sesame/proxy/client"
	"sesame/store/bolt"
)

func newRecordings(c *console) *cobra.Command {
	cmd := group("recordings", "See what was done in terminal sessions",
		newRecordingsList(c), newRecordingsShow(c), newRecordingsPlay(c), newRecordingsWatch(c),
		newRecordingsSearch(c), newRecordingsExport(c), newRecordingsVerify(c))
	cmd.Long = "Shows recordings of terminal sessions, as far as you may see them: your own, those\nof flows that name you under watch, and all of them as an auditor. That you look is\nrecorded before anything is shown.\n\nWhere there is a sesame.yaml, or --config names one, the server on this machine is\nasked as the person recorded for your user; elsewhere, as whom you signed in as."
	return cmd
}

// library has f ask for recordings: the server on this machine where its
// configuration is at hand, and elsewhere the one that one is signed in to.
func (c *console) library(f func(client.Recordings) error) error {
	if _, err := os.Stat(c.config); err == nil {
		return c.call(func(server *client.Client) error { return f(server.Recordings()) })
	}
	return c.asMe(func(server *client.Remote) error { return f(server.Recordings()) })
}

func newRecordingsList(c *console) *cobra.Command {
	q := api.RecordingQuery{}
	cmd := &cobra.Command{
		Use: "list", Short: "List recordings, the newest first", Args: exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.library(func(server client.Recordings) error {
				page, err := server.List(cmd.Context(), q)
				if err != nil {
					return err
				}
				return c.showRecordings(page)
			})
		},
	}
	cmd.Flags().BoolVar(&q.Open, "open", false, "only sessions that go on")
	cmd.Flags().StringVar(&q.Grant, "grant", "", "only those of a grant")
	cmd.Flags().StringVar(&q.Target, "target", "", "only those of a target")
	cmd.Flags().StringVar(&q.Person, "person", "", "only those of a person, by id")
	cmd.Flags().StringVar(&q.After, "after", "", "go on after a page, with what it ends with")
	cmd.Flags().IntVar(&q.Limit, "limit", 50, "how many")
	return c.jsonFlag(cmd)
}

func (c *console) showRecordings(page api.RecordingPage) error {
	if c.json {
		return printJSON(c.out, page)
	}
	if len(page.Recordings) == 0 {
		_, err := fmt.Fprintln(c.out, "No recordings that you may see.")
		return err
	}
	var rows [][]cell
	for _, r := range page.Recordings {
		row := cells(r.ID, "", r.Name, placeOf(r), r.Kind, c.when(r.Began), "", sizeOf(r.Size))
		row[1], row[6] = state(r.State), cell{lengthOf(r, c.clock.Now()), plain}
		rows = append(rows, row)
	}
	c.table([]string{"RECORDING", "STATE", "WHO", "WHERE", "KIND", "BEGAN", "LASTED", "SIZE"}, rows)
	if page.Next != "" {
		fmt.Fprintf(c.err, "There are more: --after %s\n", page.Next)
	}
	return nil
}

// placeOf is where a session is, for people.
func placeOf(r api.Recording) string {
	if r.Instance == "" {
		return r.Target
	}
	return r.Target + " " + r.Instance
}

// lengthOf is how long a session lasted, or lasts by now.
func lengthOf(r api.Recording, now time.Time) string {
	end := r.EndedAt
	if r.State == api.RecordingOpen {
		end = now
	}
	return max(0, end.Sub(r.Began)).Round(time.Second).String()
}

// sizeOf is a number of bytes as a person says it.
func sizeOf(n int64) string {
	switch {
	case n < 0:
		return "not known"
	case n < 1<<10:
		return fmt.Sprintf("%d B", n)
	case n < 1<<20:
		return fmt.Sprintf("%.1f KB", float64(n)/(1<<10))
	case n < 1<<30:
		return fmt.Sprintf("%.1f MB", float64(n)/(1<<20))
	}
	return fmt.Sprintf("%.1f GB", float64(n)/(1<<30))
}

func newRecordingsShow(c *console) *cobra.Command {
	return c.jsonFlag(&cobra.Command{
		Use: "show RECORDING", Short: "Show whose session was recorded, how it ended, and what is missing", Args: exactly("a recording"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.library(func(server client.Recordings) error {
				r, err := server.Show(cmd.Context(), args[0])
				if err != nil {
					return err
				}
				if c.json {
					return printJSON(c.out, r)
				}
				c.showRecording(r)
				return nil
			})
		},
	})
}

func (c *console) showRecording(r api.Recording) {
	ended := r.Why
	if r.Exit != nil {
		ended += fmt.Sprintf(" (exit status %d)", *r.Exit)
	}
	c.facts(
		[]cell{{text: "recording"}, {text: r.ID}},
		[]cell{{text: "state"}, state(r.State)},
		fact("session", strings.Join(nonEmpty(r.Kind, r.Session), " ")),
		fact("who", strings.Join(nonEmpty(r.Name, r.Person), " ")),
		fact("where", strings.Join(nonEmpty(r.Target, r.Instance, r.Region), " ")),
		fact("document", r.Document), fact("command", r.Command),
		fact("grant", r.Grant), fact("request", r.Request),
		fact("began", c.when(r.Began)), fact("ended", c.when(r.EndedAt)),
		fact("lasted", lengthOf(r, c.clock.Now())), fact("because", ended),
		fact("shown", sizeOf(r.Shown)), fact("typed", sizeOf(r.Typed)),
		fact("kept", kept(r)), fact("size", sizeOf(r.Size)),
		[]cell{{text: "missing"}, {missing(r), red}},
		fact("removed", removedOf(r, c)), fact("manifest", r.Digest),
	)
}

func nonEmpty(all ...string) (some []string) {
	for _, s := range all {
		if s != "" {
			some = append(some, s)
		}
	}
	return some
}

// kept says what of a session is in its recording.
func kept(r api.Recording) string {
	switch {
	case r.Only != "":
		return "nothing that passed, but how much: " + r.Only
	case r.Hidden == 1:
		return "what was shown and typed, but for one thing that was typed and not shown"
	case r.Hidden > 1:
		return fmt.Sprintf("what was shown and typed, but for %d things that were typed and not shown", r.Hidden)
	}
	return "what was shown and typed"
}

// missing says what is not in a recording that should be.
func missing(r api.Recording) string {
	var all []string
	add := func(n int64, text string) {
		if n > 0 {
			all = append(all, fmt.Sprintf(text, n))
		}
	}
	add(r.Lost, "%d messages were lost on their way")
	add(r.Sealed, "%d bytes were sealed with a key that is not known")
	add(int64(r.Odd), "%d messages were of no known form")
	add(r.Torn, "%d bytes were being written when the server was killed")
	return strings.Join(all, "; ")
}

func removedOf(r api.Recording, c *console) string {
	if r.RemovedAt.IsZero() {
		return ""
	}
	return c.when(r.RemovedAt) + ": " + r.Rule
}

func newRecordingsVerify(c *console) *cobra.Command {
	var data, key string
	cmd := &cobra.Command{
		Use: "verify [RECORDING]", Short: "Check that recordings were not changed, cut or taken away", Args: atMost("a recording"),
		Long: "Has the running server check its recordings against the record, or checks those of\na stopped one (--data), and names what does not hold. It takes no keys of theirs:\nnothing is decrypted.",
		RunE: func(cmd *cobra.Command, args []string) error {
			id := strings.Join(args, "")
			proof, err := c.verifyRecordings(cmd.Context(), id, data, key)
			if err != nil {
				return err
			}
			return c.showRecordingProof(proof, id)
		},
	}
	cmd.Flags().StringVar(&data, "data", "", "the data directory of a server that is not running")
	cmd.Flags().StringVar(&key, "key", "", "the public key, if it is not to be audit.pub of the data directory")
	return c.jsonFlag(cmd)
}

func (c *console) verifyRecordings(ctx context.Context, id, data, key string) (proof api.RecordingProof, err error) {
	if data == "" {
		err = c.call(func(server *client.Client) error {
			proof, err = server.VerifyRecordings(ctx, id)
			return err
		})
		return proof, err
	}
	if key == "" {
		key = data
	}
	public, err := audit.LoadPublicKey(key)
	if err != nil {
		return proof, err
	}
	r, err := bolt.OpenReadOnly(data)
	if err != nil {
		return proof, err
	}
	defer r.Close()
	return server.VerifyRecordings(ctx, server.Record{Store: r, Key: public, Dir: data}, id)
}

func (c *console) showRecordingProof(p api.RecordingProof, id string) error {
	wrong := p.Broken != ""
	var rows [][]cell
	for _, f := range p.Recordings {
		row := cells(f.ID, f.State, f.Text)
		switch {
		case f.Text != "":
			wrong, row[1].color, row[2].color = true, red, red
		case f.State == "whole":
			row[1].color = green
		}
		rows = append(rows, row)
	}
	switch {
	case c.json:
		if err := printJSON(c.out, p); err != nil {
			return err
		}
	case p.Broken != "":
		fmt.Fprintln(c.out, c.paint(cell{printable("The record, which says what recordings there are, is broken: " + p.Broken), red}))
	case len(rows) == 0 && id != "":
		return fmt.Errorf("there is no recording %q, and none was removed", printable(id))
	case len(rows) == 0:
		fmt.Fprintln(c.out, "No recordings.")
	default:
		c.table([]string{"RECORDING", "STATE", "WHAT IS WRONG"}, rows)
	}
	if wrong {
		return errFound
	}
	return nil
}
