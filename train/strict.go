package train

import (
	"fmt"
	"reflect"
	"strings"

	"go.yaml.in/yaml/v3"

	"fmtool/models/flow"
)

// known refuses keys of a YAML mapping that v, a pointer to a struct, has no field for; extra names further keys. Types with a decoder of
// their own check themselves.
func known(node *yaml.Node, v any, extra ...string) error {
	return knownIn(node, reflect.TypeOf(v).Elem(), extra)
}

var decoder = reflect.TypeFor[yaml.Unmarshaler]()

func knownIn(node *yaml.Node, t reflect.Type, extra []string) error {
	if node.Kind != yaml.MappingNode {
		return fmt.Errorf("line %d: want a mapping of settings, as in \"steps: 1000\"", node.Line)
	}
	fields := map[string]reflect.Type{}
	names := extra
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("yaml"), ",")
		fields[name] = t.Field(i).Type
		names = append(names, name)
	}
	for _, name := range extra {
		fields[name] = nil
	}
	for i := 0; i+1 < len(node.Content); i += 2 {
		key, value := node.Content[i], node.Content[i+1]
		field, ok := fields[key.Value]
		if !ok {
			return fmt.Errorf("line %d: %w", key.Line, flow.Unknown("setting", key.Value, names))
		}
		if field == nil || field.Kind() != reflect.Struct || reflect.PointerTo(field).Implements(decoder) {
			continue
		}
		if err := knownIn(value, field, nil); err != nil {
			return err
		}
	}
	return nil
}
