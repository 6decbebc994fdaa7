package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// bundles are where systems keep the authorities that they trust.
var bundles = []string{
	"/etc/ssl/certs/ca-certificates.crt", // Debian, Alpine, Arch
	"/etc/pki/tls/certs/ca-bundle.crt",   // Fedora
	"/etc/ssl/ca-bundle.pem",             // openSUSE
	"/etc/ssl/cert.pem",                  // macOS
}

// trust returns a file with the authorities that this computer trusts, and ours.
// It stays, beside the login, since the command that uses it outlives sesame; the
// same authorities are the same file.
func (c *console) trust(authority string) (string, error) {
	login, err := c.loginPath()
	if err != nil {
		return "", err
	}
	text := trustedBy(os.Getenv("SSL_CERT_FILE"))
	if !bytes.Contains(text, []byte(authority)) { // as it does where one sesame runs another
		text = append(append(text, '\n'), authority...)
	}
	sum := sha256.Sum256(text)
	path := filepath.Join(filepath.Dir(login), "trusted-"+hex.EncodeToString(sum[:8])+".pem")
	if there, err := os.ReadFile(path); err == nil && bytes.Equal(there, text) {
		return path, nil
	}
	if err := writePrivately(path, text); err != nil {
		return "", fmt.Errorf("keep whom to trust: %w", err)
	}
	return path, nil
}

// trustedBy returns the authorities of the system, or of the file that somebody
// named instead; nothing where none are found.
func trustedBy(named string) []byte {
	for _, path := range append([]string{named}, bundles...) {
		if text, err := os.ReadFile(path); err == nil {
			return text
		}
	}
	return nil
}

// writePrivately replaces a file as a whole with one of its owner's alone.
func writePrivately(path string, text []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".new-") // of mode 0600
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}
