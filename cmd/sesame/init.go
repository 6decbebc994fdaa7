package main

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
)

// starter is what init writes.
//
//go:embed starter
var starter embed.FS

func newInit(c *console) *cobra.Command {
	return &cobra.Command{
		Use: "init DIR", Short: "Write a configuration to start from", Args: exactly("a folder"),
		Long: "Writes a commented sesame.yaml, a first flow file, the manifest of the Slack app\nand the IAM policy of the server's own role into DIR. Replaces nothing.",
		RunE: func(_ *cobra.Command, args []string) error {
			if err := writeStarter(args[0]); err != nil {
				return err
			}
			_, err := fmt.Fprintf(c.out, nextSteps, args[0])
			return err
		},
	}
}

const nextSteps = `Wrote sesame.yaml, flows/ec2.yaml, slack-manifest.yaml and iam-policy.json to %[1]s.

Next:
 1. Slack: create an app from slack-manifest.yaml at https://api.slack.com/apps,
    install it, and make an app-level token with the scope connections:write.
    Set SLACK_APP_TOKEN (xapp-…) and SLACK_BOT_TOKEN (xoxb-…), or refer to files.
 2. AWS: put the ids of your instance, permission set and accounts into
    iam-policy.json, and give it to the role that the server runs with.
 3. Put your own ids into sesame.yaml and flows/ec2.yaml: whatever ends in
    0123456789, the accounts, and the addresses at example.com.
 4. Check both:  sesame flows check %[1]s/flows
                 sesame flows check %[1]s/flows --online --config %[1]s/sesame.yaml
 5. Invite the app to your channels, and start:
                 sesame serve --config %[1]s/sesame.yaml
`

// writeStarter writes every file, or none if one of them is there already.
func writeStarter(dir string) error {
	root, err := fs.Sub(starter, "starter")
	if err != nil {
		return err
	}
	if err := refuseToReplace(root, dir); err != nil {
		return err
	}
	return fs.WalkDir(root, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		to := filepath.Join(dir, filepath.FromSlash(path))
		if d.IsDir() {
			return os.MkdirAll(to, 0o755)
		}
		text, err := fs.ReadFile(root, path)
		if err != nil {
			return err
		}
		return writeNew(to, text)
	})
}

func refuseToReplace(root fs.FS, dir string) error {
	return fs.WalkDir(root, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		to := filepath.Join(dir, filepath.FromSlash(path))
		if _, err := os.Lstat(to); err == nil {
			return fmt.Errorf("%s exists already, and init replaces nothing: name another folder", to)
		} else if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	})
}

// writeNew writes a file that is not there yet.
func writeNew(path string, text []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	return errors.Join(err, f.Close())
}
