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
	if s.Effect == iam.Allow && cond.IfExists && aboutTag(cond.Key.Text) {
		c.found(cond.Key.At, "it also holds for what has no such tag", "%s on a resource tag", cond.Name())
	}
	c.quantifier(s, cond)
}

// value looks for what an operator cannot read.
func (c *checker) value(cond *iam.Condition, v iam.Value) {
	sort := cond.Sort()
	if sort == iam.StringSort || sort == iam.ARNSort {
		return
	}
	if strings.Contains(v.Text, "${") {
		c.found(v.At, "IAM replaces variables under string and ARN operators alone", "the variable %s under %s", v.Text, cond.Name())
	} else if err := cond.CheckValue(v.Text); err != nil {
		c.found(v.At, "the condition never holds", "%s: %v", cond.Name(), err)
	}
}

// aboutTag reports whether a key is a tag of the resource.
func aboutTag(key string) bool {
	return strings.Contains(strings.ToLower(key), ":resourcetag/")
}

// quantifier looks for ForAllValues where it says less than it seems to, and
// for keys that need it or its like.
func (c *checker) quantifier(s *iam.Statement, cond *iam.Condition) {
	present := func(other iam.Condition) bool {
		return other.Operator == "Null" && strings.EqualFold(other.Key.Text, cond.Key.Text) &&
			slices.ContainsFunc(other.Values, func(v iam.Value) bool { return v.Text == "false" })
	}
	if s.Effect == iam.Allow && cond.Each == "ForAllValues" && !slices.ContainsFunc(s.Conditions, present) {
		c.found(cond.Key.At, "it also holds for a request without the key: add Null false", "%s alone on %s", cond.Name(), cond.Key.Text)
	}
	if cond.Each == "" && cond.Operator != "Null" && slices.ContainsFunc(catalog.Global(), func(k catalog.Key) bool {
		return k.Several() && k.Matches(cond.Key.Text)
	}) {
		c.found(cond.Key.At, "write ForAllValues or ForAnyValue", "%s has several values", cond.Key.Text)
	}
}
