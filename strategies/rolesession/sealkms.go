package rolesession

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
)

// A KMSKey is a key of KMS that wraps those of a Sealer.
type KMSKey struct {
	// ARN names the key, or an alias of it. Required.
	ARN string
	// Wrapped is the file with the wrapped keys, which is made if there is
	// none. It may lie in the data directory: without KMS it opens nothing.
	// Required.
	Wrapped string
	// Connect finds the server's own credentials in a region. Required.
	Connect func(ctx context.Context, region string) (aws.Config, error)
}

// The limits of asking KMS, which is done at the start and for another key.
const (
	kmsIn    = 30 * time.Second
	kmsTries = 4
)

// KMSKeyForm is the form of an ARN of a key or an alias; it finds the region.
var KMSKeyForm = regexp.MustCompile(`^arn:aws[a-z-]*:kms:([a-z0-9-]+):\d{12}:(?:key|alias)/[A-Za-z0-9/_-]+$`)

// OpenSealerInKMS has KMS unwrap the keys of a Sealer, which are in memory alone
// from then on. They are bound to their purpose by an encryption context, so
// that CloudTrail tells what is unwrapped, and a policy of the key can ask for
// it.
func OpenSealerInKMS(ctx context.Context, k KMSKey) (*Sealer, error) {
	in := KMSKeyForm.FindStringSubmatch(k.ARN)
	if in == nil {
		return nil, fmt.Errorf("sealing key: %q is not the ARN of a key of KMS", k.ARN)
	}
	ctx, cancel := context.WithTimeout(ctx, kmsIn)
	defer cancel()
	cfg, err := k.Connect(ctx, in[1])
	if err != nil {
		return nil, fmt.Errorf("sealing key: %w", err)
	}
	client := kms.NewFromConfig(cfg, func(o *kms.Options) { o.RetryMaxAttempts = kmsTries })
	return openVault(ctx, wrapped{client, k.ARN, k.Wrapped})
}

// wrapped are keys that KMS unwraps, one a line.
type wrapped struct {
	client *kms.Client
	arn    string
	path   string
}

// purpose is the encryption context of all of them.
func purpose() map[string]string { return map[string]string{"sesame": "sealing key"} }

// read implements vault.
func (w wrapped) read(ctx context.Context) ([][]byte, error) {
	lines, err := readLines(w.path)
	if errors.Is(err, fs.ErrNotExist) {
		return w.with(ctx, nil, os.Link)
	}
	if err != nil {
		return nil, err
	}
	return w.unwrap(ctx, lines)
}

// add implements vault.
func (w wrapped) add(ctx context.Context) ([][]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, kmsIn)
	defer cancel()
	lines, err := readLines(w.path)
	if err != nil {
		return nil, err
	}
	return w.with(ctx, lines, os.Rename)
}

// with puts a fresh key before those that are there. That KMS unwraps it again
// is seen before anything is sealed with it.
func (w wrapped) with(ctx context.Context, lines [][]byte, put func(from, to string) error) ([][]byte, error) {
	out, err := w.client.GenerateDataKey(ctx, &kms.GenerateDataKeyInput{KeyId: aws.String(w.arn), KeySpec: types.DataKeySpecAes256, EncryptionContext: purpose()})
	if err != nil {
		return nil, fmt.Errorf("have %s make a key: %w", w.arn, err)
	}
	lines = append([][]byte{out.CiphertextBlob}, lines...)
	all, err := w.unwrap(ctx, lines)
	if err != nil {
		return nil, err
	}
	return all, writeLines(w.path, lines, put)
}

func (w wrapped) unwrap(ctx context.Context, lines [][]byte) ([][]byte, error) {
	all := make([][]byte, len(lines))
	for i, blob := range lines {
		out, err := w.client.Decrypt(ctx, &kms.DecryptInput{CiphertextBlob: blob, KeyId: aws.String(w.arn), EncryptionContext: purpose()})
		if err != nil {
			return nil, fmt.Errorf("have %s unwrap line %d of %s: %w", w.arn, i+1, w.path, err)
		}
		if len(out.Plaintext) != sealKeySize {
			return nil, fmt.Errorf("line %d of %s is not a key of %d bytes", i+1, w.path, sealKeySize)
		}
		all[i] = out.Plaintext
	}
	return all, nil
}
