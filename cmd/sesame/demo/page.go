package demo

import (
	"context"
	"crypto/rand"
	"embed"
	"encoding/json"
	"errors"
	"io/fs"
	"net"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"
)

//go:embed web
var web embed.FS

// A Page shows a Stage in a browser, and lets whoever looks at it act as the
// people.
//
//	GET  /, /app.js, /blocks.js, …   the page itself, which knows nothing
//	POST /session   the token for a cookie; everything below needs that
//	GET  /state     what one person sees, and what AWS holds
//	GET  /events    says when the state has changed
//	GET  /log       calls and envelopes; with kind and n, one of them whole
//	POST /act       somebody does something in Slack
//	POST /clock     the clock is moved
type Page struct {
	stage    *Stage
	listener net.Listener
	host     string // that requests must name
	token    string // in the address that is printed
	cookie   string // that the token is exchanged for
	hints    []hint
	terminal Terminals
	routes   *http.ServeMux
}

// Terminals says how to go on from a terminal: what comes first, and the lines
// to try.
type Terminals struct {
	Setup    string    `json:"setup"`
	Commands []Command `json:"commands"`
}

// OpenPage listens for a browser on a free port of the loopback interface.
// Serve answers it. Setup is what a shell needs before the commands.
func OpenPage(s *Stage, setup string) (*Page, error) {
	files, err := fs.Sub(web, "web")
	if err != nil {
		return nil, err
	}
	hints, err := hintsOf(s)
	if err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &Page{
		stage: s, listener: l, host: l.Addr().String(), token: rand.Text(), cookie: rand.Text(),
		hints: hints, terminal: Terminals{setup, s.Commands()}, routes: http.NewServeMux(),
	}
	p.routes.Handle("GET /", http.FileServerFS(files))
	p.routes.HandleFunc("POST /session", p.session)
	p.private("GET /state", p.state)
	p.private("GET /events", p.events)
	p.private("GET /log", p.log)
	p.private("POST /act", p.act)
	p.private("POST /clock", p.clock)
	return p, nil
}

// URL is the address of the page. The token stands behind the #, which
// browsers keep to themselves.
func (p *Page) URL() string { return "http://" + p.host + "/#" + p.token }

// stopWithin is how long answers may take once the page is to stop.
const stopWithin = time.Second

// Serve answers until ctx ends. It is called once.
func (p *Page) Serve(ctx context.Context) error {
	server := &http.Server{
		Handler:           p,
		BaseContext:       func(net.Listener) context.Context { return ctx },
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    16 << 10,
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		if err := server.Serve(p.listener); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	})
	group.Go(func() error {
		<-ctx.Done()
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopWithin)
		defer cancel()
		if server.Shutdown(grace) != nil {
			return server.Close()
		}
		return nil
	})
	return group.Wait()
}

// reply answers with JSON.
func reply(rw http.ResponseWriter, status int, v any) {
	rw.Header().Set("Content-Type", "application/json; charset=utf-8")
	rw.WriteHeader(status)
	_ = json.NewEncoder(rw).Encode(v) // who left does not want it
}

// A failure is the answer to what cannot be done.
type failure struct {
	Error string `json:"error"`
}

// read decodes the body of a request, strictly.
func read(r *http.Request, v any) error {
	d := json.NewDecoder(r.Body)
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return err
	}
	if d.More() {
		return errors.New("more than one value")
	}
	return nil
}

// events says that something has changed, until the browser leaves. What it
// is, the browser asks for itself, when it wants to know.
func (p *Page) events(rw http.ResponseWriter, r *http.Request) {
	rw.Header().Set("Content-Type", "text/event-stream")
	flow := http.NewResponseController(rw)
	for {
		version, changed := p.stage.pulse.changed()
		if _, err := rw.Write([]byte("data: " + decimal(version) + "\n\n")); err != nil || flow.Flush() != nil {
			return
		}
		select {
		case <-changed:
		case <-r.Context().Done():
			return
		}
	}
}
