package main

import (
	"cmp"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// A version says which program this is.
type version struct {
	Version  string `json:"version"`
	Revision string `json:"revision,omitempty"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

func newVersion(c *console) *cobra.Command {
	return c.jsonFlag(&cobra.Command{
		Use: "version", Short: "Print which version this is", Args: exactly(),
		RunE: func(*cobra.Command, []string) error {
			v := thisVersion()
			if c.json {
				return printJSON(c.out, v)
			}
			_, err := fmt.Fprintf(c.out, "sesame %s (%s, %s)\n", v.Version, v.Go, v.Platform)
			return err
		},
	})
}

// thisVersion reads what the build recorded.
func thisVersion() version {
	v := version{Version: "devel", Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return v
	}
	if info.Main.Version != "(devel)" {
		v.Version = cmp.Or(info.Main.Version, v.Version)
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			v.Revision = s.Value
		}
	}
	return v
}
