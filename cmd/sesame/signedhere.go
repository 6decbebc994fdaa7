package main

import (
	"path/filepath"
	"slices"
	"strings"
)

// What is signed on this computer and used elsewhere cannot work: it is signed
// with a key that only Sesame's proxy knows, and does not pass there. These are
// the commands of the AWS CLI that make such things.
var signedCommands = []struct {
	service   string
	operation string
	what      string // they make
	instead   string
}{
	{"s3", "presign", "a presigned URL", "fetch the object with sesame aws s3 cp, or have whoever needs it ask for access"},
	{"eks", "get-token", "a token for EKS", "ask for access that is direct, since kubectl cannot go through Sesame"},
	{"rds", "generate-db-auth-token", "a token for RDS", "ask for access that is direct, or use a password of the database"},
	{"dsql", "generate-db-connect-auth-token", "a token for DSQL", "ask for access that is direct"},
	{"dsql", "generate-db-connect-admin-auth-token", "a token for DSQL", "ask for access that is direct"},
	{"ec2-instance-connect", "open-tunnel", "the address of a tunnel", "use a session of Session Manager"},
	{"ec2-instance-connect", "ssh", "the address of a tunnel", "use a session of Session Manager"},
	{"codecommit", "credential-helper", "a password for CodeCommit", "ask for access that is direct"},
}

// signedHere says why a command of the AWS CLI cannot give anything of use;
// nothing for one that can.
func signedHere(args []string) string {
	if filepath.Base(args[0]) != "aws" || slices.Contains(args, "help") {
		return ""
	}
	for _, c := range signedCommands {
		if calls(args[1:], c.service, c.operation) {
			return c.what + " would be signed on this computer with a key that only Sesame knows, so it would be refused wherever it is used: " + c.instead
		}
	}
	return ""
}

// calls reports whether a command line of the AWS CLI is for an operation of a
// service: these are its first words but for options, which may stand anywhere.
func calls(args []string, service, operation string) bool {
	var words []string
	for i := 0; i < len(args) && len(words) < 2; i++ {
		switch {
		case !strings.HasPrefix(args[i], "-"):
			words = append(words, args[i])
		case takesValue(args[i]):
			i++
		}
	}
	return slices.Equal(words, []string{service, operation})
}

// takesValue reports whether the next word belongs to an option of the AWS CLI.
func takesValue(option string) bool {
	return !strings.Contains(option, "=") && !strings.HasPrefix(option, "--no-") && option != "--debug" && option != "--cli-auto-prompt"
}

// kubernetes are the programs that sign in to clusters with tokens that the AWS
// CLI makes for them.
var kubernetes = []string{"kubectl", "helm", "k9s", "eksctl"}

// likelySignedHere says what may not work of a command that can do without; it is
// nothing for most.
func likelySignedHere(args []string) string {
	switch name := filepath.Base(args[0]); {
	case slices.Contains(kubernetes, name):
		return name + " will be refused by clusters of EKS, whose tokens are signed on this computer with a key that only Sesame knows: ask for access that is direct"
	case name == "aws" && calls(args[1:], "eks", "update-kubeconfig"):
		return "kubectl will be refused with what this writes, since its tokens would be signed on this computer with a key that only Sesame knows: ask for access that is direct"
	}
	return ""
}
