package blockkit

// styled is the styles of a rich text leaf.
var styled = shape{
	"bold": boolean, "italic": boolean, "strike": boolean, "code": boolean, "underline": boolean,
	"highlight": boolean, "client_highlight": boolean, "unlink": boolean,
}.check

// leaf is one inline thing in rich text.
func leaf(own shape) rule {
	all := shape{"type!": anything, "style": styled}
	for name, r := range own {
		all[name] = r
	}
	return all.check
}

var inline = kinds{
	"text":      leaf(shape{"text!": str(1, 12000)}),
	"link":      leaf(shape{"url!": link, "text": str(1, 3000), "unsafe": boolean}),
	"emoji":     leaf(shape{"name!": str(1, 255), "unicode": str(1, 255), "skin_tone": between(1, 6)}),
	"user":      leaf(shape{"user_id!": id}),
	"usergroup": leaf(shape{"usergroup_id!": id}),
	"channel":   leaf(shape{"channel_id!": id}),
	"broadcast": leaf(shape{"range!": oneOf("here", "channel", "everyone")}),
	"date":      leaf(shape{"timestamp!": number, "format!": str(1, 255), "url": link, "fallback": str(1, 255)}),
	"color":     leaf(shape{"value!": str(1, 255)}),
}

var (
	section     = shape{"type!": anything, "elements!": list(0, 1000, inline.check)}.check
	richElement = kinds{
		"rich_text_section":      section,
		"rich_text_quote":        shape{"type!": anything, "elements!": list(0, 1000, inline.check), "border": between(0, 1)}.check,
		"rich_text_preformatted": shape{"type!": anything, "elements!": list(0, 1000, inline.check), "border": between(0, 1), "language": str(1, 255)}.check,
		"rich_text_list": shape{
			"type!": anything, "style!": oneOf("bullet", "ordered"), "indent": between(0, 8), "offset": between(0, 10000),
			"border": between(0, 1), "elements!": list(0, 1000, kinds{"rich_text_section": section}.check),
		}.check,
	}.check
)
