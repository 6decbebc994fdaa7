// Package client is what commands are made of: calls to a running server, by a
// Client over its local socket, and by a Remote from anywhere, each call signed
// with the key of a login.
//
// It promises that a server which is not running, and one that says no, are
// errors that a caller can tell apart, and that a backup is a whole file or no
// file. It refuses to read the data directory itself.
package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"syscall"

	"sesame/flows/access"
	"sesame/flows/clock"
	"sesame/proxy/api"
)

// ErrNotRunning says that nothing answers on the socket.
var ErrNotRunning = errors.New("the server is not running")

// ErrNotYours says that the socket belongs to another user of the machine.
var ErrNotYours = errors.New("the socket belongs to another user")

// A Client calls the server on one socket. Its methods are safe for
// concurrent use.
type Client struct {
	ahead
	path string
	http http.Client
}

// New returns a client of the server on the socket at path.
func New(path string) *Client {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", path)
	}
	return &Client{path: path, http: http.Client{Transport: &http.Transport{DialContext: dial, DisableCompression: true}}}
}

// Close ends idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// A Listing says which part of a listing is wanted. The zero Listing is the
// newest records of all.
type Listing struct {
	Open  bool   // only what has not ended
	After string // Next of the page before
	Limit int
}

func (l Listing) query() url.Values {
	q := url.Values{}
	if l.Open {
		q.Set("open", "true")
	}
	if l.After != "" {
		q.Set("after", l.After)
	}
	if l.Limit > 0 {
		q.Set("limit", strconv.Itoa(l.Limit))
	}
	return q
}

// Status returns how the server is.
func (c *Client) Status(ctx context.Context) (api.Status, error) {
	return get[api.Status](ctx, c, "/v1/status", nil)
}

// Requests returns a page of requests, newest first.
func (c *Client) Requests(ctx context.Context, l Listing) (api.RequestPage, error) {
	return get[api.RequestPage](ctx, c, "/v1/requests", l.query())
}

// Request returns a request with all that came of it.
func (c *Client) Request(ctx context.Context, id string) (api.Story, error) {
	return get[api.Story](ctx, c, "/v1/requests/"+url.PathEscape(id), nil)
}

// Stream returns what the record has of a request, of one that was refused
// too.
func (c *Client) Stream(ctx context.Context, id string) ([]access.Event, error) {
	page, err := get[api.EventPage](ctx, c, "/v1/requests/"+url.PathEscape(id)+"/events", nil)
	return page.Events, err
}

// Grants returns a page of grants, newest first.
func (c *Client) Grants(ctx context.Context, l Listing) (api.GrantPage, error) {
	return get[api.GrantPage](ctx, c, "/v1/grants", l.query())
}

// Grant returns a grant.
func (c *Client) Grant(ctx context.Context, id string) (api.Grant, error) {
	return get[api.Grant](ctx, c, "/v1/grants/"+url.PathEscape(id), nil)
}

// End ends a grant, as the person recorded for this user of the machine.
func (c *Client) End(ctx context.Context, id string) (api.Grant, error) {
	ended, err := call[api.Ended](ctx, c, http.MethodPost, "/v1/grants/"+url.PathEscape(id)+"/end")
	return ended.Grant, err
}

// Events returns a page of the record from a position on, oldest first.
func (c *Client) Events(ctx context.Context, from uint64, limit int) (api.EventPage, error) {
	return get[api.EventPage](ctx, c, "/v1/events", url.Values{
		"from": {strconv.FormatUint(from, 10)}, "limit": {strconv.Itoa(limit)},
	})
}

// Calls returns a part of the record of calls, oldest first.
func (c *Client) Calls(ctx context.Context, q api.CallQuery) (api.CallPage, error) {
	return get[api.CallPage](ctx, c, "/v1/calls", url.Values{
		"grant": {q.Grant}, "from": {strconv.FormatUint(q.From, 10)}, "limit": {strconv.Itoa(q.Limit)},
	})
}

// Reload has the server read its flow files again, and returns what became of
// it. With dryRun it changes nothing.
func (c *Client) Reload(ctx context.Context, dryRun bool) (api.Reloaded, error) {
	path := "/v1/flows/reload"
	if dryRun {
		path += "?dry_run=true"
	}
	return call[api.Reloaded](ctx, c, http.MethodPost, path)
}

// Facts has the server look up who is in which group of its flow files.
func (c *Client) Facts(ctx context.Context) (api.Facts, error) {
	return get[api.Facts](ctx, c, "/v1/flows/facts", nil)
}

