package redact

import (
	"encoding/binary"
	"math/big"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

var (
	nameForm   = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_@.]{1,99}$`)
	keyForm    = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_-]{0,63}$`)
	mimeForm   = regexp.MustCompile(`^(image|video|audio|text|application)/[a-z0-9.+-]{1,40}$`)
	numeralRow = regexp.MustCompile(`^-?[0-9]+(,-?[0-9]+)*$`)
	word       = regexp.MustCompile(`[A-Za-z0-9]+|[^A-Za-z0-9]`)
)

// keptKeys are keys whose values are the site's own words.
var keptKeys = setOf("__dr", "__typename", "severity", "connectionClass", "__spin_b")

// kept are words of the sites' own that stand among others.
var kept = setOf("adp", "LSPlatformGraphQLLightspeedRequestQueryRelayPreloader", "mid", "http", "https", "wss",
	"inbox", "pending", "other", "spam", "archived", "hidden", "e2ee", "cutover", "montage", "legacy", "disabled", "p",
	"xma", "web", "url", "live", "location", "sharing", "poll", "reaction", "unsend", "message", "edit", "search", "primary",
	"secondary", "trq", "mrq", "cpq", "v2")

// domains are those of the sites; what stands before them is not kept.
var domains = []string{"facebook.com", "messenger.com", "fbcdn.net", "fbsbx.com", "instagram.com", "cdninstagram.com", "whatsapp.net", "m.me"}

func setOf(words ...string) map[string]bool {
	set := make(map[string]bool, len(words))
	for _, w := range words {
		set[w] = true
	}
	return set
}

func isName(text string) bool { return nameForm.MatchString(text) }

// isKey says whether a key of an object is a name in the site's program rather than data.
func isKey(text string) bool { return keyForm.MatchString(text) }

// text redacts a text.
func (r *Redactor) text(text string) string {
	if inner, ok := r.embedded(text); ok {
		return inner
	}
	switch {
	case mimeForm.MatchString(text):
		return text
	case numeralRow.MatchString(text):
		parts := strings.Split(text, ",")
		for i, part := range parts {
			parts[i] = r.numeral(part)
		}
		return strings.Join(parts, ",")
	}
	scheme, rest, isURL := strings.Cut(text, "://")
	if !isURL || scheme == "" || strings.ContainsFunc(scheme, func(c rune) bool { return c < 'a' || c > 'z' }) {
		return r.words(text)
	}
	end := strings.IndexAny(rest, "/?#")
	if end < 0 {
		end = len(rest)
	}
	return r.words(scheme) + "://" + r.host(rest[:end]) + r.words(rest[end:])
}

func (r *Redactor) host(host string) string {
	i := slices.IndexFunc(domains, func(d string) bool { return host == d || strings.HasSuffix(host, "."+d) })
	if i < 0 {
		return r.words(host)
	}
	return r.words(strings.TrimSuffix(host, domains[i])) + domains[i]
}

// words replaces words, and keeps what stands between them.
func (r *Redactor) words(text string) string {
	return word.ReplaceAllStringFunc(text, func(w string) string {
		first, _ := utf8.DecodeRuneInString(w)
		switch {
		case kept[w]:
			return w
		case first >= utf8.RuneSelf:
			return foreign(first, w)
		case !unicode.IsLetter(first) && !unicode.IsDigit(first):
			return w
		case strings.Trim(w, "0123456789") == "":
			return r.longNumeral(w)
		}
		return r.scramble(w)
	})
}

// foreign stands for a letter that is not Latin, in as many bytes. Emoji stay.
func foreign(char rune, w string) string {
	if char == utf8.RuneError || !unicode.IsLetter(char) && !unicode.IsDigit(char) {
		return w
	}
	return map[int]string{2: "é", 3: "語", 4: "𐐷"}[len(w)]
}

// scramble makes of each letter and digit another of its kind.
func (r *Redactor) scramble(w string) string {
	out := []byte(w)
	for i, c := range out {
		n := r.number(w + "\x00" + strconv.Itoa(i))
		switch {
		case c >= '0' && c <= '9':
			out[i] = '0' + byte(n%10)
		case c >= 'a' && c <= 'z':
			out[i] = 'a' + byte(n%26)
		default:
			out[i] = 'A' + byte(n%26)
		}
	}
	return string(out)
}

const (
	// smallest is the first number that may belong to a person; smaller ones are kinds, counts and sizes.
	smallest = 10000
	// From begin to end, in seconds, numbers of ten digits are times, and with milliseconds those of thirteen.
	begin, end = 1_200_000_000, 2_200_000_000
)

// constants are large numbers of the sites' own.
var constants = setOf("65537", "65546", "9999999999999")

// numeral redacts a number as it is written.
func (r *Redactor) numeral(text string) string {
	digits := strings.TrimPrefix(text, "-")
	sign := text[:len(text)-len(digits)]
	if whole, fraction, ok := strings.Cut(digits, "."); ok {
		return sign + r.smallNumeral(whole) + "." + r.digits(fraction)
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	switch {
	case strings.Trim(digits, "0123456789") != "": // 1e9
		return "1"
	case constants[digits] || err == nil && n < smallest:
		return text
	case err == nil && n >= begin && n < end:
		return sign + strconv.FormatInt(n+r.shift, 10)
	case err == nil && n >= begin*1000 && n < end*1000:
		return sign + strconv.FormatInt(n+r.shift*1000, 10)
	}
	return sign + r.longNumeral(digits)
}

// smallNumeral is for what stands before a fraction: degrees, for example, must stay degrees.
func (r *Redactor) smallNumeral(digits string) string {
	if len(digits) != 2 || digits[0] == '0' {
		return r.longNumeral(digits)
	}
	return strconv.FormatUint(10+r.number(digits)%80, 10)
}

// longNumeral is another number of as many digits. What fits into 64 bits still does.
func (r *Redactor) longNumeral(digits string) string {
	out := []byte(r.digits(digits))
	if len(out) > 1 && digits[0] != '0' && out[0] == '0' {
		out[0] = '1'
	}
	if max := strconv.FormatInt(1<<63-1, 10); len(out) == len(max) && digits <= max && string(out) > max {
		out[0] = '1' + byte(r.number(digits)%8)
	}
	return string(out)
}

func (r *Redactor) digits(digits string) string {
	const most = 64
	if len(digits) > most {
		return r.digits(digits[:most]) + r.digits(digits[most:])
	}
	var n big.Int
	var block [8]byte
	binary.BigEndian.PutUint64(block[:], r.number(digits))
	n.SetBytes(block[:])
	for i := 1; n.BitLen() < 4*len(digits)+8; i++ {
		binary.BigEndian.PutUint64(block[:], r.number(digits+"\x00"+strconv.Itoa(i)))
		n.Lsh(&n, 64).Or(&n, new(big.Int).SetBytes(block[:]))
	}
	text := n.String()
	return text[len(text)-len(digits):]
}
