package config_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/rs/zerolog"

	"sesame/cmd/sesame/config"
)

func TestASecretDoesNotPrintItself(t *testing.T) {
	const value = "hunter2-hunter2"
	s := config.NewSecret(value)
	type holder struct {
		Out config.Secret
		in  config.Secret
	}
	h := holder{s, s}

	var printed bytes.Buffer
	for _, v := range []any{s, &s, []config.Secret{s}, map[string]config.Secret{"k": s}, map[config.Secret]string{s: "v"}, h, &h, []holder{h}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x", "%X", "%o", "%T"} {
			fmt.Fprintf(&printed, verb+"\n", v)
		}
	}
	log := zerolog.New(&printed)
	log.Info().Interface("secret", s).Interface("holder", h).Stringer("stringer", s).Msg("")
	log.Info().Msgf("%v %+v", s, h)
	text, err := json.Marshal(map[string]any{"secret": s, "pointer": &s, "holder": h})
	if err != nil {
		t.Fatal(err)
	}
	printed.Write(text)
	if text, err = yaml.Marshal(h); err != nil {
		t.Fatal(err)
	}
	printed.Write(text)
	fmt.Fprint(&printed, fmt.Errorf("use %v: %w", s, fmt.Errorf("%s", s)))

	for _, form := range []string{value, hex.EncodeToString([]byte(value)), strings.ToUpper(hex.EncodeToString([]byte(value)))} {
		if strings.Contains(printed.String(), form) {
			t.Errorf("printed as %s:\n%s", form, printed.String())
		}
	}
	if got := s.Reveal(); got != value {
		t.Errorf("Reveal() = %q, want the value", got)
	}
	if got := (config.Secret{}).Reveal(); got != "" {
		t.Errorf("the zero secret reveals %q, want nothing", got)
	}
}
