package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"sesame/proxy/api"
	"sesame/proxy/client"
)

// A callsOptions says which calls are shown.
type callsOptions struct {
	grant  string
	from   uint64
	limit  int
	follow bool
}

func newCalls(c *console) *cobra.Command {
	var o callsOptions
	cmd := &cobra.Command{
		Use: "calls", Short: "Show what was called through the proxy", Args: exactly(),
		Long: "Shows the last calls of AWS that came through the proxy, allowed or refused, oldest\nfirst. With --json it prints the entries of the record, one a line.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.limit < 1 || o.limit > callsAtOnce {
				return &misuse{fmt.Errorf("--limit %d is not between 1 and %d: use --from for what is further back", o.limit, callsAtOnce), "sesame calls"}
			}
			return c.call(func(server *client.Client) error { return c.calls(cmd.Context(), server, o) })
		},
	}
	cmd.Flags().StringVar(&o.grant, "grant", "", "only those of a grant")
	cmd.Flags().Uint64Var(&o.from, "from", 0, "the number of the entry to begin at; 0 for the last ones")
	cmd.Flags().IntVar(&o.limit, "limit", 100, "how many entries")
	cmd.Flags().BoolVar(&o.follow, "follow", false, "go on with those that come, until interrupted")
	return c.jsonFlag(cmd)
}

// callsAtOnce is how many entries the server gives in one answer.
const callsAtOnce = 1000

func (c *console) calls(ctx context.Context, server *client.Client, o callsOptions) error {
	q := api.CallQuery{Grant: o.grant, From: o.from, Limit: o.limit}
	page, err := server.Calls(ctx, q)
	if err != nil {
		return err
	}
	if len(page.Calls) == 0 && !c.json && !o.follow {
		_, err := fmt.Fprintln(c.out, "No calls.")
		return err
	}
	if err := c.showCalls(page.Calls, !o.follow); err != nil || !o.follow {
		return err
	}
	for pace := (patience{}); ; {
		if pace.wait(ctx, c.clock) != nil {
			return nil // to be interrupted is how this ends
		}
		q.From, q.Limit = page.Next, callsAtOnce
		if page, err = server.Calls(ctx, q); err != nil {
			return err
		}
		if len(page.Calls) > 0 {
			pace = patience{}
		}
		if err := c.showCalls(page.Calls, false); err != nil {
			return err
		}
	}
}

// showCalls prints entries: for programs each, for people what came of calls.
func (c *console) showCalls(all []api.Call, head bool) error {
	if c.json {
		out := json.NewEncoder(c.out)
		out.SetEscapeHTML(false)
		for _, call := range all {
			if err := out.Encode(call); err != nil {
				return err
			}
		}
		return nil
	}
	var rows [][]cell
	for _, call := range outcomes(all) {
		row := cells(call.At.In(c.zone).Format("2006-01-02 15:04:05"), call.Grant, call.Target, fromOf(call), calledOf(call), call.Region, "")
		row[len(row)-1] = outcomeOf(call)
		rows = append(rows, row)
	}
	if head {
		c.table([]string{"AT", "GRANT", "TARGET", "FROM", "CALL", "REGION", "OUTCOME"}, rows)
		return nil
	}
	for _, row := range rows {
		c.row(row, []int{19, 12, 12, 9, 24, 9, 0})
	}
	return nil
}

// outcomes leaves out what was about to be sent, where it is there what came of
// it.
func outcomes(all []api.Call) []api.Call {
	told := map[string]bool{}
	for _, call := range all {
		told[call.Call] = told[call.Call] || call.Kind != api.CallIntent
	}
	var left []api.Call
	for _, call := range all {
		if call.Kind != api.CallIntent || !told[call.Call] {
			left = append(left, call)
		}
	}
	return left
}

// calledOf is ec2:DescribeInstances, and as which other role.
func calledOf(call api.Call) string {
	text := strings.TrimPrefix(call.Service+":"+call.Operation, ":")
	if call.Role != "" {
		text += " as " + call.Role[strings.LastIndexByte(call.Role, '/')+1:]
	}
	return text
}

// fromOf is 192.0.2.7, and which token it came with.
func fromOf(call api.Call) string {
	if call.Token == "" {
		return call.From
	}
	return call.From + " by " + call.Token
}

func outcomeOf(call api.Call) cell {
	switch call.Kind {
	case api.CallRefused:
		return cell{printable("refused: " + cmp.Or(call.Why, call.Code)), red}
	case api.CallIntent:
		return cell{"sent", yellow}
	case api.CallEnded:
		return cell{printable(strings.TrimSuffix(fmt.Sprintf("ended after %d bytes: %s", call.Received, call.Why), ": ")), plain}
	}
	if call.Status == 0 {
		return cell{printable(strings.TrimSuffix("no answer: "+call.Why, ": ")), red}
	}
	return cell{printable(strings.TrimSuffix(fmt.Sprint(call.Status, " ", call.Code), " ")), plain}
}
