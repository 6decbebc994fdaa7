package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// callAWS is a program that knows of AWS what its environment says, and nothing
// of Sesame:
//
//	awscall identity     say who calls
//	awscall token        ask for credentials of a federated user
//	awscall assume ROLE  go on as a role, and say who calls then
//	awscall loop FILE    make FILE after a call, and call until it is refused
//	awscall session ID   start a session on a machine, as the AWS CLI does
//	awscall exit         end with 3
func callAWS() {
	if err := calledAWS(context.Background(), os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func calledAWS(ctx context.Context, args []string) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	cfg, err := config.LoadDefaultConfig(ctx, config.WithRetryMaxAttempts(1))
	if err != nil {
		return err
	}
	client := sts.NewFromConfig(cfg)
	switch args[0] {
	case "exit":
		os.Exit(3)
	case "session":
		return startedSession(ctx, cfg, args[1])
	case "token":
		_, err = client.GetFederationToken(ctx, &sts.GetFederationTokenInput{Name: aws.String("any")})
		return err
	case "assume":
		cfg.Credentials = stscreds.NewAssumeRoleProvider(client, args[1])
		client = sts.NewFromConfig(cfg)
		args[0] = "identity"
	}
	for {
		who, err := client.GetCallerIdentity(ctx, nil)
		if err != nil {
			return err
		}
		if args[0] == "identity" {
			fmt.Println(aws.ToString(who.Arn))
			return nil
		}
		if err := os.WriteFile(args[1], []byte(aws.ToString(who.Arn)+"\n"), 0o600); err != nil {
			return err
		}
	}
}

// startedSession hands a session to the plugin.
func startedSession(ctx context.Context, cfg aws.Config, instance string) error {
	in := &ssm.StartSessionInput{Target: &instance}
	out, err := ssm.NewFromConfig(cfg).StartSession(ctx, in)
	if err != nil {
		return err
	}
	response, err := json.Marshal(map[string]*string{"SessionId": out.SessionId, "TokenValue": out.TokenValue, "StreamUrl": out.StreamUrl})
	if err != nil {
		return err
	}
	const variable = "AWS_SSM_START_SESSION_RESPONSE"
	cmd := exec.CommandContext(ctx, pluginName, variable, cfg.Region, "StartSession", "", `{"Target":"`+instance+`"}`, "https://ssm."+cfg.Region+".amazonaws.com")
	cmd.Env = append(os.Environ(), variable+"="+string(response))
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	return cmd.Run()
}
