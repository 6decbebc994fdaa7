package policies_test

import (
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"sesame/policies"
)

// A fate is what becomes of a rule.
type fate string

const (
	refused fate = "refused when it is read"
	stopped fate = "stopped when it runs"
	ends    fate = "ends soon"
)

// mostMemory is what reading and running a rule may take together.
const mostMemory = 1 << 20

// hostileRules are rules that somebody would write to bring Sesame down, with
// a request whose reason is as long as reasons get.
var hostileRules = []struct {
	name, rule string
	want       fate
}{
	{"brackets in brackets", strings.Repeat("(", 2000) + "true" + strings.Repeat(")", 2000), refused},
	{"lists in lists", strings.Repeat("[", 1500) + "1" + strings.Repeat("]", 1500) + " == []", refused},
	{"not of not", strings.Repeat("not ", 1000) + "true", refused},
	{"minus of minus", strings.Repeat("-", 3000) + "1 < 2", refused},
	{"choices in choices", strings.Repeat("true ? ", 300) + "true" + strings.Repeat(" : false", 300), refused},
	{"a long sum", strings.Repeat("1+", 2000) + "1 > 0", refused},
	{"a long chain", "target" + strings.Repeat(".tags", 1200) + " == 1", refused},
	{"a rule longer than rules get", strings.Repeat("true or ", 600) + "true", refused},
	{"comparisons that double", strings.Repeat("1 < len([", 12) + "1 < 2 < 3" + strings.Repeat("]) < 2", 12), refused},
	{"comparisons that double, and just too many of them", strings.Repeat("1 < len([", 11) + "1 < 2 < 3" + strings.Repeat("]) < 2", 11), refused},

	{"a huge range", `any(1..100000000, # == 1)`, refused},
	{"a range as long as somebody typed", `any(1..len(request.reason) * 1000000, # == 1)`, refused},
	{"a range backwards", `any(9223372036854775807..-9223372036854775808, true)`, refused},
	{"loops in loops in loops", `all(1..1000, all(1..1000, all(1..1000, true)))`, refused},
	{"a million rounds", `all(1..1000, any(1..1000, # < 0) or true)`, refused},
	{"a hundred thousand rounds", `all(1..316, all(1..316, # > 0))`, stopped},
	{"a list made in each round", `all(1..1000, all([1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16], # > 0))`, stopped},
	{"a range in each round", `any(1..1000, # in 1001..2000)`, stopped},

	{"a pattern that goes back and forth", `request.reason matches "^(x+)+$" and request.reason matches "^(x|xx)+y$"`, ends},
	{"a large pattern", `request.reason matches "(abcdefghij){100}"`, refused},
	{"repetitions of repetitions", `request.reason matches "((x{50}){50}){50}"`, refused},
	{"a pattern in each round", `any(1..1000, request.reason matches "(x?){100}y")`, stopped},
	{"a pattern many times", strings.Repeat(`request.reason matches "(x?){100}y" or `, 55) + "true", refused},
	{"a pattern a few times", strings.Repeat(`request.reason matches "(x?){100}y" or `, 4) + "false", stopped},
	{"a pattern that is not known before", `"x" matches request.reason`, refused},

	{"repeat", `repeat("a", 1000000000) == "a"`, refused},
	{"a text that doubles", `len(` + strings.TrimSuffix(strings.Repeat(`request.reason+`, 40), "+") + `) > 0`, stopped},
	{"a text in each round", `any(1..1000, (request.reason + upper(requester.name)) == "")`, stopped},
	{"search in each round", `any(1..1000, lower(request.reason) contains "zzzzzzzzzzy")`, stopped},
	{"lists of lists", `len(map(1..1000, map(1..1000, #))) > 0`, refused},
	{"a list as JSON", `toJSON(1..1000) == ""`, refused},
	{"variables that double", `let a = "x"; let b = a + a; let c = b + b; c == ""`, refused},
	{"memory by format", `sprintf("%1000000000d", 1) == ""`, refused},
}

// fateOf reads and runs a rule, and returns what became of it and how much
// memory that took.
func fateOf(text string) (fate, uint64) {
	in := request()
	in.Request.Reason = strings.Repeat("x", 2000)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	flow, problems := policies.Compile(policies.Spec{Who: src(text), Routes: []policies.Route{{}}})
	became := refused
	if len(problems) == 0 {
		became = ends
		if v := flow.Evaluate(in); !v.Allow && strings.Contains(v.Reasons[0].Text, "cannot be evaluated") {
			became = stopped
		}
	}
	runtime.ReadMemStats(&after)
	return became, after.TotalAlloc - before.TotalAlloc
}

func TestHostileRules(t *testing.T) {
	for _, tt := range hostileRules {
		t.Run(tt.name, func(t *testing.T) {
			got, memory := fateOf(tt.rule)
			if got != tt.want {
				t.Errorf("%s, want %s", got, tt.want)
			}
			if memory > mostMemory {
				t.Errorf("%d bytes, at most %d", memory, mostMemory)
			}
		})
	}
}

// BenchmarkHostileRules reads and runs each rule of the table, and prints what
// the worst of them take: each as fast as it was at its best, since the machine
// has other things to do too.
func BenchmarkHostileRules(b *testing.B) {
	fastest := make([]time.Duration, len(hostileRules))
	var most uint64
	for b.Loop() {
		for i, tt := range hostileRules {
			began := b.Elapsed()
			_, memory := fateOf(tt.rule)
			if took := b.Elapsed() - began; fastest[i] == 0 || took < fastest[i] {
				fastest[i] = took
			}
			most = max(most, memory)
		}
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(slices.Max(fastest).Microseconds())/1000, "slowest-ms")
	b.ReportMetric(float64(most)/1024, "most-KB")
}

// FuzzCost looks for a rule that takes more memory than any may, and so more
// work: nothing that a rule does is free of memory for long.
func FuzzCost(f *testing.F) {
	for _, tt := range hostileRules {
		f.Add(tt.rule)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if became, memory := fateOf(text); memory > mostMemory {
			t.Errorf("%s, after %d bytes, at most %d", became, memory, mostMemory)
		}
	})
}
