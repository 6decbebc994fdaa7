package flowfile

import "regexp"

// The shapes of ids and names. Those of AWS are as its API reference has them.
var (
	nameShape       = regexp.MustCompile(`^[a-z][a-z0-9._-]{0,63}$`)
	fieldShape      = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)
	emailShape      = regexp.MustCompile(`^[^@\s<>"]+@[^@\s<>"]+\.[^@\s<>".]+$`)
	usergroupShape  = regexp.MustCompile(`^S[A-Z0-9]{2,20}$`)
	channelShape    = regexp.MustCompile(`^[CG][A-Z0-9]{2,20}$`)
	directoryShape  = regexp.MustCompile(`^([0-9a-f]{10}-)?[A-Fa-f0-9]{8}(-[A-Fa-f0-9]{4}){3}-[A-Fa-f0-9]{12}$`)
	regionShape     = regexp.MustCompile(`^[a-z]{2}(-[a-z]+)+-\d$`)
	instanceShape   = regexp.MustCompile(`^arn:aws[a-z-]*:sso:::instance/(sso)?ins-[a-zA-Z0-9.-]{16}$`)
	roleShape       = regexp.MustCompile(`^arn:aws[a-z-]*:iam::\d{12}:role/\S+$`)
	portalShape     = regexp.MustCompile(`^https://\S+$`)
	accountShape    = regexp.MustCompile(`^\d{12}$`)
	permissionShape = regexp.MustCompile(`^[\w+=,.@-]{1,32}$`)
)
