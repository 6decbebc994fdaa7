package recipe

import (
	"errors"
	"strings"
)

// OSUserDocument is the Command document by which Sesame keeps users of the
// operating system of Linux machines: it makes one before somebody works as
// them, and locks them afterwards. Nothing that a person typed gets into its
// script: each parameter is one of a list, or of a pattern without anything that
// a shell would read.
//
//	state   present | locked | look
//	user    the name of the user
//	stamp   when it was asked for: 20261120T120000Z
//
// Whatever is asked for, it ends with a line that says how things are:
//
//	sesame: absent | foreign | present STAMP | locked STAMP
type OSUserDocument struct{ Description string }

// The patterns of the parameters, and what the document may be asked for.
const (
	OSUserPattern  = `^[a-z_][a-z0-9_-]{0,31}$`
	OSStampPattern = `^[0-9]{8}T[0-9]{6}Z$`
)

// OSUserDocumentName is what the document is called in each account and region.
const OSUserDocumentName = "SesameOSUser"

// What an OSUserDocument may be asked for.
const (
	OSUserPresent = "present"
	OSUserLocked  = "locked"
	OSUserLook    = "look"
)

// osUserScript makes nobody who is there without it, and locks nobody whom it
// did not make: those of Sesame have its mark as their comment. What starts anew
// while it is being ended is ended again, and what runs as somebody else by their
// hand, too. An account that expired on the second day of 1970 lets nobody in, whatever keys it has.
const osUserScript = `set -eu
user='{{ user }}'
mark=$(getent passwd "$user" | cut -d: -f5 || true)
there=$(getent passwd "$user" || true)
case "$mark" in Sesame-*) ours=yes ;; *) ours= ;; esac
case '{{ state }}' in
present)
  if [ -z "$there" ]; then
    useradd --create-home --shell /bin/bash --comment 'Sesame-{{ stamp }}' "$user"
  elif [ -n "$ours" ]; then
    usermod --expiredate '' --comment 'Sesame-{{ stamp }}' "$user"
  fi ;;
locked)
  if [ -n "$ours" ]; then
    usermod --expiredate 1 "$user"
    tries=0
    while pkill -KILL -u "$user" && [ "$tries" -lt 50 ]; do tries=$((tries + 1)); done
    pkill -KILL -U "$user" || true
  fi ;;
esac
there=$(getent passwd "$user" || true)
mark=$(printf '%s' "$there" | cut -d: -f5)
expired=$(getent shadow "$user" | cut -d: -f8 || true)
case "$mark" in Sesame-*) ours=yes ;; *) ours= ;; esac
if [ -z "$there" ]; then
  echo 'sesame: absent'
elif [ -z "$ours" ]; then
  echo 'sesame: foreign'
elif [ "$expired" = 1 ]; then
  echo "sesame: locked ${mark#Sesame-}"
else
  echo "sesame: present ${mark#Sesame-}"
fi
`

// Text returns the document.
func (d OSUserDocument) Text() ([]byte, error) {
	if strings.TrimSpace(d.Description) == "" {
		return nil, errors.New("the document has no description")
	}
	type parameter struct {
		Type        string   `json:"type"`
		Description string   `json:"description"`
		Pattern     string   `json:"allowedPattern,omitempty"`
		Values      []string `json:"allowedValues,omitempty"`
	}
	type inputs struct {
		Timeout string   `json:"timeoutSeconds"`
		Run     []string `json:"runCommand"`
	}
	type step struct {
		Action       string              `json:"action"`
		Name         string              `json:"name"`
		Precondition map[string][]string `json:"precondition"`
		Inputs       inputs              `json:"inputs"`
	}
	return encode(struct {
		Schema      string               `json:"schemaVersion"`
		Description string               `json:"description"`
		Parameters  map[string]parameter `json:"parameters"`
		Steps       []step               `json:"mainSteps"`
	}{
		"2.2", d.Description,
		map[string]parameter{
			"state": {"String", "What is wanted.", "", []string{OSUserPresent, OSUserLocked, OSUserLook}},
			"user":  {"String", "The name of the user.", OSUserPattern, nil},
			"stamp": {"String", "When it was asked for.", OSStampPattern, nil},
		},
		[]step{{
			"aws:runShellScript", "keepUser", map[string][]string{"StringEquals": {"platformType", "Linux"}},
			inputs{"60", strings.Split(strings.TrimSuffix(osUserScript, "\n"), "\n")},
		}},
	})
}
