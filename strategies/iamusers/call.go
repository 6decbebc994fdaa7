package iamusers

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/url"

	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"sesame/flows/clock"
)

const (
	serviceID  = "IAM"
	signedAs   = "iam"
	apiVersion = "2010-05-08"
	formType   = "application/x-www-form-urlencoded; charset=utf-8"
	// maxAnswer is longer than any answer to what is asked here.
	maxAnswer = 4 << 20
)

// call sends one operation and reads its answer into out, which may be nil.
func (c *Client) call(ctx context.Context, operation string, form url.Values, out any) error {
	form.Set("Action", operation)
	form.Set("Version", apiVersion)
	stack, err := c.stack(operation, []byte(form.Encode()), out)
	if err != nil {
		return err
	}
	handler := middleware.DecorateHandler(smithyhttp.NewClientHandlerWithOptions(c.http), stack)
	if _, _, err := handler.Handle(middleware.ClearStackValues(ctx), nil); err != nil {
		return &smithy.OperationError{ServiceID: serviceID, OperationName: operation, Err: err}
	}
	return nil
}

// stack is what a call passes: the options that the SDK's own clients would
// take, and in place of their generated code the four steps below.
func (c *Client) stack(operation string, body []byte, out any) (*middleware.Stack, error) {
	stack := middleware.NewStack(operation, smithyhttp.NewStackRequest)
	metadata := &awsmiddleware.RegisterServiceMetadata{Region: c.region, ServiceID: serviceID, SigningName: signedAs, OperationName: operation}
	if err := stack.Initialize.Add(metadata, middleware.Before); err != nil {
		return nil, err
	}
	if err := stack.Serialize.Add(middleware.SerializeMiddlewareFunc("SesameForm", c.serialize(body)), middleware.After); err != nil {
		return nil, err
	}
	if err := stack.Finalize.Add(middleware.FinalizeMiddlewareFunc("SesameSign", c.sign(body)), middleware.After); err != nil {
		return nil, err
	}
	if err := stack.Deserialize.Add(middleware.DeserializeMiddlewareFunc("SesameAnswer", deserialize(out)), middleware.After); err != nil {
		return nil, err
	}
	if err := awsmiddleware.AddRecordResponseTiming(stack); err != nil {
		return nil, err
	}
	for _, option := range c.options {
		if err := option(stack); err != nil {
			return nil, err
		}
	}
	return stack, nil
}

type serializeFunc = func(context.Context, middleware.SerializeInput, middleware.SerializeHandler) (middleware.SerializeOutput, middleware.Metadata, error)

func (c *Client) serialize(body []byte) serializeFunc {
	return func(ctx context.Context, in middleware.SerializeInput, next middleware.SerializeHandler) (middleware.SerializeOutput, middleware.Metadata, error) {
		req, ok := in.Request.(*smithyhttp.Request)
		if !ok {
			return middleware.SerializeOutput{}, middleware.Metadata{}, fmt.Errorf("unexpected request %T", in.Request)
		}
		at := *c.endpoint
		req.URL, req.Method, req.ContentLength = &at, http.MethodPost, int64(len(body))
		req.Header.Set("Content-Type", formType)
		req, err := req.SetStream(bytes.NewReader(body))
		if err != nil {
			return middleware.SerializeOutput{}, middleware.Metadata{}, err
		}
		in.Request = req
		return next.HandleSerialize(ctx, in)
	}
}

type finalizeFunc = func(context.Context, middleware.FinalizeInput, middleware.FinalizeHandler) (middleware.FinalizeOutput, middleware.Metadata, error)

func (c *Client) sign(body []byte) finalizeFunc {
	return func(ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler) (middleware.FinalizeOutput, middleware.Metadata, error) {
		req, ok := in.Request.(*smithyhttp.Request)
		if !ok {
			return middleware.FinalizeOutput{}, middleware.Metadata{}, fmt.Errorf("unexpected request %T", in.Request)
		}
		keys, err := c.credentials.Retrieve(ctx)
		if err != nil {
			return middleware.FinalizeOutput{}, middleware.Metadata{}, fmt.Errorf("find AWS credentials: %w", err)
		}
		sum := sha256.Sum256(body)
		// Signatures carry wall time, whatever the clock of the rest says.
		err = v4.NewSigner().SignHTTP(ctx, keys, req.Request, hex.EncodeToString(sum[:]), signedAs, c.region, clock.System{}.Now())
		if err != nil {
			return middleware.FinalizeOutput{}, middleware.Metadata{}, fmt.Errorf("sign: %w", err)
		}
		return next.HandleFinalize(ctx, in)
	}
}

type deserializeFunc = func(context.Context, middleware.DeserializeInput, middleware.DeserializeHandler) (middleware.DeserializeOutput, middleware.Metadata, error)

func deserialize(into any) deserializeFunc {
	return func(ctx context.Context, in middleware.DeserializeInput, next middleware.DeserializeHandler) (middleware.DeserializeOutput, middleware.Metadata, error) {
		out, md, err := next.HandleDeserialize(ctx, in)
		if err != nil {
			return out, md, err
		}
		resp, ok := out.RawResponse.(*smithyhttp.Response)
		if !ok {
			return out, md, &smithy.DeserializationError{Err: fmt.Errorf("unexpected answer %T", out.RawResponse)}
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
		if err != nil {
			return out, md, &smithy.DeserializationError{Err: err}
		}
		id := resp.Header.Get("X-Amzn-Requestid")
		awsmiddleware.SetRequestIDMetadata(&md, id)
		if resp.StatusCode < 200 || resp.StatusCode >= 300 {
			return out, md, &awshttp.ResponseError{RequestID: id, ResponseError: &smithyhttp.ResponseError{Response: resp, Err: refusal(resp.StatusCode, text)}}
		}
		if into == nil {
			return out, md, nil
		}
		if err := xml.Unmarshal(text, into); err != nil {
			return out, md, &smithy.DeserializationError{Err: err}
		}
		return out, md, nil
	}
}

// refusal returns the error that an answer states.
func refusal(status int, text []byte) error {
	var said struct {
		Code    string `xml:"Error>Code"`
		Message string `xml:"Error>Message"`
	}
	if err := xml.Unmarshal(text, &said); err != nil || said.Code == "" {
		return &smithy.DeserializationError{Err: fmt.Errorf("status %d without a reason", status)}
	}
	fault := smithy.FaultClient
	if status >= http.StatusInternalServerError {
		fault = smithy.FaultServer
	}
	return &smithy.GenericAPIError{Code: said.Code, Message: said.Message, Fault: fault}
}
