package blockkit

// A Control is one interactive element and the block that it stands in.
type Control struct {
	Block, Action string
	// Kind is the element's type: button, static_select and so on.
	Kind string
	// Element and In are the element and its block as they were sent.
	Element, In map[string]any
}

// Controls returns the interactive elements of blocks in the order in which a
// person meets them.
func Controls(blocks []any) []Control {
	var all []Control
	add := func(in map[string]any, v any) {
		e, ok := v.(map[string]any)
		if !ok || str1(e, "type") == "image" || str1(e, "type") == "" {
			return
		}
		all = append(all, Control{
			Block: str1(in, "block_id"), Action: str1(e, "action_id"), Kind: str1(e, "type"), Element: e, In: in,
		})
	}
	for _, v := range blocks {
		in, _ := v.(map[string]any)
		switch str1(in, "type") {
		case "section":
			add(in, in["accessory"])
		case "input":
			add(in, in["element"])
		case "actions":
			for _, item := range within(in, "elements") {
				add(in, item)
			}
		}
	}
	return all
}

// Options returns the options of an element, those in groups included.
func Options(element map[string]any) []map[string]any {
	var all []map[string]any
	add := func(in any) {
		for _, item := range within(in, "options") {
			if o, ok := item.(map[string]any); ok {
				all = append(all, o)
			}
		}
	}
	add(element)
	for _, g := range within(element, "option_groups") {
		add(g)
	}
	return all
}

// Suggestions checks the answer to a type-ahead and returns its options.
func Suggestions(answer map[string]any) ([]map[string]any, []Problem) {
	c := newChecker(Modal)
	shape{
		"options": list(0, 100, option), "option_groups": list(0, 100, optionGroup),
	}.also(optionsOrGroups)(c, "", answer)
	return Options(answer), c.problems
}

// IDs returns a copy of blocks in which every block and every element has an
// id, made by fresh where the sender gave none, as Slack does on receipt.
func IDs(blocks []any, fresh func() string) []any {
	named := make([]any, len(blocks))
	for i, v := range blocks {
		b, ok := v.(map[string]any)
		if !ok {
			named[i] = v
			continue
		}
		b = withID(b, "block_id", fresh)
		for _, field := range []string{"accessory", "element"} {
			if e, ok := b[field].(map[string]any); ok && e["type"] != "image" {
				b[field] = withID(e, "action_id", fresh)
			}
		}
		if items, ok := b["elements"].([]any); ok && b["type"] == "actions" {
			b["elements"] = withIDs(items, fresh)
		}
		named[i] = b
	}
	return named
}

func withIDs(items []any, fresh func() string) []any {
	named := make([]any, len(items))
	for i, item := range items {
		named[i] = item
		if e, ok := item.(map[string]any); ok {
			named[i] = withID(e, "action_id", fresh)
		}
	}
	return named
}

func withID(obj map[string]any, field string, fresh func() string) map[string]any {
	copied := make(map[string]any, len(obj)+1)
	for k, v := range obj {
		copied[k] = v
	}
	if str1(copied, field) == "" {
		copied[field] = fresh()
	}
	return copied
}

// str1 returns a string field of an object, or "".
func str1(v any, field string) string {
	obj, _ := v.(map[string]any)
	s, _ := obj[field].(string)
	return s
}

// within returns a list field of an object, or nothing.
func within(v any, field string) []any {
	obj, _ := v.(map[string]any)
	items, _ := obj[field].([]any)
	return items
}
