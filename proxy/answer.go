package proxy

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"sesame/proxy/calls"
)

// hopByHop are headers between two neighbours, RFC 9110 section 7.6.1.
var hopByHop = []string{"Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization", "Te", "Trailer", "Transfer-Encoding", "Upgrade"}

// answer records what AWS says, and passes it on as it comes.
func (c *call) answer(ctx context.Context, res *http.Response) *refusal {
	if c.opens() != 0 && res.StatusCode == http.StatusOK {
		return c.answerSession(ctx, res)
	}
	if res.StatusCode >= http.StatusMultipleChoices {
		c.withhold(res)
	}
	body := io.Reader(res.Body)
	e := c.entry(calls.Answer)
	e.Status, e.Received, e.Took = res.StatusCode, res.ContentLength, c.Wall.Now().Sub(c.sentAt)
	e.AWSID = awsID(res.Header)
	if res.StatusCode >= http.StatusMultipleChoices {
		e.Code, body = errorCode(res, c.r.Method)
	}
	if c.r.Method == http.MethodHead {
		e.Received = 0
	}
	if err := c.Calls.Append(e); err != nil {
		f := c.unable(err, "record the outcome")
		f.why = "The call was made, and its outcome could not be recorded, so that it is not told either: look at what became of it."
		return f
	}
	body = c.forSession(res, body)
	c.passHead(res)
	n, err := c.stream(body)
	if err == nil && (e.Received >= 0) {
		return nil
	}
	c.ended(ctx, e, n, err)
	if err != nil {
		panic(http.ErrAbortHandler) // net/http's way to say that this is not all
	}
	return nil
}

// maxQuoted is how much of an error is looked through.
const maxQuoted = 64 << 10

// withhold takes the credentials of the role out of an error, and out of where one
// is sent instead: S3 quotes the request that it got, token and all. The client
// reads its own in their place, which it sent.
func (c *call) withhold(res *http.Response) {
	if to, is := res.Header["Location"]; is {
		res.Header["Location"] = []string{c.unquoted(to[0])}
	}
	if c.r.Method == http.MethodHead {
		return
	}
	text, err := io.ReadAll(io.LimitReader(res.Body, maxQuoted))
	told := c.unquoted(string(text))
	rest := io.Reader(res.Body)
	if err != nil {
		rest = failing{err}
	}
	res.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(strings.NewReader(told), rest), res.Body}
	if more := len(told) - len(text); more != 0 && res.ContentLength >= 0 {
		res.ContentLength += int64(more)
		res.Header.Set("Content-Length", strconv.FormatInt(res.ContentLength, 10))
	}
}

// unquoted is a text with the client's credentials in place of the role's.
func (c *call) unquoted(text string) string {
	for ours, theirs := range map[string]string{c.role.SessionToken: c.signed.Token, c.role.AccessKeyID: c.signed.KeyID} {
		if ours != "" {
			text = strings.NewReplacer(ours, theirs, url.QueryEscape(ours), url.QueryEscape(theirs)).Replace(text)
		}
	}
	return text
}

// passHead passes on what is not between AWS and us.
func (c *call) passHead(res *http.Response) {
	for _, names := range res.Header.Values("Connection") {
		for name := range strings.SplitSeq(names, ",") {
			res.Header.Del(strings.TrimSpace(name))
		}
	}
	header := c.w.Header()
	for name, values := range res.Header {
		header[name] = values
	}
	for _, name := range hopByHop {
		delete(header, name)
	}
	c.w.WriteHeader(res.StatusCode)
}

// ended records how an answer ended of which that was not known before.
func (c *call) ended(ctx context.Context, e calls.Entry, n int64, err error) {
	e.Kind, e.Received, e.At = calls.Ended, n, c.Clock.Now()
	switch {
	case err == nil:
	case errors.Is(context.Cause(ctx), errOver):
		e.Why = errOver.Error()
	default:
		e.Why = "the answer broke off"
	}
	if err := c.Calls.Append(e); err != nil {
		c.Log.Error().Err(err).Str("call", c.id).Msg("record the end of an answer")
	}
}

// stream copies a body, and flushes what may have to wait for more.
func (c *call) stream(body io.Reader) (int64, error) {
	room := c.buffers.Get().(*[copySize]byte)
	defer c.buffers.Put(room)
	flusher := http.NewResponseController(c.w)
	var sent int64
	for {
		n, err := body.Read(room[:])
		if n > 0 {
			wrote, failed := c.w.Write(room[:n])
			sent += int64(wrote)
			if failed == nil {
				failed = flusher.Flush() // the last of it as well, before all is put away
			}
			if failed != nil {
				return sent, failed
			}
		}
		if errors.Is(err, io.EOF) {
			return sent, nil
		}
		if err != nil {
			return sent, err
		}
	}
}

func awsID(h http.Header) string {
	for _, name := range []string{"X-Amzn-Requestid", "X-Amz-Request-Id", "X-Amz-Requestid"} {
		if id := h[name]; len(id) > 0 {
			return id[0]
		}
	}
	return ""
}

// maxErrorBody is how much of an error is read for its code.
const maxErrorBody = 4 << 10

// errorCode reads the code of an error from its header or its body, which is
// given back whole.
func errorCode(res *http.Response, method string) (string, io.Reader) {
	if kind := res.Header.Get("X-Amzn-Errortype"); kind != "" {
		return shortCode(kind), res.Body
	}
	if method == http.MethodHead {
		return "", res.Body
	}
	head := make([]byte, maxErrorBody)
	n, err := io.ReadFull(res.Body, head)
	rest := io.MultiReader(bytes.NewReader(head[:n]), res.Body)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		rest = io.MultiReader(bytes.NewReader(head[:n]), failing{err})
	}
	for _, around := range [][2]string{{"<Code>", "</Code>"}, {`"__type":"`, `"`}, {`"code":"`, `"`}} {
		if _, after, found := strings.Cut(string(head[:n]), around[0]); found {
			code, _, _ := strings.Cut(after, around[1])
			return shortCode(code), rest
		}
	}
	return "", rest
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// shortCode is the code without the namespace and address that some services
// write around it.
func shortCode(code string) string {
	code, _, _ = strings.Cut(code, ":")
	code = code[strings.LastIndexByte(code, '#')+1:]
	return code[:min(len(code), 100)]
}
