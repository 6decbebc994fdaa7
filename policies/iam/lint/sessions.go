package lint

import (
	"slices"
	"strings"

	"sesame/policies/iam"
)

const (
	startSession = "ssm:StartSession"
	sendCommand  = "ssm:SendCommand"
	openChannel  = "ssmmessages:OpenDataChannel"

	anyDocument = "arn:*:ssm:*:*:document/*"
	anyInstance = "arn:*:ec2:*:*:instance/*"
	anyManaged  = "arn:*:ssm:*:*:managed-instance/*"
	anySession  = "arn:*:ssm:*:*:session/*"
)

// sessions looks at what a document says about Session Manager as a whole.
func (c *checker) sessions() {
	if c.options.Kind != iam.IdentityBased {
		return
	}
	var starts, documents, channel bool
	var at iam.Position
	for i := range c.doc.Statements {
		s := &c.doc.Statements[i]
		if s.Effect != iam.Allow {
			continue
		}
		if _, ok := covers(s, openChannel); ok {
			channel = true
		}
		if _, ok := covers(s, startSession); !ok {
			continue
		}
		documents = documents || namesDocument(s)
		where, ok := means(s, startSession)
		if !ok {
			continue
		}
		c.starting(s)
		if (reaches(s.Resources.Values, anyInstance) || reaches(s.Resources.Values, anyManaged)) && !starts {
			starts, at = true, where
		}
	}
	if !starts {
		return
	}
	if !documents && !c.options.Part {
		c.found(at, "AWS checks StartSession for the target and for the document", "no statement allows a Session document")
	}
	if !channel && !c.options.Part {
		c.found(at, "without it the session's channel is not opened", "no statement allows %s", openChannel)
	}
	c.beside()
}

// namesDocument reports whether the statement allows a document, or at least
// means to.
func namesDocument(s *iam.Statement) bool {
	return s.Resources.Not || slices.ContainsFunc(s.Resources.Values, func(v iam.Value) bool {
		return v.Text == "*" && !tagged(s) || v.Text != "*" && overlapARN(v.Text, anyDocument)
	})
}

// tagged reports whether the statement is about resources with some tag.
func tagged(s *iam.Statement) bool {
	return slices.ContainsFunc(s.Conditions, func(cond iam.Condition) bool {
		return aboutTag(cond.Key.Text) && !cond.IfExists && !cond.Negated()
	})
}

// starting looks at one statement that allows StartSession.
func (c *checker) starting(s *iam.Statement) {
	for _, v := range s.Resources.Values {
		switch {
		case s.Resources.Not:
		case v.Text == "*":
			c.found(v.At, "that is every instance, every task and every document", "%s on *", startSession)
		case len(s.Conditions) == 0 && (strings.HasSuffix(v.Text, ":instance/*") || strings.HasSuffix(v.Text, ":managed-instance/*")):
			c.found(v.At, "that is every instance there", "%s on %s without a condition", startSession, v.Text)
		}
		if tagged(s) && (v.Text == "*" || overlapARN(v.Text, anyDocument)) {
			c.found(v.At, "documents of AWS have no tags, so no session can be started with one", "the tag condition is also about documents")
		}
	}
}

// ownSessions looks at whose sessions a person may end and resume.
func (c *checker) ownSessions(s *iam.Statement) {
	for _, name := range []string{"ssm:TerminateSession", "ssm:ResumeSession"} {
		at, ok := means(s, name)
		if !ok {
			continue
		}
		for _, v := range s.Resources.Values {
			switch {
			case strings.Contains(v.Text, "session/${aws:userid}"):
				c.found(v.At, "the id of a session begins with the name of the role session, not with aws:userid", "%s on %s", name, v.Text)
			case len(s.Conditions) == 0 && (v.Text == "*" || strings.HasSuffix(v.Text, ":session/*")):
				c.found(at, "that is everybody's: compare ssm:resourceTag/aws:ssmmessages:session-id with ${aws:userid}", "%s on every session", name)
			}
		}
	}
}

// beside looks at what else people may do who start sessions.
func (c *checker) beside() {
	for i := range c.doc.Statements {
		s := &c.doc.Statements[i]
		if s.Effect != iam.Allow {
			continue
		}
		c.ownSessions(s)
		if at, ok := means(s, sendCommand); ok {
			c.found(at, "it runs commands as root, and no session log shows them", "%s beside %s", sendCommand, startSession)
		}
		for _, name := range []string{"logs:CreateLogStream", "logs:PutLogEvents"} {
			if at, ok := means(s, name); ok {
				c.found(at, "the role of the instance writes the session log, not the person's", "%s beside %s", name, startSession)
				break
			}
		}
	}
}
