// Package recipe writes IAM policies, trust policies and Session documents from
// what is meant by them.
//
//	recipe.Shell{Tags: map[string]string{"Department": "FrontEnd"}}.Document()
//
// It promises that the same recipe gives the same text, so that a difference
// means something; that a policy has everything that its sessions need and
// passes package lint; and that what does not fit where it is to be attached is
// refused and not cut.
//
// It refuses what would seem to say something and does not: a time bound in a
// variable, a tag condition on a document, a resource tag with IfExists.
package recipe

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"sesame/policies/iam"
	"sesame/policies/iam/lint"
)

// A Scope is where the resources are that a policy is about.
type Scope struct {
	Partition string   // empty: aws
	Accounts  []string // empty: any
	Regions   []string // empty: any
}

// arns returns the ARNs of a resource of a service in each account and region.
func (s Scope) arns(service, resource string) []string {
	var all []string
	for _, account := range orAny(s.Accounts) {
		for _, region := range orAny(s.Regions) {
			all = append(all, s.arn(service, region, account, resource))
		}
	}
	return all
}

// regionShape is that of the names of regions, of which some may be meant.
var regionShape = regexp.MustCompile(`^[a-z*][a-z0-9*-]*[0-9*]$`)

// partitions are those of AWS, with what the names of their regions begin with.
func partitions() map[string]string {
	return map[string]string{
		"aws": "", "aws-cn": "cn-", "aws-us-gov": "us-gov-", "aws-iso": "us-iso-", "aws-iso-b": "us-isob-",
		"aws-iso-e": "eu-isoe-", "aws-iso-f": "us-isof-", "aws-eusc": "eusc-",
	}
}

// check refuses a scope in which nothing is.
func (s Scope) check() error {
	own, known := partitions()[cmp.Or(s.Partition, "aws")]
	if !known {
		return fmt.Errorf("there is no partition %q of AWS: it is one of %s", s.Partition, strings.Join(slices.Sorted(maps.Keys(partitions())), ", "))
	}
	var errs []error
	for _, account := range s.Accounts {
		const digits = 12
		if !strings.Contains(account, "*") && !within(account, digits, digits, "0123456789") {
			errs = append(errs, fmt.Errorf("%q is no account: write its twelve digits", account))
		}
	}
	for _, region := range s.Regions {
		if !regionShape.MatchString(region) {
			errs = append(errs, fmt.Errorf("%q is no region: write it as eu-west-1", region))
		} else if of := partitionOf(region); !strings.HasPrefix(region, "*") && partitions()[of] != own {
			errs = append(errs, fmt.Errorf("the region %s is in the partition %s and not in %s: nothing would be there", region, of, cmp.Or(s.Partition, "aws")))
		}
	}
	return errors.Join(errs...)
}

// partitionOf returns the partition that a region is in.
func partitionOf(region string) string {
	for partition, begin := range partitions() {
		if begin != "" && strings.HasPrefix(region, begin) {
			return partition
		}
	}
	return "aws"
}

func (s Scope) arn(service, region, account, resource string) string {
	return strings.Join([]string{"arn", cmp.Or(s.Partition, "aws"), service, region, account, resource}, ":")
}

func orAny(names []string) []string {
	if len(names) == 0 {
		return []string{"*"}
	}
	return slices.Compact(slices.Sorted(slices.Values(names)))
}

// A Window is the time that a policy opens sessions in. It holds even if
// nobody takes the policy away. The zero Window is always.
type Window struct{ From, Until time.Time }

func (w Window) conditions() []iam.Condition {
	var all []iam.Condition
	if !w.From.IsZero() {
		all = append(all, condition("DateGreaterThanEquals", "aws:CurrentTime", w.From.UTC().Format(time.RFC3339)))
	}
	if !w.Until.IsZero() {
		all = append(all, condition("DateLessThan", "aws:CurrentTime", w.Until.UTC().Format(time.RFC3339)))
	}
	return all
}

