package policies

import (
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"strings"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/conf"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/parser"
	"github.com/expr-lang/expr/parser/lexer"
)

// The bounds of a rule. What is beyond them at load is a problem; what goes
// beyond them when evaluated is an error of the rule.
const (
	maxSource  = 4096    // bytes of a rule
	maxTokens  = 600     // words of a rule, which bounds how deep it nests
	maxBracket = 24      // brackets within brackets
	maxNodes   = 2000    // of the parsed rule
	maxLoops   = 2       // loops within loops
	maxRange   = 1000    // numbers in a range
	maxPattern = 500     // instructions of a compiled pattern
	maxMatches = 1500    // instructions of all patterns of a rule but the last
	maxText    = 4096    // bytes of a text that a rule reads or makes
	maxSteps   = 100_000 // of one evaluation of a rule
	maxFlow    = 400_000 // of one evaluation of all rules of a flow
	maxMemory  = 10_000  // elements of lists that one evaluation makes
)

// parse parses text, after a look at its words that keeps the parser, which
// recurses, from running deep.
func parse(text string, c *conf.Config) (ast.Node, error) {
	if len(text) > maxSource {
		return nil, fmt.Errorf("the rule is %d bytes long, more than %d", len(text), maxSource)
	}
	if small(text) {
		if tree, err := parser.ParseWithConfig(text, c); err == nil {
			return tree.Node, nil
		}
		// What is wrong is said below, in the same order for every rule.
	}
	tokens, err := lexer.Lex(file.NewSource(text))
	if err != nil {
		return nil, err
	}
	if err := bounded(tokens); err != nil {
		return nil, err
	}
	tree, err := parser.ParseWithConfig(text, c)
	if err != nil {
		return nil, err
	}
	return tree.Node, nil
}

// small reports whether text is within the bounds however it is read: so few
// bytes cannot be too many words, nor so few brackets be too deep. Splitting a
// rule into words twice is a good part of loading many.
func small(text string) bool {
	brackets := strings.Count(text, "(") + strings.Count(text, "[") + strings.Count(text, "{")
	return len(text) < maxTokens && brackets <= maxBracket
}

func bounded(tokens []lexer.Token) error {
	if len(tokens) <= 1 {
		return errors.New("the rule is empty")
	}
	if len(tokens) > maxTokens {
		return &file.Error{Location: tokens[maxTokens].Location, Message: fmt.Sprintf("the rule is longer than %d words", maxTokens)}
	}
	depth := 0
	for _, t := range tokens {
		switch {
		case t.Is(lexer.Bracket, "(", "[", "{"):
			depth++
		case t.Is(lexer.Bracket, ")", "]", "}"):
			depth--
		}
		if depth > maxBracket {
			return &file.Error{Location: t.Location, Message: fmt.Sprintf("more than %d brackets within brackets", maxBracket)}
		}
	}
	return nil
}

// A pattern is a regular expression with what it may cost: matching takes time
// in proportion to its size times the length of the text, never more.
type pattern struct {
	re   *regexp.Regexp
	size int
}

func compilePattern(text string) (*pattern, error) {
	tree, err := syntax.Parse(text, syntax.Perl)
	if err != nil {
		return nil, fmt.Errorf("the pattern cannot be read: %s", strings.TrimPrefix(err.Error(), "error parsing regexp: "))
	}
	// The size is estimated before repetitions are written out, which is when
	// a short pattern becomes a large one.
	size := patternSize(tree)
	if size > maxPattern {
		return nil, fmt.Errorf("the pattern is too large: with its repetitions written out it has %d parts, more than %d", size, maxPattern)
	}
	re, err := regexp.Compile(text)
	if err != nil {
		return nil, fmt.Errorf("the pattern cannot be compiled: %v", err)
	}
	return &pattern{re, size}, nil
}

func patternSize(r *syntax.Regexp) int {
	size := 1 + len(r.Rune)/16
	if r.Op == syntax.OpLiteral {
		size = len(r.Rune)
	}
	for _, sub := range r.Sub {
		size += patternSize(sub)
	}
	if r.Op == syntax.OpRepeat {
		size *= max(r.Min, r.Max, 1)
	}
	return min(size, 1<<20)
}
