package awsapi

import (
	"encoding/binary"
	"errors"
	"fmt"
	"unicode/utf8"
)

// The major types of CBOR, RFC 8949 section 3.1.
const (
	cborUint = iota
	cborNegative
	cborBytes
	cborText
	cborArray
	cborMap
	cborTag
	cborSimple
)

const (
	maxDepth   = 64
	indefinite = 31
)

var errCBOR = errors.New("the body is no CBOR map")

// A cborReader reads one value after the other, and remembers no more than
// texts.
type cborReader struct{ rest []byte }

// cborMembers reads the first level of a CBOR map; repeated keys are refused.
func cborMembers(body []byte) (func(member) []string, error) {
	r := &cborReader{body}
	given := map[string][]string{}
	err := r.entries(func() error {
		name, err := r.text()
		if err != nil {
			return err
		}
		if _, twice := given[name]; twice {
			return fmt.Errorf("%w: the member %.40q is repeated", ErrAmbiguous, name)
		}
		given[name], err = r.strings()
		return err
	})
	switch {
	case errors.Is(err, ErrAmbiguous):
		return nil, err
	case err != nil || len(r.rest) > 0:
		return nil, fmt.Errorf("%w: %w", ErrEncoding, errCBOR)
	}
	return func(m member) []string { return given[m.wire] }, nil
}

// head reads the first bytes of a value: its major type, and its number or
// length.
func (r *cborReader) head() (major byte, n uint64, open bool, err error) {
	if len(r.rest) == 0 {
		return 0, 0, false, errCBOR
	}
	major, low := r.rest[0]>>5, r.rest[0]&31
	r.rest = r.rest[1:]
	if low < 24 {
		return major, uint64(low), false, nil
	}
	if low == indefinite {
		return major, 0, true, nil
	}
	if low > 27 {
		return 0, 0, false, errCBOR
	}
	size := 1 << (low - 24)
	if len(r.rest) < size {
		return 0, 0, false, errCBOR
	}
	var wide [8]byte
	copy(wide[8-size:], r.rest[:size])
	r.rest = r.rest[size:]
	return major, binary.BigEndian.Uint64(wide[:]), false, nil
}

// entries calls f for each entry of the map that comes next.
func (r *cborReader) entries(f func() error) error {
	major, n, open, err := r.head()
	if err != nil || major != cborMap {
		return errCBOR
	}
	return r.each(n, open, f)
}

func (r *cborReader) each(n uint64, open bool, f func() error) error {
	for i := uint64(0); open || i < n; i++ {
		if open && r.atBreak() {
			return nil
		}
		if err := f(); err != nil {
			return err
		}
	}
	return nil
}

// atBreak reports whether a value of open length ends here, and passes its end.
func (r *cborReader) atBreak() bool {
	if len(r.rest) > 0 && r.rest[0] == 0xff {
		r.rest = r.rest[1:]
		return true
	}
	return false
}

func (r *cborReader) text() (string, error) {
	major, n, open, err := r.head()
	if err != nil || major != cborText || open || n > uint64(len(r.rest)) {
		return "", errCBOR
	}
	text := string(r.rest[:n])
	r.rest = r.rest[n:]
	if !utf8.ValidString(text) {
		return "", errCBOR
	}
	return text, nil
}

// strings reads a text or a list of texts; other values are passed over.
func (r *cborReader) strings() (found []string, err error) {
	if len(r.rest) == 0 {
		return nil, errCBOR
	}
	switch r.rest[0] >> 5 {
	case cborText:
		if r.rest[0]&31 != indefinite {
			text, err := r.text()
			return []string{text}, err
		}
	case cborArray:
		_, n, open, err := r.head()
		if err != nil {
			return nil, err
		}
		err = r.each(n, open, func() error {
			if len(r.rest) > 0 && r.rest[0]>>5 == cborText && r.rest[0]&31 != indefinite {
				text, err := r.text()
				found = append(found, text)
				return err
			}
			return r.skip(1)
		})
		return found, err
	}
	return nil, r.skip(0)
}

// skip passes one value over.
func (r *cborReader) skip(depth int) error {
	major, n, open, err := r.head()
	if err != nil || depth > maxDepth {
		return errCBOR
	}
	next := func() error { return r.skip(depth + 1) }
	switch major {
	case cborUint, cborNegative:
		return nil
	case cborSimple:
		if open {
			return errCBOR
		}
		return nil
	case cborTag:
		return next()
	case cborArray:
		return r.each(n, open, next)
	case cborMap:
		return r.each(n, open, func() error {
			if err := next(); err != nil {
				return err
			}
			return next()
		})
	}
	if open {
		return r.each(0, true, next)
	}
	if n > uint64(len(r.rest)) {
		return errCBOR
	}
	r.rest = r.rest[n:]
	return nil
}
