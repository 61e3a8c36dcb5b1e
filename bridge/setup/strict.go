package setup

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"regexp"
	"strings"

	"go.mau.fi/util/configupgrade"
	"gopkg.in/yaml.v3"

	"crosschat/connector/nearest"
)

// hidden stands for a value that may not be shown.
const hidden = "(hidden)"

// Problem is one thing that is wrong in a file that an admin wrote.
type Problem struct {
	Line   int    // 0 if it isn't on one line
	Key    string // dotted path, "" if it isn't about one key
	Value  string // as it stands there, hidden if it is a secret, "" if there is none
	What   string
	Remedy string
}

func (p Problem) String() string {
	var out strings.Builder
	if p.Line > 0 {
		fmt.Fprintf(&out, "line %d: ", p.Line)
	}
	if p.Key != "" {
		out.WriteString(p.Key)
		if p.Value != "" {
			out.WriteString(" is " + p.Value)
		}
		out.WriteString(": ")
	}
	out.WriteString(p.What)
	if p.Remedy != "" {
		out.WriteString("; " + p.Remedy)
	}
	return out.String()
}

// Error makes a problem an error, for where one is enough to stop.
func (p Problem) Error() string { return p.String() }

// parseStrictly parses a config as it stands in its file. The node is the top mapping; it is nil if
// there are problems that leave nothing to look at.
func parseStrictly(data []byte) (*yaml.Node, []Problem) {
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	var document, second yaml.Node
	if err := decoder.Decode(&document); errors.Is(err, io.EOF) {
		return nil, []Problem{{What: "the file is empty", Remedy: "write one with `crosschat init`"}}
	} else if err != nil {
		return nil, []Problem{syntaxProblem(err)}
	}
	if err := decoder.Decode(&second); err == nil {
		return nil, []Problem{{Line: second.Line, What: "a second document (---) starts here", Remedy: "keep one"}}
	} else if !errors.Is(err, io.EOF) {
		return nil, []Problem{syntaxProblem(err)}
	}
	top := document.Content[0]
	if top.Kind != yaml.MappingNode {
		return nil, []Problem{{Line: top.Line, What: "the file has no keys", Remedy: "see `crosschat -e -c -` for what a config looks like"}}
	}
	if problems := refuseReferences(top); problems != nil {
		return nil, problems
	}
	return top, nil
}

var yamlLine = regexp.MustCompile(`^line (\d+): `)

// syntaxProblem turns a parser's error into a problem. The parser names the line, never the content.
func syntaxProblem(err error) Problem {
	problem := Problem{What: strings.TrimPrefix(err.Error(), "yaml: "), Remedy: "mind the indentation (spaces, no tabs) and quotes"}
	if at := yamlLine.FindStringSubmatch(problem.What); at != nil {
		fmt.Sscan(at[1], &problem.Line)
		problem.What = strings.TrimPrefix(problem.What, at[0])
	}
	problem.What = "not YAML: " + problem.What
	return problem
}

// refuseReferences refuses anchors' uses (*name) and merges (<<): mxmain's upgrader ignores merges,
// and one that refers to itself would never end.
func refuseReferences(node *yaml.Node) (problems []Problem) {
	if node.Kind == yaml.AliasNode {
		return []Problem{{Line: node.Line, Value: "", What: fmt.Sprintf("*%s refers to another place", node.Value), Remedy: "write the value out"}}
	}
	for _, child := range node.Content {
		problems = append(problems, refuseReferences(child)...)
	}
	return problems
}

// check compares a parsed config with what is known: no unknown key, no wrong type, no value that
// its place can't hold.
func (s *schema) check(top *yaml.Node) (problems []Problem) {
	s.checkSection(top, s.example, nil, &problems)
	return problems
}

