package client

import (
	"testing"

	"sesame/proxy/api"
)

func TestWhereTheProxyIs(t *testing.T) {
	for proxy, want := range map[string]string{
		"0.0.0.0:3128":           "sesame.example.com:3128",
		"[::]:3128":              "sesame.example.com:3128",
		":3128":                  "sesame.example.com:3128",
		"192.0.2.7:3128":         "192.0.2.7:3128",
		"proxy.example.com:3128": "proxy.example.com:3128",
	} {
		c := &Remote{RemoteConfig: RemoteConfig{Server: "https://sesame.example.com:8443"}}
		if got := c.at(api.Place{Proxy: proxy}).Proxy; got != want {
			t.Errorf("%s is %s, want %s", proxy, got, want)
		}
	}
}
