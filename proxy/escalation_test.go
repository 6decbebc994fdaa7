package proxy_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
)

// TestEscalationByWhatIsTold has operations that escalate with some parameters
// alone, however these are written.
func TestEscalationByWhatIsTold(t *testing.T) {
	form := func(service, body string) message {
		return message{
			method: "POST", url: "https://" + service + ".us-east-1.amazonaws.com/", service: service, body: body,
			header: map[string]string{"Content-Type": "application/x-www-form-urlencoded"},
		}
	}
	const (
		modify   = "Action=ModifyDBInstance&Version=2014-10-31&DBInstanceIdentifier=orders"
		password = "since it sets a password or a key that outlives the grant"
	)
	rotate := func(body string) message { return json1("secretsmanager", "secretsmanager.RotateSecret", body) }
	for name, c := range map[string]struct {
		message  message
		sentence string // of the refusal; empty for none
	}{
		"a class":                   {form("rds", modify+"&DBInstanceClass=db.t3.small"), ""},
		"a password":                {form("rds", modify+"&MasterUserPassword=abcdefgh"), password},
		"a password, escaped":       {form("rds", modify+"&Master%55serP%61ssword=abcdefgh"), password},
		"a password in the query":   {message{method: "GET", url: "https://rds.us-east-1.amazonaws.com/?" + modify + "&MasterUserPassword=abcdefgh", service: "rds"}, password},
		"a rotation at once":        {rotate(`{"SecretId":"db"}`), ""},
		"a function to rotate with": {rotate(`{"SecretId":"db","RotationLambdaARN":"arn:aws:lambda:us-east-1:222222222222:function:f"}`), "since it has something done after the grant is over"},
		"the same, escaped":         {rotate(`{"SecretId":"db","Rotation\u004cambdaARN":"arn:aws:lambda:us-east-1:222222222222:function:f"}`), "since it has something done after the grant is over"},
		"nothing that is told":      {message{method: "POST", url: "https://iot.us-east-1.amazonaws.com/things/lamp", service: "iot"}, ""},
		"a policy that is told":     {message{method: "POST", url: "https://iot.us-east-1.amazonaws.com/things/lamp", service: "iot", body: `{"attributePayload":{"attributes":{"a":"Principal"}}}`}, "since it may hand over a policy"},
		"jobs with credentials":     {json1("codepipeline", "CodePipeline_20150709.PollForJobs", `{}`), "since it hands out credentials of AWS"},
		"an administrator of everybody": {
			message{method: "POST", url: "https://securityhub.us-east-1.amazonaws.com/organization/admin/enable", service: "securityhub", body: `{"AdminAccountId":"333333333333"}`},
			"since it changes who may do what",
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, "")
			w := r.serve(r.signed(c.message), home)
			if refused := w.Code != http.StatusOK; refused != (c.sentence != "") || !strings.Contains(plain(w.Body.String()), c.sentence) {
				t.Errorf("%d %s, want %q", w.Code, w.Body, c.sentence)
			}
			if n := len(r.aws.received()); (c.sentence != "") != (n == 0) {
				t.Errorf("%d calls reached AWS", n)
			}
		})
	}
}

// TestHeadersNeedActions has calls of S3 that need more with a header, under
// lists that are about what is needed then.
func TestHeadersNeedActions(t *testing.T) {
	put := func(path string, header map[string]string) message {
		return message{method: "PUT", url: "https://b.s3.us-east-1.amazonaws.com" + path, service: "s3", header: header}
	}
	const objects = `{"allow":["s3:PutObject","s3:GetObject","s3:CreateBucket"]}`
	for name, c := range map[string]struct {
		lists   string
		message message
		actions []string
		refused bool
	}{
		"none":                      {objects, put("/k", nil), []string{"s3:PutObject"}, false},
		"a list":                    {objects, put("/k", map[string]string{"X-Amz-Acl": "bucket-owner-full-control"}), []string{"s3:PutObject", "s3:PutObjectAcl"}, true},
		"a list that is denied":     {`{"deny":["s3:PutObjectAcl"]}`, put("/k", map[string]string{"X-Amz-Acl": "private"}), []string{"s3:PutObject", "s3:PutObjectAcl"}, true},
		"a lock":                    {objects, put("/k", map[string]string{"X-Amz-Object-Lock-Legal-Hold": "ON"}), []string{"s3:PutObject", "s3:PutObjectLegalHold"}, true},
		"a copy":                    {objects, put("/k", map[string]string{"X-Amz-Copy-Source": "/b/j"}), []string{"s3:PutObject", "s3:GetObject"}, false},
		"a copy of what was before": {objects, put("/k", map[string]string{"X-Amz-Copy-Source": "/b/j?versionId=1"}), []string{"s3:PutObject", "s3:GetObject", "s3:GetObjectVersion"}, true},
		"a bucket":                  {objects, put("/", map[string]string{"X-Amz-Acl": "private"}), []string{"s3:CreateBucket"}, false},
		"a bucket with a list":      {objects, put("/", map[string]string{"X-Amz-Acl": "log-delivery-write"}), []string{"s3:CreateBucket", "s3:PutBucketAcl"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, c.lists)
			w := r.serve(r.signed(c.message), home)
			if refused := w.Code != http.StatusOK; refused != c.refused {
				t.Errorf("%d %s", w.Code, w.Body)
			}
			if got := r.entries()[0].Actions; !slices.Equal(got, c.actions) {
				t.Errorf("it needs %q, want %q", got, c.actions)
			}
		})
	}
}