func (w Window) check() error {
	if !w.From.IsZero() && !w.Until.IsZero() && !w.From.Before(w.Until) {
		return fmt.Errorf("the window ends at %s, before it begins", w.Until.UTC().Format(time.RFC3339))
	}
	return nil
}

func condition(operator, key string, values ...string) iam.Condition {
	return iam.Condition{Operator: operator, Key: iam.Value{Text: key}, Values: iam.Values(values...)}
}

// allow returns a statement. It has no Principal: see trust.
func allow(sid string, actions, resources []string, conditions ...iam.Condition) iam.Statement {
	return iam.Statement{
		Sid: sid, Effect: iam.Allow,
		Actions: iam.Elements{Values: iam.Values(actions...)}, Resources: iam.Elements{Values: iam.Values(resources...)},
		Conditions: conditions,
	}
}

func deny(sid string, actions, resources []string) iam.Statement {
	s := allow(sid, actions, resources)
	s.Effect = iam.Deny
	return s
}

// tagged returns the conditions that a resource has each of tags, under the
// keys that begin with prefix.
func tagged(prefix string, tags map[string]string) []iam.Condition {
	var all []iam.Condition
	for _, name := range slices.Sorted(maps.Keys(tags)) {
		all = append(all, condition("StringEquals", prefix+name, tags[name]))
	}
	return all
}

// finish makes a document of statements, unless it would not do at its place:
// it is too long there, or something in it, such as an ARN that was given, is
// nothing that IAM understands.
func finish(o lint.Options, statements ...iam.Statement) (*iam.Document, error) {
	d := &iam.Document{Version: iam.Value{Text: iam.Current}, Statements: statements}
	o.Place = cmp.Or(o.Place, "managed")
	if !slices.Contains(lint.Places(), o.Place) {
		return nil, fmt.Errorf("there is no place %q for a policy: it is one of %s", o.Place, strings.Join(lint.Places(), ", "))
	}
	if o.Place == "trust" && d.Kind() != iam.Trust {
		return nil, errors.New("a trust policy says who may assume a role and nothing else: choose another place")
	}
	text, err := d.MarshalJSON()
	if err != nil {
		return nil, err
	}
	if size, most := lint.Size(text, o.Place); size > most {
		return nil, fmt.Errorf("the policy has %d characters, and a %s policy may have %d: name fewer slots, accounts, regions or tags, or another place", size, o.Place, most)
	}
	var errs []error
	for _, p := range lint.Check("policy", text, o) {
		errs = append(errs, errors.New(p.Message))
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return d, nil
}

// Text returns a document as people read it, or on one line where AWS counts
// blanks and has room for it only so.
func Text(d *iam.Document, place string) []byte {
	text := d.Format()
	if size, most := lint.Size(text, cmp.Or(place, "managed")); size > most {
		if line, err := d.MarshalJSON(); err == nil {
			return line
		}
	}
	return text
}

const (
	maxTagKey   = 128
	maxTagValue = 256
)

// tagText is what AWS takes of letters, in any script.
var tagText = regexp.MustCompile(`^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$`)

// checkTags refuses tags that AWS does not have ("Rules for tagging in IAM and
// AWS STS"). An empty value would match nothing.
func checkTags(tags map[string]string) error {
	if len(tags) == 0 {
		return errors.New("no tag is named: the policy would open every instance")
	}
	var errs []error
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		errs = append(errs, checkTagText("key", key, maxTagKey), checkTagText("value of "+key, tags[key], maxTagValue))
	}
	return errors.Join(errs...)
}

func checkTagText(what, text string, most int) error {
	switch size := utf8.RuneCountInString(text); {
	case text == "":
		return fmt.Errorf("a tag %s is empty", what)
	case size > most:
		return fmt.Errorf("a tag %s has %d characters: at most %d", what, size, most)
	case strings.TrimSpace(text) != text:
		return fmt.Errorf("the tag %s %q begins or ends with a blank", what, text)
	case !tagText.MatchString(text):
		return fmt.Errorf("the tag %s %q has a letter that IAM does not take", what, text)
	}
	return nil
}
