package client

import (
	"net"
	"net/netip"
	"net/url"

	"sesame/proxy/api"
)

// at returns p with a host: where the proxy listens on every address of its
// machine, it is where the API is.
func (c *Remote) at(p api.Place) api.Place {
	host, port, err := net.SplitHostPort(p.Proxy)
	if err != nil {
		return p
	}
	if ip, err := netip.ParseAddr(host); host != "" && (err != nil || !ip.IsUnspecified()) {
		return p
	}
	if u, err := url.Parse(c.Server); err == nil {
		p.Proxy = net.JoinHostPort(u.Hostname(), port)
	}
	return p
}
