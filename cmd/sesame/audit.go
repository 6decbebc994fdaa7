package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"sesame/cmd/sesame/server"
	"sesame/flows/access"
	"sesame/flows/audit"
	"sesame/proxy/api"
	"sesame/proxy/client"
	"sesame/store/bolt"
)

func newAudit(c *console) *cobra.Command {
	return group("audit", "Read and check the record", newAuditList(c), newAuditExport(c), newAuditVerify(c))
}

// eventsAtOnce is how many events are asked for in one call.
const eventsAtOnce = 500

func newAuditList(c *console) *cobra.Command {
	var from uint64
	var limit int
	cmd := &cobra.Command{
		Use: "list", Short: "List events, oldest first", Args: exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.call(func(server *client.Client) error {
				page := api.EventPage{Events: []access.Event{}}
				for page.Next = from; page.Next > 0 && len(page.Events) < limit; {
					more, err := server.Events(cmd.Context(), page.Next, min(eventsAtOnce, limit-len(page.Events)))
					if err != nil {
						return err
					}
					page.Events, page.Next = append(page.Events, more.Events...), more.Next
				}
				if c.json {
					return printJSON(c.out, page)
				}
				c.showEvents(page.Events)
				return nil
			})
		},
	}
	cmd.Flags().Uint64Var(&from, "from", 1, "the position to begin at")
	cmd.Flags().IntVar(&limit, "limit", 100, "how many")
	return c.jsonFlag(cmd)
}

func newAuditExport(c *console) *cobra.Command {
	var from uint64
	cmd := &cobra.Command{
		Use: "export", Short: "Print the whole record, one event a line as JSON", Args: exactly(),
		Long: "Prints every event from a position on, one a line as JSON, with the hashes that\nchain the events of a request.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.call(func(server *client.Client) error {
				out := json.NewEncoder(c.out)
				for next := from; next > 0; {
					page, err := server.Events(cmd.Context(), next, eventsAtOnce)
					if err != nil {
						return err
					}
					for _, e := range page.Events {
						if err := out.Encode(e); err != nil {
							return err
						}
					}
					next = page.Next
				}
				return nil
			})
		},
	}
	cmd.Flags().Uint64Var(&from, "from", 1, "the position to begin at")
	// One event a line is JSON already.
	return c.jsonFlag(cmd)
}

// A verifyOptions says which record is checked, and against what.
type verifyOptions struct{ data, backup, key, head string }

func newAuditVerify(c *console) *cobra.Command {
	var o verifyOptions
	cmd := &cobra.Command{
		Use: "verify", Short: "Check that nothing in the record was changed or cut off", Args: exactly(),
		Long: "Has the running server check its record, with the calls and the recordings of\nsessions, or checks the record of a stopped one (--data) or of a backup (--backup),\nand names the first thing that does not hold.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			proof, err := c.verify(cmd.Context(), o)
			if err != nil {
				return err
			}
			if err := c.showProof(proof); err != nil {
				return err
			}
			if proof.Broken != "" {
				return errFound
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&o.data, "data", "", "the data directory of a server that is not running")
	cmd.Flags().StringVar(&o.backup, "backup", "", "a file that sesame backup wrote")
	cmd.Flags().StringVar(&o.key, "key", "", "the public key, audit.pub of the data directory; needed for a backup")
	cmd.Flags().StringVar(&o.head, "head", "", "NUMBER:HASH of a checkpoint seen earlier, which must be in it")
	return c.jsonFlag(cmd)
}

func (c *console) verify(ctx context.Context, o verifyOptions) (proof api.Proof, err error) {
	switch {
	case o.data != "" && o.backup != "":
		return proof, &misuse{errors.New("--data and --backup are two records: check one at a time"), "sesame audit verify"}
	case o.data != "":
		return verifyFile(ctx, o.data, cmp.Or(o.key, o.data), o.head)
	case o.backup != "" && o.key == "":
		return proof, &misuse{errors.New("a backup does not carry the key that checks it: name audit.pub of the data directory with --key"), "sesame audit verify"}
	case o.backup != "":
		return verifyFile(ctx, o.backup, o.key, o.head)
	}
	err = c.call(func(server *client.Client) error {
		proof, err = server.Verify(ctx, o.head)
		return err
	})
	return proof, err
}

// verifyFile checks a record without a server, changing nothing.
func verifyFile(ctx context.Context, store, key, head string) (api.Proof, error) {
	public, err := audit.LoadPublicKey(key)
	if err != nil {
		return api.Proof{}, err
	}
	r, err := bolt.OpenReadOnly(store)
	if errors.Is(err, bolt.ErrLocked) {
		return api.Proof{}, fmt.Errorf("%w: leave out --data to have the server check it, or check a backup", err)
	} else if err != nil {
		return api.Proof{}, err
	}
	record := server.Record{Store: r, Key: public}
	if info, statErr := os.Stat(store); statErr == nil && info.IsDir() {
		record.Dir = store
	}
	proof, err := server.Verify(ctx, record, head)
	return proof, errors.Join(err, r.Close())
}

func (c *console) showProof(p api.Proof) error {
	if c.json {
		return printJSON(c.out, p)
	}
	verdict := cell{"whole", green}
	if p.Broken != "" {
		verdict = cell{"broken: " + printable(p.Broken), red}
	}
	c.facts(
		[]cell{{text: "record"}, verdict},
		fact("checked", fmt.Sprintf("%d events, %d checkpoints, %d events after the last of them", p.Events, p.Checkpoints, p.Uncovered)),
		fact("calls", p.Calls),
		fact("recordings", p.Recordings),
		fact("head", p.Head),
	)
	return nil
}
