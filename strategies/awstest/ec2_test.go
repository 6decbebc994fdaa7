package awstest_test

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"sesame/strategies/awstest"
)

// ec2 makes a call of EC2 with a key, and returns the status and the answer.
func (r *rig) ec2(k awstest.Key, form string) (int, string) {
	r.t.Helper()
	body := "Version=2016-11-15&" + form
	req, err := http.NewRequestWithContext(r.ctx(), http.MethodPost, r.w.URL()+"/", strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	sum := sha256.Sum256([]byte(body))
	creds := aws.Credentials{AccessKeyID: k.ID, SecretAccessKey: k.Secret, SessionToken: k.Token}
	if err := v4.NewSigner().SignHTTP(r.ctx(), creds, req, hex.EncodeToString(sum[:]), "ec2", "us-east-1", time.Now()); err != nil {
		r.t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return res.StatusCode, string(text)
}

var (
	shownID   = regexp.MustCompile(`<instanceId>([^<]+)</instanceId>`)
	nextToken = regexp.MustCompile(`<nextToken>([^<]+)</nextToken>`)
)

func TestMachines(t *testing.T) {
	r := newRig(t)
	for _, id := range []string{"i-0a", "i-0b", "i-0c", "i-0d", "i-0e", "i-0f"} {
		r.w.AddInstance(awstest.Instance{ID: id, Account: management, Region: "us-east-1", Tags: map[string]string{"Name": "web-" + id[3:]}})
	}
	r.w.AddInstance(awstest.Instance{ID: "i-1a", Account: payments, Region: "us-east-1"})
	r.w.AddInstance(awstest.Instance{ID: "i-1b", Account: management, Region: "eu-west-1"})
	for name, c := range map[string]struct {
		form   string
		status int
		want   string // the ids, or the code
	}{
		"all of them":             {"Action=DescribeInstances", 200, "i-0a i-0b i-0c i-0d i-0e i-0f"},
		"by id":                   {"Action=DescribeInstances&InstanceId.1=i-0b&InstanceId.2=i-0a", 200, "i-0a i-0b"},
		"by tag":                  {"Action=DescribeInstances&Filter.1.Name=tag:Name&Filter.1.Value.1=web-b&Filter.1.Value.2=web-c", 200, "i-0b i-0c"},
		"by tag and by id":        {"Action=DescribeInstances&Filter.1.Name=tag:Name&Filter.1.Value.1=web-b&Filter.2.Name=instance-id&Filter.2.Value.1=i-0c", 200, ""},
		"by state":                {"Action=DescribeInstances&Filter.1.Name=instance-state-name&Filter.1.Value.1=stopped", 200, ""},
		"by what nobody has":      {"Action=DescribeInstances&Filter.1.Name=colour&Filter.1.Value.1=red", 400, "InvalidParameterValue"},
		"by id and in pages":      {"Action=DescribeInstances&InstanceId.1=i-0b&MaxResults=5", 400, "InvalidParameterCombination"},
		"one that is not there":   {"Action=DescribeInstances&InstanceId.1=i-none", 400, "InvalidInstanceID.NotFound"},
		"another account's":       {"Action=RebootInstances&InstanceId.1=i-1a", 400, "InvalidInstanceID.NotFound"},
		"a member nobody knows":   {"Action=DescribeInstances&Colour=red", 400, "InvalidParameterValue"},
		"an operation of nobody":  {"Action=PaintInstances", 400, "InvalidAction"},
		"a rehearsal":             {"Action=RebootInstances&InstanceId.1=i-0a&DryRun=true", 412, "DryRunOperation"},
		"a rehearsal of a mishap": {"Action=RebootInstances&InstanceId.1=i-none&DryRun=true", 400, "InvalidInstanceID.NotFound"},
	} {
		t.Run(name, func(t *testing.T) {
			status, text := r.ec2(r.key, c.form)
			var ids []string
			for _, m := range shownID.FindAllStringSubmatch(text, -1) {
				ids = append(ids, m[1])
			}
			if status != c.status || status == 200 && strings.Join(ids, " ") != c.want || status != 200 && !strings.Contains(text, "<Response><Errors><Error><Code>"+c.want+"</Code>") {
				t.Errorf("%d %s, want %d %s", status, text, c.status, c.want)
			}
		})
	}
	_, first := r.ec2(r.key, "Action=DescribeInstances&MaxResults=5")
	token := nextToken.FindStringSubmatch(first)
	if token == nil || len(shownID.FindAllString(first, -1)) != 5 {
		t.Fatalf("the first page is %s", first)
	}
	if _, rest := r.ec2(r.key, "Action=DescribeInstances&MaxResults=5&NextToken="+url.QueryEscape(token[1])); !strings.Contains(rest, "<instanceId>i-0f</instanceId>") || len(shownID.FindAllString(rest, -1)) != 1 {
		t.Errorf("the second page is %s", rest)
	}
	if status, text := r.ec2(r.key, "Action=RebootInstances&InstanceId.1=i-0a"); status != 200 || !strings.Contains(text, "<return>true</return>") {
		t.Errorf("rebooted: %d %s", status, text)
	}
	if i, ok := r.w.Instance("i-0a"); !ok || i.Reboots != 1 {
		t.Errorf("%+v, want one reboot, and none by the rehearsal", i)
	}
	if status, text := r.ec2(r.key, "Action=DescribeRegions"); status != 200 || strings.Count(text, "<regionName>") != 3 || !strings.Contains(text, "<regionName>us-east-1</regionName>") {
		t.Errorf("regions: %d %s", status, text)
	}
	if status, text := r.ec2(awstest.Key{ID: r.key.ID, Secret: "wrong"}, "Action=DescribeInstances"); status != 401 || !strings.Contains(text, "<Code>AuthFailure</Code>") {
		t.Errorf("badly signed: %d %s", status, text)
	}
}
