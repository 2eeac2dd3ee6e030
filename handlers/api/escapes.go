package api

import (
	"bytes"
	"errors"
	"strconv"
	"unicode"
	"unicode/utf16"
)

// checkEscapes refuses what the escapes of a JSON text can say and no text can be: a
// NUL, which cannot be stored, and half of a pair of surrogates, in whose place the
// decoder would put another character without a word.
func checkEscapes(text []byte) error {
	for len(text) > 0 {
		at := bytes.IndexByte(text, '\\')
		if at < 0 || at+1 == len(text) {
			return nil
		}
		text = text[at:]
		if text[1] != 'u' {
			text = text[2:]
			continue
		}
		first, second := escaped(text), rune(0)
		if text = text[6:]; utf16.IsSurrogate(first) && bytes.HasPrefix(text, []byte(`\u`)) {
			second, text = escaped(text), text[6:]
		}
		switch {
		case first == 0:
			return errors.New("a NUL cannot be stored")
		case utf16.IsSurrogate(first) && utf16.DecodeRune(first, second) == unicode.ReplacementChar:
			return errors.New(`half of a pair of surrogates, such as \ud83d alone, is not a character`)
		}
	}
	return nil
}

// escaped returns the number in an escape of four digits with which text begins.
func escaped(text []byte) rune {
	n, _ := strconv.ParseUint(string(text[2:6]), 16, 16) // valid JSON
	return rune(n)
}
