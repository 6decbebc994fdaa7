package main

import (
	"strings"
	"testing"
)

func TestWhatIsSignedHereIsSaid(t *testing.T) {
	for line, want := range map[string]string{
		"aws s3 presign s3://b/k":                             "a presigned URL would be signed",
		"/usr/local/bin/aws s3 presign s3://b/k":              "a presigned URL would be signed",
		"aws --region r s3 --output json presign s3://b/k":    "a presigned URL would be signed",
		"aws s3 --no-verify-ssl presign s3://b/k":             "a presigned URL would be signed",
		"aws eks get-token --cluster-name c":                  "kubectl cannot go through Sesame",
		"aws rds generate-db-auth-token --hostname h":         "a token for RDS",
		"aws ec2-instance-connect ssh --instance-id i-1":      "use a session of Session Manager",
		"aws s3 ls s3://presign":                              "",
		"aws s3 cp presign s3://b/k":                          "",
		"aws s3 presign help":                                 "",
		"aws eks update-kubeconfig --name c":                  "",
		"aws dynamodb get-item --table-name s3 --key presign": "",
		"./my-script s3 presign":                              "",
		"aws":                                                 "",
	} {
		got := signedHere(strings.Fields(line))
		if want == "" && got != "" || !strings.Contains(got, want) {
			t.Errorf("%s: %q, want %q", line, got, want)
		}
	}
	for line, want := range map[string]string{
		"kubectl get pods":                     "kubectl will be refused by clusters of EKS",
		"/usr/bin/helm list":                   "helm will be refused",
		"aws --region r eks update-kubeconfig": "kubectl will be refused with what this writes",
		"aws eks list-clusters":                "",
		"terraform plan":                       "",
	} {
		got := likelySignedHere(strings.Fields(line))
		if want == "" && got != "" || !strings.Contains(got, want) {
			t.Errorf("%s: %q, want %q", line, got, want)
		}
	}
}
