package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"sesame/flows/access"
	"sesame/flows/line"
	"sesame/proxy/api"
	"sesame/proxy/client"
)

// A decideOptions is what one says when deciding.
type decideOptions struct {
	reason string
	yes    bool
}

func (o *decideOptions) addFlags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&o.reason, "reason", "", "what the requester and the auditor read")
	cmd.Flags().BoolVar(&o.yes, "yes", false, "do not ask whether it is meant")
}

func newApprove(c *console) *cobra.Command {
	return c.decision("approve REQUEST", "Approve a request, once you have seen its terms", func(s *client.Remote) verb { return s.Approve })
}

func newDeny(c *console) *cobra.Command {
	return c.decision("deny REQUEST", "Deny a request", func(s *client.Remote) verb { return s.Deny })
}

// A verb is what decides.
type verb func(ctx context.Context, id string, s api.Saying) (api.Case, error)

func (c *console) decision(use, short string, of func(*client.Remote) verb) *cobra.Command {
	var o decideOptions
	cmd := &cobra.Command{
		Use: use, Short: short, Args: exactly("a request"),
		Long: short + ".\nShows the terms, and asks whether it is meant. What is decided on is what was\nshown: should the terms change meanwhile, nothing is decided.",
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.asMe(func(server *client.Remote) error {
				v, err := server.Case(cmd.Context(), requestID(args[0]))
				if err != nil {
					return err
				}
				if err := c.sure(cmd, v, o.yes); err != nil {
					return err
				}
				decided, err := of(server)(cmd.Context(), v.Request.ID, api.Saying{Digest: v.Digest, Reason: o.reason})
				if err != nil {
					return err
				}
				return c.answerDecided(decided)
			})
		},
	}
	o.addFlags(cmd)
	return c.jsonFlag(cmd)
}

// sure shows the terms and asks whether the command is meant. What is decided
// already is left to the server to refuse.
func (c *console) sure(cmd *cobra.Command, v api.Case, yes bool) error {
	if !c.json {
		c.showCase(v)
		fmt.Fprintln(c.out)
	}
	if yes || v.Request.State != string(access.Pending) {
		return nil
	}
	in, ok := cmd.InOrStdin().(*os.File)
	if !ok || !term.IsTerminal(int(in.Fd())) {
		return &misuse{fmt.Errorf("%s asks whether it is meant, and there is nobody to ask: say --yes", cmd.CommandPath()), cmd.CommandPath()}
	}
	fmt.Fprintf(c.err, "%s this? [y/N] ", capital(cmd.Name()))
	answer, err := bufio.NewReader(in).ReadString('\n')
	if err != nil || !strings.EqualFold(strings.TrimSpace(answer), "y") {
		return errors.New("nothing was decided")
	}
	return nil
}

func capital(word string) string { return strings.ToUpper(word[:1]) + word[1:] }

func (c *console) answerDecided(v api.Case) error {
	if c.json {
		return printJSON(c.out, v)
	}
	text := fmt.Sprintf("The request %s is %s.", v.Request.ID, v.Request.State)
	if v.Waits != "" {
		text = fmt.Sprintf("Your approval counts, and the request still needs %s.", v.Waits)
	}
	_, err := fmt.Fprintln(c.out, printable(text))
	return err
}

func newWithdraw(c *console) *cobra.Command {
	return c.jsonFlag(&cobra.Command{
		Use: "withdraw [REQUEST|TARGET]", Short: "Take back what you asked for", Args: atMost("a request or target"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.asMe(func(server *client.Remote) error {
				id, err := asked(cmd.Context(), server, args)
				if err != nil {
					return err
				}
				v, err := server.Withdraw(cmd.Context(), id)
				if err != nil {
					return err
				}
				return c.answerDecided(v)
			})
		},
	})
}

// asked returns the request that is meant: by its id, by its target, or the
// only one.
func asked(ctx context.Context, server *client.Remote, args []string) (string, error) {
	if len(args) == 1 && isID(args[0]) {
		return requestID(args[0]), nil
	}
	m, err := server.Mine(ctx)
	if err != nil {
		return "", err
	}
	named := map[string]string{}
	for _, r := range m.Requests {
		named[r.ID] = r.Target
	}
	return only(named, args, "You wait for nothing", "withdraw")
}

// held returns the grant that is meant: by its id, by its target, or the only
// one.
func held(ctx context.Context, server *client.Remote, args []string, verb string) (string, error) {
	if len(args) == 1 && isID(args[0]) {
		return "g-" + strings.TrimPrefix(requestID(args[0]), "r-"), nil
	}
	m, err := server.Mine(ctx)
	if err != nil {
		return "", err
	}
	named := map[string]string{}
	for _, g := range m.Grants {
		if g.State == string(access.Open) || g.State == string(access.Opening) {
			named[g.ID] = g.Target
		}
	}
	return only(named, args, "You hold no access", verb)
}

// only returns the one that args can mean, of ids with their targets.
func only(named map[string]string, args []string, none, verb string) (string, error) {
	var meant []string
	for id, target := range named {
		if len(args) == 0 || target == args[0] {
			meant = append(meant, id)
		}
	}
	switch {
	case len(meant) == 1:
		return meant[0], nil
	case len(meant) > 1:
		return "", &access.Refusal{Code: access.RefusedInput, Text: fmt.Sprintf("There are %d that you could mean, so say which by its id: sesame mine shows them, and sesame %s ID does it.", len(meant), verb)}
	case len(args) > 0:
		none += " of " + args[0]
	}
	return "", &access.Refusal{Code: access.RefusedUnknown, Text: none + ", so there is nothing to " + verb + ": sesame mine shows what there is."}
}

// isID reports whether a word is the id of a request or a grant, and not a
// target.
func isID(word string) bool {
	rest, ok := strings.CutPrefix(requestID(word), "r-")
	return ok && len(rest) == 10
}

func newEnd(c *console) *cobra.Command {
	return c.jsonFlag(&cobra.Command{
		Use: "end [GRANT|TARGET]", Short: "End access before its time", Args: atMost("a grant or target"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.asMe(func(server *client.Remote) error {
				id, err := held(cmd.Context(), server, args, "end")
				if err != nil {
					return err
				}
				g, err := server.End(cmd.Context(), id)
				return c.answerGrant(g, err)
			})
		},
	})
}

func newExtend(c *console) *cobra.Command {
	var o askOptions
	cmd := &cobra.Command{
		Use: "extend [GRANT|TARGET] [DURATION]", Short: "Ask to keep access for longer", Args: atMost("a grant or target", "a duration"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.asMe(func(server *client.Remote) error {
				what, by := subject(args)
				id, err := held(cmd.Context(), server, what, "extend")
				if err != nil {
					return err
				}
				return c.ask(cmd.Context(), server, api.Asking{Extends: id, Duration: by, Reason: o.reason}, o.waitOptions)
			})
		},
	}
	cmd.Flags().StringVar(&o.reason, "reason", "", "why you need it; the approver and the auditor read it")
	o.waitOptions.addFlags(cmd)
	return c.jsonFlag(cmd)
}

// subject takes apart what is to be extended and by how much, each of which
// may be left out.
func subject(args []string) (what []string, by string) {
	if n := len(args); n > 0 {
		if _, problem := line.ParseDuration(args[n-1]); problem == "" || n == 2 {
			return args[:n-1], args[n-1]
		}
	}
	return args, ""
}