func (s *schema) checkSection(node, example *yaml.Node, path []string, problems *[]Problem) {
	seen := map[string]int{}
	for i := 0; i+1 < len(node.Content); i += 2 {
		key, value := node.Content[i], node.Content[i+1]
		at := append(path[:len(path):len(path)], key.Value)
		name := strings.Join(at, ".")
		if first, twice := seen[key.Value]; twice {
			*problems = append(*problems, Problem{Line: key.Line, Key: name, What: fmt.Sprintf("set a second time (first in line %d)", first), Remedy: "keep one"})
			continue
		}
		seen[key.Value] = key.Line
		known := lookup(example, key.Value)
		if known == nil {
			*problems = append(*problems, s.unknown(key, name, example))
			continue
		}
		types, leaf := s.accepted(name, known)
		switch {
		case leaf:
			if problem := s.checkLeaf(value, types, at); problem != nil {
				*problems = append(*problems, *problem)
			}
		case value.Kind == yaml.MappingNode:
			s.checkSection(value, known, at, problems)
		default:
			*problems = append(*problems, Problem{
				Line: value.Line, Key: name, Value: show(name, value), What: "want a section with keys of its own",
				Remedy: "it knows " + strings.Join(keys(known), ", "),
			})
		}
	}
}

// unknown makes the problem for a key that isn't known, with a guess at what was meant.
func (s *schema) unknown(key *yaml.Node, name string, example *yaml.Node) Problem {
	problem := Problem{Line: key.Line, Key: name, What: "unknown key"}
	section, _, _ := strings.Cut(name, ".")
	if elsewhere := s.find(key.Value); len(elsewhere) == 1 {
		problem.Remedy = fmt.Sprintf("did you mean %s?", elsewhere[0])
	} else if near := nearest.To(key.Value, keys(example)); near != "" {
		problem.Remedy = fmt.Sprintf("did you mean %s?", strings.TrimSuffix(name, key.Value)+near)
	} else {
		problem.Remedy = fmt.Sprintf("remove it; `crosschat -e -c -` prints all keys of %s", section)
	}
	return problem
}

// checkLeaf checks the type of a value and whether its place can hold it.
func (s *schema) checkLeaf(value *yaml.Node, types configupgrade.YAMLType, path []string) *Problem {
	name := strings.Join(path, ".")
	if types&yamlType(value) == 0 {
		problem := &Problem{Line: value.Line, Key: name, Value: show(name, value), What: "want " + typeWords(types&^configupgrade.Null)}
		if value.Kind == yaml.ScalarNode && types&configupgrade.Str != 0 {
			problem.Remedy = "put it in quotes"
		} else if value.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle) != 0 {
			problem.Remedy = "take the quotes away"
		}
		return problem
	}
	into := s.goType(path)
	if into == nil || yamlType(value) == configupgrade.Null {
		return nil
	}
	err := decodeStrictly(value, into)
	if err == nil {
		return nil
	}
	problem := &Problem{Line: value.Line, Key: name, Value: show(name, value), What: "want " + goWords(into)}
	var typeError *yaml.TypeError
	if !errors.As(err, &typeError) {
		problem.What = strings.TrimPrefix(err.Error(), "yaml: ")
	} else if value.Kind != yaml.ScalarNode {
		// Lines in the error count from the value, which was written out again to be decoded.
		problem.Value = ""
		problem.What = strings.Join(strings.Fields(yamlLine.ReplaceAllString(typeError.Errors[0], "")), " ")
		problem.What = unknownField.ReplaceAllString(problem.What, "unknown key $1")
	}
	return problem
}

var unknownField = regexp.MustCompile(`field (\S+) not found in type \S+`)

// decodeStrictly decodes a value into a new value of the type, unknown keys being errors.
func decodeStrictly(value *yaml.Node, into reflect.Type) error {
	data, err := yaml.Marshal(value)
	if err != nil {
		return err
	}
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	decoder.KnownFields(true)
	return decoder.Decode(reflect.New(into).Interface())
}

var secretKey = regexp.MustCompile(`token|secret|pickle_key|signing_key|server_key|database\.uri`)

// show returns a value as it may be shown to an admin (who may show it to others).
func show(path string, value *yaml.Node) string {
	switch {
	case secretKey.MatchString(path):
		return hidden
	case value.Kind == yaml.MappingNode:
		return "a map"
	case value.Kind == yaml.SequenceNode:
		return "a list"
	case yamlType(value) == configupgrade.Null:
		return "null"
	case yamlType(value) == configupgrade.Str:
		return fmt.Sprintf("%q", value.Value)
	default:
		return value.Value
	}
}
