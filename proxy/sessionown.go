package proxy

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"

	"sesame/proxy/calls"
	"sesame/proxy/sigv4"
	"sesame/proxy/ssm"
)

// An ownCall is one that Sesame makes itself, for a session.
type ownCall struct {
	host, service, operation, target string
	params                           map[string][]string // for the record
	in                               any
	ends                             bool // and need not wait for its record
}

// jsonVersion is what Session Manager and KMS both speak.
const jsonVersion = "application/x-amz-json-1.1"

// ask makes a call of our own under credentials of the session's role. It is
// recorded as all calls are, but that what ends a session does not wait for
// its record.
func (s *session) ask(ctx context.Context, creds aws.Credentials, o ownCall) ([]byte, error) {
	body, err := json.Marshal(o.in)
	if err != nil {
		return nil, err
	}
	e := calls.Entry{
		Call: "c-" + s.Proxy.run + "-" + strconv.FormatUint(s.number.Add(1), 10), Grant: string(s.grant.ID), Person: string(s.person), Target: s.grant.Target,
		Agent: "sesame", Service: o.service, Operation: o.operation, Actions: []string{o.service + ":" + o.operation}, Level: "write",
		Region: s.region, Params: o.params, Sent: int64(len(body)),
	}
	if err := s.note(e, calls.Intent); err != nil && !o.ends {
		return nil, fmt.Errorf("record a call of our own: %w", err)
	}
	began := s.Wall.Now()
	status, id, answer, err := s.exchange(ctx, creds, o, body)
	e.Status, e.AWSID, e.Received, e.Took = status, id, int64(len(answer)), s.Wall.Now().Sub(began)
	if err != nil {
		e.Why = "AWS did not answer"
	}
	if err == nil && status != http.StatusOK {
		e.Code = codeOf(answer)
		err = fmt.Errorf("%s:%s: AWS answered %d %s", o.service, o.operation, status, e.Code)
	}
	return answer, errors.Join(err, s.note(e, calls.Answer))
}

func (s *session) note(e calls.Entry, k calls.Kind) error {
	e.At, e.Kind = s.Clock.Now(), k
	err := s.Calls.Append(e)
	if err != nil {
		s.Log.Error().Err(err).Str("call", e.Call).Msg("record a call of our own")
	}
	return err
}

func (s *session) exchange(ctx context.Context, creds aws.Credentials, o ownCall, body []byte) (status int, id string, answer []byte, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://"+o.host+"/", bytes.NewReader(body))
	if err != nil {
		return 0, "", nil, err
	}
	now := s.Wall.Now()
	req.Header.Set("Content-Type", jsonVersion)
	req.Header.Set("X-Amz-Target", o.target)
	req.Header.Set("User-Agent", "sesame")
	sum := sha256.Sum256(body)
	key := sigv4.NewKey(creds.SecretAccessKey, sigv4.Scope{Day: now.UTC().Format("20060102"), Region: s.region, Service: o.service})
	_, err = sigv4.Credential{KeyID: creds.AccessKeyID, Token: creds.SessionToken, Key: key}.Sign(sigv4.Request{
		Method: http.MethodPost, Target: "/", Host: o.host, Header: req.Header, Length: int64(len(body)),
	}, []string{"content-type", "x-amz-target"}, hex.EncodeToString(sum[:]), now)
	if err != nil {
		return 0, "", nil, err
	}
	res, err := s.Upstream.RoundTrip(req)
	if err != nil {
		return 0, "", nil, err
	}
	defer res.Body.Close()
	answer, err = io.ReadAll(io.LimitReader(res.Body, ssm.MaxJSON))
	return res.StatusCode, awsID(res.Header), answer, err
}

// codeOf is the code of an error in JSON.
func codeOf(answer []byte) string {
	var e struct {
		Type string `json:"__type"`
	}
	_ = json.Unmarshal(answer, &e) // an error that cannot be read has none
	return shortCode(e.Type)
}
