package config_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sesame/cmd/sesame/config"
)

func TestWhereCommandsAreAnswered(t *testing.T) {
	for name, c := range map[string]struct{ api, want string }{
		"nowhere":              {"", ""},
		"on this machine":      {"api: {listen: 127.0.0.1:8443}", ""},
		"anywhere, over TLS":   {"api: {listen: '0.0.0.0:8443', cert: cert.pem, key: key.pem, login_lasts: 1h}", ""},
		"anywhere, in clear":   {"api: {listen: 0.0.0.0:8443}", "api.cert: must name the file of a certificate, since others than this machine can reach the address"},
		"by a name":            {"api: {listen: 'localhost:8443'}", "api.listen: must be an address with a port, such as 0.0.0.0:8443"},
		"without a key":        {"api: {listen: 127.0.0.1:8443, cert: cert.pem}", "api.key: must name the file of the certificate's key, and neither stands without the other"},
		"with endless logins":  {"api: {listen: 127.0.0.1:8443, login_lasts: 720h}", "api.login_lasts: must be 10m to 168h"},
		"with short logins":    {"api: {listen: 127.0.0.1:8443, login_lasts: 1m}", "api.login_lasts: must be 10m to 168h"},
		"with an unknown word": {"api: {port: 8443}", `unknown field "port"`},
	} {
		t.Run(name, func(t *testing.T) {
			parsed, err := config.Parse("", []byte(whole+c.api))
			if diff := cmp.Diff(c.want, errorText(err)); diff != "" {
				t.Errorf("problem (-want +got):\n%s", diff)
			}
			if err == nil && parsed.API.LoginLasts < 10*time.Minute {
				t.Errorf("logins last %v", parsed.API.LoginLasts)
			}
		})
	}
}
