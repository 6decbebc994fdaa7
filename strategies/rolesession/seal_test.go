package rolesession_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/google/go-cmp/cmp"

	"sesame/flows/access"
	"sesame/flows/clock"
	"sesame/store/memory"
	"sesame/strategies/awstest"
	"sesame/strategies/rolesession"
)

func TestSealingKeyFile(t *testing.T) {
	dir, data := t.TempDir(), t.TempDir()
	path := filepath.Join(dir, "seal.key")
	open := func(p string) *rolesession.Sealer {
		s, err := rolesession.OpenSealer(p, data)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	sealed := open(path).Seal("one", []byte("secret"))
	old, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	fresh := filepath.Join(dir, "fresh.key")
	open(fresh)
	line, err := os.ReadFile(fresh)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, append(line, old...), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := open(path).Open("one", sealed); err != nil || string(got) != "secret" {
		t.Errorf("after a rotation: %q, %v", got, err)
	}
	if _, err := open(fresh).Open("one", open(path).Seal("one", []byte("secret"))); err != nil {
		t.Errorf("the first key of the file does not seal: %v", err)
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	for name, p := range map[string]string{"readable by others": path, "in the data directory": filepath.Join(data, "x.key")} {
		if _, err := rolesession.OpenSealer(p, data); err == nil {
			t.Errorf("%s: opened", name)
		}
	}
	for _, text := range []string{"", "not base64!\n", "c2hvcnQ=\n"} {
		if err := os.WriteFile(fresh, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := rolesession.OpenSealer(fresh, data); err == nil {
			t.Errorf("%q: opened", text)
		}
	}
}

// A keeping is KMS, a key of it, and the file that it makes readable.
type keeping struct {
	testing.TB
	w   *awstest.World
	key rolesession.KMSKey
}

func newKeeping(t testing.TB) *keeping {
	t.Helper()
	k := &keeping{TB: t, w: awstest.New(awstest.Config{})}
	if err := k.w.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(k.w.Close)
	master := awstest.KMSKey{ID: "1234abcd-12ab-34cd-56ef-1234567890ab", Account: sesameAccount, Region: "eu-west-1", Alias: "alias/sesame"}
	k.w.AddKMSKey(master)
	own := k.w.AddKey(sesameAccount, "sesame")
	k.key = rolesession.KMSKey{ARN: master.ARN(), Wrapped: filepath.Join(t.TempDir(), "sealing.kms"), Connect: func(_ context.Context, region string) (aws.Config, error) {
		return aws.Config{
			Region: region, BaseEndpoint: aws.String(k.w.URL()), RetryMaxAttempts: 1,
			Credentials: credentials.NewStaticCredentialsProvider(own.ID, own.Secret, ""),
		}, nil
	}}
	return k
}

func (k *keeping) open() *rolesession.Sealer {
	k.Helper()
	s, err := rolesession.OpenSealerInKMS(k.Context(), k.key)
	if err != nil {
		k.Fatal(err)
	}
	return s
}

func opens(t testing.TB, s *rolesession.Sealer, sealed []byte) {
	t.Helper()
	if got, err := s.Open("one", sealed); err != nil || string(got) != "secret" {
		t.Errorf("%q, %v", got, err)
	}
}

// TestSealingKeyInKMS holds that the file opens nothing by itself, and everything
// with KMS, by whichever name of the key.
func TestSealingKeyInKMS(t *testing.T) {
	k := newKeeping(t)
	sealed := k.open().Seal("one", []byte("secret"))
	opens(t, k.open(), sealed)
	k.key.ARN = "arn:aws:kms:eu-west-1:" + sesameAccount + ":alias/sesame"
	opens(t, k.open(), sealed)
	for _, c := range k.w.Calls() {
		if c.Region != "eu-west-1" || c.Outcome != awstest.OK || fmt.Sprint(c.Input["EncryptionContext"]) != "map[sesame:sealing key]" {
			t.Errorf("%+v", c)
		}
	}
	text, err := os.ReadFile(k.key.Wrapped)
	if err != nil {
		t.Fatal(err)
	}
	// As whoever copies the data directory would try it.
	plain := filepath.Join(t.TempDir(), "plain.key")
	if err := os.WriteFile(plain, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := rolesession.OpenSealer(plain, t.TempDir()); err == nil {
		t.Error("what is wrapped was taken for a key")
	}
}

func TestKMSRefuses(t *testing.T) {
	for name, spoil := range map[string]func(*keeping) string{
		"another key": func(k *keeping) string {
			other := awstest.KMSKey{ID: "99999999-12ab-34cd-56ef-1234567890ab", Account: sesameAccount, Region: "eu-west-1"}
			k.w.AddKMSKey(other)
			k.key.ARN = other.ARN()
			return "IncorrectKeyException"
		},
		"a changed file": func(k *keeping) string {
			k.write(base64.StdEncoding.EncodeToString(bytes.Repeat([]byte("x"), 152)) + "\n")
			return "InvalidCiphertextException"
		},
		"an empty file": func(k *keeping) string { k.write("\n"); return "is empty: restore it" },
		"a readable file": func(k *keeping) string {
			if err := os.Chmod(k.key.Wrapped, 0o640); err != nil {
				k.Fatal(err)
			}
			return "make its mode 0600"
		},
		"no key at all": func(k *keeping) string { k.key.ARN = "arn:aws:iam::1:role/x"; return "is not the ARN of a key of KMS" },
		"no such key": func(k *keeping) string {
			k.key.ARN = strings.Replace(k.key.ARN, "1234abcd", "00000000", 1)
			return "sealing key: have arn:aws:kms:"
		},
		"no credentials": func(k *keeping) string {
			k.key.Connect = func(context.Context, string) (aws.Config, error) { return aws.Config{}, errors.New("none found") }
			return "none found"
		},
	} {
		t.Run(name, func(t *testing.T) {
			k := newKeeping(t)
			k.open()
			want := spoil(k)
			before, err := os.ReadFile(k.key.Wrapped)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := rolesession.OpenSealerInKMS(t.Context(), k.key); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%v, want %s", err, want)
			}
			if after, err := os.ReadFile(k.key.Wrapped); err != nil || !bytes.Equal(after, before) {
				t.Errorf("the file was replaced: %v", err)
			}
		})
	}
}

func (k *keeping) write(text string) {
	k.Helper()
	if err := os.WriteFile(k.key.Wrapped, []byte(text), 0o600); err != nil {
		k.Fatal(err)
	}
}

// TestRotatedKeys holds that a new key seals, that the old ones still open, and
// that either is so after a restart.
func TestRotatedKeys(t *testing.T) {
	file := filepath.Join(t.TempDir(), "seal.key")
	k := newKeeping(t)
	for name, open := range map[string]func() *rolesession.Sealer{
		"file": func() *rolesession.Sealer {
			s, err := rolesession.OpenSealer(file, t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			return s
		},
		"KMS": k.open,
	} {
		t.Run(name, func(t *testing.T) {
			s := open()
			first := s.Seal("one", []byte("secret"))
			if err := s.Rotate(t.Context()); err != nil {
				t.Fatal(err)
			}
			second := s.Seal("one", []byte("secret"))
			if s.Current(first) || !s.Current(second) || s.Current([]byte("short")) {
				t.Error("the new key does not seal")
			}
			for _, sealed := range [][]byte{first, second} {
				opens(t, s, sealed)
				opens(t, open(), sealed)
			}
			if !open().Current(second) {
				t.Error("another key seals after a restart")
			}
		})
	}
	if _, err := os.Stat(file); err != nil {
		t.Fatal(err)
	}
	if left, err := filepath.Glob(file + ".*"); err != nil || len(left) > 0 {
		t.Errorf("%v was left behind, %v", left, err)
	}
}

// TestARotationThatFails leaves all as it was.
func TestARotationThatFails(t *testing.T) {
	k := newKeeping(t)
	s := k.open()
	sealed := s.Seal("one", []byte("secret"))
	before, err := os.ReadFile(k.key.Wrapped)
	if err != nil {
		t.Fatal(err)
	}
	k.w.Fault(awstest.Fault{Operation: "Decrypt", Kind: awstest.Deny, Times: -1})
	if err := s.Rotate(t.Context()); err == nil {
		t.Error("rotated to a key that KMS does not unwrap")
	}
	if after, err := os.ReadFile(k.key.Wrapped); err != nil || !bytes.Equal(before, after) {
		t.Errorf("the file was changed: %v", err)
	}
	opens(t, s, sealed)
	if !s.Current(sealed) {
		t.Error("another key seals")
	}
}

// TestFromAFileToKMS changes where the key is.
func TestFromAFileToKMS(t *testing.T) {
	former, k := sealer(t), newKeeping(t)
	sealed := former.Seal("one", []byte("secret"))
	s := k.open()
	if _, err := s.Open("one", sealed); err == nil {
		t.Error("opened without the key")
	}
	s.After(former)
	opens(t, s, sealed)
	if s.Current(sealed) {
		t.Error("what another key sealed counts as current")
	}
}

// TestReseal has a ring sealed anew, with its keys as they were.
func TestReseal(t *testing.T) {
	store, s := memory.New(), sealer(t)
	way, keys := rolesession.New(store, s, clock.Frozen(noon)), rolesession.NewKeys(store, s)
	spec := ring(t, target(), alice)
	if _, err := way.Apply(t.Context(), spec); err != nil {
		t.Fatal(err)
	}
	object, err := access.Put(access.Object{Spec: spec}, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := store.Commit(t.Context(), access.Commit{Changes: []access.Change{object}}); err != nil {
		t.Fatal(err)
	}
	minted, err := keys.Mint(t.Context(), spec.Key, rolesession.Terms{Grant: "g-1", Expires: noon.Add(time.Hour), Address: netip.Addr{}})
	if err != nil {
		t.Fatal(err)
	}
	reseal := func(want int) {
		t.Helper()
		if n, err := way.Reseal(t.Context(), store); err != nil || n != want {
			t.Errorf("resealed %d, %v, want %d", n, err, want)
		}
	}
	reseal(0)
	if err := s.Rotate(t.Context()); err != nil {
		t.Fatal(err)
	}
	reseal(1)
	reseal(0)
	again, err := keys.Find(t.Context(), minted.ID, minted.Token)
	if err != nil || again.Secret != minted.Secret {
		t.Errorf("the key is another one: %v", cmp.Diff(minted.ID, again.ID))
	}
	if _, err := way.Remove(t.Context(), spec); err != nil {
		t.Fatal(err)
	}
	if err := s.Rotate(t.Context()); err != nil {
		t.Fatal(err)
	}
	reseal(0)
}
