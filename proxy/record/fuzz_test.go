package record_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"sesame/flows/access"
	"sesame/proxy/record"
)

// FuzzSegments reads and checks files of segments that anybody wrote.
func FuzzSegments(f *testing.F) {
	from := f.TempDir()
	recorded(f, from, id1)
	whole, err := os.ReadFile(filepath.Join(from, id1, "output.seg"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole)
	f.Add(whole[:len(whole)-9])
	f.Add(append(bytes.Clone(whole[:100]), whole[200:]...))
	f.Add(append([]byte("SEG1\xff\xff\xff\xff"), whole[8:]...))
	f.Add([]byte{})
	s := openStore(f, record.Config{Dir: from})
	plain, err := s.ReadSegments(f, id1, record.Output, whole)
	if err != nil {
		f.Fatal(err)
	}
	sum, err := record.CheckSegments(id1, record.Output, whole)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		got, err := record.CheckSegments(id1, record.Output, text)
		if err != nil && !errors.Is(err, access.ErrBroken) {
			t.Errorf("an error that says nothing: %v", err)
		}
		if err == nil && got == sum && !bytes.HasPrefix(text, whole) {
			t.Error("other segments have the same sum")
		}
		// Whatever can be read was recorded, in its place.
		read, err := s.ReadSegments(t, id1, record.Output, text)
		if err != nil && !errors.Is(err, access.ErrBroken) {
			t.Errorf("an error that says nothing: %v", err)
		}
		if !bytes.HasPrefix(plain, read) {
			t.Errorf("read %q", read)
		}
	})
}

// FuzzManifest checks manifests that anybody wrote.
func FuzzManifest(f *testing.F) {
	dir := f.TempDir()
	recorded(f, dir, id1)
	file := filepath.Join(dir, id1, "manifest.json")
	whole, err := os.ReadFile(file)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole)
	f.Add(bytes.Replace(whole, []byte(`"ended"`), []byte(`"open"`), 1))
	f.Add(bytes.Replace(whole, []byte(`"segments": 5`), []byte(`"segments": 18446744073709551615`), 1))
	f.Add([]byte(`{"id":"rec-0000000001"}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := record.CheckText(text, id1, publicKey)
		if err == nil && m.State != record.StateOpen && m.Signed(publicKey) != nil {
			t.Errorf("took what nobody signed: %s", text)
		}
		if err != nil && !errors.Is(err, access.ErrBroken) {
			t.Errorf("an error that says nothing: %v", err)
		}
	})
}

// FuzzLines reads lines that no recorder wrote.
func FuzzLines(f *testing.F) {
	f.Add([]byte("{\"version\":3}\n[0.248,\"o\",\"a\\n\\u001b[31m\\ud800\"]\n# x\n"), int64(0))
	f.Add([]byte("[0.248,\"o\",\"\\u00"), int64(5))
	f.Add([]byte("[.,\"o\",\"\"]\n"), int64(5))
	f.Fuzz(func(t *testing.T, text []byte, from int64) {
		var rows record.Rows
		var tamer record.Tamer
		start := max(0, time.Duration(from)) % time.Hour
		last := start
		_, err := record.Lines(text, start, func(l record.Line) error {
			if l.At < last {
				t.Errorf("%v after %v", l.At, last)
			}
			last = l.At
			rows.Add(l)
			for at := range rows.Whole() {
				rows.When(at)
			}
			tamer.Append(nil, l.AppendText(nil))
			l.AppendV2(nil)
			return nil
		})
		if err != nil && !errors.Is(err, access.ErrBroken) {
			t.Error(err)
		}
		if _, err := record.SizeOf(text); err != nil && !errors.Is(err, access.ErrBroken) {
			t.Error(err)
		}
		rows.Flush()
		rows.Drop()
	})
}
