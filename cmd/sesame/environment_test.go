package main

import (
	"errors"
	"io/fs"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"

	"sesame/proxy/api"
	"sesame/proxy/awsapi"
)

func suffixes(t *testing.T) []string {
	all, err := awsapi.Suffixes()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestWhatIsReachedDirectly(t *testing.T) {
	env := map[string]string{"NO_PROXY": "intranet.example.com, .amazonaws.com,*", "no_proxy": "10.0.0.0/8,s3.us-east-1.amazonaws.com:443,api.aws,.com,.amazonaws.eu,*.sc2s.sgov.gov"}
	got := directly(func(name string) string { return env[name] }, "https://sesame.example.com:8443", []string{"registry.terraform.io"}, suffixes(t))
	const want = "10.0.0.0/8,127.0.0.1,::1,intranet.example.com,localhost,registry.terraform.io,sesame.example.com"
	if got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestTheEnvironmentTakesThePlaceOfWhatMisleads(t *testing.T) {
	k := api.Key{ID: "SESA", Secret: "s", Token: "t", Region: "eu-west-1", Target: "ec2", Place: api.Place{Proxy: "h:1"}}
	got := environmentFor(k, "/trusted.pem", "localhost").over([]string{
		"PATH=/bin", "AWS_PROFILE=mine", "AWS_ENDPOINT_URL_S3=http://h", "AWS_REGION=us-west-2", "https_proxy=http://other", "AWS_PAGER=",
	})
	for _, want := range []string{"PATH=/bin", "AWS_PAGER=", "AWS_REGION=eu-west-1", "https_proxy=http://h:1", "SESAME_TARGET=ec2", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS=true"} {
		if !slices.Contains(got, want) {
			t.Errorf("%v lacks %s", got, want)
		}
	}
	for _, v := range got {
		if strings.HasPrefix(v, "AWS_PROFILE=") || strings.HasPrefix(v, "AWS_ENDPOINT_URL") || v == "AWS_REGION=us-west-2" || strings.Contains(v, "other") {
			t.Errorf("%s is left", v)
		}
	}
}

func TestTheProxyIsToldWhoAsksForTunnels(t *testing.T) {
	k := api.Key{ID: "SESA", Secret: "s", Token: "t", Tunnel: "t.p", Place: api.Place{Proxy: "h:1"}}
	if got := environmentFor(k, "/trusted.pem", "localhost").over(nil); !slices.Contains(got, "HTTPS_PROXY=http://SESA:t.p@h:1") {
		t.Errorf("%v", got)
	}
}

func TestTheEnvironmentOfAnEndpoint(t *testing.T) {
	k := api.Key{ID: "SESA", Secret: "s", Token: "t", Region: "eu-west-1", Target: "ec2", Place: api.Place{Proxy: "h:1", Endpoint: "https://aws.example.com:2"}}
	got := atEndpoint(k, "/trusted.pem", "localhost").over([]string{
		"AWS_ENDPOINT_URL=http://h", "AWS_ENDPOINT_URL_S3=http://h", "HTTPS_PROXY=http://office", "AWS_USE_FIPS_ENDPOINT=true", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS=true",
	})
	for _, want := range []string{
		"AWS_ENDPOINT_URL=https://aws.example.com:2", "AWS_DISABLE_HOST_PREFIX_INJECTION=true", "NODE_EXTRA_CA_CERTS=/trusted.pem",
		"AWS_ACCESS_KEY_ID=SESA", "HTTPS_PROXY=http://office", "AWS_USE_FIPS_ENDPOINT=false",
	} {
		if !slices.Contains(got, want) {
			t.Errorf("%v lacks %s", got, want)
		}
	}
	for _, v := range got {
		if strings.Contains(v, "http://h") || strings.HasPrefix(v, "AWS_IGNORE") {
			t.Errorf("%s is left", v)
		}
	}
}

func TestShellsAreToldValuesAsTheyAre(t *testing.T) {
	e := environment{unset: []string{"GONE"}, set: []variable{{"A", `it's \ $5 for O’Brien`}}}
	for name, want := range map[string]string{
		"bash":       "unset GONE\nunset AWS_ENDPOINT_URL_S3\nexport A='it'\\''s \\ $5 for O’Brien'\n",
		"fish":       "set -e GONE\nset -e AWS_ENDPOINT_URL_S3\nset -gx A 'it\\'s \\\\ $5 for O’Brien'\n",
		"powershell": "Remove-Item Env:GONE -ErrorAction SilentlyContinue\nRemove-Item Env:AWS_ENDPOINT_URL_S3 -ErrorAction SilentlyContinue\n$env:A = 'it''s \\ $5 for O’’Brien'\n",
	} {
		var b strings.Builder
		if err := shells[name].print(&b, e, []string{"PATH=/bin", "AWS_ENDPOINT_URL_S3=http://h"}); err != nil || b.String() != want {
			t.Errorf("%s: %q, %v, want %q", name, &b, err, want)
		}
	}
}

func TestOptionsOfOursStandFirst(t *testing.T) {
	t.Setenv(targetEnv, "other")
	for line, want := range map[string]string{
		"s3 ls":                    "other|s3 ls",
		"--target t s3 --target x": "t|s3 --target x",
		"--target=t -- --help":     "t|--help",
		"--region r s3 ls":         "other|--region r s3 ls",
		"--target t":               "t|",
		"--container a":            "other|a",
		"a --container":            "other|a --container",
		"--endpoint --target t s3": "t, at the endpoint|s3",
		"s3 --endpoint":            "other|s3 --endpoint",
	} {
		o, rest, err := ownOptions(strings.Fields(line))
		if o.endpoint {
			o.target += ", at the endpoint"
		}
		if got := o.target + "|" + strings.Join(rest, " "); err != nil || got != want {
			t.Errorf("%s: %s, %v, want %s", line, got, err, want)
		}
	}
	if _, _, err := ownOptions([]string{"--target"}); err == nil {
		t.Error("--target without a target is taken")
	}
}

func TestWhatCannotBeRunSaysWhy(t *testing.T) {
	t.Chdir(t.TempDir())
	t.Setenv("PATH", t.TempDir())
	for name, err := range map[string]error{"folder": os.Mkdir("folder", 0o700), "text": os.WriteFile("text", nil, 0o600)} {
		if err != nil {
			t.Fatal(name, err)
		}
	}
	for command, want := range map[string]notRun{
		"./folder":  {exitNotRun, "is a folder"},
		"folder":    {exitNoCommand, "the folder of that name cannot be run"},
		"./text":    {exitNotRun, "make it executable"},
		"./nothing": {exitNoCommand, "there is no file"},
		"nothing":   {exitNoCommand, "have PATH name where it is"},
		"aws s3 ls": {exitNoCommand, "without quotes around all of it"},
	} {
		err := (&console{}).run(t.Context(), tool{}, runOptions{}, []string{command})
		if got, ok := errors.AsType[*notRun](err); !ok || got.code != want.code || !strings.Contains(got.text, want.text) {
			t.Errorf("%q: %v, want code %d and %q", command, err, want.code, want.text)
		}
	}
	if _, ok := errors.AsType[*misuse]((&console{}).run(t.Context(), tool{}, runOptions{}, []string{""})); !ok {
		t.Error("no command is no misuse")
	}
	err := notStarted("/bin/text", &fs.PathError{Op: "fork/exec", Path: "/bin/text", Err: syscall.ENOEXEC})
	if want := `"/bin/text" cannot be run (exec format error): name what runs it before it, as in sesame run sh /bin/text`; err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}
