package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sesame/cmd/sesame/server"
)

func TestWhatAWSAndSlackSayHasItsPlaceInTheFiles(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := writeStarter("."); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join("flows", "broken.yaml"), []byte("[\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	found := locate(server.Findings{
		{Path: "targets.ec2-frontend", Message: "the account 222222222222 is suspended"},
		{Path: "channels.access", Message: "the app is not in C0123456789: invite it"},
		{Path: "admin_channel", Message: "C0123456789 is archived"},
	}, sources([]string{"flows"}))
	var got []string
	for _, p := range found {
		got = append(got, p.String())
	}
	want := []string{
		"flows/ec2.yaml:19:5: targets.ec2-frontend: the account 222222222222 is suspended",
		"flows/ec2.yaml:12:11: channels.access: the app is not in C0123456789: invite it",
		"admin_channel: C0123456789 is archived",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
}
