package web

import "strings"

// Sentence begins with a capital and ends with a full stop. The text must not begin with
// a name or an id, which it would change.
func Sentence(text string) string {
	if text == "" {
		return text
	}
	return strings.ToUpper(text[:1]) + strings.TrimSuffix(text[1:], ".") + "."
}
