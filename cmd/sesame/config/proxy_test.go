package config_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"sesame/cmd/sesame/config"
)

func TestWhereAWSIsServed(t *testing.T) {
	const address = "proxy.address: must be a host with a port, such as sesame.example.com:3128"
	const endpointName = "proxy.endpoint.name: must be a name of yours in small letters, such as aws.sesame.example.com"
	const tunnelName = "proxy.tunnels[0]: must be a name in small letters, such as registry.terraform.io, or one with *. before it"
	for name, c := range map[string]struct{ proxy, want string }{
		"nowhere":                {"", ""},
		"on every address":       {"proxy: {listen: '0.0.0.0:3128', sealing_key: ../seal.key}", ""},
		"under another name":     {"proxy: {listen: '0.0.0.0:3128', sealing_key: ../seal.key, address: 'sesame.example.com:3128', any_address: true}", ""},
		"under an IPv6 address":  {"proxy: {listen: '[::]:3128', sealing_key: ../seal.key, address: '[2001:db8::1]:3128'}", ""},
		"without a key to seal":  {"proxy: {listen: '0.0.0.0:3128'}", "proxy.sealing_key: must name a file outside data_dir, which is made if there is none"},
		"under a URL":            {"proxy: {address: 'http://sesame.example.com:3128'}", address},
		"under a name alone":     {"proxy: {address: sesame.example.com}", address},
		"under a port alone":     {"proxy: {address: ':3128'}", address},
		"with a name and a path": {"proxy: {address: 'a:1/x'}", address},
		"at an endpoint":         {"proxy: {listen: '0.0.0.0:3128', sealing_key: k, endpoint: {listen: '0.0.0.0:8444', name: aws.sesame.example.com, port: 443}}", ""},
		"at the endpoint of AWS": {"proxy: {listen: '0.0.0.0:3128', sealing_key: k, endpoint: {listen: '0.0.0.0:8444', name: x.amazonaws.com}}", endpointName},
		"at an address":          {"proxy: {listen: '0.0.0.0:3128', sealing_key: k, endpoint: {listen: '0.0.0.0:8444', name: 192.0.2.7}}", endpointName},
		"at an unnamed endpoint": {"proxy: {listen: '0.0.0.0:3128', sealing_key: k, endpoint: {listen: '0.0.0.0:8444'}}", "proxy.endpoint.name: must be there if listen is, and only then"},
		"at an endpoint alone":   {"proxy: {endpoint: {listen: '0.0.0.0:8444', name: a.example.com}}", "proxy.endpoint.listen: needs proxy.listen, since it is another way to the same proxy"},
		"beside others":          {"proxy: {listen: '0.0.0.0:3128', sealing_key: k, tunnels: [registry.terraform.io, '*.githubusercontent.com']}", ""},
		"beside an address":      {"proxy: {listen: '0.0.0.0:3128', sealing_key: k, tunnels: [192.0.2.7]}", tunnelName},
		"beside everything":      {"proxy: {listen: '0.0.0.0:3128', sealing_key: k, tunnels: ['*']}", tunnelName},
		"beside a port":          {"proxy: {listen: '0.0.0.0:3128', sealing_key: k, tunnels: ['example.com:443']}", tunnelName},
		"unread":                 {"proxy: {listen: '0.0.0.0:3128', sealing_key: k, tunnels: ['*.us-east-1.amazonaws.com']}", "proxy.tunnels[0]: must not be all of AWS, whose calls are recorded one by one"},
		"sealed by KMS":          {"proxy: {listen: '0.0.0.0:3128', sealing_key: 'kms:arn:aws:kms:eu-central-1:111111111111:alias/sesame', former_sealing_key: ../seal.key}", ""},
		"sealed by a role":       {"proxy: {listen: '0.0.0.0:3128', sealing_key: 'kms:arn:aws:iam::111111111111:role/x'}", "proxy.sealing_key: must be kms: and the ARN of a key, such as kms:arn:aws:kms:eu-central-1:111111111111:key/1234abcd-12ab-34cd-56ef-1234567890ab"},
		"sealed twice":           {"proxy: {listen: '0.0.0.0:3128', sealing_key: k, former_sealing_key: k}", "proxy.former_sealing_key: must be another than sealing_key, or be left out"},
		"by a name":              {"proxy: {listen: 'localhost:3128', sealing_key: k}", "proxy.listen: must be an address with a port, such as 127.0.0.1:8443"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := config.Parse("", []byte(whole+c.proxy))
			if diff := cmp.Diff(c.want, errorText(err)); diff != "" {
				t.Errorf("problem (-want +got):\n%s", diff)
			}
		})
	}
}
