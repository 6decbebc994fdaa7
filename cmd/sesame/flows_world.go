package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"sesame/flows/flowfile"
	"sesame/flows/flowtest"
	"sesame/proxy/api"
	"sesame/proxy/client"
)

// A worldOptions is what the commands that answer questions about flow files
// have in common.
type worldOptions struct {
	facts  string
	at     string
	server bool
}

func (o *worldOptions) addFlags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&o.facts, "facts", "", "a file that says who is in which group, and what else the server would look up")
	cmd.Flags().BoolVar(&o.server, "server", false, "have the running server look up who is in which group, and who is on call")
	cmd.Flags().StringVar(&o.at, "at", "", "when, as in 2026-11-20T18:30:00Z (default: now)")
}

// A model is flow files and what is known about the world.
type model struct {
	set   *flowfile.Set
	world flowtest.World
	at    time.Time
}

// model reads the flow files at paths, by default those of the configuration.
func (c *console) model(ctx context.Context, o worldOptions, paths []string) (model, error) {
	m := model{at: c.clock.Now()}
	set, err := c.flowSet(paths)
	if err != nil {
		return m, err
	}
	m.set = set
	if o.at != "" {
		if m.at, err = time.Parse(time.RFC3339, o.at); err != nil {
			return m, &misuse{fmt.Errorf("--at %q is not a time such as 2026-11-20T18:30:00Z", o.at), "sesame flows"}
		}
	}
	switch {
	case o.server && o.facts != "":
		return m, &misuse{errors.New("--server and --facts are two sources of the same: name one"), "sesame flows"}
	case o.server:
		if m.world, err = c.askedWorld(ctx); err != nil {
			return m, err
		}
	case o.facts != "":
		if m.world, err = flowtest.ReadWorld(o.facts); err != nil {
			return m, fmt.Errorf("read facts: %w", err)
		}
	}
	if err := m.world.Check(m.set); err != nil {
		return m, fmt.Errorf("%s: %w", o.facts, err)
	}
	return m, nil
}

// askedWorld returns what the running server looks up.
func (c *console) askedWorld(ctx context.Context) (w flowtest.World, err error) {
	var f api.Facts
	err = c.call(func(server *client.Client) error {
		f, err = server.Facts(ctx)
		return err
	})
	if f.Unnamed > 0 {
		fmt.Fprintf(c.err, "sesame: %s without an e-mail address: left out.\n", count(f.Unnamed, "person"))
	}
	w.People, w.OnCall = map[string]flowtest.Person{}, f.OnCall
	for email, p := range f.People {
		w.People[email] = flowtest.Person{Name: p.Name, Zone: p.Timezone, Groups: p.Groups, Status: p.Status, Away: p.Deactivated}
	}
	return w, err
}

// flowSet opens the flow files at paths, by default those of the
// configuration. What a server would not load is said.
func (c *console) flowSet(paths []string) (*flowfile.Set, error) {
	if len(paths) == 0 {
		cfg, err := c.load()
		if err != nil {
			return nil, err
		}
		paths = []string{cfg.Flows}
	}
	set, err := flowtest.Open(paths...)
	if err != nil {
		return nil, err
	}
	unable, err := c.unable(paths)
	if len(unable) > 0 {
		fmt.Fprintln(c.err, "sesame: serve would not load these files:")
	}
	for _, p := range unable {
		fmt.Fprintln(c.err, p)
	}
	return set, err
}
