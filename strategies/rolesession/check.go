package rolesession

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"

	"sesame/flows/access"
	"sesame/flows/flowfile"
	"sesame/policies/iam/catalog"
)

// probeName is the session name of probes in CloudTrail, and whose sessions
// they are.
const probeName = "sesame-probe"

// A Report is what AWS says about a target.
type Report struct {
	// Problems are why the target cannot be granted, each a sentence.
	Problems []string
	// Warnings are what somebody should know about it.
	Warnings []string
}

func (r *Report) problem(format string, args ...any) {
	r.Problems = append(r.Problems, fmt.Sprintf(format, args...))
}

// Check probes the role of a target: it is to be assumed as it will be, and
// not without the external id, since whoever else may assume roles for
// others could be talked into assuming it then. What the probes are given may do nothing. An
// error means that AWS could not be asked.
func (s *Sessions) Check(ctx context.Context, t access.Target) (Report, error) {
	var r Report
	role := t.Params[flowfile.ParamRoleARN]
	r.Warnings = unknownActions(t.Params)
	if _, err := policyOf(t.Params); err != nil {
		r.problem("%v.", err)
		return r, nil
	}
	params := map[string]string{ParamPerson: probeName}
	for name, value := range t.Params {
		params[name] = value
	}
	in, err := s.input(params, probeName)
	if err != nil {
		r.problem("%v: put the file back, or name another.", err)
		return r, nil
	}
	in.Policy, in.DurationSeconds = aws.String(probePolicy()), aws.Int32(int32(minSession.Seconds()))
	client, err := s.client(ctx, t.Params[flowfile.ParamRegion])
	if err != nil {
		return r, fmt.Errorf("probe %s: %w", role, err)
	}
	switch refused, err := probe(ctx, client, in); {
	case err != nil:
		return r, fmt.Errorf("probe %s: %w", role, err)
	case refused != "":
		r.problem("the role %s cannot be assumed (%s): its trust policy is to name Sesame and the external id, and to allow sts:AssumeRole, sts:TagSession and sts:SetSourceIdentity.", role, refused)
		return r, nil
	}
	in.ExternalId = nil
	switch refused, err := probe(ctx, client, in); {
	case err != nil:
		return r, fmt.Errorf("probe %s without the external id: %w", role, err)
	case refused == "":
		r.problem("the role %s can be assumed without the external id: have its trust policy require sts:ExternalId with StringEquals.", role)
	}
	return r, nil
}

// unknownActions says which of the listed calls are no actions of IAM. What is
// misspelt under deny denies nothing.
func unknownActions(params map[string]string) []string {
	calls, err := flowfile.ParseCalls(params)
	if err != nil {
		return nil // a problem, and said as one
	}
	var all []string
	for _, list := range []struct {
		key, means string
		patterns   []string
	}{
		{"calls.allow", "allows no call that is known", calls.Allow},
		{"calls.deny", "denies no more than an operation of that name", calls.Deny},
	} {
		for _, pattern := range list.patterns {
			if !isAction(pattern) {
				all = append(all, fmt.Sprintf("%s has %s, which is no IAM action that is known, so it %s: check how it is spelled.", list.key, pattern, list.means))
			}
		}
	}
	return all
}

// isAction reports whether a pattern matches an action of IAM.
func isAction(pattern string) bool {
	if pattern == "*" {
		return true
	}
	prefix, name, _ := strings.Cut(strings.ToLower(pattern), ":")
	service, known := catalog.Lookup(prefix)
	return known && slices.ContainsFunc(service.Actions, func(a catalog.Action) bool {
		matched, err := path.Match(name, strings.ToLower(a.Name))
		return matched && err == nil
	})
}

// probe tries to assume a role, and returns why that was refused.
func probe(ctx context.Context, client *sts.Client, in *sts.AssumeRoleInput) (refused string, err error) {
	_, err = client.AssumeRole(ctx, in)
	api, answered := errors.AsType[smithy.APIError](err)
	switch {
	case err == nil:
		return "", nil
	case answered && api.ErrorCode() == "AccessDenied":
		return api.ErrorCode(), nil
	case answered && misconfigured[api.ErrorCode()]:
		return api.ErrorCode() + ": " + api.ErrorMessage(), nil
	}
	return "", err
}

// misconfigured are refusals of what the flow files say, and not of the moment.
var misconfigured = map[string]bool{
	"ValidationError": true, "PackedPolicyTooLarge": true, "PackedPolicyTooLargeException": true,
	"MalformedPolicyDocument": true, "MalformedPolicyDocumentException": true, "RegionDisabledException": true,
}
