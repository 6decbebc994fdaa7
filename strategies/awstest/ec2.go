package awstest

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

const (
	ec2Name    = "ec2"
	ec2Version = "2016-11-15"
)

// ec2Codes are the names that EC2 has where it differs from STS.
func ec2Codes() codes {
	c := queryCodes
	c.invalid, c.throttled, c.denied, c.internal, c.unavailable = "InvalidParameterValue", "RequestLimitExceeded", "UnauthorizedOperation", "InternalError", "Unavailable"
	c.noKey, c.expired, c.mismatch = "AuthFailure", "RequestExpired", "AuthFailure"
	return c
}

func ec2Service() service {
	ids := list(1, 1000, text(1, 0, ""))
	dry := may("DryRun", oneOf("true", "false"))
	filter := structure(need("Name", text(1, 0, "")), need("Value", list(1, 200, text(1, 0, ""))))
	return service{name: ec2Name, query: true, ec2: true, version: ec2Version, codes: ec2Codes(), about: aboutInstances, operations: map[string]operation{
		"DescribeInstances": {structure(
			may("InstanceId", ids), may("Filter", list(1, 200, filter)),
			may("MaxResults", number(5, 1000)), may("NextToken", text(1, 0, "")), dry,
		), describeInstances},
		"DescribeRegions": {structure(
			may("RegionName", list(1, 200, text(1, 0, ""))), may("Filter", list(1, 200, filter)), may("AllRegions", oneOf("false")), dry,
		), describeRegions},
		"RebootInstances": {structure(need("InstanceId", ids), dry), rebootInstances},
	}}
}

// aboutInstances is each machine that is changed; looking at them is about
// nothing in particular.
func aboutInstances(r *request) []Resource {
	if strings.HasPrefix(r.call.Operation, "Describe") {
		return nil
	}
	var all []Resource
	for _, id := range r.texts("InstanceId") {
		all = append(all, Resource{fmt.Sprintf("arn:aws:ec2:%s:%s:instance/%s", r.call.Region, r.call.Caller.Account, id), r.w.instances[id].Tags})
	}
	return all
}

// texts are the elements of a list of the input.
func (r *request) texts(name string) []string {
	values, _ := r.in[name].([]any)
	all := make([]string, len(values))
	for i, v := range values {
		all[i], _ = v.(string)
	}
	return all
}

// rehearsed refuses a call that is only to say whether it would be allowed.
func (r *request) rehearsed() error {
	if r.text("DryRun") != "true" {
		return nil
	}
	return &apiError{code: "DryRunOperation", status: http.StatusPreconditionFailed, message: "Request would have succeeded, but DryRun flag is set."}
}

// machines returns those that the input names, which must all be there, or all
// that the caller's account has in the region.
func (r *request) machines() ([]Instance, error) {
	var all []Instance
	asked := r.texts("InstanceId")
	for _, i := range r.w.instances {
		if i.Account == r.call.Caller.Account && i.Region == r.call.Region && (len(asked) == 0 || slices.Contains(asked, i.ID)) {
			all = append(all, i)
		}
	}
	for _, id := range asked {
		if !slices.ContainsFunc(all, func(i Instance) bool { return i.ID == id }) {
			return nil, refusal("InvalidInstanceID.NotFound", "The instance ID '%s' does not exist", id)
		}
	}
	return all, nil
}

func describeInstances(r *request) (doc, error) {
	if r.in["InstanceId"] != nil && r.in["MaxResults"] != nil {
		return nil, refusal("InvalidParameterCombination", "The parameter instancesSet cannot be used with the parameter maxResults")
	}
	all, err := r.machines()
	if err != nil {
		return nil, err
	}
	if err := r.rehearsed(); err != nil {
		return nil, err
	}
	var rows []row
	for _, i := range all {
		ok, err := r.filtered(i)
		if err != nil {
			return nil, err
		}
		if ok {
			rows = append(rows, row{i.ID, i.reservation()})
		}
	}
	out, err := r.page("reservationSet", rows)
	if token, more := out["NextToken"]; more {
		delete(out, "NextToken")
		out["nextToken"] = token
	}
	return out, err
}

// enabledRegions are those that an account has.
func enabledRegions() []string { return []string{"eu-central-1", "us-east-1", "us-west-2"} }

