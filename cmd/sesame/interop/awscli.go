//go:build unix

package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// awscliSteps are command lines. The words "in" and "out" after a bar stand for
// standard input from the big file, and a file whose content is part of what
// the client got.
var awscliSteps = []string{
	"s3 mb s3://cli-bucket",
	"s3 cp big s3://cli-bucket/big --no-progress",
	"s3 cp small s3://cli-bucket/sm+all/~ü! --no-progress",
	"s3 cp - s3://cli-bucket/stream | in",
	"s3 ls s3://cli-bucket --recursive",
	"s3 cp s3://cli-bucket/big back --no-progress | out",
	"s3 cp s3://cli-bucket/stream back --no-progress | out",
	"s3 cp s3://cli-bucket/sm+all/~ü! -",
	"s3 cp s3://cli-bucket/big s3://cli-bucket/copy --no-progress",
	"s3 mv s3://cli-bucket/copy s3://cli-bucket/moved --no-progress",
	"s3api head-object --bucket cli-bucket --key moved",
	"s3api get-object --bucket cli-bucket --key none back",
	"s3api list-object-versions --bucket cli-bucket --max-items 2",
	"s3 rm s3://cli-bucket/moved",
	"dynamodb create-table --table-name cli --attribute-definitions AttributeName=id,AttributeType=S --key-schema AttributeName=id,KeyType=HASH --billing-mode PAY_PER_REQUEST",
	`dynamodb put-item --table-name cli --item {"id":{"S":"ü"},"n":{"N":"7"}}`,
	`dynamodb get-item --table-name cli --key {"id":{"S":"ü"}}`,
	"dynamodb scan --table-name none",
	"sqs create-queue --queue-name cli --query length(QueueUrl)>`0`",
	"sqs send-message --queue-url https://sqs.us-east-1.amazonaws.com/123456789012/cli --message-body <a>&ü",
	"sqs receive-message --queue-url https://sqs.us-east-1.amazonaws.com/123456789012/cli",
	"sts get-caller-identity",
	"ec2 create-vpc --cidr-block 10.9.0.0/16",
	"ec2 describe-instances",
	"ec2 describe-instances --instance-ids i-00000000000000000",
	"lambda list-functions",
	"cloudwatch put-metric-data --namespace interop --metric-name m --value 1.5",
	"cloudwatch list-metrics",
	"logs describe-log-groups",
	"iam list-users",
	"refused iam create-access-key --user-name root",
	"refused ec2 run-instances --image-id ami-12345678 --iam-instance-profile Name=admin",
	`refused s3api put-bucket-policy --bucket cli-bucket --policy {}`,
}

func (o options) awscli(ctx context.Context, r *road) ([]result, error) {
	return o.commands(ctx, r, awscliSteps)
}

// commands runs the AWS CLI, once for each step.
func (o options) commands(ctx context.Context, r *road, steps []string) ([]result, error) {
	if _, err := r.work(bigFile, big); err != nil {
		return nil, err
	}
	if _, err := r.work("small", 100); err != nil {
		return nil, err
	}
	var all []result
	for _, line := range steps {
		if err := r.moto.seed(ctx); err != nil {
			return nil, err
		}
		got, err := o.aws(ctx, r, strings.TrimPrefix(line, refusedStep))
		if err != nil {
			return nil, fmt.Errorf("aws %s: %w", line, err)
		}
		all = append(all, result{line, got})
	}
	return all, nil
}

// aws returns what a command wrote, with its exit code. For queues the AWS CLI of
// version 1 takes another endpoint than the environment's, unless told one.
func (o options) aws(ctx context.Context, r *road, line string) (string, error) {
	line, with, _ := strings.Cut(line, " | ")
	if r.endpoint != "" && strings.HasPrefix(line, "sqs ") {
		line += " --endpoint-url " + r.endpointURL()
	}
	cmd := exec.CommandContext(ctx, filepath.Join(o.bin, "aws"), strings.Fields(line)...)
	cmd.Env, cmd.Dir = r.environment(), r.dir
	if with == "in" {
		in, err := os.Open(filepath.Join(r.dir, bigFile))
		if err != nil {
			return "", err
		}
		defer in.Close()
		cmd.Stdin = in
	}
	out, err := cmd.CombinedOutput()
	if _, exited := errors.AsType[*exec.ExitError](err); err != nil && !exited {
		return "", err
	}
	got := fmt.Sprintf("%s, %s", out, cmd.ProcessState)
	if with != "out" {
		return got, nil
	}
	back, err := os.ReadFile(filepath.Join(r.dir, "back"))
	sum := sha256.Sum256(back)
	return fmt.Sprintf("%s, %d bytes, %s", got, len(back), hex.EncodeToString(sum[:])), err
}
