package lint

import (
	"slices"
	"strings"

	"sesame/policies/iam"
	"sesame/policies/iam/catalog"
)

// values looks at the operator of a condition and its values.
func (c *checker) values(s *iam.Statement, cond *iam.Condition) {
	for _, v := range cond.Values {
		c.value(cond, v)
	}
	like := cond.Operator == "StringLike" || cond.Operator == "StringNotLike"
	special := func(v iam.Value) bool { return wild(v.Text) || strings.Contains(v.Text, "${") }
	if like && !slices.ContainsFunc(cond.Values, special) {
		c.found(cond.Key.At, "write "+strings.Replace(cond.Name(), "Like", "Equals", 1)+": it says what is meant", "%s without a wildcard", cond.Name())
	}
	if s.Effect == iam.Allow && aboutTag(cond.Key.Text) && (cond.IfExists || cond.Negated() && !isPresent(s, cond.Key.Text)) {
		c.found(cond.Key.At, "it also holds for what has no such tag", "%s on a resource tag", cond.Name())
	}
	c.quantifier(s, cond)
}

// isPresent reports whether the statement asks with Null that there is a key.
func isPresent(s *iam.Statement, key string) bool {
	return slices.ContainsFunc(s.Conditions, func(other iam.Condition) bool {
		return other.Operator == "Null" && strings.EqualFold(other.Key.Text, key) &&
			slices.ContainsFunc(other.Values, func(v iam.Value) bool { return v.Text == "false" })
	})
}

// sorts says which sorts of operators can compare the values of a key, by its
// type. Tags are strings, whatever is written into them.
var sorts = map[string][]iam.OperatorSort{
	"ARN":       {iam.ARNSort, iam.StringSort},
	"Bool":      {iam.BoolSort, iam.StringSort},
	"Date":      {iam.DateSort, iam.NumericSort},
	"IPAddress": {iam.IPSort},
	"Numeric":   {iam.NumericSort},
	"String":    {iam.StringSort, iam.ARNSort, iam.BoolSort, iam.NumericSort, iam.DateSort, iam.BinarySort},
}

// kind looks for an operator that is not for values of the key's type. Two
// values of a request, one by a variable, are compared as texts, whatever they
// are.
func (c *checker) kind(cond *iam.Condition, key *catalog.Key) {
	fixed := func(v iam.Value) bool { return !strings.Contains(v.Text, "${") }
	if key == nil || cond.Sort() == iam.NullSort || cond.Sort() == iam.StringSort && !slices.ContainsFunc(cond.Values, fixed) {
		return
	}
	all, ok := sorts[strings.TrimPrefix(key.Type, "ArrayOf")]
	if ok && !slices.Contains(all, cond.Sort()) {
		c.found(cond.Key.At, "its values are compared with "+string(all[0])+" operators", "%s on %s", cond.Name(), cond.Key.Text)
	}
}

// value looks for what an operator cannot read.
func (c *checker) value(cond *iam.Condition, v iam.Value) {
	switch cond.Sort() {
	case iam.StringSort:
		c.text(cond, v)
		return
	case iam.ARNSort:
		if len(splitARN(v.Text)) != arnParts && !strings.HasPrefix(v.Text, "${") {
			c.found(v.At, "each of the six parts of an ARN is compared by itself", "%s under %s is no ARN", v.Text, cond.Name())
		}
		return
	}
	if strings.Contains(v.Text, "${") {
		c.found(v.At, "IAM replaces variables under string and ARN operators alone", "the variable %s under %s", v.Text, cond.Name())
	} else if err := cond.CheckValue(v.Text); err != nil {
		c.found(v.At, "the condition never holds", "%s: %v", cond.Name(), err)
	}
}

// text looks at what only seems to match.
func (c *checker) text(cond *iam.Condition, v iam.Value) {
	if like := strings.HasSuffix(cond.Operator, "Like"); !like && strings.Contains(withoutVariables(v.Text), "*") {
		c.found(v.At, "it is compared as it stands: write StringLike", "a wildcard under %s", cond.Name())
	}
	if strings.TrimSpace(v.Text) != v.Text && isTag(cond.Key.Text) {
		c.found(v.At, "no tag has such a value", "a stray blank in the value %q", v.Text)
	}
}

// isTag reports whether a key is a tag of the resource, the principal or the
// request.
func isTag(key string) bool { return strings.Contains(strings.ToLower(key), "tag/") }

// aboutTag reports whether a key is a tag of the resource.
func aboutTag(key string) bool {
	return strings.Contains(strings.ToLower(key), ":resourcetag/")
}

// quantifier looks for ForAllValues where it says less than it seems to, and
// for keys that need it or its like.
func (c *checker) quantifier(s *iam.Statement, cond *iam.Condition) {
	if s.Effect == iam.Allow && cond.Each == "ForAllValues" && !isPresent(s, cond.Key.Text) {
		c.found(cond.Key.At, "it also holds for a request without the key: add Null false", "%s alone on %s", cond.Name(), cond.Key.Text)
	}
	if cond.Each == "" && cond.Operator != "Null" && slices.ContainsFunc(catalog.Global(), func(k catalog.Key) bool {
		return k.Several() && k.Matches(cond.Key.Text)
	}) {
		c.found(cond.Key.At, "write ForAllValues or ForAnyValue", "%s has several values", cond.Key.Text)
	}
}