func describeRegions(r *request) (doc, error) {
	if r.in["RegionName"] != nil || r.in["Filter"] != nil {
		return nil, r.invalid("the stand-in lists all regions or none")
	}
	if err := r.rehearsed(); err != nil {
		return nil, err
	}
	var all []any
	for _, name := range enabledRegions() {
		all = append(all, doc{"regionName": name, "regionEndpoint": "ec2." + name + ".amazonaws.com", "optInStatus": "opt-in-not-required"})
	}
	return doc{"regionInfo": all}, nil
}

// filtered reports whether every filter of the input lets i through. The values
// of one filter are alternatives.
func (r *request) filtered(i Instance) (bool, error) {
	filters, _ := r.in["Filter"].([]any)
	through := true
	for _, v := range filters {
		f, _ := v.(doc)
		name, _ := f["Name"].(string)
		wanted, _ := f["Value"].([]any)
		has, known := i.attribute(name)
		if !known {
			return false, r.invalid("The filter '%s' is invalid", name)
		}
		through = through && has != "" && slices.Contains(wanted, any(has))
	}
	return through, nil
}

// attribute is what a filter looks at.
func (i Instance) attribute(name string) (value string, known bool) {
	if key, ok := strings.CutPrefix(name, "tag:"); ok {
		return i.Tags[key], true
	}
	switch name {
	case "instance-id":
		return i.ID, true
	case "instance-state-name":
		return cmp.Or(i.State, running), true
	}
	return "", false
}

// running is the state in which machines are of which nothing else is said.
const running = "running"

// reservation is a machine as DescribeInstances shows it, each in its own.
func (i Instance) reservation() doc {
	shown := doc{
		"instanceId": i.ID, "instanceState": doc{"code": 16, "name": cmp.Or(i.State, running)},
		"placement": doc{"availabilityZone": i.Region + "a"},
	}
	if len(i.Tags) > 0 {
		var tags []any
		for _, key := range sortedKeys(i.Tags) {
			tags = append(tags, doc{"key": key, "value": i.Tags[key]})
		}
		shown["tagSet"] = tags
	}
	return doc{"reservationId": "r-" + strings.TrimPrefix(i.ID, "i-"), "ownerId": i.Account, "instancesSet": []any{shown}}
}

func rebootInstances(r *request) (doc, error) {
	all, err := r.machines()
	if err != nil {
		return nil, err
	}
	if err := r.rehearsed(); err != nil {
		return nil, err
	}
	for _, i := range all {
		i.Reboots++
		r.w.instances[i.ID] = i
	}
	return doc{"return": true}, nil
}

// unflatten gives the lists of EC2's forms, InstanceId.1, the type that JSON
// would have given them, and its numbers theirs.
func unflatten(name string, v any) any {
	if s, ok := v.(string); ok && name == "MaxResults" {
		return json.Number(s)
	}
	d, ok := v.(doc)
	if !ok {
		return v
	}
	for inner, value := range d {
		d[inner] = unflatten(inner, value)
	}
	values := []any{}
	for i := 1; d[strconv.Itoa(i)] != nil; i++ {
		values = append(values, d[strconv.Itoa(i)])
	}
	if len(values) != len(d) {
		return d
	}
	return values
}

// writeEC2 writes the answer or the refusal as EC2 does, which is like no other
// service's.
func writeEC2(rw http.ResponseWriter, r *request, out doc, e *apiError) {
	rw.Header().Set("Content-Type", "text/xml;charset=UTF-8")
	var b strings.Builder
	if e != nil {
		rw.WriteHeader(e.status)
		elements(&b, "item", "Error", doc{"Code": e.code, "Message": e.message})
		fmt.Fprintf(rw, "<Response><Errors>%s</Errors><RequestID>%s</RequestID></Response>", &b, r.call.RequestID)
		return
	}
	elements(&b, "item", "requestId", r.call.RequestID)
	for _, name := range sortedKeys(out) {
		elements(&b, "item", name, out[name])
	}
	fmt.Fprintf(rw, `<%sResponse xmlns="http://ec2.amazonaws.com/doc/%s/">%s</%[1]sResponse>`, r.call.Operation, ec2Version, &b)
}
