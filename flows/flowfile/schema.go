package flowfile

import (
	"strings"
)

// durationPattern is what policies.ParseDuration takes.
const durationPattern = `^(\d{1,4}d)?(\d+h)?(\d+m)?(\d+s)?$`

// Schema returns the JSON Schema of flow files, for editors. It is made from
// the same description as what reads the files; what only shows when names are
// followed and rules compiled is left to Load.
func Schema() map[string]any {
	defs := map[string]any{}
	for _, s := range Language() {
		defs[defName(s.Name)] = s.schema()
	}
	return map[string]any{
		"$schema": "https://json-schema.org/draft/2020-12/schema",
		"title":   "Sesame flow file",
		"$ref":    "#/$defs/" + defName(shapeFile),
		"$defs":   defs,
	}
}

func defName(shape string) string { return strings.ReplaceAll(shape, " ", "_") }

func (s Shape) schema() map[string]any {
	properties := map[string]any{}
	var required []string
	for _, k := range s.Keys {
		p := k.Value.schema()
		p["description"] = k.Doc
		properties[k.Name] = p
		if k.Required && !s.inherits(k.Name) {
			required = append(required, k.Name)
		}
	}
	schema := map[string]any{"type": "object", "description": s.Doc, "properties": properties, "additionalProperties": false}
	if len(required) > 0 {
		schema["required"] = required
	}
	return schema
}

// inherits reports whether a key of the shape may stand under defaults
// instead, which a schema of one file cannot know.
func (s Shape) inherits(key string) bool {
	for _, d := range defaultShapes() {
		if strings.TrimSuffix(d.Name, " defaults") == s.Name && d.has(key) {
			return true
		}
	}
	return false
}

func (v Value) schema() map[string]any {
	if v.Or != nil {
		first := v
		first.Or = nil
		return map[string]any{"anyOf": []any{first.schema(), v.Or.schema()}}
	}
	switch v.Kind {
	case Object:
		return map[string]any{"$ref": "#/$defs/" + defName(v.Shape)}
	case List:
		return map[string]any{"type": "array", "items": v.Of.schema()}
	case Named:
		return map[string]any{"type": "object", "additionalProperties": v.Of.schema()}
	case Number:
		return map[string]any{"type": "integer"}
	case Truth:
		return map[string]any{"type": "boolean"}
	case Rule:
		// true and false are rules too.
		return map[string]any{"type": []string{"string", "boolean"}}
	case Duration:
		return map[string]any{"type": "string", "pattern": durationPattern}
	}
	text := map[string]any{"type": "string"}
	if v.Pattern != "" {
		text["pattern"] = v.Pattern
	}
	if v.OneOf != nil {
		text["enum"] = v.OneOf
	}
	return text
}
