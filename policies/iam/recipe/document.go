package recipe

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// A SessionDocument is how shells are opened ("Session document schema").
type SessionDocument struct {
	Description string
	// RunAs is the user of the operating system whom a session runs as if the
	// person has no tag SSMSessionRunAs. If it is empty, each runs as ssm-user,
	// whatever the tags say; with Tagged, as the tag says, and none starts without.
	RunAs  string
	Tagged bool
	// Idle and Longest end a session; zero is the default of AWS for Idle, and
	// Grant for Longest.
	Idle, Longest time.Duration
	// Grant is how long the longest grant is: no session may outlast it.
	Grant time.Duration

	// LogGroup and Bucket are encrypted: no session starts if they are not.
	LogGroup, Bucket, Prefix string
	KMSKey                   string
	// Profile is what a shell on Linux runs first.
	Profile string
}

// Limits of sessions, and the default of AWS ("Session document schema").
const (
	minTimeout  = time.Minute
	maxIdle     = time.Hour
	maxLongest  = 24 * time.Hour
	defaultIdle = 20 * time.Minute
)

// Text returns the document.
func (s SessionDocument) Text() ([]byte, error) {
	if s.Idle == 0 {
		s.Idle = defaultIdle
	}
	if s.Longest == 0 {
		s.Longest = s.Grant
	}
	if err := s.check(); err != nil {
		return nil, err
	}
	type inputs struct {
		Bucket         string            `json:"s3BucketName"`
		Prefix         string            `json:"s3KeyPrefix"`
		BucketSecret   bool              `json:"s3EncryptionEnabled"`
		LogGroup       string            `json:"cloudWatchLogGroupName"`
		LogGroupSecret bool              `json:"cloudWatchEncryptionEnabled"`
		Streaming      bool              `json:"cloudWatchStreamingEnabled"`
		Idle           string            `json:"idleSessionTimeout"`
		Longest        string            `json:"maxSessionDuration,omitempty"`
		KMSKey         string            `json:"kmsKeyId"`
		RunAsEnabled   bool              `json:"runAsEnabled"`
		RunAs          string            `json:"runAsDefaultUser"`
		Profile        map[string]string `json:"shellProfile"`
	}
	in := inputs{
		Bucket: s.Bucket, Prefix: s.Prefix, BucketSecret: s.Bucket != "",
		LogGroup: s.LogGroup, LogGroupSecret: s.LogGroup != "", Streaming: s.LogGroup != "",
		Idle: minutes(s.Idle), KMSKey: s.KMSKey, RunAsEnabled: s.RunAs != "" || s.Tagged, RunAs: s.RunAs,
		Profile: map[string]string{"linux": s.Profile},
	}
	if s.Longest > 0 {
		in.Longest = minutes(s.Longest)
	}
	return encode(struct {
		Schema      string `json:"schemaVersion"`
		Description string `json:"description"`
		Type        string `json:"sessionType"`
		Inputs      inputs `json:"inputs"`
	}{"1.0", s.Description, "Standard_Stream", in})
}

func (s SessionDocument) check() error {
	var errs []error
	if err := checkTimeout("idle timeout", s.Idle, maxIdle); err != nil {
		errs = append(errs, err)
	}
	if s.Longest != 0 {
		errs = append(errs, checkTimeout("longest session", s.Longest, maxLongest))
	}
	if s.Grant != 0 && s.Longest > s.Grant {
		errs = append(errs, fmt.Errorf("the longest session, %v, outlasts the longest grant, %v", s.Longest, s.Grant))
	}
	if s.Tagged && s.RunAs != "" {
		errs = append(errs, fmt.Errorf("sessions without a tag either run as %q or do not start: choose one", s.RunAs))
	}
	if s.RunAs != "" && !isUser(s.RunAs) {
		errs = append(errs, fmt.Errorf("sessions cannot run as %q", s.RunAs))
	}
	return errors.Join(errs...)
}

func checkTimeout(what string, d, most time.Duration) error {
	if d < minTimeout || d > most || d%time.Minute != 0 {
		return fmt.Errorf("the %s is %v: it must be whole minutes from %v to %v", what, d, minTimeout, most)
	}
	return nil
}

// isUser reports whether a name may be one of a user. Session Manager runs
// nothing as root.
func isUser(name string) bool {
	const most, first, letters = 32, "abcdefghijklmnopqrstuvwxyz_", "abcdefghijklmnopqrstuvwxyz_0123456789-"
	return name != "root" && strings.ContainsRune(first, rune(name[0])) && within(name, 1, most, letters)
}

func minutes(d time.Duration) string { return strconv.Itoa(int(d / time.Minute)) }

// A PortDocument opens a tunnel to one host and port, whatever the person asks
// for: only the port on their own machine is theirs to choose.
type PortDocument struct {
	Description string
	Host        string // empty: the instance itself
	Port        int
}

// Text returns the document.
func (p PortDocument) Text() ([]byte, error) {
	const maxPort, maxHost, letters = 65535, 255, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.:_-"
	if p.Port < 1 || p.Port > maxPort {
		return nil, fmt.Errorf("%d is no port", p.Port)
	}
	if p.Host != "" && !within(p.Host, 1, maxHost, letters) {
		return nil, fmt.Errorf("%q is no host", p.Host)
	}
	type parameter struct {
		Type        string `json:"type"`
		Description string `json:"description"`
		Pattern     string `json:"allowedPattern"`
		Default     string `json:"default"`
	}
	type properties struct {
		Host  string `json:"host,omitempty"`
		Port  string `json:"portNumber"`
		Type  string `json:"type"`
		Local string `json:"localPortNumber"`
	}
	return encode(struct {
		Schema      string               `json:"schemaVersion"`
		Description string               `json:"description"`
		Type        string               `json:"sessionType"`
		Parameters  map[string]parameter `json:"parameters"`
		Properties  properties           `json:"properties"`
	}{
		"1.0", p.Description, "Port",
		map[string]parameter{"localPortNumber": {"String", "The port on your own machine; 0 is any that is free.", "^[0-9]{1,5}$", "0"}},
		properties{p.Host, strconv.Itoa(p.Port), "LocalPortForwarding", "{{ localPortNumber }}"},
	})
}

func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return b.Bytes(), err
}
