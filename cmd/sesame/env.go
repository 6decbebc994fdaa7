package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"sesame/proxy/api"
	"sesame/proxy/client"
)

// A shell is how one says what is in an environment. The first %s is a name,
// the second a value, quoted.
type shell struct {
	set, unset string
	quote      *strings.Replacer
}

// shells are those that sesame env speaks.
var shells = map[string]shell{
	"bash":       {"export %s='%s'\n", "unset %s\n", strings.NewReplacer("'", `'\''`)},
	"fish":       {"set -gx %s '%s'\n", "set -e %s\n", strings.NewReplacer(`\`, `\\`, "'", `\'`)},
	"powershell": {"$env:%s = '%s'\n", "Remove-Item Env:%s -ErrorAction SilentlyContinue\n", strings.NewReplacer("'", "''", "‘", "‘‘", "’", "’’", "‚", "‚‚", "‛", "‛‛")},
}

// print writes e for the shell to evaluate, over the variables of base.
func (s shell) print(w io.Writer, e environment, base []string) error {
	var b strings.Builder
	for _, name := range e.gone(base) {
		fmt.Fprintf(&b, s.unset, name)
	}
	for _, v := range e.set {
		fmt.Fprintf(&b, s.set, v.name, s.quote.Replace(v.value))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func addTarget(cmd *cobra.Command, target *string) {
	cmd.Flags().StringVar(target, "target", os.Getenv(targetEnv), "the access that is meant; default $SESAME_TARGET, or the only one")
}

func addEndpoint(cmd *cobra.Command, endpoint *bool) {
	cmd.Flags().BoolVar(endpoint, "endpoint", false, "set AWS_ENDPOINT_URL instead of HTTPS_PROXY, for Node, CDK and others that ignore proxies")
}

func newEnv(c *console) *cobra.Command {
	var name string
	var o runOptions
	cmd := &cobra.Command{
		Use: "env", Short: "Print the environment of sesame run, for a shell", Args: exactly(),
		Long: "Prints what sesame run sets, for a shell to evaluate: It holds a\nsecret, which is good until your access ends, from where you are.\n\n    eval \"$(sesame env)\"\n    sesame env --shell fish | source\n    sesame env --shell powershell | Out-String | Invoke-Expression",
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, ok := shells[name]
			if !ok {
				return &misuse{fmt.Errorf("--shell %q is none that sesame env speaks: bash, which serves sh and zsh as well, fish or powershell", name), "sesame env"}
			}
			e, err := c.environment(cmd.Context(), o, nil)
			if err != nil {
				return err
			}
			if e.note != "" {
				fmt.Fprintln(c.err, "sesame: "+e.note)
			}
			return s.print(c.out, e, os.Environ())
		},
	}
	addTarget(cmd, &o.target)
	addEndpoint(cmd, &o.endpoint)
	cmd.Flags().StringVar(&name, "shell", "bash", "bash, which serves sh and zsh as well, fish or powershell")
	return cmd
}

// alsoDirect says of access that gives keys of AWS as well what that means.
func alsoDirect(k api.Key) string {
	if !k.Vends {
		return ""
	}
	return k.Target + " also hands out keys of AWS, by sesame credential-process. Those are direct: calls are not recorded by Sesame, and they may work up to an hour after access that is ended early. What is set here goes through the proxy, and is recorded."
}

// A processKey is what clients of AWS read from a credential_process.
type processKey struct {
	Version         int
	AccessKeyID     string `json:"AccessKeyId"`
	SecretAccessKey string
	SessionToken    string
	Expiration      time.Time
}

func newCredentialProcess(c *console) *cobra.Command {
	var target string
	cmd := &cobra.Command{
		Use: "credential-process", Short: "Print a short-lived key, for credential_process in ~/.aws/config", Args: exactly(),
		Long: "Prints a key of Sesame's as clients of AWS read it from a credential_process. It is\ngood for 15 minutes at most; clients ask again by themselves. The key is taken by\nthe proxy alone, so that HTTPS_PROXY and AWS_CA_BUNDLE are to be set as sesame env\nsays.\n\nWhere the target says vend: real, it is a key of AWS, good for an hour at most and\nused without the proxy: calls are not recorded by Sesame then, and it works to its\nend even if your access is ended before.",
		RunE: func(cmd *cobra.Command, _ []string) error { return c.credentialProcess(cmd.Context(), target) },
	}
	addTarget(cmd, &target)
	return cmd
}

func (c *console) credentialProcess(ctx context.Context, target string) error {
	k, _, err := c.keyTo(ctx, api.KeyAsking{Target: target, Direct: true})
	if err != nil {
		return err
	}
	return printJSON(c.out, processKey{1, k.ID, string(k.Secret), string(k.Token), k.Expires.UTC().Truncate(time.Second)})
}

func newCA(c *console) *cobra.Command {
	return &cobra.Command{
		Use: "ca", Short: "Print the certificate by which the proxy speaks for AWS", Args: exactly(),
		Long: "Prints the certificate of the authority that clients of AWS are to trust, in PEM;\ntwo of them while one takes the other's place. They are good for the names of AWS\nand of the proxy's endpoint, and for no others.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.asMe(func(server *client.Remote) error {
				at, err := server.Place(cmd.Context())
				if err != nil {
					return err
				}
				_, err = io.WriteString(c.out, at.Authority)
				return err
			})
		},
	}
}
