package setup

import (
	"fmt"
	"strings"

	"go.mau.fi/util/configupgrade"
	"gopkg.in/yaml.v3"
)

// set puts one --set into the values: key.path=value, the value in YAML's notation. In a free-form map
// (bridge.permissions, double_puppet.secrets) what follows the map's path is one key, dots and all.
// The error is a Problem.
func (s *schema) set(values map[string]any, assignment string) error {
	path, text, found := strings.Cut(assignment, "=")
	bad := Problem{Key: "--set " + path}
	if !found || path == "" {
		bad.What, bad.Remedy = "want key.path=value", "for example --set bridge.command_prefix='!cc'"
		return bad
	}
	parts, types, err := s.resolve(path)
	if err != nil {
		return err
	}
	var node yaml.Node
	if err := yaml.Unmarshal([]byte(text), &node); err != nil {
		bad.What = "the value is not YAML"
		return bad
	}
	var value any = ""
	if len(node.Content) > 0 {
		if err := node.Decode(&value); err != nil {
			bad.What = "the value is not YAML"
			return bad
		}
	}
	// What looks like a number is a text where only a text is accepted.
	if scalar := len(node.Content) > 0 && node.Content[0].Kind == yaml.ScalarNode; scalar && types&configupgrade.Str != 0 && types&yamlType(node.Content[0]) == 0 {
		value = node.Content[0].Value
	}
	setIn(values, value, parts...)
	return nil
}

// resolve cuts a dotted path into keys by what the schema knows. Types are 0 inside of a free-form map.
func (s *schema) resolve(path string) ([]string, configupgrade.YAMLType, error) {
	parts := strings.Split(path, ".")
	section, at := s.example, ""
	for i, key := range parts {
		known := lookup(section, key)
		at = join(at, key)
		if known == nil {
			problem := s.unknown(&yaml.Node{Value: key}, at, section)
			problem.Key = "--set " + at
			return nil, 0, problem
		}
		if types, leaf := s.accepted(at, known); leaf {
			switch {
			case i == len(parts)-1:
				return parts, types, nil
			case types&configupgrade.Map != 0:
				return append(parts[:i+1:i+1], strings.Join(parts[i+1:], ".")), 0, nil
			default:
				return nil, 0, Problem{Key: "--set " + path, What: at + " has no keys below it"}
			}
		}
		section = known
	}
	return nil, 0, Problem{Key: "--set " + path, What: "a section, not a key", Remedy: "it knows " + strings.Join(keys(section), ", ")}
}

// checkGiven checks values against the schema as if they stood in a file.
func (s *schema) checkGiven(values map[string]any) error {
	text, err := yaml.Marshal(values)
	if err != nil {
		return fmt.Errorf("write the config: %w", err)
	}
	top, problems := parseStrictly(text)
	if problems == nil {
		problems = s.check(top)
	}
	if len(problems) > 0 {
		problem := problems[0]
		problem.Line, problem.Key = 0, "--set "+problem.Key
		return problem
	}
	return nil
}
