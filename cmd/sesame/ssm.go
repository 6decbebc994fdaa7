package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"sesame/flows/access"
	"sesame/proxy/api"
	"sesame/proxy/client"
	session "sesame/proxy/ssm/client"
)

// An ssmAsking is what sesame ssm is to start.
type ssmAsking struct {
	target, instance           string
	document, command, forward string
	reason                     string
}

func newSSM(c *console) *cobra.Command {
	var a ssmAsking
	cmd := &cobra.Command{
		Use: "ssm TARGET [INSTANCE]", Short: "Open a shell on a machine, or a port, with your access to it", Args: targetAnd("a machine"),
		Long: "Opens a session of Session Manager on a machine that you hold access to, and needs\nneither the AWS CLI nor its plugin. Without INSTANCE it is the machine that the\ntarget is about, or the one that you choose. The session is recorded, as all are\nthat pass through Sesame; a connection that is lost is resumed.\n\n--forward 8080:80 brings a port of the machine to this computer, and --forward\n3306:db.internal:3306 one that the machine reaches. --command runs a command\nwithout a terminal, and the exit code is the command's.",
		RunE: func(cmd *cobra.Command, args []string) error {
			a.target = args[0]
			if len(args) > 1 && a.instance != "" && args[1] != a.instance {
				return &misuse{fmt.Errorf("%s and --instance %s are two machines", args[1], a.instance), cmd.CommandPath()}
			}
			if len(args) > 1 {
				a.instance = args[1]
			}
			return c.ssm(cmd.Context(), a, cmd.InOrStdin())
		},
	}
	cmd.Flags().StringVar(&a.instance, "instance", "", "the machine, as INSTANCE")
	cmd.Flags().StringVar(&a.document, "document", "", "the Session document; default the one that fits what is asked for")
	cmd.Flags().StringVar(&a.command, "command", "", "what to run instead of a shell")
	cmd.Flags().StringVar(&a.forward, "forward", "", "a port to forward: LOCAL:PORT, or LOCAL:HOST:PORT")
	cmd.Flags().StringVar(&a.reason, "reason", "", "what AWS is to note as the reason of the session")
	return apart(cmd, "command", "forward", "a session either runs a command or forwards a port")
}

// notConnected is what AWS says of a machine whose agent it does not reach, and
// of one that it does not know.
const notConnected = "TargetNotConnected"

// ssm starts a session and has it run.
func (c *console) ssm(ctx context.Context, a ssmAsking, in io.Reader) error {
	request, local, err := a.request()
	if err != nil {
		return &misuse{err, "sesame ssm"}
	}
	k, _, err := c.keyTo(ctx, api.KeyAsking{Target: a.target, Whole: true})
	if err != nil {
		return err
	}
	machine, err := c.machine(ctx, a, in)
	if err != nil {
		return err
	}
	region := k.Region
	if machine.Region != "" {
		region = machine.Region
	}
	calls, err := sessionsWith(k, region)
	if err != nil {
		return err
	}
	request.Target = machine.ID
	s, err := calls.Start(ctx, request)
	if refused, ok := errors.AsType[*session.Error](err); ok && refused.Code == notConnected {
		return fmt.Errorf("%s is not there, or does not answer AWS: choose one of those that sesame targets instances %s lists", machine.ID, a.target)
	} else if err != nil {
		return err
	}
	if a.forward != "" {
		return c.forward(ctx, s, local)
	}
	return c.shell(ctx, s, in)
}

// request is what AWS is asked for, and for a port where it is to be on this
// computer.
func (a ssmAsking) request() (r session.Request, local string, err error) {
	r = session.Request{Document: a.document, Reason: a.reason}
	switch {
	case a.forward != "":
		var document string
		if local, document, r.Parameters, err = forwarding(a.forward); err != nil {
			return r, "", err
		}
		if r.Document == "" {
			r.Document = document
		}
	case a.command != "":
		if r.Document == "" {
			r.Document = "AWS-StartNonInteractiveCommand"
		}
		r.Parameters = map[string][]string{"command": {a.command}}
	}
	return r, local, nil
}

