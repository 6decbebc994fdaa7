package demo

import (
	"crypto/subtle"
	"mime"
	"net"
	"net/http"
	"strconv"
)

// maxBody is more than anything that a browser has to send.
const maxBody = 64 << 10

// policy lets the page load its own files and talk to its own server, and
// nothing else. Trusted types take away what would turn text into markup.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"

// ServeHTTP refuses what does not come from the page itself, and answers the
// rest. Whatever else runs on this machine can send requests here; a browser
// can be made to by any website, also under a name that leads here.
func (p *Page) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	h := rw.Header()
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
	if status, why := p.foreign(r); why != "" {
		reply(rw, status, failure{why})
		return
	}
	r.Body = http.MaxBytesReader(rw, r.Body, maxBody)
	p.routes.ServeHTTP(rw, r)
}

// foreign says why a request is not one of the page, or nothing.
func (p *Page) foreign(r *http.Request) (status int, why string) {
	origin, site := r.Header.Get("Origin"), r.Header.Get("Sec-Fetch-Site")
	writes := r.Method != http.MethodGet && r.Method != http.MethodHead
	switch {
	case !p.local(r.Host):
		return http.StatusMisdirectedRequest, "This address is not the one that was printed: open that one."
	case origin != "" && origin != "http://"+r.Host, writes && origin == "":
		return http.StatusForbidden, "Only the page itself may ask for that."
	case site != "" && site != "same-origin" && site != "none":
		return http.StatusForbidden, "Only the page itself may ask for that."
	case writes && !isJSON(r):
		return http.StatusUnsupportedMediaType, "The body must be application/json."
	}
	return 0, ""
}

// local reports whether host is one of the two names of this page.
func (p *Page) local(host string) bool {
	_, port, _ := net.SplitHostPort(p.host) // the listener's own
	return host == p.host || host == "localhost:"+port
}

func isJSON(r *http.Request) bool {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return err == nil && kind == "application/json"
}

// cookieName tells the pages of several demos on one machine apart: cookies do
// not know of ports.
func (p *Page) cookieName() string {
	_, port, _ := net.SplitHostPort(p.host)
	return "sesame-demo-" + port
}

// session exchanges the token for the cookie.
func (p *Page) session(rw http.ResponseWriter, r *http.Request) {
	var in struct{ Token string }
	if read(r, &in) != nil || !same(in.Token, p.token) {
		reply(rw, http.StatusUnauthorized, failure{"That is not this page's token: open the address that was printed."})
		return
	}
	http.SetCookie(rw, &http.Cookie{
		Name: p.cookieName(), Value: p.cookie, Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode,
	})
	reply(rw, http.StatusOK, struct{}{})
}

// private adds a route for whoever had the token.
func (p *Page) private(pattern string, h http.HandlerFunc) {
	p.routes.HandleFunc(pattern, func(rw http.ResponseWriter, r *http.Request) {
		if c, err := r.Cookie(p.cookieName()); err != nil || !same(c.Value, p.cookie) {
			reply(rw, http.StatusUnauthorized, failure{"Open the address that was printed, with all that stands behind the #."})
			return
		}
		h(rw, r)
	})
}

// same compares two secrets in a time that does not depend on where they
// differ.
func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

func decimal(n uint64) string { return strconv.FormatUint(n, 10) }
