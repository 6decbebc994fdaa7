package server

import "sesame/flows/sink"

// newTeller returns what tells the configured sinks. It needs neither Slack nor
// the flow files.
func (s *Server) newTeller() *sink.Teller {
	var sinks []*sink.Sink
	for i, c := range s.Config.Sinks {
		at := sink.Config{Name: c.Name, URL: c.URL, Timeout: c.Timeout}
		if i < len(s.Secrets.Sinks) {
			at.Token = s.Secrets.Sinks[i].Reveal
		}
		sinks = append(sinks, sink.New(at))
	}
	return sink.NewTeller(sink.Work{Store: s.store, Sinks: sinks, Announced: s.desk.Announced, Clock: s.Clock, Log: s.Log})
}