// forwarding reads LOCAL:PORT or LOCAL:HOST:PORT.
func forwarding(text string) (local, document string, parameters map[string][]string, err error) {
	parts := strings.Split(text, ":")
	wrong := fmt.Errorf("--forward %q is no port to forward: write 8080:80, or 3306:db.internal:3306", text)
	if len(parts) != 2 && len(parts) != 3 {
		return "", "", nil, wrong
	}
	local, remote := parts[0], parts[len(parts)-1]
	for i, port := range []string{local, remote} {
		if n, err := strconv.Atoi(port); err != nil || n < i || n > 1<<16-1 { // 0 is any port of this computer
			return "", "", nil, wrong
		}
	}
	parameters = map[string][]string{"portNumber": {remote}, "localPortNumber": {local}}
	if len(parts) == 2 {
		return local, session.PortDocument, parameters, nil
	}
	if parts[1] == "" {
		return "", "", nil, wrong
	}
	parameters["host"] = []string{parts[1]}
	return local, session.RemotePortDocument, parameters, nil
}

// sessionsWith makes calls of AWS with a key, through the proxy and nowhere
// else: no other authority than the proxy's is trusted.
func sessionsWith(k api.Key, region string) (*session.API, error) {
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM([]byte(k.Authority)) {
		return nil, errors.New("the server did not say whom to trust: update it, or this command")
	}
	return session.New(session.Config{
		Region: region, Credentials: credentials.NewStaticCredentialsProvider(k.ID, string(k.Secret), string(k.Token)),
		Proxy: http.ProxyURL(&url.URL{Scheme: "http", Host: k.Proxy}), TLS: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
	}), nil
}

// machine returns the one that is meant: the one that was named, the only one,
// or the one that somebody chooses.
func (c *console) machine(ctx context.Context, a ssmAsking, in io.Reader) (access.Instance, error) {
	var found api.Instances
	err := c.asMe(func(s *client.Remote) (err error) {
		found, err = s.Instances(ctx, a.target)
		return err
	})
	if r, ok := errors.AsType[*access.Refusal](err); ok && r.Code == access.RefusedInput {
		if a.instance != "" {
			return access.Instance{ID: a.instance}, nil
		}
		return access.Instance{}, fmt.Errorf("%s does not say which machines it is about: name one, as in sesame ssm %s i-0123456789abcdef0", a.target, a.target)
	}
	if err != nil {
		return access.Instance{}, err
	}
	if a.instance != "" {
		if i := slices.IndexFunc(found.Instances, func(i access.Instance) bool { return i.ID == a.instance || i.Name == a.instance }); i >= 0 {
			return found.Instances[i], nil
		}
		return access.Instance{ID: a.instance}, nil // what it may reach is AWS's to say
	}
	ready := slices.DeleteFunc(slices.Clone(found.Instances), func(i access.Instance) bool { return !i.Reachable() })
	switch {
	case len(ready) == 1:
		return ready[0], nil
	case len(ready) == 0:
		return access.Instance{}, fmt.Errorf("no machine of %s can be reached at the moment: see sesame targets instances %s", a.target, a.target)
	}
	return c.choose(a.target, ready, in)
}

// choose has somebody at a terminal say which machine it is to be.
func (c *console) choose(target string, ready []access.Instance, in io.Reader) (access.Instance, error) {
	var names []string
	for _, i := range ready {
		names = append(names, i.Called())
	}
	if f, ok := in.(*os.File); !ok || !term.IsTerminal(int(f.Fd())) {
		return access.Instance{}, &misuse{fmt.Errorf("%s has %d machines, so say which with --instance: %s", target, len(ready), strings.Join(names, ", ")), "sesame ssm"}
	}
	for n, name := range names {
		fmt.Fprintf(c.err, "%3d  %s\n", n+1, printable(name))
	}
	fmt.Fprintf(c.err, "Which machine, 1 to %d? ", len(ready))
	line, err := bufio.NewReaderSize(in, 16).ReadString('\n') // a terminal gives a line at a time
	if err != nil {
		return access.Instance{}, fmt.Errorf("no machine was chosen: say which with --instance")
	}
	n, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil || n < 1 || n > len(ready) {
		return access.Instance{}, fmt.Errorf("%q is none of the machines: say which by its number, or with --instance", strings.TrimSpace(line))
	}
	return ready[n-1], nil
}

// forward brings a port to this computer until it is interrupted.
func (c *console) forward(ctx context.Context, s *session.Session, local string) error {
	l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", local))
	if err != nil {
		return fmt.Errorf("port %s of this computer cannot be used: %w: choose another one before the first colon", local, err)
	}
	return s.Forward(ctx, l, func(text string) { fmt.Fprintln(c.err, text) })
}
