package main

import (
	"net/url"
	"slices"
	"strings"

	"sesame/proxy/api"
)

// A variable is one of an environment.
type variable struct{ name, value string }

// An environment is what a client of AWS finds its way by.
type environment struct {
	set   []variable
	unset []string
	// note is what somebody should know about the access beside; mostly nothing.
	note string
}

// misleading are variables that have clients look for credentials, or for AWS,
// somewhere else.
var misleading = []string{
	"AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_SECURITY_TOKEN", "AWS_CREDENTIAL_EXPIRATION", endpointURL,
	"AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_ROLE_ARN", "AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
}

// endpointURL has AWS be elsewhere; with endpointOf begin the names of variables
// that have one service be.
const (
	endpointURL     = "AWS_ENDPOINT_URL"
	endpointOf      = endpointURL + "_"
	ignoreEndpoints = "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"
)

// environmentFor returns the environment for a key: with trusted as the file of
// certificates, and direct as what is not for the proxy. Where programs differ in
// the case of a name they look at, both are there. That ~/.aws/config may say where
// AWS is, is to be ignored: the key is of no use there.
func environmentFor(k api.Key, trusted, direct string) environment {
	proxy := "http://" + k.Proxy
	if k.Tunnel != "" {
		proxy = "http://" + url.UserPassword(k.ID, string(k.Tunnel)).String() + "@" + k.Proxy
	}
	return environment{unset: misleading, set: slices.Concat([]variable{
		{"HTTPS_PROXY", proxy}, {"https_proxy", proxy}, {"NO_PROXY", direct}, {"no_proxy", direct}, {ignoreEndpoints, "true"},
	}, ofKey(k, trusted))}
}

// atEndpoint returns the environment for clients that know of no HTTPS_PROXY: AWS
// is at one address. They must not put anything before it that stands for
// something else than a bucket, nor choose among the hosts of AWS. A proxy of
// somebody else's stays as it is, and is not asked for ours.
func atEndpoint(k api.Key, trusted, direct string) environment {
	elsewhere := slices.DeleteFunc(slices.Clone(misleading), func(name string) bool { return name == endpointURL })
	return environment{unset: append(elsewhere, ignoreEndpoints), set: slices.Concat([]variable{
		{endpointURL, k.Endpoint}, {"AWS_DISABLE_HOST_PREFIX_INJECTION", "true"},
		{"AWS_USE_FIPS_ENDPOINT", "false"}, {"AWS_USE_DUALSTACK_ENDPOINT", "false"}, {"NO_PROXY", direct}, {"no_proxy", direct},
	}, ofKey(k, trusted))}
}

// ofKey are the variables of a key, by whichever way it is used.
func ofKey(k api.Key, trusted string) []variable {
	return []variable{
		{"AWS_CA_BUNDLE", trusted}, {"SSL_CERT_FILE", trusted}, {"NODE_EXTRA_CA_CERTS", trusted}, {"REQUESTS_CA_BUNDLE", trusted}, {"CURL_CA_BUNDLE", trusted},
		{"AWS_ACCESS_KEY_ID", k.ID}, {"AWS_SECRET_ACCESS_KEY", string(k.Secret)}, {"AWS_SESSION_TOKEN", string(k.Token)},
		{"AWS_REGION", k.Region}, {"AWS_DEFAULT_REGION", k.Region}, {"AWS_EC2_METADATA_DISABLED", "true"},
		{targetEnv, k.Target},
	}
}

// gone returns the names that e unsets in base: those of services stand for
// wherever somebody has them be.
func (e environment) gone(base []string) []string {
	names := slices.Clone(e.unset)
	for _, v := range base {
		if name, _, _ := strings.Cut(v, "="); strings.HasPrefix(name, endpointOf) && !strings.ContainsFunc(name, odd) {
			names = append(names, name)
		}
	}
	return names
}

// odd reports whether no variable that names a service has a letter in its name,
// which a shell might take for something else.
func odd(letter rune) bool {
	return letter != '_' && (letter < '0' || letter > '9') && (letter < 'A' || letter > 'Z')
}

// over returns the variables of base with those of e in their place.
func (e environment) over(base []string) []string {
	gone := e.gone(base)
	all := slices.DeleteFunc(slices.Clone(base), func(v string) bool {
		name, _, _ := strings.Cut(v, "=")
		return slices.Contains(gone, name) ||
			slices.ContainsFunc(e.set, func(s variable) bool { return s.name == name })
	})
	for _, v := range e.set {
		all = append(all, v.name+"="+v.value)
	}
	return all
}

// directly returns what is to be reached without the proxy: this computer, the
// server, what is asked for, and what the environment says already, but for AWS,
// whose hosts have these suffixes.
func directly(getenv func(string) string, server string, more, suffixes []string) string {
	hosts := []string{"localhost", "127.0.0.1", "::1"}
	if u, err := url.Parse(server); err == nil {
		hosts = append(hosts, u.Hostname())
	}
	hosts = append(hosts, more...)
	for _, name := range []string{"NO_PROXY", "no_proxy"} {
		for h := range strings.SplitSeq(getenv(name), ",") {
			if h = strings.TrimSpace(h); h != "" && !ofAWS(h, suffixes) {
				hosts = append(hosts, h)
			}
		}
	}
	slices.Sort(hosts)
	return strings.Join(slices.Compact(hosts), ",")
}

// ofAWS reports whether an entry of NO_PROXY would keep calls of AWS from the
// proxy, where nobody knows the key.
func ofAWS(entry string, suffixes []string) bool {
	name, _, _ := strings.Cut(strings.TrimLeft(strings.ToLower(entry), "*."), ":")
	return name == "" || slices.ContainsFunc(suffixes, func(suffix string) bool {
		return name == suffix || strings.HasSuffix(name, "."+suffix) || strings.HasSuffix(suffix, "."+name)
	})
}
