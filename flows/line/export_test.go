package line

// Words returns the words of a line without the punctuation around them.
func Words(text string) []string {
	var words []string
	for _, w := range split(clean(text)) {
		words = append(words, w.core())
	}
	return words
}
