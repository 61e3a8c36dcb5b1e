package web

import (
	"errors"
	"strconv"
	"strings"
	"unicode/utf8"
)

var errShell = errors.New("quotes or escapes that don't end")

// splitShell cuts a command as browsers write it into words: for bash, or for the Windows command line, which is told by
// its quotes.
func splitShell(command string) ([]string, error) {
	if strings.Contains(command, `^"`) {
		command = uncaret(command)
		return splitWords(command, false)
	}
	return splitWords(command, true)
}

// uncaret undoes the Windows command line's own escapes, before the program's quotes are looked at.
func uncaret(command string) string {
	var b strings.Builder
	for i := 0; i < len(command); i++ {
		if command[i] != '^' || i+1 == len(command) {
			b.WriteByte(command[i])
			continue
		}
		i++
		switch {
		case command[i] == '\r' && i+1 < len(command) && command[i+1] == '\n':
			i++ // a line goes on
		case command[i] == '\n':
		default:
			b.WriteByte(command[i])
		}
	}
	return b.String()
}

// splitWords knows bash's three kinds of quotes, or only the double ones that Windows programs know.
func splitWords(command string, bash bool) ([]string, error) {
	s := scanner{rest: command, bash: bash}
	var words []string
	for {
		s.rest = strings.TrimLeft(s.rest, " \t\r\n")
		if rest, ok := strings.CutPrefix(s.rest, "\\\n"); ok && bash {
			s.rest = rest
			continue
		}
		if rest, ok := strings.CutPrefix(s.rest, "\\\r\n"); ok && bash {
			s.rest = rest
			continue
		}
		if s.rest == "" {
			return words, nil
		}
		word, err := s.word()
		if err != nil {
			return nil, err
		}
		words = append(words, word)
	}
}

type scanner struct {
	rest string
	bash bool
}

// word reads up to the next unquoted blank.
func (s *scanner) word() (string, error) {
	var b strings.Builder
	for s.rest != "" {
		var err error
		switch c := s.rest[0]; {
		case strings.IndexByte(" \t\r\n", c) >= 0:
			return b.String(), nil
		case c == '"':
			err = s.doubleQuoted(&b)
		case c == '\'' && s.bash:
			err = s.singleQuoted(&b)
		case strings.HasPrefix(s.rest, "$'") && s.bash:
			err = s.ansiQuoted(&b)
		case c == '\\' && s.bash:
			if len(s.rest) < 2 {
				return "", errShell
			}
			if s.rest[1] != '\n' {
				b.WriteByte(s.rest[1])
			}
			s.rest = s.rest[2:]
		default:
			b.WriteByte(c)
			s.rest = s.rest[1:]
		}
		if err != nil {
			return "", err
		}
	}
	return b.String(), nil
}

func (s *scanner) singleQuoted(b *strings.Builder) error {
	text, rest, ok := strings.Cut(s.rest[1:], "'")
	if !ok {
		return errShell
	}
	b.WriteString(text)
	s.rest = rest
	return nil
}

func (s *scanner) doubleQuoted(b *strings.Builder) error {
	for i := 1; i < len(s.rest); i++ {
		switch c := s.rest[i]; {
		case c == '"':
			s.rest = s.rest[i+1:]
			return nil
		case c == '\\' && i+1 < len(s.rest) && strings.IndexByte("\\\"$`", s.rest[i+1]) >= 0:
			i++
			b.WriteByte(s.rest[i])
		default:
			b.WriteByte(c)
		}
	}
	return errShell
}

// ansiQuoted reads $'…' with C's escapes, which Chrome writes around text with quotes or non-ASCII in it.
func (s *scanner) ansiQuoted(b *strings.Builder) error {
	text := s.rest[2:]
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\'':
			s.rest = text[i+1:]
			return nil
		case c == '\\' && i+1 < len(text):
			size := ansiEscape(b, text[i+1:])
			if size == 0 {
				return errShell
			}
			i += size
		default:
			b.WriteByte(c)
		}
	}
	return errShell
}

// ansiEscape writes what an escape stands for and answers its length behind the backslash, 0 if it is malformed.
func ansiEscape(b *strings.Builder, text string) int {
	if at := strings.IndexByte("nrtvabfe", text[0]); at >= 0 {
		b.WriteByte("\n\r\t\v\a\b\f\x1b"[at])
		return 1
	}
	digits := map[byte]int{'x': 2, 'u': 4, 'U': 8}[text[0]]
	if digits == 0 {
		b.WriteByte(text[0])
		return 1
	}
	if len(text) < 1+digits {
		return 0
	}
	code, err := strconv.ParseUint(text[1:1+digits], 16, 32)
	if err != nil {
		return 0
	}
	if text[0] == 'x' {
		b.WriteByte(byte(code))
	} else if code <= utf8.MaxRune {
		b.WriteRune(rune(code))
	}
	return 1 + digits
}
