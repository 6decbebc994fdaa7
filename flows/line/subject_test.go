package line_test

import (
	"testing"
	"time"

	"sesame/flows/flowfile"
	"sesame/flows/line"
	"sesame/policies"
)

func TestSubjectOf(t *testing.T) {
	flow := &flowfile.Flow{Default: time.Hour, Fields: []flowfile.Field{
		{Name: "ticket", Label: "Ticket", Type: policies.String, Pattern: `^[A-Z]+-\d+$`, Required: true},
		{Name: "note", Type: policies.String},
		{Name: "count", Type: policies.Int},
		{Name: "level", Type: policies.Select, Options: []string{"low", "high"}},
	}}
	s := line.SubjectOf("ec2-frontend", flow)
	if s.Name != "ec2-frontend" || s.Default != time.Hour || len(s.Fields) != 4 {
		t.Fatalf("SubjectOf = %+v", s)
	}
	for i, f := range s.Fields {
		if patterned := f.Match != nil; patterned != (i == 0) {
			t.Errorf("%s can be filled by a word: %v", f.Name, patterned)
		}
	}
	got := line.Parse("ec2-frontend 2h INC-42 disk full", line.Vocabulary{s})
	if got.Fields["ticket"] != "INC-42" || got.Reason != "disk full" || !got.Complete() {
		t.Errorf("Parse = %+v", got)
	}
}
