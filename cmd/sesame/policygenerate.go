package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"sesame/policies/iam"
	"sesame/policies/iam/lint"
	"sesame/policies/iam/recipe"
)

// A generator is one kind of document that the command writes.
type generator struct {
	use, short string
	holder     recipe.Holder
	// flags declares those of the document, and returns what makes it of them.
	flags func(*pflag.FlagSet) recipeOf
}

// A recipeOf is a document as flags have it.
type recipeOf struct {
	write func() ([]byte, error)
	// from takes from a target what no flag says; nil for what no target has.
	from func(flagSet, targeted) error
}

// generators are in the order of the help.
var generators = []generator{
	{"ssm-session", "Shells on the instances that have tags", recipe.Policy, shellFlags(func(s recipe.Shell) document { return s })},
	{"port-forward", "Tunnels that documents pin, through the instances that have tags", recipe.Policy, shellFlags(func(s recipe.Shell) document { return recipe.PortForward{Shell: s} })},
	{"third-party", "Shells for people of another company", recipe.Policy, shellFlags(func(s recipe.Shell) document { return recipe.ThirdParty{Shell: s} })},
	{"principal-tags", "Shells where tags of the principal agree with the instance's, in slots", recipe.Policy, principalTagFlags},
	{"ecs-exec", "Shells in the containers of tasks that have tags", recipe.Policy, ecsFlags},
	{"server-role", "What the server itself may do", recipe.Policy, serverFlags},
	{"trust", "Who may assume a role", recipe.Role, trustFlags},
	{"ended-sessions", "What cuts off credentials of AWS that grants handed out, once they have ended", recipe.Policy, endedSessionsFlags},
	{"session-document", "How shells are opened", recipe.Session, sessionDocumentFlags},
	{"os-user-document", "Users of the operating system, made and locked", recipe.Command, osUserFlags},
	{"port-document", "A tunnel to one host and port", recipe.Session, portDocumentFlags},
}

func newPolicyGenerate(c *console) *cobra.Command {
	var subs []*cobra.Command
	for _, g := range generators {
		subs = append(subs, newGenerator(c, g))
	}
	return group("generate", "Write policies, trust policies and Session documents", subs...)
}

// newGenerator returns a command that prints one document. The document is JSON
// already, so that --json is the form of that name.
func newGenerator(c *console, g generator) *cobra.Command {
	var form, name string
	cmd := &cobra.Command{Use: g.use, Short: g.short, Args: exactly()}
	made := g.flags(cmd.Flags())
	var at targetOptions
	if made.from != nil {
		at.addFlags(cmd)
	}
	cmd.Flags().StringVar(&form, "form", string(recipe.JSON), fmt.Sprintf("%s, %s or %s", recipe.JSON, recipe.Terraform, recipe.CloudFormation))
	cmd.Flags().StringVar(&name, "name", "", "what it is called in AWS; needed for Terraform and CloudFormation")
	c.jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := oneOf("--form", form, string(recipe.JSON), string(recipe.Terraform), string(recipe.CloudFormation)); err != nil {
			return &misuse{err, cmd.CommandPath()}
		}
		if c.json && form == string(recipe.Terraform) {
			return &misuse{fmt.Errorf("--json and --form %s are two forms: choose one", form), cmd.CommandPath()}
		}
		if err := c.fromTargets(flagSet{cmd.Flags()}, at, made.from); err != nil {
			return err
		}
		text, err := made.write()
		if err != nil {
			return err
		}
		if name == "" && len(at.targets) == 1 {
			name = "Sesame-" + at.targets[0]
		}
		if name == "" && form != string(recipe.JSON) {
			return &misuse{fmt.Errorf("--form %s needs --name: what it is called in AWS", form), cmd.CommandPath()}
		}
		wrapped, err := recipe.Wrap(recipe.Form(form), g.holder, name, text)
		if err != nil {
			return err
		}
		_, err = c.out.Write(wrapped)
		return err
	}
	return cmd
}

// A document is a recipe for a policy.
type document interface {
	Document() (*iam.Document, error)
}

func written(d document, place string) ([]byte, error) {
	made, err := d.Document()
	if err != nil {
		return nil, err
	}
	return recipe.Text(made, place), nil
}

// flagSet declares flags that several documents have.
type flagSet struct{ *pflag.FlagSet }

func (f flagSet) scope(s *recipe.Scope) {
	f.StringVar(&s.Partition, "partition", "aws", "the partition of AWS")
	f.StringSliceVar(&s.Accounts, "account", nil, "accounts that it is about; any if left out")
	f.StringSliceVar(&s.Regions, "region", nil, "regions that it is about; any if left out")
}

