package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"sesame/flows/access"
	"sesame/proxy/api"
	"sesame/proxy/awsapi"
	"sesame/proxy/client"
)

// targetEnv names the access that is meant where no --target does.
const targetEnv = "SESAME_TARGET"

func newRun(c *console) *cobra.Command {
	return c.runner(tool{}, &cobra.Command{
		Use: "run [--target TARGET] [--endpoint] [--container] [--] COMMAND…", Short: "Run a command with your access to AWS",
		Long: "Runs a command in the place of sesame, with an environment in which clients of AWS\nfind what they need: a key of Sesame's, the proxy that takes it, and whom to\ntrust. The key is good where it was asked for, and until the access ends; keys of\nAWS are nowhere. The exit code is that of the command.\n\nWith --container sesame stays beside the command and gives it keys that last 15\nminutes, on this computer alone, for as long as the access lasts: what runs for\nhours goes on when the access is extended, and no key of it is worth much. The\nfiles of the AWS CLI are then left aside.\n\nWithout --target, and without $SESAME_TARGET, it is the one access that you hold.",
	})
}

func newAWS(c *console) *cobra.Command {
	return c.runner(tool{name: "aws"}, &cobra.Command{
		Use: "aws [--target TARGET] [--endpoint] [--container] [--] ARGUMENT…", Short: "Run the AWS CLI with your access to AWS",
		Long: "Runs the AWS CLI of this computer as 'sesame run aws' does. What is signed here and\nused elsewhere cannot work: presigned URLs, tokens for EKS, RDS and the like.",
	})
}

func newTerraform(c *console) *cobra.Command {
	return c.runner(tool{name: "terraform", direct: registries}, &cobra.Command{
		Use: "terraform [--target TARGET] [--endpoint] [--container] [--] ARGUMENT…", Short: "Run Terraform with your access to AWS",
		Long: "Runs the Terraform of this computer as 'sesame run terraform' does, which also\nreaches the registry of HashiCorp. A backend in S3 is reached with the same access.",
	})
}

// registries are where Terraform has providers and modules from.
var registries = []string{"registry.terraform.io", "releases.hashicorp.com", "checkpoint-api.hashicorp.com", "github.com", ".githubusercontent.com"}

// A tool is what a command of sesame runs. Without a name, that is the first
// argument.
type tool struct {
	name   string
	direct []string // hosts that it reaches without the proxy
}

// runner completes a command that runs another. What stands after its own
// options is the other's, whatever it looks like.
func (c *console) runner(t tool, cmd *cobra.Command) *cobra.Command {
	cmd.DisableFlagParsing, cmd.DisableFlagsInUseLine = true, true
	addTarget(cmd, new(string)) // for the help: ownOptions reads them
	addEndpoint(cmd, new(bool))
	cmd.Flags().Bool("container", false, "give keys as the host of a container does, a fresh one every 15 minutes, instead of one until the access ends")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		own, rest, err := ownOptions(args)
		if err != nil {
			return &misuse{err, cmd.CommandPath()}
		}
		if own.help {
			return cmd.Help()
		}
		return c.run(cmd.Context(), t, own, rest)
	}
	return cmd
}

// runOptions are the options of a command that runs another.
type runOptions struct {
	target   string
	endpoint bool // and no HTTPS_PROXY
	// container has keys be fetched from sesame, which stays.
	container bool
	help      bool
}

// ownOptions takes the options of ours off the front of a command line.
func ownOptions(args []string) (o runOptions, rest []string, err error) {
	o.target = os.Getenv(targetEnv)
	for len(args) > 0 {
		name, value, joined := strings.Cut(args[0], "=")
		switch {
		case args[0] == "--":
			return o, args[1:], nil
		case args[0] == "--help", args[0] == "-h":
			return runOptions{help: true}, nil, nil
		case args[0] == "--endpoint":
			o.endpoint, args = true, args[1:]
			continue
		case args[0] == "--container":
			o.container, args = true, args[1:]
			continue
		case name != "--target":
			return o, args, nil
		case joined:
			args = args[1:]
		case len(args) == 1:
			return o, nil, errors.New("--target needs the name of a target")
		default:
			value, args = args[1], args[2:]
		}
		o.target = value
	}
	return o, nil, nil
}

// A notRun says why a command that was to be run was not.
type notRun struct {
	code int
	text string
}

func (n *notRun) Error() string { return n.text }

