package setup

import (
	"fmt"
	"reflect"
	"strings"
	"time"

	"go.mau.fi/util/configupgrade"
	"gopkg.in/yaml.v3"
	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/bridgeconfig"
)

// schema is what may stand in a config: the keys of the example, with the types that mxmain's and
// the networks' upgraders would copy. Those drop what they don't know with a line on stderr at most,
// so what they accept is asked of them instead of being listed here a second time.
type schema struct {
	example *yaml.Node
	// types has the accepted types of each leaf by its dotted path; a leaf that is a map or a list
	// may hold anything that its Go type takes.
	types map[string]configupgrade.YAMLType
	// main and network are the Go types into which the config is decoded in the end.
	main, network reflect.Type
}

func newSchema(network bridgev2.NetworkConnector) (*schema, error) {
	text, err := mxmainExample(network)
	if err != nil {
		return nil, err
	}
	var example, none yaml.Node
	if err = yaml.Unmarshal([]byte(text), &example); err != nil {
		return nil, fmt.Errorf("parse the example config: %w", err)
	}
	recorder := &typeRecorder{
		CopyHelper: configupgrade.NewHelper(&example, &none),
		types:      map[string]configupgrade.YAMLType{},
	}
	upgrader(network, text).DoUpgrade(recorder)
	s := &schema{
		example: example.Content[0],
		types:   recorder.types,
		main:    reflect.TypeFor[bridgeconfig.Config](),
	}
	if _, data, _ := network.GetConfig(); data != nil {
		s.network = reflect.TypeOf(data)
	}
	return s, nil
}

// typeRecorder is run through the upgraders in the place of the helper that copies a real config, and
// writes down what they would copy. Its config is empty.
type typeRecorder struct {
	*configupgrade.CopyHelper
	types map[string]configupgrade.YAMLType
}

func (r *typeRecorder) Copy(allowed configupgrade.YAMLType, path ...string) {
	if r.GetBaseNode(path...) != nil {
		r.types[strings.Join(path, ".")] |= allowed
	}
}

func (r *typeRecorder) Get(tag configupgrade.YAMLType, path ...string) (string, bool) {
	r.Copy(tag, path...)
	return "", false
}

// Set is called for what is made up when it's not set, so null is as good as leaving it out.
func (r *typeRecorder) Set(_ configupgrade.YAMLType, _ string, path ...string) {
	if r.GetBaseNode(path...) != nil {
		r.types[strings.Join(path, ".")] |= configupgrade.Null
	}
}

func (r *typeRecorder) SetMap(_ configupgrade.YAMLMap, path ...string) {
	r.Set(0, "", path...)
}

// accepted returns the types for a leaf, and false if the path is a section with keys of its own.
func (s *schema) accepted(path string, example *yaml.Node) (configupgrade.YAMLType, bool) {
	if types, ok := s.types[path]; ok {
		return types, true
	}
	if example.Kind == yaml.MappingNode {
		return 0, false
	}
	return yamlType(example), true
}

// goType returns the type into which the value at a path is decoded, or nil if it isn't known.
func (s *schema) goType(path []string) reflect.Type {
	if path[0] == "network" {
		if s.network == nil {
			return nil
		}
		return fieldType(s.network, path[1:])
	}
	return fieldType(s.main, path)
}

// fieldType follows a path of YAML keys through a Go type.
func fieldType(t reflect.Type, path []string) reflect.Type {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if len(path) == 0 {
		return t
	}
	switch t.Kind() {
	case reflect.Map:
		return fieldType(t.Elem(), path[1:])
	case reflect.Struct:
		for _, field := range reflect.VisibleFields(t) {
			name, options, _ := strings.Cut(field.Tag.Get("yaml"), ",")
			if name == "" {
				name = strings.ToLower(field.Name)
			}
			if name == path[0] && field.IsExported() && !strings.Contains(options, "inline") {
				return fieldType(field.Type, path[1:])
			}
		}
	}
	return nil
}

// find returns every path at which a key is known.
func (s *schema) find(key string) (paths []string) {
	var walk func(node *yaml.Node, path string)
	walk = func(node *yaml.Node, path string) {
		if node.Kind != yaml.MappingNode {
			return
		}
		for i := 0; i+1 < len(node.Content); i += 2 {
			at := join(path, node.Content[i].Value)
			if node.Content[i].Value == key {
				paths = append(paths, at)
			}
			if _, leaf := s.types[at]; !leaf {
				walk(node.Content[i+1], at)
			}
		}
	}
	walk(s.example, "")
	return paths
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// lookup returns the value of a mapping's key, or nil.
func lookup(mapping *yaml.Node, key string) *yaml.Node {
	if mapping == nil || mapping.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		if mapping.Content[i].Value == key {
			return mapping.Content[i+1]
		}
	}
	return nil
}

// keys returns a mapping's keys.
func keys(mapping *yaml.Node) []string {
	var out []string
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		out = append(out, mapping.Content[i].Value)
	}
	return out
}

func yamlType(node *yaml.Node) configupgrade.YAMLType {
	switch node.ShortTag() {
	case configupgrade.NullTag:
		return configupgrade.Null
	case configupgrade.BoolTag:
		return configupgrade.Bool
	case configupgrade.StrTag:
		return configupgrade.Str
	case configupgrade.IntTag:
		return configupgrade.Int
	case configupgrade.FloatTag:
		return configupgrade.Float
	case configupgrade.TimestampTag:
		return configupgrade.Timestamp
	case configupgrade.SeqTag:
		return configupgrade.List
	case configupgrade.MapTag:
		return configupgrade.Map
	default:
		return configupgrade.Binary
	}
}

// typeWords say in plain words what a set of types is, best first.
func typeWords(types configupgrade.YAMLType) string {
	var words []string
	for _, known := range []struct {
		yaml  configupgrade.YAMLType
		words string
	}{
		{configupgrade.Bool, "true or false"},
		{configupgrade.Str, "a text"},
		{configupgrade.Int, "a whole number"},
		{configupgrade.Float, "a number"},
		{configupgrade.List, "a list"},
		{configupgrade.Map, "a map of keys and values"},
		{configupgrade.Timestamp, "a date"},
		{configupgrade.Null, "null"},
	} {
		if types&known.yaml != 0 {
			words = append(words, known.words)
		}
	}
	return strings.Join(words, " or ")
}

// goWords say in plain words what a Go type takes.
func goWords(t reflect.Type) string {
	switch {
	case t == reflect.TypeFor[time.Duration]():
		return "a duration such as 30s or 5m"
	case t.Kind() == reflect.Uint16:
		return "a whole number from 0 to 65535"
	case t.Kind() == reflect.Bool:
		return "true or false"
	case t.Kind() >= reflect.Int && t.Kind() <= reflect.Int64:
		return "a whole number"
	case t.Kind() >= reflect.Uint && t.Kind() <= reflect.Uint64:
		return "a whole number, not negative"
	case t.Kind() == reflect.Slice:
		return "a list"
	case t.Kind() == reflect.Map:
		return "a map of keys and values"
	default:
		return "a text"
	}
}