func (f flagSet) window(w *recipe.Window) {
	f.TimeVar(&w.From, "from", time.Time{}, []string{time.RFC3339}, "when it begins to allow, as 2026-03-02T12:00:00Z")
	f.TimeVar(&w.Until, "until", time.Time{}, []string{time.RFC3339}, "when it stops to allow")
}

func (f flagSet) place(p *string) {
	f.StringVar(p, "place", "managed", "where it will be, for its size: "+strings.Join(lint.Places(), ", "))
}

func (f flagSet) tags(tags *map[string]string, of string) {
	f.StringToStringVar(tags, "tag", nil, "KEY=VALUE of the tags of "+of)
}

func (f flagSet) keys(keys *[]string) {
	f.StringSliceVar(keys, "kms-key", nil, "ARNs of the keys that sessions are encrypted with")
}

func (f flagSet) shell(s *recipe.Shell) {
	f.scope(&s.Scope)
	f.window(&s.Window)
	f.StringSliceVar(&s.Documents, "document", nil, "names of the Session documents; the default one if left out")
	f.keys(&s.KMSKeys)
	f.BoolVar(&s.Timed, "timed", false, "leave out what lets sessions start: each grant has a policy of its own, with its end")
	f.BoolVar(&s.ListSessions, "list-sessions", false, "allow to see the sessions of all")
	f.place(&s.Place)
}

func shellFlags(of func(recipe.Shell) document) func(*pflag.FlagSet) recipeOf {
	return func(set *pflag.FlagSet) recipeOf {
		var s recipe.Shell
		f := flagSet{set}
		f.shell(&s)
		f.tags(&s.Tags, "the instances (required)")
		return recipeOf{
			write: func() ([]byte, error) { return written(of(s), s.Place) },
			from: func(f flagSet, t targeted) error {
				_, tunnels := of(s).(recipe.PortForward)
				return f.shellFrom(&s, t, tunnels)
			},
		}
	}
}

func principalTagFlags(set *pflag.FlagSet) recipeOf {
	var p recipe.PrincipalTags
	var named []string
	flagSet{set}.shell(&p.Shell)
	set.StringSliceVar(&named, "pair", nil, "RESOURCE-TAG=PRINCIPAL-TAG that must agree (required)")
	set.IntVar(&p.Slots, "slots", 1, "how many grants a person can have at a time")
	set.IntVar(&p.Taken, "other-tags", 0, "how many tags principals have besides")
	write := func() ([]byte, error) {
		for _, text := range named {
			resource, principal, ok := strings.Cut(text, "=")
			if !ok {
				return nil, fmt.Errorf("--pair %q: write RESOURCE-TAG=PRINCIPAL-TAG", text)
			}
			p.Pairs = append(p.Pairs, recipe.TagPair{Resource: resource, Principal: principal})
		}
		return written(p, p.Place)
	}
	return recipeOf{write, func(f flagSet, t targeted) error { return f.slotsFrom(&p, t) }}
}

func ecsFlags(set *pflag.FlagSet) recipeOf {
	var e recipe.ECSExec
	f := flagSet{set}
	f.scope(&e.Scope)
	f.window(&e.Window)
	f.tags(&e.Tags, "the tasks (required)")
	f.keys(&e.KMSKeys)
	f.place(&e.Place)
	set.StringVar(&e.Cluster, "cluster", "", "the name of the cluster (required)")
	set.StringVar(&e.Container, "container", "", "the name of the container; any if left out")
	return recipeOf{func() ([]byte, error) { return written(e, e.Place) }, func(f flagSet, t targeted) error {
		f.scopeFrom(&e.Scope, t)
		return f.tagsFrom(&e.Tags, t)
	}}
}

