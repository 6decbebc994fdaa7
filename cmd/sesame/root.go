package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"sesame/cmd/sesame/config"
	"sesame/flows/clock"
	"sesame/proxy/client"
)

// run carries out the command that args name, and prints what is wrong.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) error {
	c := &console{out: stdout, err: stderr, clock: clock.System{}, zone: time.Local, color: isTerminal(stdout), home: os.Getenv(homeEnv), keys: systemKeyring{}}
	root := newRoot(c)
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	report(stderr, err)
	return err
}

// A console is what every command prints with, and the flags they share.
type console struct {
	out, err io.Writer
	clock    clock.Clock
	zone     *time.Location
	color    bool

	// settings is where people's programs keep their settings; empty for
	// where the system has them do so.
	settings string
	// keys is the keyring of this computer; nil where none is to be used.
	keys keyStore
	// home is the folder of the login, where somebody named one.
	home string

	// server is who was asked last; nil for nobody.
	server interface{ Ahead() time.Duration }

	config string // path of sesame.yaml
	json   bool
}

// isTerminal reports whether w is one that wants colour.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && os.Getenv("NO_COLOR") == "" && term.IsTerminal(int(f.Fd()))
}

func newRoot(c *console) *cobra.Command {
	root := &cobra.Command{
		Use:           "sesame",
		Short:         "Opens a door in AWS for one person, for a while, because someone said yes",
		Long:          "Sesame opens a door in AWS for one person, for a while, because someone said\nyes in Slack, and closes it again without fail.",
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          noCommand,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.CompletionOptions.HiddenDefaultCmd = true
	root.SuggestionsMinimumDistance = maxTypos
	root.SetFlagErrorFunc(wrongFlag)
	root.SetHelpCommand(newHelp())
	root.SetUsageTemplate(usage(root.UsageTemplate()))
	root.PersistentFlags().StringVar(&c.config, "config", "sesame.yaml", "the server's configuration")
	c.addGroup(root, "engineer", "For whoever needs access, once signed in:",
		newLogin, newLogout, newWhoami, newRequest, newEnsure, newMine, newTargets, newExtend, newEnd, newWithdraw, newWaiting, newApprove, newDeny,
		newSSM, newRun, newAWS, newTerraform, newEnv, newCredentialProcess, newTokens, newCA)
	c.addGroup(root, "operator", "For whoever runs the server, on its machine:",
		newInit, newDemo, newFlows, newServe, newStatus, newRequests, newGrants, newLogins, newPartner, newKeys, newCalls, newRecordings, newAudit, newPolicy, newBackup)
	root.AddCommand(newVersion(c))
	return root
}

// addGroup adds commands to root, which its help shows together.
func (c *console) addGroup(root *cobra.Command, id, title string, adds ...func(*console) *cobra.Command) {
	root.AddGroup(&cobra.Group{ID: id, Title: title})
	for _, add := range adds {
		cmd := add(c)
		cmd.GroupID = id
		root.AddCommand(cmd)
	}
}

// maxTypos is how far a word may be from a command that it may have meant.
const maxTypos = 2

// usage is cobra's template for terminals of 80 columns, and with the exit codes
// where all commands are listed.
func usage(template string) string {
	var b strings.Builder
	b.WriteString(strings.ReplaceAll(template, ".FlagUsages", ".FlagUsagesWrapped 80"))
	b.WriteString("{{if not .HasParent}}\nExit codes:\n")
	for _, e := range exitTable {
		fmt.Fprintf(&b, "  %3d  %s\n", e.code, e.meaning)
	}
	b.WriteString("{{end}}")
	return b.String()
}

// group returns a command that only holds others.
func group(use, short string, subs ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{
		Use: use, Short: short, Args: noCommand,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.SuggestionsMinimumDistance = maxTypos
	cmd.AddCommand(subs...)
	return cmd
}

// jsonFlag adds --json to cmd.
func (c *console) jsonFlag(cmd *cobra.Command) *cobra.Command {
	cmd.Flags().BoolVar(&c.json, "json", false, "print JSON, for programs")
	return cmd
}

// load returns the configuration.
func (c *console) load() (config.Config, error) {
	cfg, err := config.Load(c.config)
	if errors.Is(err, os.ErrNotExist) {
		err = fmt.Errorf("there is no %s: make one with 'sesame init DIR', or name yours with --config FILE", c.config)
	}
	if err != nil {
		return config.Config{}, &unusable{err}
	}
	return cfg, nil
}

// call connects to the running server, and has f ask it.
func (c *console) call(f func(*client.Client) error) error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	server := client.New(cfg.Socket)
	defer server.Close()
	c.server = server
	return f(server)
}

// ahead is by how much the clock of whoever was asked is ahead of ours. In how
// long something is depends on theirs.
func (c *console) ahead() time.Duration {
	if c.server == nil {
		return 0
	}
	return c.server.Ahead()
}