// RotateKey has the server seal its secrets with a fresh key.
func (c *Client) RotateKey(ctx context.Context) (api.Rotated, error) {
	return call[api.Rotated](ctx, c, http.MethodPost, "/v1/keys/rotate")
}

// Logins returns who is signed in from a terminal.
func (c *Client) Logins(ctx context.Context) (api.Logins, error) {
	return get[api.Logins](ctx, c, "/v1/logins", nil)
}

// RevokeLogins ends a login, or all of one user, and returns those that ended.
func (c *Client) RevokeLogins(ctx context.Context, what string) (api.Logins, error) {
	return call[api.Logins](ctx, c, http.MethodPost, "/v1/logins/"+url.PathEscape(what)+"/revoke")
}

// Kit returns what a partner is sent.
func (c *Client) Kit(ctx context.Context, partner string) (api.PartnerKit, error) {
	return get[api.PartnerKit](ctx, c, "/v1/partners/"+url.PathEscape(partner)+"/kit", nil)
}

// RotateExternalID changes the external id of a partner, as the person recorded
// for this user of the machine.
func (c *Client) RotateExternalID(ctx context.Context, w api.Rotation) (api.PartnerRotation, error) {
	q := url.Values{"leaked": {strconv.FormatBool(w.Leaked)}, "finish": {strconv.FormatBool(w.Finish)}}
	if w.Within != 0 {
		q.Set("within", w.Within.String())
	}
	return call[api.PartnerRotation](ctx, c, http.MethodPost, "/v1/partners/"+url.PathEscape(w.Partner)+"/rotate?"+q.Encode())
}

// Verify has the server check its record; head is empty, or NUMBER:HASH of a
// checkpoint that must be in it.
func (c *Client) Verify(ctx context.Context, head string) (api.Proof, error) {
	return get[api.Proof](ctx, c, "/v1/verify", url.Values{"head": {head}})
}

// Backup writes a snapshot of the running server's store to path, which must
// not exist yet, and returns its size. A backup that breaks off leaves no
// file.
func (c *Client) Backup(ctx context.Context, path string) (size int64, err error) {
	if _, err := os.Lstat(path); err == nil {
		return 0, fmt.Errorf("%s exists already, and a backup replaces nothing: name another file", path)
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".sesame-backup-")
	if err != nil {
		return 0, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	size, err = c.copyBackup(ctx, f)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return 0, err
	}
	// A link, unlike a rename, does not replace what came in between.
	if err := os.Link(f.Name(), path); err != nil {
		return 0, err
	}
	return size, os.Remove(f.Name())
}

func (c *Client) copyBackup(ctx context.Context, w io.Writer) (int64, error) {
	resp, err := c.send(ctx, http.MethodGet, "/v1/backup", nil)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	size, err := io.Copy(w, resp.Body)
	if err != nil {
		return 0, fmt.Errorf("the server broke the backup off: its log says why: %w", err)
	}
	return size, nil
}

func get[T any](ctx context.Context, c *Client, path string, q url.Values) (T, error) {
	if len(q) > 0 {
		path += "?" + q.Encode()
	}
	return call[T](ctx, c, http.MethodGet, path)
}

func call[T any](ctx context.Context, c *Client, method, path string) (T, error) {
	var v T
	resp, err := c.send(ctx, method, path, nil)
	if err != nil {
		return v, err
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(&v); err != nil {
		return v, fmt.Errorf("read the server's answer: %w", err)
	}
	return v, nil
}

// send returns an answer that is a success.
func (c *Client) send(ctx context.Context, method, path string, body []byte) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, method, "http://sesame"+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	resp, err := c.http.Do(r)
	if err != nil {
		return nil, c.unreachable(err)
	}
	c.note(resp, clock.System{}.Now())
	if resp.StatusCode == http.StatusOK {
		return resp, nil
	}
	defer resp.Body.Close()
	var e api.Error
	if err := json.NewDecoder(resp.Body).Decode(&e); err != nil {
		return nil, fmt.Errorf("the server answered %s", resp.Status)
	}
	if e.Code == api.CodeNotFound || e.Code == api.CodeInternal {
		return nil, errors.New(e.Text)
	}
	return nil, &access.Refusal{Code: access.RefusalCode(e.Code), Text: e.Text}
}

// unreachable says why nothing answered.
func (c *Client) unreachable(err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("%w: nothing answers on %s", ErrNotRunning, c.path)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%w: %s", ErrNotYours, c.path)
	default:
		return err
	}
}
