package demo

import (
	"cmp"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"html"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"sesame/bot/slacktest"
	"sesame/flows/clock"
	"sesame/proxy/api"
	"sesame/proxy/client"
)

// A Terminal is somebody at a computer of their own, signed in with a key that
// was made there. Close it.
type Terminal struct {
	*client.Remote
	// Signed is the login that the key speaks for.
	Signed api.Login
}

// SignIn signs somebody in at a terminal, as sesame login does: the code is
// typed in a channel of Slack, or where they talk to the bot.
func (s *Stage) SignIn(ctx context.Context, name, channel string) (*Terminal, error) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	at, err := s.commands(ctx)
	if err != nil {
		return nil, err
	}
	remote, err := client.NewRemote(client.RemoteConfig{Server: at, Key: key, Agent: "sesame/demo", Clock: clock.System{}})
	if err != nil {
		return nil, err
	}
	t := &Terminal{Remote: remote}
	begun, err := t.Begin(ctx, name+"'s computer")
	if err == nil {
		err = s.confirm(ctx, name, channel, begun)
	}
	if err == nil {
		t.Signed, err = s.outcome(ctx, t, begun.ID)
	}
	if err != nil {
		t.Close()
		return nil, err
	}
	t.Login = t.Signed.ID
	return t, nil
}

// commands is the address at which the server answers commands.
func (s *Stage) commands(ctx context.Context) (string, error) {
	c := s.Client()
	defer c.Close()
	st, err := c.Status(ctx)
	if err == nil && st.API == "" {
		err = errors.New("the server answers no commands")
	}
	return "http://" + st.API, err
}

// confirm types a code in Slack, and says there that it is one's own.
func (s *Stage) confirm(ctx context.Context, name, channel string, begun api.Begun) error {
	who := s.As(name)
	reply, err := who.Command(ctx, cmp.Or(channel, s.slack.DM(s.Person(name).ID)), "/access login "+begun.Code)
	if err != nil || reply.Error != "" {
		return cmp.Or(err, errors.New(reply.Error))
	}
	m, err := s.AwaitEphemeral(ctx, s.Person(name).ID, func(m slacktest.Message) bool {
		return strings.Contains(m.Text(), "[Sign In]")
	})
	if err != nil {
		return err
	}
	reply, err = who.Click(ctx, m.Control("sign_in"))
	if err == nil && reply.Error != "" {
		err = errors.New(reply.Error)
	}
	return err
}

// outcome waits for what becomes of a code.
func (s *Stage) outcome(ctx context.Context, t *Terminal, id string) (made api.Login, err error) {
	waited := s.Await(ctx, "somebody is signed in", func() bool {
		made, err = t.Outcome(ctx, id)
		return err != nil || made.State == api.LoginConfirmed || made.State == api.LoginDeclined
	})
	if waited == nil && err == nil && made.State != api.LoginConfirmed {
		err = errors.New("nobody confirmed the code")
	}
	return made, errors.Join(waited, err)
}

// An Answer is what a client of AWS gets.
type Answer struct {
	Status int
	Body   string
}

var errorMessage = regexp.MustCompile(`(?s)<Message>(.*?)</Message>`)

// Message is what the answer says went wrong; empty for nothing.
func (a Answer) Message() string {
	m := errorMessage.FindStringSubmatch(a.Body)
	if a.Status < 300 || m == nil {
		return ""
	}
	return html.UnescapeString(m[1])
}

// Call calls a service of AWS that speaks in forms, with a proxy key and as its
// client says where to: through the proxy.
func Call(ctx context.Context, k api.Key, service, form string) (Answer, error) {
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM([]byte(k.Authority)) {
		return Answer{}, errors.New("the proxy's authority is no certificate")
	}
	through := &http.Transport{Proxy: http.ProxyURL(&url.URL{Scheme: "http", Host: k.Proxy}), TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}}
	defer through.CloseIdleConnections()
	host := service + "." + k.Region + ".amazonaws.com"
	if service == "iam" {
		host = "iam.amazonaws.com"
	}
	return call(ctx, through, k, "https://"+host+"/", service, form)
}

// call signs a form and sends it.
func call(ctx context.Context, through http.RoundTripper, k api.Key, address, service, form string) (Answer, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, address, strings.NewReader(form))
	if err != nil {
		return Answer{}, err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	sum := sha256.Sum256([]byte(form))
	creds := aws.Credentials{AccessKeyID: k.ID, SecretAccessKey: string(k.Secret), SessionToken: string(k.Token)}
	if err := v4.NewSigner().SignHTTP(ctx, creds, r, hex.EncodeToString(sum[:]), service, k.Region, clock.System{}.Now()); err != nil {
		return Answer{}, err
	}
	res, err := through.RoundTrip(r)
	if err != nil {
		return Answer{}, err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	return Answer{res.StatusCode, string(text)}, err
}
