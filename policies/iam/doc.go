// Package iam reads IAM policy documents and says what they allow.
//
//	{"Version": "2012-10-17", "Statement": [{          Parse     text to Document
//	    "Effect": "Allow",                             Compile   Document to Policy
//	    "Action": "ssm:StartSession",                  Evaluate  Policies and Request to Verdict
//	    "Resource": "arn:aws:ec2:*:*:instance/*",
//	    "Condition": {"StringEquals": {"ssm:resourceTag/Department": "FrontEnd"}}}]}
//
// It promises that every element of a document knows its file, line and column;
// that a document is compiled once and evaluated many times, by many goroutines
// at once; that a verdict names the statements that made it; and that nothing
// that goes wrong allows: an Allow that cannot be decided grants nothing, a
// Deny that cannot be decided denies, and the zero of everything refuses.
//
// It follows what the IAM User Guide says under "Policy evaluation logic",
// "IAM JSON policy elements" and "Policy variables", and is stricter than IAM
// where a document is legal but has no meaning, such as an empty list.
//
// It refuses to fetch anything, to read a clock, and to guess what a request
// carries: tags, times and names come with the request, as context keys.
package iam
