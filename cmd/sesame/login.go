package main

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"sesame/flows/access"
	"sesame/flows/clock"
	"sesame/proxy/api"
	"sesame/proxy/client"
)

type loginOptions struct{ server, ca, store string }

func newLogin(c *console) *cobra.Command {
	var o loginOptions
	cmd := &cobra.Command{
		Use: "login", Short: "Sign in on this computer, by a code to type in Slack", Args: exactly(),
		Long: "Makes a key on this computer and shows a code, which you type in Slack within five\nminutes. The key then speaks for you until the login ends, by itself or by\n'sesame logout'. It stays in the keyring of this computer, or, where there is none,\nin login.json of the folder sesame among your settings, or of $SESAME_HOME, which\nonly you can read.",
		RunE: func(cmd *cobra.Command, _ []string) error { return c.login(cmd.Context(), o) },
	}
	cmd.Flags().StringVar(&o.server, "server", os.Getenv("SESAME_SERVER"), "the address of the server, https://…; default $SESAME_SERVER, or the one that you were signed in to")
	cmd.Flags().StringVar(&o.store, "store", storeAuto, "where the key is kept: in the keyring of this computer, in a file, or auto for the keyring where there is one")
	cmd.Flags().StringVar(&o.ca, "ca", "", "a file of the authorities that the server's certificate is by, where the system's do not know it")
	return c.jsonFlag(cmd)
}

func (c *console) login(ctx context.Context, o loginOptions) error {
	if !slices.Contains([]string{"", storeAuto, storeFile, storeRing}, o.store) {
		return &misuse{fmt.Errorf("--store %q is no place for a key: keyring, file or auto", o.store), "sesame login"}
	}
	was, _ := c.readLogin() // whatever is wrong with it, it is replaced
	l, err := o.fresh(was)
	if err != nil {
		return err
	}
	server, err := c.connect(l)
	if err != nil {
		return &misuse{err, "sesame login"}
	}
	defer server.Close()
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	begun, err := server.Begin(ctx, host)
	if err != nil {
		return err
	}
	fmt.Fprintf(c.err, "Type this in Slack within five minutes, and confirm there that it is you:\n\n    /access login %s\n\n", printable(begun.Code))
	made, err := c.confirmed(ctx, server, begun.ID)
	if err != nil {
		return err
	}
	l.Login, l.Name, l.Until = made.ID, made.Name, made.Until
	was, _ = c.readLogin() // another terminal may have signed in meanwhile
	where, err := c.keepLogin(l, o.store)
	if err != nil {
		c.forget(ctx, l)
		return err
	}
	if was.Login != "" {
		c.forget(ctx, was)
		c.dropKey(was)
	}
	if c.json {
		return printJSON(c.out, made)
	}
	_, err = fmt.Fprintf(c.out, "You are signed in as %s until %s.\nThe key is %s.\n", printable(made.Name), c.when(made.Until), printable(where))
	return err
}

// fresh returns a login with a key of its own, and without an id yet.
func (o loginOptions) fresh(was loginFile) (loginFile, error) {
	l := loginFile{Server: strings.TrimSuffix(o.server, "/"), CA: o.ca}
	if l.Server == "" {
		l.Server, l.CA = was.Server, was.CA
	}
	if l.Server == "" {
		return l, &misuse{errors.New("sesame login needs --server, the address of the server"), "sesame login"}
	}
	if o.ca != "" {
		var err error
		if l.CA, err = filepath.Abs(o.ca); err != nil {
			return l, err
		}
		if _, err := os.Stat(l.CA); err != nil {
			return l, &misuse{fmt.Errorf("--ca %s names no file that can be read: give that of the authority of the server's certificate, in PEM", o.ca), "sesame login"}
		}
	}
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return l, err
	}
	l.Key = seed(key.Seed())
	return l, nil
}

// How long to wait until the server is asked again for what somebody waits for:
// longer each time, since what does not come at once takes a person.
const (
	askFirst = 200 * time.Millisecond
	askLater = 2 * time.Second
)

// A patience says how long to wait next. The zero patience is ready.
type patience struct{ next time.Duration }

// wait waits a while, or until ctx ends.
func (p *patience) wait(ctx context.Context, c clock.Clock) error {
	p.next = min(max(askFirst, p.next+p.next/4), askLater)
	return clock.Wait(ctx, c, c.Now().Add(p.next))
}

// confirmed waits until somebody has confirmed a code, or until it is over.
func (c *console) confirmed(ctx context.Context, server *client.Remote, id string) (api.Login, error) {
	for pace := (patience{}); ; {
		made, err := server.Outcome(ctx, id)
		switch {
		case err != nil && !errors.Is(err, client.ErrUnreachable):
			return made, err
		case err == nil && made.State == api.LoginConfirmed:
			return made, nil
		case err == nil && made.State == api.LoginDeclined:
			return made, &access.Refusal{Code: api.CodeSignedOut, Text: "You are not signed in, because it was declined in Slack: run sesame login again if that was a mistake."}
		}
		if err := pace.wait(ctx, c.clock); err != nil {
			return made, err
		}
	}
}

// forget ends a login that was replaced. Should that fail, it ends by itself.
func (c *console) forget(ctx context.Context, was loginFile) {
	if len(was.Key) != ed25519.SeedSize {
		return
	}
	server, err := c.connect(was)
	if err != nil {
		return
	}
	defer server.Close()
	_, _ = server.Logout(ctx)
}

func newLogout(c *console) *cobra.Command {
	return &cobra.Command{
		Use: "logout", Short: "Sign out on this computer", Args: exactly(),
		Long: "Ends the login of this computer and removes its key. /access logout in Slack ends\nthose of every computer.",
		RunE: func(cmd *cobra.Command, _ []string) error { return c.logout(cmd.Context()) },
	}
}

// logout removes the key whatever the server says: without it nobody speaks for
// the login any more.
func (c *console) logout(ctx context.Context) error {
	err := c.asMe(func(server *client.Remote) error {
		_, err := server.Logout(ctx)
		return err
	})
	if errors.Is(err, errSignedOut) {
		return err
	}
	held, _ := c.readLoginFile() // what cannot be read has no key anywhere else
	if err := c.removeLogin(); err != nil {
		return err
	}
	c.dropKey(held)
	if refusal, ok := errors.AsType[*access.Refusal](err); err != nil && (!ok || refusal.Code != api.CodeSignedOut) {
		fmt.Fprintf(c.err, "The server was not told (%s). The key is gone from this computer; /access logout in Slack ends the login as well.\n", printable(err.Error()))
	}
	_, err = fmt.Fprintln(c.out, "You are signed out on this computer.")
	return err
}

func newWhoami(c *console) *cobra.Command {
	return c.jsonFlag(&cobra.Command{
		Use: "whoami", Short: "Show as whom this computer is signed in", Args: exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.asMe(func(server *client.Remote) error {
				me, err := server.Me(cmd.Context())
				if err != nil {
					return err
				}
				if c.json {
					return printJSON(c.out, me)
				}
				c.facts(
					fact("name", me.Name), fact("slack user", me.User), fact("server", server.Server),
					fact("signed in", c.when(me.At)), fact("until", c.when(me.Until)), fact("login", me.ID), fact("key", me.Key),
				)
				return nil
			})
		},
	})
}
