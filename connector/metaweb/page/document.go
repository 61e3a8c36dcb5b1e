package page

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/url"
	"slices"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// Bounds of what is taken from a page.
const (
	maxDepth     = 500
	maxConfigIDs = 100_000
	maxScripts   = 300
)

// Visitor is shown what a page holds. Each function may be nil. Numbers in what is shown are json.Number.
type Visitor struct {
	// Config is shown each configuration by its name.
	Config func(name string, config map[string]any)
	// List is shown each list that is no configuration; if it is true, what is in the list is not looked at.
	List func(list []any) bool
	// Object is shown each object.
	Object func(object map[string]any)
	// Script is shown each JSON script that has an id, before what is in it.
	Script func(id string, document any)
}

// Read goes through a page and answers the tokens in it and the addresses of its programs. It can't fail: what is not there is
// empty in the answer, see Tokens.Missing.
func Read(body []byte, visitor Visitor) (Tokens, []string) {
	r := &reader{visitor: visitor}
	r.readHTML(body)
	r.tokens.Dyn = Bitmap(r.configIDs)
	if r.tokens.Jazoest == "" && r.tokens.DTSG != "" {
		r.tokens.Jazoest = Jazoest(r.tokens.DTSG)
	}
	return r.tokens, r.scripts
}

type reader struct {
	visitor   Visitor
	tokens    Tokens
	scripts   []string
	configIDs []int64
}

// readHTML goes through the page's scripts.
func (r *reader) readHTML(body []byte) {
	tokens := html.NewTokenizer(bytes.NewReader(body))
	tokens.SetMaxBuf(len(body) + 1)
	for {
		switch tokens.Next() {
		case html.ErrorToken:
			// The end, or what is not HTML: either way there is nothing more.
			return
		case html.StartTagToken, html.SelfClosingTagToken:
			token := tokens.Token()
			attributes := make(map[string]string, len(token.Attr))
			for _, a := range token.Attr {
				attributes[a.Key] = a.Val
			}
			if token.DataAtom == atom.Link && attributes["as"] == "script" {
				r.addScript(attributes["href"])
			}
			if token.DataAtom == atom.Script && token.Type == html.StartTagToken {
				r.addScript(attributes["src"])
				if tokens.Next() == html.TextToken {
					r.readScript(attributes["id"], bytes.TrimSpace(tokens.Text()))
				}
			}
		}
	}
}

func (r *reader) addScript(address string) {
	if strings.HasPrefix(address, "https://") && len(r.scripts) < maxScripts && !slices.Contains(r.scripts, address) {
		r.scripts = append(r.scripts, address)
	}
}

// strayWord stands in some scripts where a list goes on, and makes them no JSON.
const strayWord = ",BootloaderConfig["

func (r *reader) readScript(id string, text []byte) {
	if len(text) == 0 || text[0] != '{' {
		return // a program
	}
	document, ok := decode(text)
	if !ok && bytes.Contains(text, []byte(strayWord)) {
		document, ok = decode(bytes.ReplaceAll(text, []byte(strayWord), []byte(",[")))
	}
	if !ok {
		return
	}
	if object, isObject := document.(map[string]any); isObject && id == AddressScript {
		r.readAddress(object)
	}
	if id != "" && r.visitor.Script != nil {
		r.visitor.Script(id, document)
	}
	r.walk(document, 0)
}

func decode(text []byte) (document any, ok bool) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	err := decoder.Decode(&document)
	return document, err == nil || errors.Is(err, io.EOF)
}

// AddressScript is the id of a script that has tokens in the query of an address.
const AddressScript = "__eqmc"

func (r *reader) readAddress(object map[string]any) {
	if address, err := url.Parse(Scalar(object, "u")); err == nil {
		keep(&r.tokens.CometReq, address.Query().Get("__comet_req"))
		keep(&r.tokens.Jazoest, address.Query().Get("jazoest"))
	}
}

// walk looks at everything in a document.
func (r *reader) walk(node any, depth int) {
	if depth > maxDepth {
		return
	}
	switch node := node.(type) {
	case []any:
		if r.readConfig(node) || r.visitor.List != nil && r.visitor.List(node) {
			return
		}
		for _, child := range node {
			r.walk(child, depth+1)
		}
	case map[string]any:
		if r.visitor.Object != nil {
			r.visitor.Object(node)
		}
		if address, ok := node["src"].(string); ok && node["type"] == "js" {
			r.addScript(address)
		}
		// In a fixed order, so that of two values for one field always the same one counts.
		for _, key := range slices.Sorted(maps.Keys(node)) {
			r.walk(node[key], depth+1)
		}
	}
}

// readConfig takes [name, dependencies, configuration, id > 0].
func (r *reader) readConfig(list []any) bool {
	if len(list) != 4 {
		return false
	}
	name, isName := list[0].(string)
	_, isList := list[1].([]any)
	config, isObject := list[2].(map[string]any)
	number, isNumber := list[3].(json.Number)
	if !isName || !isList || !isObject || !isNumber {
		return false
	}
	id, err := number.Int64()
	if err != nil || id <= 0 {
		return false
	}
	if len(r.configIDs) < maxConfigIDs {
		r.configIDs = append(r.configIDs, id)
	}
	name, _, _ = strings.Cut(name, "@")
	for _, f := range tokenFields[name] {
		keep(f.to(&r.tokens), Scalar(config, f.path))
	}
	if r.visitor.Config != nil {
		r.visitor.Config(name, config)
	}
	return true
}

// Scalar answers the text or number at a dotted path of an object, as text; numbers keep their digits.
func Scalar(object map[string]any, path string) string {
	name, rest, nested := strings.Cut(path, ".")
	switch value := object[name].(type) {
	case map[string]any:
		if nested {
			return Scalar(value, rest)
		}
	case string:
		if !nested {
			return value
		}
	case json.Number:
		if !nested {
			return value.String()
		}
	}
	return ""
}

// keep sets a field that is not set yet.
func keep(field *string, value string) {
	if *field == "" {
		*field = value
	}
}

// Field is a scalar of a configuration, by its dotted path, and where it goes in a page's T.
type Field[T any] struct {
	Path string
	To   func(*T) *string
}

// Take sets the fields of a configuration that the page did not say before.
func Take[T any](fields []Field[T], config map[string]any, into *T) {
	for _, f := range fields {
		keep(f.To(into), Scalar(config, f.Path))
	}
}
