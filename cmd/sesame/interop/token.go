//go:build unix

package main

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"

	"sesame/flows/access"
	"sesame/flows/clock"
	"sesame/flows/token"
	"sesame/proxy"
)

// only is who there is: alice.
type only struct{ access.Person }

// Identify implements token.People.
func (o only) Identify(context.Context, access.Account) (access.Person, error) { return o.Person, nil }

// Recall implements token.People.
func (o only) Recall(context.Context, access.Account) (access.Standing, error) {
	return access.Standing{Person: o.Person, Active: true}, nil
}

// newTokens are the service tokens of the holder.
func (h *holder) newTokens() *token.Tokens {
	return token.New(token.Config{
		Store: h.store, People: only{access.Person{ID: h.grant.Holder, Name: "Alice"}}, Clock: clock.System{},
		Sealer: func() token.Sealer { return h.sealer }, Serves: func(target string) bool { return target == h.grant.Target },
	})
}

// token makes a service token, and returns it as clients have it: no session
// token, and the target behind a # in the id.
func (h *holder) token(ctx context.Context) (aws.Credentials, error) {
	made, secret, err := h.newTokens().Make(ctx, access.Account{Workspace: "T1", User: "ALICE"}, token.Wish{
		Name: "nightly", Targets: []string{h.grant.Target}, Networks: []string{"127.0.0.0/8"}, Lasts: token.UsualLasts,
	})
	return aws.Credentials{AccessKeyID: made.ID.KeyID(h.grant.Target), SecretAccessKey: secret}, err
}

// bearer is a service token as the proxy asks for it.
func (f found) bearer(ctx context.Context, id token.ID, target string) (proxy.Key, error) {
	t, secret, err := f.holder.newTokens().Find(ctx, id)
	if err == nil && target != f.holder.grant.Target {
		err = access.ErrNotFound
	}
	return proxy.Key{
		Secret: secret, Grant: f.holder.grant.ID, Ring: f.holder.ring, Expires: t.Until,
		By: proxy.Token{ID: string(t.ID), Name: t.Name, Owner: t.Person, Networks: t.Networks, Asked: target},
	}, err
}

// byToken is the road for whoever comes with a service token. Without the proxy
// there is none.
func (r *road) byToken() *road {
	other := *r
	if r.token.AccessKeyID != "" {
		other.key = r.token
	}
	return &other
}

// tokenSteps are command lines for the AWS CLI with a service token: one of each
// way to sign a body.
var tokenSteps = []string{
	"s3 mb s3://token-bucket",
	"s3 cp big s3://token-bucket/big --no-progress",
	"s3 cp s3://token-bucket/big back --no-progress | out",
	"s3 ls s3://token-bucket",
	"dynamodb list-tables",
	"sqs list-queues --query length(QueueUrls)",
	"sts get-caller-identity",
	"ec2 describe-vpcs",
	"lambda list-functions",
	"refused iam create-access-key --user-name root",
}

func (o options) awscliByToken(ctx context.Context, r *road) ([]result, error) {
	return o.commands(ctx, r.byToken(), tokenSteps)
}

func (o options) boto3ByToken(ctx context.Context, r *road) ([]result, error) {
	return o.boto3(ctx, r.byToken())
}
