package lint

import (
	"strings"

	"sesame/policies/iam"
)

// arns looks for ARNs that can be nothing's.
func (c *checker) arns(s *iam.Statement) {
	for _, v := range s.Resources.Values {
		c.arn(v)
	}
	if s.Principals == nil {
		return
	}
	for _, some := range [][]iam.Value{s.Principals.AWS, s.Principals.Federated} {
		for _, v := range some {
			c.arn(v)
			if v.Text != "*" && (wild(v.Text) || strings.Contains(v.Text, "${")) {
				c.found(v.At, "IAM refuses it: compare aws:PrincipalArn in a condition", "a wildcard or a variable in the principal %s", v.Text)
			}
		}
	}
	for _, v := range s.Principals.Service {
		if !strings.HasSuffix(v.Text, ".amazonaws.com") && !strings.HasSuffix(v.Text, ".amazonaws.com.cn") {
			c.found(v.At, "those of AWS end in .amazonaws.com", "there is no service %q", v.Text)
		}
	}
}

const arnParts = 6

func (c *checker) arn(v iam.Value) {
	if !strings.HasPrefix(v.Text, "arn:") {
		return
	}
	part := splitARN(v.Text)
	last := part[len(part)-1]
	wrong := ""
	switch {
	case strings.ContainsAny(anyOf(v.Text), " \t\n"):
		wrong = "it has a blank"
	case len(part) < arnParts && strings.HasSuffix(last, "*") && !strings.Contains(last, "/"):
	case len(part) < arnParts:
		wrong = "it has too few parts"
	case !strings.HasPrefix(part[1], "aws") && !strings.ContainsAny(part[1], "*?$"):
		wrong = "there is no partition " + part[1]
	case !isAccount(part[4]):
		wrong = "an account has twelve digits"
	case last == "":
		wrong = "it ends too soon"
	case strings.HasPrefix(last, ":"):
		wrong = "it has a colon too many"
	}
	if wrong != "" {
		c.found(v.At, wrong, "%s is no ARN", v.Text)
	}
}

// splitARN returns the parts of an ARN. A colon within ${…} separates nothing.
func splitARN(text string) []string {
	var parts []string
	begin, depth := 0, 0
	for i := 0; i < len(text) && len(parts) < arnParts-1; i++ {
		switch {
		case strings.HasPrefix(text[i:], "${"):
			depth = 1
		case text[i] == '}':
			depth = 0
		case text[i] == ':' && depth == 0:
			parts = append(parts, text[begin:i])
			begin = i + 1
		}
	}
	return append(parts, text[begin:])
}

func isAccount(text string) bool {
	const digits = 12
	if text == "" || text == "aws" || strings.ContainsAny(text, "*?$") {
		return true
	}
	return len(text) == digits && strings.Trim(text, "0123456789") == ""
}
