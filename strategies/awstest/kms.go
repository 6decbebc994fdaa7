package awstest

import (
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"strings"

	"sesame/proxy/ssm"
)

const kmsName = "kms"

// A KMSKey is a symmetric key of KMS.
type KMSKey struct {
	ID, Account, Region string
	Alias               string // "alias/sessions"; optional
}

// ARN names the key.
func (k KMSKey) ARN() string {
	return fmt.Sprintf("arn:aws:kms:%s:%s:key/%s", k.Region, k.Account, k.ID)
}

// AddKMSKey adds a key, or replaces the one with its id.
func (w *World) AddKMSKey(k KMSKey) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.kmsKeys[k.ID] = k
}

// A dataKey was made by GenerateDataKey.
type dataKey struct {
	key     KMSKey
	plain   []byte
	context map[string]string
}

func kmsService() service {
	key := text(1, 2048, "")
	more := []member{may("GrantTokens", list(0, 10, text(1, 8192, ""))), may("DryRun", anyValue), may("Recipient", anyValue)}
	return service{name: kmsName, target: "TrentService", codes: kmsCodes(), about: aboutKey, operations: map[string]operation{
		"GenerateDataKey": {structure(append(more,
			need("KeyId", key), may("NumberOfBytes", number(1, 1024)), may("KeySpec", oneOf("AES_256", "AES_128")), may("EncryptionContext", anyValue),
		)...), generateDataKey},
		"Decrypt": {structure(append(more,
			may("KeyId", key), need("CiphertextBlob", text(1, 0, "")), may("EncryptionContext", anyValue), may("EncryptionAlgorithm", oneOf("SYMMETRIC_DEFAULT")),
			may("DryRunModifiers", anyValue),
		)...), decrypt},
	}}
}

// kmsCodes are the names that KMS has where it differs.
func kmsCodes() codes {
	c := jsonCodes
	c.internal = "KMSInternalException"
	return c
}

// key finds the one that a text names: by id, ARN or alias.
func (r *request) key(name string) (KMSKey, bool) {
	for _, k := range r.w.kmsKeys {
		alias := fmt.Sprintf("arn:aws:kms:%s:%s:%s", k.Region, k.Account, k.Alias)
		if k.Region != r.call.Region || k.Account != r.call.Caller.Account && !strings.HasPrefix(name, "arn:") {
			continue
		}
		if name == k.ID || name == k.ARN() || k.Alias != "" && (name == k.Alias || name == alias) {
			return k, true
		}
	}
	return KMSKey{}, false
}

// aboutKey is the key with which something is done.
func aboutKey(r *request) []Resource {
	k, _ := r.key(r.text("KeyId"))
	if made, ok := r.w.dataKeys[r.text("CiphertextBlob")]; ok {
		k = made.key
	}
	return []Resource{{ARN: k.ARN()}}
}

// encryptionContext is what the input binds a data key to.
func (r *request) encryptionContext() map[string]string {
	bound := map[string]string{}
	in, _ := r.in["EncryptionContext"].(doc)
	for name, v := range in {
		bound[name], _ = v.(string)
	}
	return bound
}

func generateDataKey(r *request) (doc, error) {
	k, ok := r.key(r.text("KeyId"))
	if !ok {
		return nil, refusal("NotFoundException", "Key '%s' does not exist", r.text("KeyId"))
	}
	size := 32
	if r.text("KeySpec") == "AES_128" {
		size = 16
	}
	if n, given := r.in["NumberOfBytes"]; given {
		if r.text("KeySpec") != "" {
			return nil, r.invalid("Please specify either number of bytes or key spec")
		}
		_, _ = fmt.Sscan(fmt.Sprint(n), &size) // the shape has checked it
	}
	made := dataKey{k, randomBytes(size), r.encryptionContext()}
	blob := base64.StdEncoding.EncodeToString(randomBytes(size + 120))
	r.w.dataKeys[blob] = made
	return doc{"CiphertextBlob": blob, "Plaintext": base64.StdEncoding.EncodeToString(made.plain), "KeyId": k.ARN()}, nil
}

func decrypt(r *request) (doc, error) {
	made, ok := r.w.dataKeys[r.text("CiphertextBlob")]
	if !ok || made.key.Region != r.call.Region || !maps.Equal(made.context, r.encryptionContext()) {
		return nil, refusal("InvalidCiphertextException", "")
	}
	if named := r.text("KeyId"); named != "" {
		if k, ok := r.key(named); !ok || k != made.key {
			return nil, refusal("IncorrectKeyException", "The key ID in the request does not identify a CMK that can perform this operation.")
		}
	}
	return doc{"Plaintext": base64.StdEncoding.EncodeToString(made.plain), "KeyId": made.key.ARN(), "EncryptionAlgorithm": "SYMMETRIC_DEFAULT"}, nil
}

// dataKey returns what opens the data key of a session, as the agent does: with
// KMS, for this session and this machine alone.
func (w *World) dataKey(s *shell) func([]byte) ([]byte, error) {
	return func(blob []byte) ([]byte, error) {
		w.mu.Lock()
		defer w.mu.Unlock()
		made, ok := w.dataKeys[base64.StdEncoding.EncodeToString(blob)]
		want := map[string]string{"aws:ssm:SessionId": s.ID, "aws:ssm:TargetId": s.Target}
		if !ok || !maps.Equal(made.context, want) || len(made.plain) != ssm.KeySize {
			return nil, errors.New("InvalidCiphertextException")
		}
		return made.plain, nil
	}
}
