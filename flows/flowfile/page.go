package flowfile

import (
	"fmt"
	"strings"

	"sesame/policies"
)

// Page returns the reference of flow files and rules, in Markdown. It is made
// from the same descriptions as what reads and compiles them.
func Page() string {
	var b strings.Builder
	b.WriteString(pageIntro)
	for _, s := range Language() {
		s.page(&b)
	}
	b.WriteString(rulesIntro)
	names(&b, "What rules read", policies.Variables())
	names(&b, "What rules call", policies.Functions())
	names(&b, "What stands between values", policies.Operators())
	b.WriteString(callRulesIntro)
	names(&b, "What call rules read", policies.CallVariables())
	names(&b, "What call rules call", policies.CallFunctions())
	return b.String()
}

const pageIntro = `# Flow files

The language of the files that say who gets access to what. ` + "`sesame flows schema --markdown`" + ` prints this page, and
` + "`sesame flows schema`" + ` the JSON Schema for editors. ` + "`sesame flows check`" + ` says everything that is wrong with files,
` + "`explain`, `test`, `show`, `who-can` and `can`" + ` say what they do.

All files of a server are one set. They are plain YAML: no anchors, aliases, tags and merged keys. Durations are
written as ` + "`30m`, `1h`, `1h30m` or `7d`" + `. A required key may stand under ` + "`defaults`" + ` where that has it.

`

const rulesIntro = `# Rules

A rule is one expression of [expr](https://expr-lang.org) that is true or false. It is compiled and its types are checked
when the files are loaded. It reads nothing but what follows; reading a tag or field that is not there is an error, and a
rule that cannot be evaluated refuses and says so. What it may cost is bounded.

`

const callRulesIntro = `# Call rules

The rules of ` + "`calls`" + ` are written like all others, and read one call of AWS and the grant under which it is made. They
hold for the grants that are given while they are in force. Parameters are those that name what a call is about, by the
names of AWS's service models; what may hold a secret is never among them, and neither is what stands in a body that is
XML, compressed or larger than 64 KiB. Asking for a parameter that nobody read refuses the call. Some operations name
what they are about within other parameters, such as the tables of ` + "`dynamodb:BatchWriteItem`" + `: a rule about a parameter does
not see these, so refuse such operations by their names.

`

func (s Shape) page(b *strings.Builder) {
	fmt.Fprintf(b, "## %s\n\n%s\n\n| Key | Value | Meaning |\n|---|---|---|\n", strings.ToUpper(s.Name[:1])+s.Name[1:], s.Doc)
	for _, k := range s.Keys {
		name := "`" + k.Name + "`"
		if k.Required {
			name += " (required)"
		}
		fmt.Fprintf(b, "| %s | %s | %s |\n", name, k.Value.page(), cellText(k.Doc))
	}
	b.WriteString("\n")
}

func (v Value) page() string {
	switch {
	case v.Or != nil:
		return string(v.Kind) + " or " + v.Or.page()
	case v.Kind == List:
		return "list of " + v.Of.page()
	case v.Kind == Named:
		return "mapping from names to " + v.Of.page()
	case v.Kind == Object:
		return "[" + v.Shape + "](#" + strings.ReplaceAll(v.Shape, " ", "-") + ")"
	case v.OneOf != nil:
		return "`" + strings.Join(v.OneOf, "`, `") + "`"
	}
	return string(v.Kind)
}

func names(b *strings.Builder, title string, all []policies.Name) {
	fmt.Fprintf(b, "## %s\n\n| Name | Type | Meaning |\n|---|---|---|\n", title)
	for _, n := range all {
		doc := cellText(n.Doc)
		if n.OneOf != nil {
			doc += "; one of " + strings.Join(n.OneOf, ", ")
		}
		fmt.Fprintf(b, "| `%s` | %s | %s |\n", cellText(n.Name), n.Type, doc)
	}
	b.WriteString("\n")
}

// cellText returns text for a cell of a table.
func cellText(s string) string { return strings.ReplaceAll(s, "|", `\|`) }
