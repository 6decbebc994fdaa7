package main

import (
	"encoding/xml"
	"os"
	"strings"

	"sesame/flows/flowtest"
)

// The form that JUnit gave to the outcome of tests, and others read.
type junitSuites struct {
	XMLName xml.Name     `xml:"testsuites"`
	Suites  []junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name     string      `xml:"name,attr"`
	Tests    int         `xml:"tests,attr"`
	Failures int         `xml:"failures,attr"`
	Errors   int         `xml:"errors,attr"`
	Cases    []junitCase `xml:"testcase"`
	Error    string      `xml:"system-err,omitempty"`
}

type junitCase struct {
	Name    string        `xml:"name,attr"`
	Class   string        `xml:"classname,attr"`
	File    string        `xml:"file,attr"`
	Line    int           `xml:"line,attr"`
	Failure *junitFailure `xml:"failure,omitempty"`
}

type junitFailure struct {
	Message string `xml:"message,attr"`
	Text    string `xml:",chardata"`
}

// writeJUnit writes the outcome of tests to the file called name.
func writeJUnit(name string, r flowtest.Report) error {
	var all junitSuites
	for _, s := range r.Suites {
		suite := junitSuite{Name: s.Name, Tests: len(s.Results)}
		if s.Err != nil {
			suite.Errors, suite.Error = 1, s.Err.Error()
		}
		for _, res := range s.Results {
			c := junitCase{Name: res.Name, Class: s.Name, File: s.Name, Line: res.Line}
			if len(res.Failures) > 0 {
				suite.Failures++
				c.Failure = &junitFailure{res.Failures[0], strings.Join(res.Failures, "\n")}
			}
			suite.Cases = append(suite.Cases, c)
		}
		all.Suites = append(all.Suites, suite)
	}
	text, err := xml.MarshalIndent(all, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(name, append([]byte(xml.Header), append(text, '\n')...), 0o644)
}