// run becomes the command, where a program can. So it has the terminal, its
// signals and its exit code as if nobody had started it; nothing is left to do
// afterwards, since the key ends by itself.
func (c *console) run(ctx context.Context, t tool, own runOptions, args []string) error {
	if t.name != "" {
		args = append([]string{t.name}, args...)
	}
	if len(args) > 0 && t.name == "" && strings.HasPrefix(args[0], "-") {
		return &misuse{fmt.Errorf("%s is no option of sesame run: its own stand before the command, and those of the command after it", args[0]), "sesame run"}
	}
	if len(args) == 0 || args[0] == "" {
		return &misuse{errors.New("sesame run needs a command to run: sesame run [--target TARGET] COMMAND…"), "sesame run"}
	}
	if why := signedHere(args); why != "" {
		return &notRun{exitNotRun, why}
	}
	if why := likelySignedHere(args); why != "" {
		fmt.Fprintln(c.err, "sesame: "+printable(why))
	}
	path, err := exec.LookPath(args[0])
	if err != nil {
		return notFound(args[0], err)
	}
	if own.container {
		return c.attend(ctx, t, own, path, args)
	}
	env, err := c.environment(ctx, own, t.direct)
	if err != nil {
		return err
	}
	if err := c.addPlugin(&env); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return become(path, args, env.over(os.Environ()))
}

// notFound says why a command that was looked up cannot be run.
func notFound(command string, err error) *notRun {
	info, missing := os.Stat(command)
	folder, path := missing == nil && info.IsDir(), strings.ContainsRune(command, filepath.Separator)
	switch {
	case folder && path:
		return &notRun{exitNotRun, fmt.Sprintf("%q is a folder, which cannot be run: name a program in it", command)}
	case folder:
		return &notRun{exitNoCommand, fmt.Sprintf("there is no program %q on this computer, and the folder of that name cannot be run: name a program", command)}
	case errors.Is(err, exec.ErrDot):
		return &notRun{exitNoCommand, fmt.Sprintf("%q is in this folder, where programs are not looked for: write it as .%c%s", command, filepath.Separator, command)}
	case errors.Is(err, fs.ErrPermission):
		return &notRun{exitNotRun, fmt.Sprintf("%q cannot be run, since nobody may: make it executable, or name what runs it", command)}
	case path:
		return &notRun{exitNoCommand, fmt.Sprintf("there is no file %q: correct the path", command)}
	case strings.Contains(command, " "):
		return &notRun{exitNoCommand, fmt.Sprintf("there is no %q on this computer: write a command and its arguments as words of their own, without quotes around all of it", command)}
	}
	return &notRun{exitNoCommand, fmt.Sprintf("there is no %q on this computer: install it, or have PATH name where it is", command)}
}

// notStarted says why a command that is there did not start.
func notStarted(path string, err error) *notRun {
	next := "see whether it runs without sesame"
	if errors.Is(err, syscall.ENOEXEC) {
		next = "name what runs it before it, as in sesame run sh " + path
	}
	if at, ok := errors.AsType[*fs.PathError](err); ok {
		err = at.Err
	}
	return &notRun{exitNotRun, fmt.Sprintf("%q cannot be run (%v): %s", path, err, next)}
}

// addPlugin has a command find sesame in the place of the Session Manager plugin,
// where that is needed.
func (c *console) addPlugin(env *environment) error {
	path, err := c.pluginPath()
	if err == nil && path != "" {
		env.set = append(env.set, variable{"PATH", path})
	}
	return err
}

// keyTo returns a key of the access that is asked about.
func (c *console) keyTo(ctx context.Context, asked api.KeyAsking) (k api.Key, server string, err error) {
	err = c.asMe(func(s *client.Remote) error {
		k, err = s.ProxyKey(ctx, asked)
		server = s.Server
		return err
	})
	refused, ok := errors.AsType[*access.Refusal](err)
	if ok && refused.Code == api.CodeNoAccess && asked.Target != "" && asked.Target == os.Getenv(targetEnv) {
		err = &hinted{err, "The target is that of $SESAME_TARGET: unset it, or name another with --target."}
	}
	return k, server, err
}

// environment returns what a client of AWS needs, for as long as access lasts.
func (c *console) environment(ctx context.Context, o runOptions, direct []string) (environment, error) {
	k, server, err := c.keyTo(ctx, api.KeyAsking{Target: o.target, Whole: true})
	if err != nil {
		return environment{}, err
	}
	return c.environmentOf(k, server, o, direct)
}

// environmentOf returns the environment for a key of a server.
func (c *console) environmentOf(k api.Key, server string, o runOptions, direct []string) (environment, error) {
	trusted, err := c.trust(k.Authority)
	if err != nil {
		return environment{}, err
	}
	suffixes, err := awsapi.Suffixes()
	if err != nil {
		return environment{}, err
	}
	if !o.endpoint {
		e := environmentFor(k, trusted, directly(os.Getenv, server, direct, suffixes))
		e.note = alsoDirect(k)
		return e, nil
	}
	at, err := url.Parse(k.Endpoint)
	if err != nil || k.Endpoint == "" {
		return environment{}, errors.New("the server has no endpoint for clients that ignore proxies: leave --endpoint out, or have its operators set proxy.endpoint")
	}
	return atEndpoint(k, trusted, directly(os.Getenv, server, append(slices.Clone(direct), at.Hostname(), "."+at.Hostname()), suffixes)), nil
}
