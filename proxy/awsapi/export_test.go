package awsapi

import (
	"bytes"
	"compress/gzip"
	"io"
	"strings"
)

// TableLinesForTest are the fields of the embedded table, line by line.
func TableLinesForTest() ([][]string, error) {
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(z)
	if err != nil {
		return nil, err
	}
	var lines [][]string
	for line := range strings.Lines(string(text)) {
		lines = append(lines, append(strings.Split(strings.TrimSuffix(line, "\n"), "\t"), make([]string, 11)...))
	}
	return lines, nil
}
