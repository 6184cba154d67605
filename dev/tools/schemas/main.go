// Command schemas writes the JSON schemas that kubeconform checks the chart's objects against, one file a kind, from what
// the Go module proxy serves: Kubernetes' own OpenAPI document, and CustomResourceDefinitions. Every object type is closed:
// a field that it does not have is an error.
//
// Usage: schemas FOLDER SWAGGER.json CRD.yaml...
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"sigs.k8s.io/yaml"
)

type object = map[string]any

func main() {
	if len(os.Args) < 3 {
		fail(fmt.Errorf("usage: schemas FOLDER SWAGGER.json CRD.yaml..."))
	}
	folder := os.Args[1]
	fail(os.MkdirAll(folder, 0o755))
	builtIn(folder, read(os.Args[2]))
	for _, path := range os.Args[3:] {
		custom(folder, read(path))
	}
}

// builtIn writes all definitions to one file, and for each kind one that refers to it.
func builtIn(folder string, swagger object) {
	definitions := swagger["definitions"].(object)
	for name, definition := range definitions {
		switch {
		case strings.HasSuffix(name, ".IntOrString"), strings.HasSuffix(name, ".Quantity"):
			definitions[name] = object{"type": []string{"string", "number"}}
		case strings.Contains(name, ".apiextensions."):
			// Recursive, and mostly free; the apiserver of the other tests judges these.
			delete(definition.(object), "required")
		default:
			closed(definition.(object))
		}
	}
	write(folder, "definitions.json", object{"definitions": definitions})
	for name, definition := range definitions {
		kinds, _ := definition.(object)["x-kubernetes-group-version-kind"].([]any)
		for _, kind := range kinds {
			kind := kind.(object)
			reference := object{"$ref": "definitions.json#/definitions/" + name}
			write(folder, file(kind["group"], kind["version"], kind["kind"]), reference)
		}
	}
}

// custom writes the schema of each version of a CustomResourceDefinition.
func custom(folder string, definition object) {
	spec := definition["spec"].(object)
	for _, version := range spec["versions"].([]any) {
		version := version.(object)
		schema := version["schema"].(object)["openAPIV3Schema"].(object)
		properties := schema["properties"].(object)
		for _, field := range []string{"apiVersion", "kind", "metadata"} {
			properties[field] = object{}
		}
		closeAll(schema)
		write(folder, file(spec["group"], version["name"], spec["names"].(object)["kind"]), schema)
	}
}

// closeAll closes a schema and all within it.
func closeAll(value any) {
	switch value := value.(type) {
	case object:
		if value["x-kubernetes-int-or-string"] == true {
			delete(value, "type")
		}
		for _, inner := range value {
			closeAll(inner)
		}
		if value["x-kubernetes-preserve-unknown-fields"] != true {
			closed(value)
		}
	case []any:
		for _, inner := range value {
			closeAll(inner)
		}
	}
}

// closed lets an object have no properties but its own. A "properties" that is itself a property is a schema, not a list of
// them; it has a type.
func closed(schema object) {
	properties, isList := schema["properties"].(object)
	_, isOpen := schema["additionalProperties"]
	if isList && !isOpen && properties["type"] != "object" {
		schema["additionalProperties"] = false
	}
}

// file names a schema as kubeconform asks for it: the kind, the first word of the group, and the version.
func file(group, version, kind any) string {
	words := []string{fmt.Sprint(kind)}
	if word, _, _ := strings.Cut(fmt.Sprint(group), "."); word != "" {
		words = append(words, word)
	}
	return strings.ToLower(strings.Join(append(words, fmt.Sprint(version)), "-")) + ".json"
}

func read(path string) object {
	text, err := os.ReadFile(path)
	fail(err)
	var document object
	fail(yaml.Unmarshal(text, &document))
	return document
}

func write(folder, name string, schema object) {
	text, err := json.Marshal(schema)
	fail(err)
	fail(os.WriteFile(filepath.Join(folder, name), text, 0o644))
}

func fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "schemas:", err)
		os.Exit(1)
	}
}