func serverFlags(set *pflag.FlagSet) recipeOf {
	var r recipe.ServerRole
	f := flagSet{set}
	f.scope(&r.Scope)
	f.place(&r.Place)
	set.StringVar(&r.Instance, "instance", "", "the ARN of the Identity Center instance, for account assignments")
	set.StringSliceVar(&r.PermissionSets, "permission-set", nil, "ARNs of the permission sets that may be assigned; any if left out")
	set.StringSliceVar(&r.Targets, "target-account", nil, "accounts that they may be assigned in; any if left out")
	set.StringVar(&r.IdentityStore, "identity-store", "", "the id of the identity store, to find people in it")
	set.StringVar(&r.Directory, "identity-store-account", "*", "whose the identity store is")
	set.StringSliceVar(&r.Groups, "group", nil, "ids of groups whose members may be changed")
	set.StringSliceVar(&r.Users, "user", nil, "ARNs of IAM users who may be tagged")
	set.StringSliceVar(&r.PersonRoles, "person-role", nil, "ARNs of IAM roles of one person each that may be tagged")
	set.StringSliceVar(&r.PartnerRoles, "partner-role", nil, "ARNs of those roles that people of partners assume, whose trust policies are read")
	set.StringVar(&r.Boundary, "boundary", "", "the ARN of the permissions boundary of those users and roles, for timed policies in them")
	set.StringSliceVar(&r.TagKeys, "tag-key", nil, "keys that they may be tagged with, also with more behind them")
	set.StringSliceVar(&r.IAMGroups, "iam-group", nil, "ARNs of groups of IAM users whose members may be changed")
	set.StringSliceVar(&r.Roles, "role", nil, "ARNs of roles that may be assumed for others")
	set.BoolVar(&r.EndSessions, "end-sessions", false, "allow to end the sessions of others")
	return recipeOf{func() ([]byte, error) { return written(r, r.Place) }, func(f flagSet, t targeted) error { return f.serverFrom(&r, t) }}
}

func trustFlags(set *pflag.FlagSet) recipeOf {
	var t recipe.Trust
	set.StringVar(&t.Account, "account", "", "the account of the role")
	set.StringSliceVar(&t.Principals, "principal", nil, "ARNs of the roles or users that may assume it (required)")
	set.StringSliceVar(&t.ExternalIDs, "external-id", nil, "the external id, needed for those of another account; several while one replaces another")
	set.StringSliceVar(&t.SessionNames, "session-name", nil, "names that its sessions may have, one for each person; any if left out")
	set.BoolVar(&t.TagSession, "tag-session", false, "allow to pass tags")
	set.BoolVar(&t.SourceIdentity, "source-identity", false, "allow to pass a source identity")
	return recipeOf{write: func() ([]byte, error) { return written(t, "trust") }}
}

func sessionDocumentFlags(set *pflag.FlagSet) recipeOf {
	var s recipe.SessionDocument
	set.StringVar(&s.Description, "description", "Shells through Sesame", "what people see")
	set.StringVar(&s.RunAs, "run-as", "", "the user whom sessions run as that have no tag SSMSessionRunAs; all run as ssm-user if left out")
	set.BoolVar(&s.Tagged, "run-as-tagged", false, "sessions run as the tag SSMSessionRunAs says, which run_as and os_user of the flow files need; none starts without")
	set.DurationVar(&s.Idle, "idle", 0, "when an idle session ends; 20m if left out")
	set.DurationVar(&s.Longest, "longest", 0, "how long a session may be; as long as --grant if left out")
	set.DurationVar(&s.Grant, "grant", 0, "how long the longest grant is")
	set.StringVar(&s.LogGroup, "log-group", "", "the log group that sessions are streamed to, which is encrypted with a key of KMS")
	set.StringVar(&s.Bucket, "bucket", "", "the bucket that session logs are put into, which is encrypted")
	set.StringVar(&s.Prefix, "prefix", "", "what their names begin with there")
	set.StringVar(&s.KMSKey, "kms-key", "", "the key that sessions are encrypted with")
	set.StringVar(&s.Profile, "profile", "", "what a shell on Linux runs first")
	return recipeOf{write: func() ([]byte, error) { return s.Text() }}
}

func endedSessionsFlags(set *pflag.FlagSet) recipeOf {
	var e recipe.EndedSessions
	set.StringSliceVar(&e.Grants, "grant", nil, "the grants whose sessions are denied everything (required)")
	return recipeOf{write: func() ([]byte, error) { return written(e, "") }}
}

func osUserFlags(set *pflag.FlagSet) recipeOf {
	var d recipe.OSUserDocument
	set.StringVar(&d.Description, "description", "Users of the operating system, for Sesame", "what people see")
	return recipeOf{write: func() ([]byte, error) { return d.Text() }}
}

func portDocumentFlags(set *pflag.FlagSet) recipeOf {
	var p recipe.PortDocument
	set.StringVar(&p.Description, "description", "A tunnel through Sesame", "what people see")
	set.StringVar(&p.Host, "host", "", "where the tunnel leads; the instance itself if left out")
	set.IntVar(&p.Port, "port", 0, "the port there (required)")
	return recipeOf{write: func() ([]byte, error) { return p.Text() }}
}
