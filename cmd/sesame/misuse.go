package main

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// A misuse is a command line that was not understood.
type misuse struct {
	err  error
	help string // the command whose help would have said so
}

func (m *misuse) Error() string { return m.err.Error() }
func (m *misuse) Unwrap() error { return m.err }

// misused says what is wrong with a command line.
func misused(cmd *cobra.Command, format string, args ...any) error {
	return &misuse{fmt.Errorf(format, args...), cmd.CommandPath()}
}

// noCommand refuses what is no command, with those that are nearest.
func noCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	text := fmt.Sprintf("%q is no command of %s", args[0], cmd.CommandPath())
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		text += ": did you mean " + strings.Join(near, " or ") + "?"
	}
	return misused(cmd, "%s", text)
}

// exactly refuses any other number of arguments than those named.
func exactly(names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) < len(names):
			return misused(cmd, "%s needs %s", cmd.CommandPath(), strings.Join(names[len(args):], " and "))
		case len(args) > len(names):
			return misused(cmd, "%s does not know what to do with %q", cmd.CommandPath(), args[len(names)])
		}
		return nil
	}
}

// apart refuses two flags at once, which has a reason.
func apart(cmd *cobra.Command, a, b, why string) *cobra.Command {
	args := cmd.Args
	cmd.Args = func(cmd *cobra.Command, given []string) error {
		if cmd.Flags().Changed(a) && cmd.Flags().Changed(b) {
			return misused(cmd, "--%s and --%s do not go together, because %s: leave one of them out", a, b, why)
		}
		return args(cmd, given)
	}
	return cmd
}

// wrongFlag says what is wrong with a flag in words of ours.
func wrongFlag(cmd *cobra.Command, err error) error {
	if unknown, ok := errors.AsType[*pflag.NotExistError](err); ok {
		name := "--" + unknown.GetSpecifiedName()
		if short := unknown.GetSpecifiedShortnames(); short != "" {
			name = "-" + short
			if _, err := time.ParseDuration(name); err == nil {
				return misused(cmd, "%s is no time to have something for: say it as 30m or 1h30m", name)
			}
		}
		return misused(cmd, "%s has no flag %s%s", cmd.CommandPath(), name, flagsOf(cmd))
	}
	if bare, ok := errors.AsType[*pflag.ValueRequiredError](err); ok {
		f := bare.GetFlag()
		return misused(cmd, "--%s needs %s", f.Name, valueOf(f))
	}
	if wrong, ok := errors.AsType[*pflag.InvalidValueError](err); ok {
		f := wrong.GetFlag()
		return misused(cmd, "--%s needs %s, and %q is none", f.Name, valueOf(f), wrong.GetValue())
	}
	if odd, ok := errors.AsType[*pflag.InvalidSyntaxError](err); ok {
		return misused(cmd, "%q is no flag: write it as --name, or --name=value", odd.GetSpecifiedFlag())
	}
	return misused(cmd, "%w", err)
}

// maxNamed is how many flags are named to whoever misses one; more are for the
// help to list.
const maxNamed = 6

// flagsOf names the flags that a command has, if they are few.
func flagsOf(cmd *cobra.Command) string {
	var names []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if f.Name != "help" && !f.Hidden {
			names = append(names, "--"+f.Name)
		}
	})
	if len(names) == 0 || len(names) > maxNamed {
		return ""
	}
	return ": it has " + strings.Join(names, ", ")
}

// valueOf says what a flag takes.
func valueOf(f *pflag.Flag) string {
	switch f.Value.Type() {
	case "bool":
		return "true or false"
	case "int":
		return "a whole number"
	case "float64":
		return "a number"
	case "duration":
		return "a duration as 90s or 1h30m"
	case "time":
		return "a time as 2026-03-02T12:00:00Z"
	}
	return "a value"
}

// newHelp is help as a command, which refuses what there is no help about.
func newHelp() *cobra.Command {
	return &cobra.Command{
		Use: "help [COMMAND]", Short: "Show what a command is for",
		RunE: func(cmd *cobra.Command, args []string) error {
			about, rest, err := cmd.Root().Find(args)
			if err != nil {
				return misused(cmd, "%w", err)
			}
			if about.HasSubCommands() {
				if err := noCommand(about, rest); err != nil {
					return err
				}
			}
			return about.Help()
		},
	}
}
