package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"

	"github.com/aws/aws-sdk-go-v2/credentials"

	session "sesame/proxy/ssm/client"
)

// pluginName is what the AWS CLI calls for sessions. Under this name, sesame
// does what that plugin does, in an environment of sesame run.
const pluginName = "session-manager-plugin"

// asPlugin reports whether sesame was started in the plugin's place.
func asPlugin(name string) bool { return filepath.Base(name) == pluginName }

// plugin does what the AWS CLI wants of the plugin: with arguments
//
//	RESPONSE REGION OPERATION PROFILE REQUEST ENDPOINT
//
// where RESPONSE is JSON, or the name of a variable that has it.
func plugin(ctx context.Context, args []string, in io.Reader, out, errs io.Writer) error {
	switch {
	case len(args) == 0:
		_, err := fmt.Fprintln(out, "This is Sesame in the place of the Session Manager plugin. Use sesame aws ssm start-session to start a session.")
		return err
	case args[0] == "--version":
		_, err := fmt.Fprintln(out, session.Version)
		return err
	case len(args) < 5 || args[2] != "StartSession":
		return errors.New("the AWS CLI asks for something that Sesame does not do in the place of the Session Manager plugin: update sesame")
	}
	var answer session.Answer
	response := args[0]
	if text, ok := os.LookupEnv(response); ok {
		response = text
	}
	if err := json.Unmarshal([]byte(response), &answer); err != nil || answer.Token == "" {
		return errors.New("what the AWS CLI says of the session cannot be read: update the AWS CLI")
	}
	var request session.Request
	if err := json.Unmarshal([]byte(args[4]), &request); err != nil {
		return errors.New("what the AWS CLI asked for cannot be read: update the AWS CLI")
	}
	calls, err := sessionsFromEnvironment(args[1])
	if err != nil {
		return err
	}
	c := &console{out: out, err: errs}
	s := calls.Join(answer, request.Target)
	if ports := request.Parameters["portNumber"]; len(ports) > 0 && request.Document != sshDocument {
		local := "0"
		if wanted := request.Parameters["localPortNumber"]; len(wanted) > 0 {
			local = wanted[0]
		}
		return c.forward(ctx, s, local)
	}
	// The AWS CLI takes any other exit code than zero for a fault of the plugin.
	_, err = show(ctx, s, in, session.Terminal{Out: out, Err: errs, Code: out})
	return err
}

// sshDocument is a port session that is one stream of bytes, on standard input
// and output.
const sshDocument = "AWS-StartSSHSession"

// sessionsFromEnvironment makes calls as the environment of sesame run says.
func sessionsFromEnvironment(region string) (*session.API, error) {
	id, secret, token := os.Getenv("AWS_ACCESS_KEY_ID"), os.Getenv("AWS_SECRET_ACCESS_KEY"), os.Getenv("AWS_SESSION_TOKEN")
	text, err := os.ReadFile(os.Getenv("AWS_CA_BUNDLE"))
	roots := x509.NewCertPool()
	if id == "" || err != nil || !roots.AppendCertsFromPEM(text) {
		return nil, errors.New("sesame stands in for the Session Manager plugin only where it was started by Sesame: run the command with sesame aws or sesame run")
	}
	return session.New(session.Config{
		Region: region, Credentials: credentials.NewStaticCredentialsProvider(id, secret, token),
		Proxy: http.ProxyFromEnvironment, TLS: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
	}), nil
}

// pluginPath returns PATH with sesame in the plugin's place, or nothing where
// the plugin of this computer serves: on Linux, where it trusts whom
// SSL_CERT_FILE names.
func (c *console) pluginPath() (string, error) {
	if _, err := exec.LookPath(pluginName); err == nil && runtime.GOOS == "linux" {
		return "", nil
	}
	login, err := c.loginPath()
	if err != nil {
		return "", err
	}
	self, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("find sesame itself: %w", err)
	}
	dir := filepath.Join(filepath.Dir(login), "plugin")
	if err := linked(self, filepath.Join(dir, pluginName)); err != nil {
		return "", fmt.Errorf("stand in for the Session Manager plugin: %w", err)
	}
	return dir + string(os.PathListSeparator) + os.Getenv("PATH"), nil
}

// linked has a link at path lead to a file. Another sesame that does the same
// at once does no harm.
func linked(to, path string) error {
	if at, err := os.Readlink(path); err == nil && at == to {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	dir, err := os.MkdirTemp(filepath.Dir(path), ".new-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	fresh := filepath.Join(dir, pluginName)
	if err := os.Symlink(to, fresh); err != nil {
		return err
	}
	return os.Rename(fresh, path)
}
