package awstest

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"slices"
	"strings"
)

// A row is one element of a list, under the key that orders it.
type row struct {
	key   string
	value any
}

// page answers with the part of rows that the input asks for, as the member
// called name. Its token carries the last key, so that what changes between
// two pages neither repeats nor hides a row.
func (r *request) page(name string, rows []row) (doc, error) {
	after, fresh, err := r.after()
	if err != nil {
		return nil, err
	}
	if fresh && r.w.settings.EmptyPages {
		return doc{name: []any{}, "NextToken": r.token("")}, nil
	}
	slices.SortFunc(rows, func(a, b row) int { return strings.Compare(a.key, b.key) })
	values := []any{}
	for i, row := range rows {
		if row.key <= after {
			continue
		}
		if len(values) == r.pageSize() {
			return doc{name: values, "NextToken": r.token(rows[i-1].key)}, nil
		}
		values = append(values, row.value)
	}
	return doc{name: values}, nil
}

func (r *request) pageSize() int {
	size := r.w.settings.PageSize
	if n, ok := r.in["MaxResults"].(json.Number); ok {
		asked, _ := n.Int64() // the shape has checked it
		size = min(size, int(asked))
	}
	return size
}

// token names the place after key in this very list.
func (r *request) token(key string) string {
	return base64.URLEncoding.EncodeToString([]byte(r.fingerprint() + " " + key))
}

// after returns the key that the input's token stands at, and whether there
// is no token.
func (r *request) after() (key string, fresh bool, err error) {
	token, ok := r.in["NextToken"].(string)
	if !ok {
		return "", true, nil
	}
	if key, ok = r.keyOf(token); !ok {
		return "", false, r.invalid("NextToken: is not a token of this list")
	}
	return key, false, nil
}

// keyOf returns the key that a token of this very list stands at.
func (r *request) keyOf(token string) (key string, ok bool) {
	plain, _ := base64.URLEncoding.DecodeString(token)
	mark, key, ok := strings.Cut(string(plain), " ")
	return key, ok && mark == r.fingerprint()
}

// fingerprint ties a token to its operation and input.
func (r *request) fingerprint() string {
	in := doc{}
	for name, v := range r.in {
		if !slices.Contains([]string{"NextToken", "MaxResults", "Marker", "MaxItems"}, name) {
			in[name] = v
		}
	}
	sum := fnv.New64a()
	_ = json.NewEncoder(sum).Encode([]any{r.call.Operation, in}) // a hash takes everything
	return fmt.Sprintf("%016x", sum.Sum64())
}
