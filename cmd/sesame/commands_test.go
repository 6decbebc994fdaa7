package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/rs/zerolog"
	"golang.org/x/sync/errgroup"

	"sesame/bot/slacktest"
	"sesame/cmd/sesame/config"
	"sesame/cmd/sesame/demo"
	"sesame/cmd/sesame/server"
	"sesame/flows/access"
	"sesame/flows/clock"
	"sesame/proxy/api"
	"sesame/proxy/client"
	"sesame/strategies/awstest"
)

// TestCommandsOfEngineers runs the scripts of testdata/commands, each with a
// server of its own between the stand-ins. Beside the commands of testscript
// they have
//
//	run ARGUMENT…                  a command of sesame, in the process of the test
//	as NAME                        be somebody, at a computer of their own
//	sign-in [twice]                sesame login, with what it takes in Slack
//	slack TEXT                     type TEXT in Slack
//	slack-is down|up
//	directory-group NAME           make a group of Identity Center with NAME in it, as $GROUP
//	disable NAME                   disable somebody in Identity Center
//	use FILE                       put a flow file in force, with $GROUP in it
//	code CODE ARGUMENT…            run sesame, and want that exit code
//	advance DURATION               let time pass
//	request-of NAME [TARGET]       set $REQUEST to the latest request of somebody
//	asked NAME TARGET              wait until somebody has asked, and set $REQUEST
//	open|closed TARGET             wait until what one asked for is
//	recorded EVENT NAME            wait until the record has an event by somebody, or Sesame
//	role ARN [ARN]                 make a role that Sesame may assume, or another role
//	trusts ARN FILE                give a role a trust policy
//	machine ID [KEY=VALUE…]        start a machine with tags
//	person NAME                    set $NAME to the id of somebody in Slack
//	comes-as NAME                  have keys of a session of a partner's role
//	appears FILE [TEXT]            wait until there is a file, with a text in it
func TestCommandsOfEngineers(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:   "testdata/commands",
		Setup: setTheStage,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"as": func(ts *testscript.TestScript, _ bool, args []string) { stageOf(ts).as(ts, args[0]) },
			"sign-in": func(ts *testscript.TestScript, _ bool, args []string) {
				confirm := stageOf(ts).signIn(ts)
				for range args { // once more, beside it
					defer stageOf(ts).signIn(ts)()
				}
				confirm()
			},
			"slack":    func(ts *testscript.TestScript, _ bool, args []string) { stageOf(ts).types(ts, strings.Join(args, " ")) },
			"slack-is": func(ts *testscript.TestScript, _ bool, args []string) { stageOf(ts).Slack().SetDown(args[0] == "down") },
			"directory-group": func(ts *testscript.TestScript, _ bool, args []string) {
				s := stageOf(ts)
				group := s.AWS().AddGroup("made for " + args[0])
				s.AWS().Join(group, s.Person(args[0]).Principal)
				ts.Setenv("GROUP", group)
			},
			"disable": func(ts *testscript.TestScript, _ bool, args []string) {
				s := stageOf(ts)
				s.AWS().EditUser(s.Person(args[0]).Principal, func(u *awstest.User) { u.Disabled = true })
			},
			"asked": func(ts *testscript.TestScript, _ bool, args []string) {
				stageOf(ts).asked(ts, args[0], args[1])
			},
			"use": func(ts *testscript.TestScript, _ bool, args []string) { stageOf(ts).use(ts, args[0]) },
			"run": func(ts *testscript.TestScript, no bool, args []string) {
				if code := stageOf(ts).sesame(ts, args); no == (code == exitDone) {
					ts.Fatalf("exit code %d", code)
				}
			},
			"code": func(ts *testscript.TestScript, _ bool, args []string) {
				if code := stageOf(ts).sesame(ts, args[1:]); strconv.Itoa(code) != args[0] {
					ts.Fatalf("exit code %d", code)
				}
			},
			"role": func(ts *testscript.TestScript, _ bool, args []string) {
				// Who is trusted is Sesame, or the role that is named next.
				role := awstest.Role{ARN: args[0], Trusts: []string{management}, ExternalID: externalID, TagSession: true, SetSource: true}
				if len(args) > 1 {
					role.Trusts, role.ExternalID = args[1:], ""
				}
				stageOf(ts).AWS().AddRole(role)
			},
			"trusts": func(ts *testscript.TestScript, _ bool, args []string) {
				ts.Check(stageOf(ts).AWS().SetTrust(args[0], ts.ReadFile(args[1])))
			},
			"machine": func(ts *testscript.TestScript, _ bool, args []string) {
				tags := map[string]string{}
				for _, tag := range args[1:] {
					key, value, _ := strings.Cut(tag, "=")
					tags[key] = value
				}
				stageOf(ts).AWS().AddInstance(awstest.Instance{ID: args[0], Account: "222222222222", Region: "us-east-1", Tags: tags})
			},
			"comes-as": func(ts *testscript.TestScript, _ bool, args []string) { stageOf(ts).comesAs(ts, args[0]) },
			"person": func(ts *testscript.TestScript, _ bool, args []string) {
				ts.Setenv(strings.ToUpper(args[0]), stageOf(ts).Person(args[0]).ID)
			},
			"appears": func(ts *testscript.TestScript, _ bool, args []string) {
				stageOf(ts).wait(ts, args[0]+" appears", func() bool {
					text, err := os.ReadFile(ts.MkAbs(args[0]))
					return err == nil && strings.Contains(string(text), strings.Join(args[1:], " "))
				})
			},
			"advance": func(ts *testscript.TestScript, _ bool, args []string) { stageOf(ts).advance(ts, args[0]) },
			"request-of": func(ts *testscript.TestScript, _ bool, args []string) {
				stageOf(ts).requestOf(ts, args[0], strings.Join(args[1:], ""))
			},
			"recorded": func(ts *testscript.TestScript, _ bool, args []string) { stageOf(ts).recorded(ts, args[0], args[1]) },
			"open":     func(ts *testscript.TestScript, _ bool, args []string) { stageOf(ts).until(ts, args[0], access.Open) },
			"closed":   func(ts *testscript.TestScript, _ bool, args []string) { stageOf(ts).until(ts, args[0], access.Closed) },
		},
	})
}

