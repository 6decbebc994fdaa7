package client

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"

	"sesame/proxy/api"
)

// Recordings calls a server about recordings, as whoever calls it otherwise.
type Recordings struct {
	// call sends what, if it is not nil, and decodes the answer into to.
	call func(ctx context.Context, method, path string, what, to any) error
}

// Recordings returns what calls the server about recordings, as the person
// recorded for this user of the machine.
func (c *Client) Recordings() Recordings {
	return Recordings{func(ctx context.Context, method, path string, what, to any) error {
		body, err := encode(what)
		if err != nil {
			return err
		}
		resp, err := c.send(ctx, method, path, body)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		return json.NewDecoder(resp.Body).Decode(to)
	}}
}

// Recordings returns what calls the server about recordings, as who is signed
// in.
func (c *Remote) Recordings() Recordings {
	return Recordings{func(ctx context.Context, method, path string, what, to any) error {
		body, err := encode(what)
		if err != nil {
			return err
		}
		raw, err := exchange[json.RawMessage](ctx, c, method, path, body)
		if err != nil {
			return err
		}
		return json.Unmarshal(raw, to)
	}}
}

func encode(what any) ([]byte, error) {
	if what == nil {
		return nil, nil
	}
	return json.Marshal(what)
}

func asked[T any](ctx context.Context, c Recordings, method, path string, what any) (T, error) {
	var v T
	err := c.call(ctx, method, path, what, &v)
	return v, err
}

// List returns a page of recordings, newest first.
func (c Recordings) List(ctx context.Context, q api.RecordingQuery) (api.RecordingPage, error) {
	v := url.Values{"limit": {strconv.Itoa(q.Limit)}}
	for name, text := range map[string]string{"grant": q.Grant, "person": q.Person, "target": q.Target, "after": q.After} {
		if text != "" {
			v.Set(name, text)
		}
	}
	if q.Open {
		v.Set("open", "true")
	}
	return asked[api.RecordingPage](ctx, c, http.MethodGet, "/v1/recordings?"+v.Encode(), nil)
}

// Show returns a recording.
func (c Recordings) Show(ctx context.Context, id string) (api.Recording, error) {
	return asked[api.Recording](ctx, c, http.MethodGet, "/v1/recordings/"+url.PathEscape(id), nil)
}

// View begins to look at a recording, which is recorded.
func (c Recordings) View(ctx context.Context, id string, v api.Viewing) (api.View, error) {
	return asked[api.View](ctx, c, http.MethodPost, "/v1/recordings/"+url.PathEscape(id)+"/views", v)
}

// Read returns a part of what a view is of.
func (c Recordings) Read(ctx context.Context, view string, q api.ReadQuery) (api.Part, error) {
	v := url.Values{"segment": {strconv.FormatUint(q.Segment, 10)}, "offset": {strconv.FormatInt(q.Offset, 10)}}
	if q.At > 0 {
		v.Set("at", strconv.FormatInt(q.At.Milliseconds(), 10))
		v.Set("back", strconv.FormatInt(q.Back, 10))
	}
	if q.Live {
		v.Set("live", "true")
	}
	return asked[api.Part](ctx, c, http.MethodGet, "/v1/views/"+url.PathEscape(view)+"?"+v.Encode(), nil)
}

// Search looks for something in what was shown.
func (c Recordings) Search(ctx context.Context, s api.RecordingSearch) (api.RecordingHits, error) {
	return asked[api.RecordingHits](ctx, c, http.MethodPost, "/v1/recordings/search", s)
}

// VerifyRecordings has the server check all recordings, or one.
func (c *Client) VerifyRecordings(ctx context.Context, id string) (api.RecordingProof, error) {
	return get[api.RecordingProof](ctx, c, "/v1/verify/recordings", url.Values{"id": {id}})
}
