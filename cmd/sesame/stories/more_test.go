package stories_test

import (
	"strings"

	"sesame/flows/access"
)

// rooms are the channels that the shared flow file names.
var rooms = map[string]string{"access": channelAccess, "security": channelSecurity}

// trail returns what is said below the messages about a request.
func (w *world) trail(id access.RequestID) string {
	var said []string
	for _, room := range rooms {
		for _, m := range w.slack.Messages(room) {
			if !strings.Contains(m.Text(), string(id)+" ") {
				continue
			}
			for _, reply := range w.slack.Thread(room, m.TS) {
				said = append(said, reply.Text())
			}
		}
	}
	return strings.Join(said, "\n")
}

// channels returns the names of those that have a message about a request.
func (w *world) channels(id access.RequestID) string {
	var names []string
	for name, room := range rooms {
		for _, m := range w.slack.Messages(room) {
			if strings.Contains(m.Text(), string(id)+" ") {
				names = append(names, name)
				break
			}
		}
	}
	return strings.Join(names, " ")
}
