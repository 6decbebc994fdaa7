package partner_test

import (
	"strings"
	"testing"

	"sesame/strategies/partner"
)

// TestTakes tries trust policies without an external id, with the right one, and
// with another.
func TestTakes(t *testing.T) {
	const stranger, own = `{"AWS":"arn:aws:iam::333333333333:role/Operators"}`, `{"AWS":"arn:aws:iam::222222222222:role/Admin"}`
	allow := func(principal, conditions string) string {
		return `{"Effect":"Allow","Principal":` + principal + `,"Action":"sts:AssumeRole","Condition":` + conditions + `}`
	}
	const asked, people = `"StringEquals":{"sts:ExternalId":"right"}`, `"StringEquals":{"sts:RoleSessionName":"carol"}`
	for name, c := range map[string]struct {
		statements []string
		want       string // of none, right, wrong: those that are taken
	}{
		"asked for":             {[]string{allow(stranger, `{`+asked+`}`)}, "right"},
		"two are taken":         {[]string{allow(stranger, `{"StringEquals":{"sts:ExternalId":["right","wrong"]}}`)}, "right wrong"},
		"not asked for":         {[]string{allow(stranger, `{`+people+`}`)}, "none right wrong"},
		"optional":              {[]string{allow(stranger, `{"StringEqualsIfExists":{"sts:ExternalId":"right"}}`)}, "none right"},
		"in other letters":      {[]string{allow(stranger, `{"StringEqualsIgnoreCase":{"sts:externalid":"RIGHT"}}`)}, "right"},
		"any":                   {[]string{allow(stranger, `{"StringLike":{"sts:ExternalId":"*"}}`)}, "right wrong"},
		"whatever is there":     {[]string{allow(stranger, `{"Null":{"sts:ExternalId":"false"}}`)}, "right wrong"},
		"all but one":           {[]string{allow(stranger, `{"StringNotEquals":{"sts:ExternalId":"wrong"}}`)}, "none right"},
		"with another address":  {[]string{allow(stranger, `{`+asked+`,"IpAddress":{"aws:SourceIp":"10.0.0.0/8"}}`)}, "right"},
		"only from an address":  {[]string{allow(stranger, `{"IpAddress":{"aws:SourceIp":"10.0.0.0/8"}}`)}, "none right wrong"},
		"a variable":            {[]string{allow(stranger, `{"StringEquals":{"sts:ExternalId":"${aws:PrincipalTag/id}"}}`)}, "none right wrong"},
		"the account":           {[]string{allow(`{"AWS":"333333333333"}`, `{}`)}, "none right wrong"},
		"everybody":             {[]string{allow(`"*"`, `{`+people+`}`)}, "none right wrong"},
		"all but somebody":      {[]string{`{"Effect":"Allow","NotPrincipal":` + own + `,"Action":"sts:*"}`}, "none right wrong"},
		"own people besides":    {[]string{allow(own, `{}`), allow(stranger, `{`+asked+`}`)}, "right"},
		"a service":             {[]string{allow(`{"Service":"ec2.amazonaws.com"}`, `{}`)}, ""},
		"who was deleted":       {[]string{allow(`{"AWS":"AROAEXAMPLEEXAMPLE012"}`, `{}`)}, ""},
		"another action":        {[]string{`{"Effect":"Allow","Principal":` + stranger + `,"Action":"sts:TagSession"}`}, ""},
		"nobody":                {[]string{allow(own, `{}`)}, ""},
		"two ways":              {[]string{allow(stranger, `{`+asked+`}`), allow(stranger, `{"StringEquals":{"sts:ExternalId":"wrong"}}`)}, "right wrong"},
		"denied without":        {[]string{allow(stranger, `{}`), `{"Effect":"Deny","Principal":"*","Action":"sts:AssumeRole","Condition":{"StringNotEquals":{"sts:ExternalId":"right"}}}`}, "right"},
		"denied to some":        {[]string{allow(stranger, `{}`), `{"Effect":"Deny","Principal":` + stranger + `,"Action":"sts:AssumeRole","Condition":{"StringNotEquals":{"sts:ExternalId":"right"}}}`}, "none right wrong"},
		"denied now and then":   {[]string{allow(stranger, `{}`), `{"Effect":"Deny","Principal":"*","Action":"sts:AssumeRole","Condition":{"StringNotEquals":{"sts:ExternalId":"right"},"Bool":{"aws:SecureTransport":"false"}}}`}, "none right wrong"},
		"denied by a variable":  {[]string{allow(stranger, `{}`), `{"Effect":"Deny","Principal":"*","Action":"sts:AssumeRole","Condition":{"StringEquals":{"sts:ExternalId":"${aws:PrincipalTag/id}"}}}`}, "none right wrong"},
		"of another account":    {[]string{allow(`{"AWS":["arn:aws:iam::222222222222:role/Admin","arn:aws:iam::444444444444:root"]}`, `{}`)}, "none right wrong"},
		"of no account at all":  {[]string{allow(`{"Federated":"cognito-identity.amazonaws.com"}`, `{}`)}, ""},
		"in another partition":  {[]string{allow(`{"AWS":"arn:aws-cn:iam::333333333333:root"}`, `{`+asked+`}`)}, "right"},
		"by action of the wild": {[]string{`{"Effect":"Allow","Principal":` + stranger + `,"NotAction":"sts:TagSession"}`}, "none right wrong"},
	} {
		t.Run(name, func(t *testing.T) {
			trust := `{"Version":"2012-10-17","Statement":[` + strings.Join(c.statements, ",") + `]}`
			var got []string
			for _, id := range []string{"none", "right", "wrong"} {
				taken, err := partner.Takes(trust, "222222222222", strings.TrimPrefix(id, "none"))
				if err != nil {
					t.Fatal(err)
				}
				if taken {
					got = append(got, id)
				}
			}
			if strings.Join(got, " ") != c.want {
				t.Errorf("taken: %q, want %q", got, c.want)
			}
		})
	}
	for _, text := range []string{"", "{", "[]", `{"Statement":{"Effect":"Maybe"}}`} {
		if _, err := partner.Takes(text, "222222222222", "right"); err == nil {
			t.Errorf("%q was read", text)
		}
	}
}