// The account that Sesame has of its own, and by what roles know it.
const (
	management = "111111111111"
	externalID = demo.ExternalID
)

// A staged is a server between stand-ins, with a script at its terminals.
type staged struct {
	*demo.Stage
	log syncLog
	ca  string
	me  string
}

type stageKey struct{}

func stageOf(ts *testscript.TestScript) *staged { return ts.Value(stageKey{}).(*staged) }

func setTheStage(env *testscript.Env) error {
	s := &staged{ca: filepath.Join(env.WorkDir, "cert.pem")}
	key := filepath.Join(env.WorkDir, "key.pem")
	if err := certify(s.ca, key); err != nil {
		return err
	}
	// Not in the script's folder: a socket's path must not be as long.
	dir, err := os.MkdirTemp("", "s")
	if err != nil {
		return err
	}
	flows, err := os.ReadFile(filepath.Join(env.WorkDir, "flows.yaml"))
	if errors.Is(err, os.ErrNotExist) {
		flows = nil
	}
	past, err := os.ReadFile(filepath.Join(env.WorkDir, "session.txt"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	var recorded error
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	s.Stage, err = demo.NewStage(context.Background(), demo.Config{
		Dir: dir, Flows: flows, Slack: slacktest.Config{NoRateLimits: true}, Log: zerolog.New(&s.log),
		Server: func(o *server.Options) {
			o.Unpaced = true
			o.Config.API.Name = "127.0.0.1"
			o.Config.API.Cert, o.Config.API.Key, o.Config.API.LoginLasts = s.ca, key, 12*time.Hour
			o.Config.Proxy.Endpoint = config.Endpoint{Listen: "127.0.0.1:0", Name: "localhost"}
			if past != nil {
				recorded = prerecord(o, string(past))
			}
		},
	})
	if err := errors.Join(err, recorded); err != nil {
		return errors.Join(err, errors.New(s.log.String()))
	}
	env.Setenv("DATA", filepath.Join(dir, "data"))
	env.Defer(func() {
		if err := errors.Join(s.Close(), os.RemoveAll(dir)); err != nil {
			env.T().Fatal(err)
		}
	})
	var address string
	err = s.Await(ctx, "commands are answered", func() bool {
		m := regexp.MustCompile(`"address":"([^"]+)"[^\n]*commands of engineers`).FindStringSubmatch(s.log.String())
		if m != nil {
			address = m[1]
		}
		return m != nil
	})
	env.Values[stageKey{}] = s
	env.Setenv("SERVER", "https://"+address)
	env.Setenv("CONFIG", s.ConfigFile())
	env.Setenv("NO_COLOR", "1")
	leaveAtOnce(env)
	return err
}

// as makes somebody the one at the terminal.
func (s *staged) as(ts *testscript.TestScript, name string) {
	s.me = name
	home := filepath.Join(ts.Getenv("WORK"), name)
	ts.Setenv("HOME", home)
	ts.Setenv("XDG_CONFIG_HOME", filepath.Join(home, ".config"))
}

// types types a line in Slack, and has what it shows them, them alone, in the
// file slack.
func (s *staged) types(ts *testscript.TestScript, line string) string {
	before := len(s.Slack().Ephemerals(s.Person(s.me).ID))
	reply, err := s.As(s.me).Command(context.Background(), demo.ChannelAccess, line)
	ts.Check(err)
	shown := ""
	if reply.Message != nil {
		shown = reply.Message.Text()
	} else {
		s.wait(ts, "Slack shows an answer to "+s.me, func() bool { return len(s.Slack().Ephemerals(s.Person(s.me).ID)) > before })
		shown = s.Slack().Ephemerals(s.Person(s.me).ID)[before].Text()
	}
	ts.Check(os.WriteFile(ts.MkAbs("slack"), []byte(shown+"\n"), 0o600))
	return shown
}

func (s *staged) wait(ts *testscript.TestScript, what string, done func() bool) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := s.Await(ctx, what, done); err != nil {
		ts.Fatalf("%v\n%s", err, s.log.String())
	}
}

var codeShown = regexp.MustCompile(`/access login ([A-Z]{4}-[A-Z]{4})`)

// signIn begins to sign in at the terminal, and returns what ends it.
func (s *staged) signIn(ts *testscript.TestScript) (confirm func()) {
	var out, errs syncLog
	c := &console{
		out: &out, err: &errs, clock: clock.System{}, zone: time.UTC, settings: filepath.Join(ts.Getenv("HOME"), ".config"),
	}
	var terminal errgroup.Group
	terminal.Go(func() error {
		return c.login(context.Background(), loginOptions{server: ts.Getenv("SERVER"), ca: s.ca})
	})
	s.wait(ts, "a code is shown", func() bool { return codeShown.MatchString(errs.String()) })
	return func() {
		s.types(ts, codeShown.FindString(errs.String()))
		me := s.Slack().Ephemerals(s.Person(s.me).ID)
		_, err := s.As(s.me).Click(context.Background(), me[len(me)-1].Control("sign_in"))
		ts.Check(err)
		if err := terminal.Wait(); err != nil {
			ts.Fatalf("sesame login: %v\n%s%s", err, &out, &errs)
		}
		ts.Logf("%s%s", &errs, &out)
	}
}

// use puts a flow file in force.
func (s *staged) use(ts *testscript.TestScript, name string) {
	text := os.Expand(ts.ReadFile(name), func(name string) string {
		if strings.HasPrefix(name, "file:") { // is the flow file's own
			return "${" + name + "}"
		}
		return ts.Getenv(name)
	})
	ts.Check(os.WriteFile(filepath.Join(filepath.Dir(s.ConfigFile()), "flows", "demo.yaml"), []byte(text), 0o600))
	if code := s.sesame(ts, []string{"flows", "apply", "--config", s.ConfigFile()}); code != exitDone {
		ts.Fatalf("%s is not put in force", name)
	}
}

// sesame runs a command in this process, which is faster than in another, and
// returns its exit code.
func (s *staged) sesame(ts *testscript.TestScript, args []string) int {
	c := &console{
		out: ts.Stdout(), err: ts.Stderr(), clock: clock.System{}, zone: time.UTC,
		settings: filepath.Join(ts.Getenv("HOME"), ".config"),
	}
	root := newRoot(c)
	root.SetArgs(args)
	root.SetIn(strings.NewReader(""))
	root.SetOut(c.out)
	root.SetErr(c.err)
	err := root.ExecuteContext(context.Background())
	report(c.err, err)
	return exitCode(err)
}

// comesAs puts keys of a session of the role Operators of another company into
// the environment.
func (s *staged) comesAs(ts *testscript.TestScript, name string) {
	const role = "arn:aws:iam::333333333333:role/Operators"
	s.AWS().AddRole(awstest.Role{ARN: role})
	key, err := s.AWS().Assume(role, name)
	ts.Check(err)
	for env, value := range map[string]string{
		"AWS_ACCESS_KEY_ID": key.ID, "AWS_SECRET_ACCESS_KEY": key.Secret, "AWS_SESSION_TOKEN": key.Token, "AWS_REGION": "eu-west-1",
		"SESAME_SERVER": ts.Getenv("SERVER"), "CA": s.ca,
	} {
		ts.Setenv(env, value)
	}
}

func (s *staged) advance(ts *testscript.TestScript, by string) {
	d, err := time.ParseDuration(by)
	ts.Check(err)
	s.Clock().Advance(d)
}

// asked waits until a request of somebody waits for a decision.
func (s *staged) asked(ts *testscript.TestScript, name, target string) {
	c := s.Client()
	defer c.Close()
	s.wait(ts, name+" asks for "+target, func() bool {
		page, err := c.Requests(context.Background(), client.Listing{Open: true})
		ts.Check(err)
		return slices.ContainsFunc(page.Requests, func(r api.Request) bool { return r.By.Name == name && r.Target == target })
	})
	s.requestOf(ts, name, target)
}

func (s *staged) requestOf(ts *testscript.TestScript, name, target string) {
	c := s.Client()
	defer c.Close()
	page, err := c.Requests(context.Background(), client.Listing{})
	ts.Check(err)
	for _, r := range page.Requests {
		if r.By.Name == name && (target == "" || target == r.Target) {
			ts.Setenv("REQUEST", r.ID)
			return
		}
	}
	ts.Fatalf("%s asked for nothing", name)
}

// recorded waits until the record has an event by somebody.
func (s *staged) recorded(ts *testscript.TestScript, event, by string) {
	c := s.Client()
	defer c.Close()
	s.wait(ts, event+" by "+by+" is recorded", func() bool {
		page, err := c.Events(context.Background(), 1, 1000)
		ts.Check(err)
		return slices.ContainsFunc(page.Events, func(e access.Event) bool { return string(e.Type) == event && actor(e) == by })
	})
}

// until waits until the latest grant of a target is in a state.
func (s *staged) until(ts *testscript.TestScript, target string, state access.GrantState) {
	c := s.Client()
	defer c.Close()
	s.wait(ts, target+" is "+string(state), func() bool {
		page, err := c.Grants(context.Background(), client.Listing{})
		ts.Check(err)
		for _, g := range page.Grants {
			if g.Target == target {
				return g.State == string(state)
			}
		}
		return false
	})
}

// certify writes a certificate for the loopback address, which is its own
// authority.
func certify(cert, key string) error {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	now := time.Now()
	made := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "sesame"}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, made, made, private.Public(), private)
	if err != nil {
		return err
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return err
	}
	write := func(path, kind string, bytes []byte) error {
		return os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: bytes}), 0o600)
	}
	return errors.Join(write(cert, "CERTIFICATE", der), write(key, "PRIVATE KEY", pkcs8))
}

// A syncLog is written and read at once.
type syncLog struct {
	mu   sync.Mutex // guards text
	text bytes.Buffer
}

func (l *syncLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *syncLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}
