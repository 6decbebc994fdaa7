package main

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"os"

	"github.com/spf13/cobra"

	"sesame/proxy/api"
	"sesame/proxy/callerproof"
	"sesame/proxy/client"
)

// An outsideOptions says which server is meant, and as whom one comes.
type outsideOptions struct{ server, ca, profile string }

func (o *outsideOptions) addFlags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&o.server, "server", os.Getenv("SESAME_SERVER"), "the address of the server, https://…; default $SESAME_SERVER")
	cmd.Flags().StringVar(&o.ca, "ca", "", "a file of the authorities that the server's certificate is by, where the system's do not know it")
	cmd.Flags().StringVar(&o.profile, "profile", "", "the profile of the AWS CLI that is your company's role, under your own name")
}

func newPartnerAsk(c *console) *cobra.Command {
	var o outsideOptions
	var a askOptions
	cmd := &cobra.Command{
		Use: "ask TARGET [DURATION]", Short: "Ask for access, as somebody of a partner", Args: targetAnd("a duration"),
		Long: "Asks for access without an account in Slack: AWS confirms to the server who you\nare, by a call that you sign and that is good for this server and five minutes.\nYour keys stay on this computer. The request is your sponsor's, for you.",
		RunE: func(cmd *cobra.Command, args []string) error {
			asking, err := a.asking(args)
			if err != nil {
				return err
			}
			return c.outside(cmd.Context(), o, api.OutsideSaying{Ask: &asking})
		},
	}
	o.addFlags(cmd)
	a.addFlags(cmd)
	return c.jsonFlag(cmd)
}

func newPartnerShow(c *console) *cobra.Command {
	var o outsideOptions
	cmd := &cobra.Command{
		Use: "show REQUEST", Short: "Show what became of a request, as somebody of a partner", Args: exactly("a request"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.outside(cmd.Context(), o, api.OutsideSaying{Look: requestID(args[0])})
		},
	}
	o.addFlags(cmd)
	return c.jsonFlag(cmd)
}

// agent is what servers are told that this program is.
func agent() string {
	v := thisVersion()
	return fmt.Sprintf("sesame/%s (%s)", v.Version, v.Platform)
}

// outside says something to a server as whoever AWS says that one is.
func (c *console) outside(ctx context.Context, o outsideOptions, said api.OutsideSaying) error {
	at, err := url.Parse(o.server)
	if err != nil || at.Hostname() == "" {
		return &misuse{errors.New("the server is not named: give --server https://…, as you were told"), "sesame partner"}
	}
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	server, err := client.NewRemote(client.RemoteConfig{Server: o.server, CA: o.ca, Key: key, Agent: agent(), Clock: c.clock})
	if err != nil {
		return &misuse{err, "sesame partner"}
	}
	defer server.Close()
	v, err := server.Outside(ctx, said, func(text string) (string, error) {
		keys, err := callerproof.Credentials(ctx, o.profile)
		if err != nil {
			return "", err
		}
		return callerproof.Make(ctx, keys, at.Hostname(), text)
	})
	if err != nil {
		return err
	}
	return c.answerCase(v)
}
